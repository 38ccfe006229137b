//! A hashed timer wheel with two levels and a tick of 1 ms. One deadline per token; sets of thousands cost nothing while nothing is due.
//! Refuses to know what the tokens are.

use std::time::{Duration, Instant};

const SLOTS: usize = 1024;
const NONE: u32 = u32::MAX;

/// Deadlines of small, dense tokens.
pub struct Wheel {
    start: Instant,
    /// Last tick that was handled.
    tick: u64,
    /// Deadlines within `SLOTS` ticks, one slot per tick.
    near: Level,
    /// Later ones, one slot per `SLOTS` ticks; the last slot takes what lies beyond.
    far: Level,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    deadline: u64,
    slot: Slot,
    next: u32,
    previous: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Idle,
    Near(u16),
    Far(u16),
}

struct Level {
    heads: Box<[u32; SLOTS]>,
    used: [u64; SLOTS / 64],
}

impl Wheel {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            tick: 0,
            near: Level::new(),
            far: Level::new(),
            nodes: Vec::new(),
        }
    }

    /// Sets the deadline of `token` in place of the one it had. It never fires early, and at most a tick late.
    pub fn arm(&mut self, token: u32, at: Instant) {
        self.disarm(token);
        let idle = Node {
            deadline: 0,
            slot: Slot::Idle,
            next: NONE,
            previous: NONE,
        };
        let wanted = token as usize + 1;
        if self.nodes.len() < wanted {
            self.nodes.resize(wanted, idle);
        }
        self.nodes[token as usize].deadline = self.tick_of(at);
        self.insert(token);
    }

    /// Sets the deadline of `token` unless it has one that is not later. Who is fired too early looks again: that is cheaper than
    /// moving deadlines with every packet.
    pub fn arm_earlier(&mut self, token: u32, at: Instant) {
        let armed = self
            .nodes
            .get(token as usize)
            .filter(|node| node.slot != Slot::Idle);
        if armed.is_none_or(|node| self.tick_of(at) < node.deadline) {
            self.arm(token, at);
        }
    }

    pub fn disarm(&mut self, token: u32) {
        let Some(node) = self.nodes.get(token as usize).copied() else {
            return;
        };
        let (level, at) = match node.slot {
            Slot::Idle => return,
            Slot::Near(at) => (&mut self.near, usize::from(at)),
            Slot::Far(at) => (&mut self.far, usize::from(at)),
        };
        if node.previous == NONE {
            level.set_head(at, node.next);
        } else {
            self.nodes[node.previous as usize].next = node.next;
        }
        if node.next != NONE {
            self.nodes[node.next as usize].previous = node.previous;
        }
        self.nodes[token as usize].slot = Slot::Idle;
    }

    /// The deadline of `token`, rounded up to a tick.
    pub fn deadline(&self, token: u32) -> Option<Instant> {
        let node = self
            .nodes
            .get(token as usize)
            .filter(|node| node.slot != Slot::Idle)?;
        Some(self.instant(node.deadline))
    }

    /// When [`Wheel::advance`] has something to do; none while no deadline is set.
    pub fn next(&self) -> Option<Instant> {
        self.next_tick().map(|tick| self.instant(tick))
    }

    /// Takes the tokens whose deadline has passed.
    pub fn advance(&mut self, now: Instant, fired: &mut Vec<u32>) {
        let now = now.saturating_duration_since(self.start).as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        while let Some(tick) = self.next_tick()
            && tick <= now
        {
            self.tick = tick;
            if tick.is_multiple_of(SLOTS as u64) {
                self.cascade(tick);
            }
            let mut token = self.near.take((tick % SLOTS as u64) as usize);
            while token != NONE {
                let node = &mut self.nodes[token as usize];
                node.slot = Slot::Idle;
                fired.push(token);
                token = node.next;
            }
        }
        self.tick = self.tick.max(now);
    }

    fn insert(&mut self, token: u32) {
        let deadline = self.nodes[token as usize].deadline;
        let (level, at, slot) = if deadline - self.tick < SLOTS as u64 {
            let at = (deadline % SLOTS as u64) as u16;
            (&mut self.near, at, Slot::Near(at))
        } else {
            let block = (deadline / SLOTS as u64).min(self.tick / SLOTS as u64 + SLOTS as u64 - 1);
            let at = (block % SLOTS as u64) as u16;
            (&mut self.far, at, Slot::Far(at))
        };
        let next = level.heads[usize::from(at)];
        level.set_head(usize::from(at), token);
        if next != NONE {
            self.nodes[next as usize].previous = token;
        }
        let node = &mut self.nodes[token as usize];
        (node.slot, node.next, node.previous) = (slot, next, NONE);
    }

    /// The block of far deadlines that begins at `tick` has come near.
    fn cascade(&mut self, tick: u64) {
        let mut token = self.far.take((tick / SLOTS as u64 % SLOTS as u64) as usize);
        while token != NONE {
            let next = self.nodes[token as usize].next;
            let node = &mut self.nodes[token as usize];
            node.slot = Slot::Idle;
            if node.deadline == tick {
                // Due now: put where `advance` is about to look.
                let at = (tick % SLOTS as u64) as u16;
                let head = self.near.heads[usize::from(at)];
                self.near.set_head(usize::from(at), token);
                if head != NONE {
                    self.nodes[head as usize].previous = token;
                }
                let node = &mut self.nodes[token as usize];
                (node.slot, node.next, node.previous) = (Slot::Near(at), head, NONE);
            } else {
                self.insert(token);
            }
            token = next;
        }
    }

    /// The first tick that is not before `at` and has not been handled.
    fn tick_of(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        let tick = u64::try_from(since.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        tick.max(self.tick + 1)
    }

    fn next_tick(&self) -> Option<u64> {
        let first = self.tick + 1;
        let near = self
            .near
            .first_from((first % SLOTS as u64) as usize)
            .map(|d| first + d as u64);
        let block = first.div_ceil(SLOTS as u64);
        let far = self
            .far
            .first_from((block % SLOTS as u64) as usize)
            .map(|d| (block + d as u64) * SLOTS as u64);
        near.into_iter().chain(far).min()
    }

    fn instant(&self, tick: u64) -> Instant {
        self.start + Duration::from_millis(tick)
    }
}

