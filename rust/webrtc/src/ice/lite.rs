//! ICE-lite (RFC 8445 section 2.5): answers checks, always controlled, learns the peer's addresses from checks that verify, and follows
//! its nominations. Refuses to send checks, and to keep anything about senders that did not authenticate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use medianode_sfu::prefetch;

use crate::TransportCounters;
use crate::classify::{StunClass, StunShape};
use crate::params::{IceParameters, Protocol, TransportTuple};
use crate::stun::{IceRole, Outgoing, StunCodec, StunFault, TransactionId, Verified};

use super::credentials::{Credentials, Generation};

/// Facts of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceEvent {
    TupleAdded(TransportTuple),
    TupleRemoved(TransportTuple),
    TupleSelected(TransportTuple),
    ConsentLost,
}

/// The lite agent of one transport.
pub struct IceLite {
    codec: Box<dyn StunCodec>,
    credentials: Credentials,
    max_tuples: usize,
    consent_timeout: Duration,
    tuples: Vec<Path>,
    selected: Option<TransportTuple>,
    nominations: u64,
    /// Last authenticated check on any tuple; none before the first and after consent was lost.
    last_check: Option<Instant>,
    answers: VecDeque<Answer>,
    /// Checks that verified lately, with the tuple that brought them first.
    recent: VecDeque<(TransactionId, TransportTuple)>,
    events: VecDeque<IceEvent>,
}

struct Path {
    tuple: TransportTuple,
    last_check: Instant,
    /// Number of its newest nomination, 0 if none.
    nomination: u64,
}

struct Answer {
    tuple: TransportTuple,
    transaction_id: TransactionId,
    generation: Generation,
    verdict: Verdict,
}

enum Verdict {
    Success,
    RoleConflict,
    UnknownAttributes(Vec<u16>),
}

/// Answers that wait to be polled at most; peers send a handful of checks at once.
const MAX_ANSWERS: usize = 32;
/// Checks remembered against replay from another address: a minute of one client's.
const MAX_RECENT: usize = 32;
/// A UDP path checked this recently is not given up for TCP.
const UDP_FRESH: Duration = Duration::from_secs(5);
/// RFC 8445 section 7.3.1.1.
const ROLE_CONFLICT: u16 = 487;
/// RFC 8489 section 14.8.
const UNKNOWN_ATTRIBUTE: u16 = 420;

