//! What is due by time: deadlines of transports and routers, and housekeeping once a second. Owns the timers' meaning.

use std::time::{Duration, Instant};

use super::token::HOUSEKEEPING;
use super::{Blame, Worker};

const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(1);
/// Lines about refused input come this often at most.
const TELL_DROPS_EVERY: Duration = Duration::from_secs(10);

impl Worker {
    pub(super) fn fire_timers(&mut self) {
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(self.now, &mut fired);
        for token in fired.drain(..) {
            match token.checked_sub(1) {
                None => self.keep_house(),
                Some(even) if even % 2 == 0 => {
                    self.guarded(|worker| worker.time_out_peer(even / 2));
                }
                Some(odd) => {
                    self.guarded(|worker| worker.time_out_room(odd / 2));
                }
            }
        }
        self.fired = fired;
    }

    fn time_out_peer(&mut self, slot: u32) {
        let now = self.now;
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        if peer.transport.poll_timeout().is_some_and(|at| at <= now) {
            self.blame = Blame::Peer(slot);
            peer.transport.handle_timeout(now);
        }
        self.serve_peer(slot);
    }

    fn time_out_room(&mut self, slot: u32) {
        let now = self.now;
        let Some(room) = self.tables.room_mut(slot) else {
            return;
        };
        if let Some(router) = &mut room.router
            && router.poll_timeout().is_some_and(|at| at <= now)
        {
            self.blame = Blame::Room(slot);
            router.handle_timeout(now);
        }
        self.mark_room(slot);
    }

    /// Once a second while there is anything to count.
    fn keep_house(&mut self) {
        self.end_unverified_tcp();
        self.resume_listeners();
        self.publish();
        self.tell_drops();
        self.counters.longest_turn = Duration::ZERO;
        let busy = !self.tables.rooms.is_empty()
            || !self.ports.tcp.is_empty()
            || self.counters.told != self.counters.dropped;
        if busy {
            self.need_housekeeping();
        }
    }

    pub(super) fn need_housekeeping(&mut self) {
        if self.wheel.deadline(HOUSEKEEPING).is_none() {
            self.wheel.arm(HOUSEKEEPING, self.now + HOUSEKEEPING_EVERY);
        }
    }

    /// One line for all the hostile or lost input of the last while.
    fn tell_drops(&mut self) {
        let counters = &mut self.counters;
        let recent = |at: Instant| self.now.saturating_duration_since(at) < TELL_DROPS_EVERY;
        if counters.dropped == counters.told || counters.told_at.is_some_and(recent) {
            return;
        }
        counters.told_at = Some(self.now);
        counters.told = counters.dropped;
        tracing::info!(
            worker = self.setup.index,
            dropped = ?counters.dropped,
            "input was dropped, counted since the start"
        );
    }
}