impl Level {
    fn new() -> Self {
        Self {
            heads: Box::new([NONE; SLOTS]),
            used: [0; SLOTS / 64],
        }
    }

    fn set_head(&mut self, at: usize, token: u32) {
        self.heads[at] = token;
        let bit = 1u64 << (at % 64);
        if token == NONE {
            self.used[at / 64] &= !bit;
        } else {
            self.used[at / 64] |= bit;
        }
    }

    fn take(&mut self, at: usize) -> u32 {
        let head = self.heads[at];
        self.set_head(at, NONE);
        head
    }

    /// How many slots after `from` the first used one lies, going round once.
    fn first_from(&self, from: usize) -> Option<usize> {
        let words = self.used.len();
        let (word, bit) = (from / 64, from % 64);
        for step in 0..=words {
            let at = (word + step) % words;
            let mask = match step {
                0 => u64::MAX << bit,
                _ if step == words => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            let used = self.used[at] & mask;
            if used != 0 {
                let slot = at * 64 + used.trailing_zeros() as usize;
                return Some((slot + SLOTS - from) % SLOTS);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn fires_each_token_once_never_early_and_at_most_a_tick_late() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        let mut random = 1u64;
        let mut deadlines = Vec::new();
        for token in 0..2000u32 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = start + Duration::from_micros(random % 40_000_000);
            wheel.arm(token, at);
            deadlines.push(at);
        }
        let mut fired = Vec::new();
        let mut seen = 0;
        while let Some(next) = wheel.next() {
            wheel.advance(next, &mut fired);
            for token in fired.drain(..) {
                let deadline = deadlines[token as usize];
                assert!(next >= deadline && next - deadline <= ms(1), "{token}");
                assert_eq!(wheel.deadline(token), None);
                seen += 1;
            }
        }
        assert_eq!(seen, 2000);
    }

    #[test]
    fn fires_everything_after_a_long_sleep() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        let far = [0, 1, 1023, 1024, 1025, 2048, 30_000, 5_000_000];
        for (token, at) in far.iter().enumerate() {
            wheel.arm(token as u32, start + ms(*at));
        }
        let mut fired = Vec::new();
        wheel.advance(start + ms(4_999_999), &mut fired);
        assert_eq!(fired.len(), 7);
        fired.sort_unstable();
        wheel.advance(start + ms(5_000_000), &mut fired);
        assert_eq!(fired, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn replaces_and_forgets_deadlines() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        let mut fired = Vec::new();
        for token in 0..4 {
            wheel.arm(token, start + ms(5));
        }
        wheel.arm(0, start + ms(2000));
        wheel.disarm(1);
        wheel.disarm(1);
        wheel.arm(3, start + ms(2));
        assert_eq!(wheel.next(), Some(start + ms(2)));
        wheel.advance(start + ms(10), &mut fired);
        assert_eq!(fired, [3, 2]);
        assert_eq!(wheel.deadline(0), Some(start + ms(2000)));
        // A deadline in the past fires with the next tick.
        wheel.arm(2, start);
        assert_eq!(wheel.next(), Some(start + ms(11)));
    }
}