impl IceLite {
    pub fn new(
        codec: Box<dyn StunCodec>,
        local: IceParameters,
        max_tuples: usize,
        consent_timeout: Duration,
    ) -> Self {
        Self {
            codec,
            credentials: Credentials::new(local),
            max_tuples: max_tuples.max(1),
            consent_timeout,
            tuples: Vec::new(),
            selected: None,
            nominations: 0,
            last_check: None,
            answers: VecDeque::new(),
            recent: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    pub fn restart(&mut self, local: IceParameters) {
        self.credentials.restart(local);
        // What was polled for with the forgotten credentials no longer helps anybody.
        self.answers.clear();
    }

    pub fn username_fragments(&self) -> impl Iterator<Item = &str> {
        self.credentials.username_fragments()
    }

    /// What a datagram needs of this, before [`IceLite::prefetch_tuples`].
    pub fn prefetch(&self) {
        prefetch(&self.tuples);
    }

    /// What [`IceLite::is_validated`] needs beyond that.
    pub fn prefetch_tuples(&self) {
        prefetch(self.tuples.as_slice());
    }

    /// A check with this tuple has verified.
    pub fn is_validated(&self, tuple: &TransportTuple) -> bool {
        self.tuples.iter().any(|path| path.tuple == *tuple)
    }

    pub fn selected_tuple(&self) -> Option<TransportTuple> {
        self.selected
    }

    pub fn tuples(&self) -> impl Iterator<Item = TransportTuple> {
        self.tuples.iter().map(|path| path.tuple)
    }

    /// A STUN datagram. Whatever does not verify is counted and leaves no trace.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        tuple: TransportTuple,
        datagram: &[u8],
        counters: &mut TransportCounters,
    ) {
        let Some(shape) = StunShape::read(datagram) else {
            counters.stun_malformed += 1;
            return;
        };
        if shape.class != StunClass::Request {
            counters.stun_unexpected += 1;
            return;
        }
        let Some(generation) = shape
            .local_ufrag()
            .and_then(|ufrag| self.credentials.find(ufrag))
        else {
            counters.stun_wrong_username += 1;
            return;
        };
        let verified = self
            .codec
            .read(datagram, self.credentials.password(generation));
        let Verified::Request {
            transaction_id,
            role,
            use_candidate,
            unknown,
        } = (match verified {
            Ok(verified) => verified,
            Err(fault) => return count_fault(fault, counters),
        })
        else {
            counters.stun_unexpected += 1;
            return;
        };
        if self.is_replayed(transaction_id, tuple) {
            counters.stun_replayed += 1;
            return;
        }
        counters.stun_requests += 1;
        let verdict = if !unknown.is_empty() {
            counters.stun_unknown_attributes += 1;
            Verdict::UnknownAttributes(unknown)
        } else if matches!(role, Some(IceRole::Controlled(_))) {
            counters.stun_role_conflicts += 1;
            Verdict::RoleConflict
        } else {
            self.accept(now, tuple, generation, use_candidate, counters);
            Verdict::Success
        };
        if self.answers.len() >= MAX_ANSWERS {
            counters.stun_answers_dropped += 1;
            return;
        }
        self.answers.push_back(Answer {
            tuple,
            transaction_id,
            generation,
            verdict,
        });
    }

    /// The connection behind a TCP tuple ended.
    pub fn handle_tuple_closed(&mut self, tuple: TransportTuple) {
        if let Some(at) = self.tuples.iter().position(|path| path.tuple == tuple) {
            self.remove(at);
            self.reselect();
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            // RFC 7675 section 5.1: nothing may be sent any more.
            self.last_check = None;
            self.selected = None;
            while !self.tuples.is_empty() {
                self.remove(0);
            }
            self.events.push_back(IceEvent::ConsentLost);
        }
    }

    /// When consent ends, unless a check comes.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.last_check.map(|last| last + self.consent_timeout)
    }

    pub fn poll_event(&mut self) -> Option<IceEvent> {
        self.events.pop_front()
    }

