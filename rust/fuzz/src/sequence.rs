//! The sequence map against a model that remembers everything.

use std::collections::{BTreeMap, BTreeSet};

use medianode_sfu::rewrite::SequenceMap;

/// Runs of dropped numbers that the map is sure to remember; it keeps one range more for each.
const REMEMBERED: usize = 120;

struct Model {
    first_in: u64,
    first_out: u64,
    /// One past the highest number that was accepted or dropped.
    end: u64,
    dropped: BTreeSet<u64>,
}

impl Model {
    fn out(&self, input: u64) -> Option<u64> {
        if input < self.first_in || input >= self.end || self.dropped.contains(&input) {
            return None;
        }
        Some(self.first_out + (input - self.first_in) - self.dropped.range(..input).count() as u64)
    }

    fn next_out(&self) -> u64 {
        self.first_out + (self.end - self.first_in) - self.dropped.len() as u64
    }
}

/// Two bytes are one step: what happens, and how far ahead of or behind the newest number.
pub fn sequence_map(data: &[u8]) {
    const BASE: u64 = 1 << 20;
    let mut map = SequenceMap::new(300);
    let mut model = Model {
        first_in: BASE,
        first_out: 300,
        end: BASE,
        dropped: BTreeSet::new(),
    };
    let mut sent = BTreeMap::new();
    map.switch(BASE, 0);
    for step in data.as_chunks::<2>().0 {
        let ahead = match step[0] >> 6 {
            0 => -i64::from(step[1]),
            1 => i64::from(step[1]) * 200,
            _ => i64::from(step[1] % 4),
        };
        let input = model.end.saturating_add_signed(ahead);
        match step[0] & 0x0f {
            0..=7 => {
                model.end = model.end.max(input + 1);
                let out = map.accept(input);
                check(&model, input, out);
                assert_eq!(
                    map.accept(input),
                    out,
                    "the same input gives the same output"
                );
                if let Some(out) = out {
                    assert_eq!(
                        *sent.entry(out).or_insert(input),
                        input,
                        "two inputs, one output"
                    );
                }
            }
            8..=14 => {
                map.drop(input);
                if input >= model.end {
                    model.end = input + 1;
                    model.dropped.insert(input);
                }
            }
            _ => {
                let gap = u64::from(step[1] & 3);
                map.switch(input, gap);
                model = Model {
                    first_in: input,
                    first_out: model.next_out() + gap,
                    end: input,
                    dropped: BTreeSet::new(),
                };
                sent.clear();
            }
        }
        check(&model, input, map.lookup(input));
        assert_eq!(map.next_out(), model.next_out());
    }
}

/// The map may forget what is long ago, and nothing else.
fn check(model: &Model, input: u64, out: Option<u64>) {
    let expected = model.out(input);
    if out.is_none() && model.dropped.range(input..).count() > REMEMBERED {
        return;
    }
    assert_eq!(out, expected, "input {input}");
}
