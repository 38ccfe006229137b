//! Who speaks in one room, by the levels that peers tell (RFC 6464). Owns smoothing and hysteresis; refuses to know streams.

use std::collections::HashMap;
use std::hash::Hash;

/// Levels are judged once per interval.
const INTERVAL_US: u64 = 400_000;
/// Louder packets count as active.
const ACTIVE_DBOV: i8 = -35;
/// An interval counts as speech when at least this share of its expected packets was active, percent.
const ACTIVE_PERCENT: u32 = 40;
/// Packets per interval that are expected at least (20 ms each), so that one loud click in silence is not speech.
const EXPECTED_PACKETS: u32 = (INTERVAL_US / 20_000) as u32;
/// Weight of a new interval: about two intervals are remembered.
const SMOOTHING: f32 = 2.0 / 3.0;
/// Loudness is told and compared in eighths of full scale.
const STEPS: f32 = 8.0;
/// A challenger must be louder than the active speaker by this factor,
const CHALLENGE_FACTOR: f32 = 1.25;
/// for so many intervals in a row. A silent speaker is replaced at once.
const CHALLENGE_INTERVALS: u8 = 2;
/// After so many silent intervals nobody is active.
const SILENT_INTERVALS: u8 = 5;
/// Peers that are observed at the same time at most.
const MAX_SOURCES: usize = 4_096;

/// What changed since the last poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeakerChanges<Id> {
    /// The new active speaker (or nobody), if it changed.
    pub active: Option<Option<Id>>,
    /// Everybody who speaks, loudest first, with the level in dBov; present if anybody's loudness changed by a step.
    pub levels: Option<Vec<(Id, i8)>>,
}

/// Chooses the active speaker of one room.
#[derive(Clone, Debug)]
pub struct SpeakerObserver<Id> {
    sources: HashMap<Id, Source, ahash::RandomState>,
    active: Option<Id>,
    challenger: Option<(Id, u8)>,
    silent_intervals: u8,
    /// End of the current interval; none while nobody is observed.
    interval_ends_us: Option<u64>,
    /// Somebody who spoke was removed.
    speaker_removed: bool,
    /// The active speaker was removed.
    active_removed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Source {
    /// Of the running interval.
    packets: u32,
    active_packets: u32,
    active_dbov_sum: i32,
    /// Smoothed loudness, 0 to 1.
    loudness: f32,
    told_step: u8,
}

impl<Id> Default for SpeakerObserver<Id> {
    fn default() -> Self {
        Self {
            sources: HashMap::default(),
            active: None,
            challenger: None,
            silent_intervals: 0,
            interval_ends_us: None,
            speaker_removed: false,
            active_removed: false,
        }
    }
}

impl<Id: Copy + Eq + Hash + Ord> SpeakerObserver<Id> {
    /// One packet of `id`. `voice` is the sender's own judgement where it makes one (`vad=on`): false marks noise.
    pub fn handle(&mut self, id: Id, level_dbov: i8, voice: Option<bool>, now_us: u64) {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&id) {
            return;
        }
        self.interval_ends_us
            .get_or_insert(now_us.saturating_add(INTERVAL_US));
        let source = self.sources.entry(id).or_default();
        source.packets = source.packets.saturating_add(1);
        if level_dbov > ACTIVE_DBOV && voice != Some(false) {
            source.active_packets = source.active_packets.saturating_add(1);
            source.active_dbov_sum = source
                .active_dbov_sum
                .saturating_add(i32::from(level_dbov.min(0)));
        }
    }

    /// `id` is gone.
    pub fn remove(&mut self, id: Id) {
        if let Some(source) = self.sources.remove(&id) {
            self.speaker_removed |= source.told_step > 0;
        }
        if self.active == Some(id) {
            self.active = None;
            self.active_removed = true;
        }
        if self
            .challenger
            .is_some_and(|(challenger, _)| challenger == id)
        {
            self.challenger = None;
        }
    }