    /// Next answer; its length in `out`.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Option<(TransportTuple, usize)> {
        while let Some(Answer {
            tuple,
            transaction_id,
            generation,
            verdict,
        }) = self.answers.pop_front()
        {
            let password = self.credentials.password(generation);
            let message = match &verdict {
                Verdict::Success => Outgoing::Success {
                    transaction_id,
                    mapped: tuple.remote,
                },
                Verdict::RoleConflict => Outgoing::Error {
                    transaction_id,
                    code: ROLE_CONFLICT,
                    unknown: &[],
                },
                Verdict::UnknownAttributes(unknown) => Outgoing::Error {
                    transaction_id,
                    code: UNKNOWN_ATTRIBUTE,
                    unknown,
                },
            };
            if let Some(len) = self.codec.write(&message, password, out) {
                return Some((tuple, len));
            }
        }
        None
    }

    /// Whether this check came from another address before: somebody on the way repeats it, or a NAT rebound between a check and its
    /// repetition, and then the next check brings the new address.
    fn is_replayed(&mut self, id: TransactionId, tuple: TransportTuple) -> bool {
        if let Some((_, first)) = self.recent.iter().find(|(known, _)| *known == id) {
            return *first != tuple;
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((id, tuple));
        false
    }

    fn accept(
        &mut self,
        now: Instant,
        tuple: TransportTuple,
        generation: Generation,
        use_candidate: bool,
        counters: &mut TransportCounters,
    ) {
        self.last_check = Some(now);
        if generation == Generation::Current {
            // Answers to checks with the old password would be signed wrongly now; they are as forgotten as it is.
            self.answers
                .retain(|answer| answer.generation == Generation::Current);
            self.credentials.forget_previous();
        }
        let mut path = match self.tuples.iter().position(|path| path.tuple == tuple) {
            Some(at) => self.tuples.swap_remove(at),
            None => {
                if self.tuples.len() >= self.max_tuples {
                    self.replace_oldest();
                    counters.tuples_replaced += 1;
                }
                self.events.push_back(IceEvent::TupleAdded(tuple));
                Path {
                    tuple,
                    last_check: now,
                    nomination: 0,
                }
            }
        };
        path.last_check = now;
        if use_candidate {
            self.nominations += 1;
            path.nomination = self.nominations;
        }
        self.tuples.push(path);
        self.expire(now);
        self.follow(now, tuple);
    }

    /// Moves to the tuple just checked if the peer wants it more than the selected one.
    fn follow(&mut self, now: Instant, tuple: TransportTuple) {
        let Some(candidate) = self.path(tuple) else {
            return;
        };
        let current = self.selected.and_then(|selected| self.path(selected));
        let moves = match current {
            None => true,
            Some(current) if current.tuple == tuple => false,
            Some(current) => {
                let to_tcp = candidate.tuple.protocol == Protocol::Tcp
                    && current.tuple.protocol == Protocol::Udp;
                let to_udp = candidate.tuple.protocol == Protocol::Udp
                    && current.tuple.protocol == Protocol::Tcp;
                let fresh = now.saturating_duration_since(current.last_check) < UDP_FRESH;
                if candidate.nomination > current.nomination {
                    !(to_tcp && current.nomination > 0 && fresh)
                } else {
                    current.nomination == 0 && to_udp
                }
            }
        };
        if moves {
            self.selected = Some(tuple);
            self.events.push_back(IceEvent::TupleSelected(tuple));
        }
    }

    fn path(&self, tuple: TransportTuple) -> Option<&Path> {
        self.tuples.iter().find(|path| path.tuple == tuple)
    }

    /// Paths without a check for the whole consent time, while others had some.
    fn expire(&mut self, now: Instant) {
        while let Some(at) = self
            .tuples
            .iter()
            .position(|path| now.saturating_duration_since(path.last_check) >= self.consent_timeout)
        {
            self.remove(at);
        }
        if self.selected.is_none() {
            self.reselect();
        }
    }

    fn replace_oldest(&mut self) {
        let oldest = (0..self.tuples.len())
            .filter(|&at| Some(self.tuples[at].tuple) != self.selected)
            .min_by_key(|&at| self.tuples[at].last_check)
            // A table of one: the selected path makes room.
            .unwrap_or(0);
        self.remove(oldest);
    }

    fn remove(&mut self, at: usize) {
        let path = self.tuples.swap_remove(at);
        if self.selected == Some(path.tuple) {
            self.selected = None;
        }
        self.events.push_back(IceEvent::TupleRemoved(path.tuple));
    }

    /// After the selected path went away: the newest nomination, else UDP, else the latest check.
    fn reselect(&mut self) {
        if self.selected.is_some() {
            return;
        }
        let best = self.tuples.iter().max_by_key(|path| {
            (
                path.nomination,
                path.tuple.protocol == Protocol::Udp,
                path.last_check,
            )
        });
        if let Some(best) = best {
            self.selected = Some(best.tuple);
            self.events.push_back(IceEvent::TupleSelected(best.tuple));
        }
    }
}

fn count_fault(fault: StunFault, counters: &mut TransportCounters) {
    match fault {
        StunFault::Malformed => counters.stun_malformed += 1,
        StunFault::Fingerprint => counters.stun_no_fingerprint += 1,
        StunFault::Integrity => counters.stun_wrong_integrity += 1,
    }
}
