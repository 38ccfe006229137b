//! SRTP in place, per packet: every profile, audio-sized and video-sized payloads.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use medianode_benches::{MICROPHONE_PAYLOAD, PROFILES, VIDEO_PAYLOAD, master_key};
use medianode_sfu::rtp::{Header, HeaderWriter};
use medianode_webrtc::params::SrtpProfile;
use medianode_webrtc::srtp::{MAX_RTP_OVERHEAD, RxSrtp, TxSrtp};

const SIZES: [usize; 2] = [MICROPHONE_PAYLOAD, VIDEO_PAYLOAD];
/// Packets opened in one go, as one batch of a worker.
const BATCH: usize = 64;

/// A packet with three extensions, and its length; room for the tag behind it.
fn packet(payload: usize) -> (Vec<u8>, usize) {
    let mut packet = vec![0; payload + 64 + MAX_RTP_OVERHEAD];
    let header = Header {
        ssrc: 0x1000_0001,
        payload_type: 96,
        ..Header::default()
    };
    let header_len = HeaderWriter::new(&mut packet, &header)
        .extension(1, b"0")
        .extension(2, &[0; 2])
        .extension(5, &[0; 3])
        .finish()
        .expect("invariant: three short extensions fit");
    let len = header_len + payload;
    packet.truncate(len + MAX_RTP_OVERHEAD);
    (packet, len)
}

fn number(packet: &mut [u8], index: u64) {
    packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
}

fn sender(profile: SrtpProfile) -> TxSrtp {
    TxSrtp::new(profile, &master_key(profile, 1)).expect("invariant: the key fits")
}

fn protect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("srtp/protect_rtp/per_packet");
    group.throughput(Throughput::Elements(1));
    for (name, profile) in PROFILES {
        for size in SIZES {
            let (mut sender, mut index) = (sender(profile), 0);
            let (mut buffer, len) = packet(size);
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    index += 1;
                    number(&mut buffer, index);
                    black_box(sender.protect_rtp(&mut buffer, len, index)).expect("sealed")
                });
            });
        }
    }
    group.finish();
}

fn unprotect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("srtp/unprotect_rtp/per_packet");
    group.throughput(Throughput::Elements(1));
    for (name, profile) in PROFILES {
        for size in SIZES {
            let (mut sender, mut index) = (sender(profile), 0);
            let mut receiver =
                RxSrtp::new(profile, &master_key(profile, 1), 4).expect("invariant: the key fits");
            let (buffer, len) = packet(size);
            let mut batch = vec![(buffer, 0); BATCH];
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut total = Duration::ZERO;
                    let mut left = iterations as usize;
                    while left > 0 {
                        let batch = &mut batch[..left.min(BATCH)];
                        left -= batch.len();
                        for (buffer, sealed) in &mut *batch {
                            index += 1;
                            number(buffer, index);
                            *sealed = sender.protect_rtp(buffer, len, index).expect("sealed");
                        }
                        let start = Instant::now();
                        for (buffer, sealed) in &mut *batch {
                            let opened = receiver.unprotect_rtp(&mut buffer[..*sealed]);
                            black_box(opened).expect("opened");
                        }
                        total += start.elapsed();
                    }
                    total
                });
            });
        }
    }
    group.finish();
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = benches; config = quick(); targets = protect, unprotect }
criterion_main!(benches);
