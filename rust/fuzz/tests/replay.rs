//! Every file of the corpus through its target, on a stable compiler and without a fuzzer.

use std::fs;
use std::path::Path;

use medianode_fuzz::TARGETS;

#[test]
fn corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(corpus.join(name)).expect("each target has a corpus") {
            let path = entry.expect("readable").path();
            println!("{}", path.display());
            target(&fs::read(&path).expect("readable"));
            files += 1;
        }
        assert!(files > 0, "{name} has no corpus");
    }
}

#[test]
fn cut_and_damaged_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        for entry in fs::read_dir(corpus.join(name)).expect("each target has a corpus") {
            let data = fs::read(entry.expect("readable").path()).expect("readable");
            let step = (data.len() / 64).max(1);
            for at in (0..data.len()).step_by(step) {
                target(&data[..at]);
                let mut damaged = data.clone();
                damaged[at] ^= 0x81;
                target(&damaged);
            }
        }
    }
}

#[test]
fn every_corpus_has_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(corpus).expect("readable") {
        let name = entry.expect("readable").file_name();
        assert!(
            TARGETS.iter().any(|(target, _)| name == *target),
            "{name:?}"
        );
    }
}