    /// Judges an interval that has ended. None when nothing changed.
    pub fn poll(&mut self, now_us: u64) -> Option<SpeakerChanges<Id>> {
        if self.next_timeout()? > now_us {
            return None;
        }
        let mut levels_changed = std::mem::take(&mut self.speaker_removed);
        for source in self.sources.values_mut() {
            levels_changed |= source.end_interval();
        }
        // Muted peers cost nothing until they speak again.
        self.sources
            .retain(|_, source| source.loudness > 0.0 || source.packets > 0);
        self.sources
            .values_mut()
            .for_each(|source| source.packets = 0);
        let before = self.active;
        self.choose();
        let removed = std::mem::take(&mut self.active_removed);
        let idle = self.sources.is_empty() && self.active.is_none();
        self.interval_ends_us = (!idle).then_some(now_us.saturating_add(INTERVAL_US));
        let active = (removed || self.active != before).then_some(self.active);
        if active.is_none() && !levels_changed {
            return None;
        }
        Some(SpeakerChanges {
            active,
            levels: levels_changed.then(|| self.levels()),
        })
    }

    /// When an interval ends; none while nobody is observed.
    pub fn next_timeout(&self) -> Option<u64> {
        self.interval_ends_us
    }

    pub fn active(&self) -> Option<Id> {
        self.active
    }

    /// Everybody who speaks, loudest first, with the smoothed level in dBov.
    pub fn levels(&self) -> Vec<(Id, i8)> {
        let mut speaking: Vec<_> = self
            .sources
            .iter()
            .filter(|(_, source)| source.told_step > 0)
            .collect();
        speaking.sort_by(|(a, left), (b, right)| {
            right
                .loudness
                .total_cmp(&left.loudness)
                .then_with(|| a.cmp(b))
        });
        speaking
            .into_iter()
            .map(|(id, source)| (*id, dbov(source.loudness)))
            .collect()
    }

    fn choose(&mut self) {
        let loudness_of = |id: Option<Id>| {
            id.and_then(|id| self.sources.get(&id))
                .map_or(0.0, |source| source.audible())
        };
        let current = loudness_of(self.active);
        let loudest = self
            .sources
            .iter()
            .filter(|(_, source)| source.audible() > 0.0)
            .max_by(|(a, left), (b, right)| {
                left.loudness
                    .total_cmp(&right.loudness)
                    .then_with(|| b.cmp(a))
            });
        let Some((&loudest, source)) = loudest else {
            self.challenger = None;
            self.silent_intervals = self.silent_intervals.saturating_add(1);
            if self.silent_intervals >= SILENT_INTERVALS {
                self.active = None;
            }
            return;
        };
        self.silent_intervals = 0;
        if self.active == Some(loudest) || source.audible() < current * CHALLENGE_FACTOR {
            self.challenger = None;
            return;
        }
        let won = match self.challenger {
            Some((challenger, intervals)) if challenger == loudest => intervals.saturating_add(1),
            _ => 1,
        };
        if current == 0.0 || won >= CHALLENGE_INTERVALS {
            self.active = Some(loudest);
            self.challenger = None;
        } else {
            self.challenger = Some((loudest, won));
        }
    }
}

impl Source {
    /// True when the loudness crossed a step.
    fn end_interval(&mut self) -> bool {
        let expected = self.packets.max(EXPECTED_PACKETS);
        let mut heard = 0.0;
        if self.active_packets > 0
            && u64::from(self.active_packets) * 100
                >= u64::from(expected) * u64::from(ACTIVE_PERCENT)
        {
            let mean = self.active_dbov_sum as f32 / self.active_packets as f32;
            heard = loudness(mean);
        }
        self.loudness += (heard - self.loudness) * SMOOTHING;
        if self.loudness < 0.5 / STEPS && heard == 0.0 {
            self.loudness = 0.0;
        }
        (self.active_packets, self.active_dbov_sum) = (0, 0);
        let step = (self.loudness * STEPS).ceil() as u8;
        std::mem::replace(&mut self.told_step, step) != step
    }

    fn audible(&self) -> f32 {
        if self.told_step > 0 {
            self.loudness
        } else {
            0.0
        }
    }
}

/// Perceived loudness, linear in dB: 0 at the activity threshold, 1 at full scale.
fn loudness(dbov: f32) -> f32 {
    let threshold = f32::from(ACTIVE_DBOV);
    ((dbov - threshold) / -threshold).clamp(0.0, 1.0)
}

