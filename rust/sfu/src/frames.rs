//! Which frames of a stream with dependency descriptors one consumer gets (AV1 RTP specification, appendix A). Owns the choice of
//! the decode target and what was chosen for recent frames; refuses to know budgets and bytes.

use crate::Layer;
use crate::codec::dependency_descriptor::Indication;
use crate::codec::{DependencyDescriptor, DependencyState};

/// Frames whose decision is remembered; a chain reaches back 255 frames at most.
const REMEMBERED: u16 = 512;
/// Chains of one structure.
const MAX_CHAINS: u8 = 32;
const WORDS: usize = REMEMBERED as usize / 64;

/// Decisions of one consumer, by frame number.
#[derive(Clone, Debug, Default)]
pub(crate) struct FrameChooser {
    newest: Option<u16>,
    decided: [u64; WORDS],
    forwarded: [u64; WORDS],
    /// What is sent at most; none before the first frame.
    layer: Option<Layer>,
    timestamp: Option<u32>,
    /// Bit per chain.
    cut: u32,
    /// Structure that the layer belongs to.
    epoch: u32,
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) forward: bool,
    /// Highest layer that is sent.
    pub(crate) layer: Layer,
    /// The wanted target cannot be begun although this frame would allow it: a frame of its chain was not sent.
    pub(crate) blocked: bool,
    /// A frame that the sent target depends on did not come.
    pub(crate) broken: bool,
}

impl FrameChooser {
    /// Nothing that was sent so far can be referred to.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Decides once per frame, at its first packet that comes. A target is begun only at a frame that allows it and with its
    /// chain complete, up and down alike.
    pub(crate) fn decide(
        &mut self,
        frame: &DependencyDescriptor,
        state: &DependencyState,
        limit: Layer,
        timestamp: u32,
    ) -> Choice {
        if frame.epoch() != state.epoch() {
            // Of the structure before the newest key frame, in the same batch.
            return self.choice(false, false, false);
        }
        if self.epoch != state.epoch() {
            self.epoch = state.epoch();
            self.layer = None;
        }
        let number = frame.frame_number;
        if !self.make_room(number) {
            return self.choice(false, false, false);
        }
        if bit(&self.decided, number) {
            return self.choice(bit(&self.forwarded, number), false, false);
        }
        let starts_picture = self.timestamp.replace(timestamp) != Some(timestamp);
        self.follow_chains(frame);
        let blocked = self.switch(frame, state, limit, starts_picture);
        let target = self.layer.and_then(|layer| state.target_within(layer));
        let forward =
            target.is_some_and(|target| frame.indication(target) != Indication::NotPresent);
        let broken = forward && target.is_some_and(|target| self.misses(frame, state, target));
        set(&mut self.decided, number, true);
        set(&mut self.forwarded, number, forward);
        self.choice(forward, blocked, broken)
    }

    /// Comes nearer to `limit` if this frame allows it. True when only the chain is in the way.
    fn switch(
        &mut self,
        frame: &DependencyDescriptor,
        state: &DependencyState,
        limit: Layer,
        starts_picture: bool,
    ) -> bool {
        let layer_of = |target| state.target_layer(target);
        // Better more than was wanted than nothing.
        let target = state.target_within(limit).or_else(|| state.lowest_target());
        let Some(wanted) = target.and_then(layer_of) else {
            return false;
        };
        let Some(mut now) = self.layer else {
            self.layer = Some(wanted);
            return false;
        };
        // All frames of a picture have one temporal layer: its first frame decides for those above.
        if starts_picture && now.temporal != wanted.temporal {
            let own = Layer {
                spatial: frame.layer().spatial,
                ..wanted
            };
            if begins(frame, state.target_within(own)) {
                now.temporal = wanted.temporal;
            }
        }
        let mut blocked = false;
        if now.spatial != wanted.spatial {
            let target = state.target_within(Layer {
                spatial: wanted.spatial,
                ..now
            });
            if begins(frame, target) {
                blocked = target.is_some_and(|target| !self.complete(state, target));
                if !blocked {
                    now.spatial = wanted.spatial;
                }
            }
        }
        self.layer = Some(now);
        blocked
    }

    /// Which chains have lost a frame because it was not sent: they stay so until a frame begins them anew.
    fn follow_chains(&mut self, frame: &DependencyDescriptor) {
        for chain in 0..MAX_CHAINS {
            let Some(diff) = frame.chain_diff(chain) else {
                return;
            };
            let before = frame.frame_number.wrapping_sub(u16::from(diff));
            if diff == 0 {
                self.cut &= !(1 << chain);
            } else if bit(&self.decided, before) && !bit(&self.forwarded, before) {
                self.cut |= 1 << chain;
            }
        }
    }

    /// Everything that `target` refers to was sent. Without chains that is known of what is sent already, or less.
    fn complete(&self, state: &DependencyState, target: u8) -> bool {
        if let Some(chain) = state.chain_of(target) {
            return self.cut >> chain & 1 == 0;
        }
        let wanted = state.target_layer(target);
        self.layer
            .zip(wanted)
            .is_some_and(|(now, wanted)| wanted.spatial <= now.spatial)
    }

    /// The frame before this one in `target`'s chain has not come.
    fn misses(&self, frame: &DependencyDescriptor, state: &DependencyState, target: u8) -> bool {
        let diff = state
            .chain_of(target)
            .and_then(|chain| frame.chain_diff(chain));
        diff.is_some_and(|diff| {
            let before = frame.frame_number.wrapping_sub(u16::from(diff));
            diff != 0 && !bit(&self.decided, before)
        })
    }

    fn choice(&self, forward: bool, blocked: bool, broken: bool) -> Choice {
        Choice {
            forward,
            layer: self.layer.unwrap_or(Layer {
                spatial: 0,
                temporal: 0,
            }),
            blocked,
            broken,
        }
    }

    /// Moves the window so that `number` is in it. False when it is too old.
    fn make_room(&mut self, number: u16) -> bool {
        let Some(newest) = self.newest else {
            self.newest = Some(number);
            return true;
        };
        let ahead = number.wrapping_sub(newest);
        if ahead >= 1 << 15 {
            return newest.wrapping_sub(number) < REMEMBERED;
        }
        for step in 1..=ahead.min(REMEMBERED) {
            let freed = number
                .wrapping_sub(ahead.min(REMEMBERED))
                .wrapping_add(step);
            set(&mut self.decided, freed, false);
            set(&mut self.forwarded, freed, false);
        }
        self.newest = Some(number);
        true
    }
}

/// A receiver may begin with the target at this frame, if it can decode it.
fn begins(frame: &DependencyDescriptor, target: Option<u8>) -> bool {
    target.is_some_and(|target| frame.indication(target) == Indication::Switch)
}

fn place(number: u16) -> (usize, u64) {
    let at = usize::from(number % REMEMBERED);
    (at / 64, 1 << (at % 64))
}

fn bit(bits: &[u64; WORDS], number: u16) -> bool {
    let (word, mask) = place(number);
    bits[word] & mask != 0
}

fn set(bits: &mut [u64; WORDS], number: u16, value: bool) {
    let (word, mask) = place(number);
    if value {
        bits[word] |= mask;
    } else {
        bits[word] &= !mask;
    }
}