fn dbov(loudness: f32) -> i8 {
    let threshold = f32::from(ACTIVE_DBOV);
    (threshold - threshold * loudness).round() as i8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000;

    /// Lets everybody talk for `ms`, 50 packets a second, and collects what changed.
    fn talk(
        observer: &mut SpeakerObserver<u32>,
        now: &mut u64,
        ms: u64,
        levels: &[(u32, i8)],
    ) -> Vec<SpeakerChanges<u32>> {
        let mut changes = Vec::new();
        for _ in 0..ms / 20 {
            for (id, level) in levels {
                observer.handle(*id, *level, None, *now);
            }
            *now += 20 * MS;
            changes.extend(observer.poll(*now));
        }
        changes
    }

    fn active(changes: &[SpeakerChanges<u32>]) -> Vec<Option<u32>> {
        changes.iter().filter_map(|change| change.active).collect()
    }

    #[test]
    fn first_voice_becomes_active_within_an_interval() {
        let (mut observer, mut now) = (SpeakerObserver::default(), 0);
        let changes = talk(&mut observer, &mut now, 400, &[(1, -20), (2, -90)]);
        assert_eq!(active(&changes), [Some(1)]);
        assert_eq!(changes[0].levels.as_ref().unwrap().len(), 1);
    }

    #[test]
    fn slightly_louder_peer_does_not_take_over() {
        let (mut observer, mut now) = (SpeakerObserver::default(), 0);
        talk(&mut observer, &mut now, 1_200, &[(1, -20)]);
        let changes = talk(&mut observer, &mut now, 4_000, &[(1, -20), (2, -19)]);
        assert!(active(&changes).is_empty());
    }

    #[test]
    fn interjection_does_not_take_over_but_a_speech_does() {
        let (mut observer, mut now) = (SpeakerObserver::default(), 0);
        talk(&mut observer, &mut now, 1_200, &[(1, -20)]);
        let changes = talk(&mut observer, &mut now, 400, &[(1, -20), (2, -5)]);
        assert!(active(&changes).is_empty());
        let changes = talk(&mut observer, &mut now, 800, &[(1, -20), (2, -5)]);
        assert_eq!(active(&changes), [Some(2)]);
    }

    #[test]
    fn clicks_and_flagged_noise_are_no_speech() {
        let (mut observer, mut now) = (SpeakerObserver::default(), 0);
        let mut changes = Vec::new();
        for at in 0..100 {
            observer.handle(1, if at % 10 == 0 { -3 } else { -80 }, None, now);
            observer.handle(2, -3, Some(false), now);
            now += 20 * MS;
            changes.extend(observer.poll(now));
        }
        assert_eq!(changes, []);
    }

    #[test]
    fn silence_ends_the_speech_and_the_timer() {
        let (mut observer, mut now) = (SpeakerObserver::default(), 0);
        talk(&mut observer, &mut now, 1_200, &[(1, -20)]);
        let mut changes = Vec::new();
        while let Some(at) = observer.next_timeout() {
            assert!(at < 10_000 * MS);
            changes.extend(observer.poll(at));
        }
        assert_eq!(active(&changes), [None]);
        assert_eq!(observer.levels(), []);
    }

    #[test]
    fn removed_speaker_is_replaced() {
        let (mut observer, mut now) = (SpeakerObserver::default(), 0);
        talk(&mut observer, &mut now, 1_200, &[(1, -10), (2, -12)]);
        assert_eq!(observer.active(), Some(1));
        observer.remove(1);
        let changes = talk(&mut observer, &mut now, 400, &[(2, -12)]);
        assert_eq!(active(&changes), [Some(2)]);
        observer.remove(2);
        let at = observer.next_timeout().unwrap();
        assert_eq!(
            observer.poll(at),
            Some(SpeakerChanges {
                active: Some(None),
                levels: Some(vec![])
            })
        );
        assert_eq!(observer.next_timeout(), None);
    }

    proptest! {
        #[test]
        fn active_speaker_is_always_known(calls in proptest::collection::vec(
            (0u8..12, 0u32..8, any::<i8>(), proptest::option::of(any::<bool>()), 0u64..900 * MS), 0..300)) {
            let mut observer = SpeakerObserver::default();
            let (mut now, mut told) = (0u64, None);
            let mut present = std::collections::HashSet::new();
            for (call, id, level, voice, pause) in calls {
                now += pause / 10;
                if call == 0 { observer.remove(id); present.remove(&id); }
                else { observer.handle(id, level, voice, now); present.insert(id); }
                if let Some(changes) = observer.poll(now) {
                    if let Some(active) = changes.active { told = active; }
                    prop_assert_eq!(told, observer.active());
                }
                if let Some(active) = observer.active() { prop_assert!(present.contains(&active)); }
            }
        }
    }
}
