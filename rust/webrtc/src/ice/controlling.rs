//! A small full, controlling agent for clients of ours (RFC 8445): checks one remote candidate, nominates it, keeps consent (RFC 7675).
//! Refuses to gather candidates or to face more than one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Error;
use crate::classify::{StunClass, StunShape};
use crate::params::IceParameters;
use crate::stun::{IceRole, Outgoing, RtcStun, StunCodec, TransactionId, Verified};

/// First retransmission of a check, doubled up to [`MAX_RTO`].
const MIN_RTO: Duration = Duration::from_millis(50);
const MAX_RTO: Duration = Duration::from_millis(1600);
/// RFC 7675 section 5.1.
const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer-reflexive candidate of type preference 110 (RFC 8445 section 5.1.2).
const PRIORITY: u32 = (110 << 24) | (65_535 << 8) | 255;

/// Facts of the controlling side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControllingEvent {
    /// The first check was answered; `mapped` is our address as the peer sees it.
    Connected { mapped: Option<SocketAddr> },
    /// No answer for 30 s.
    ConsentLost,
}

/// The controlling agent of one client.
pub struct ControllingAgent {
    codec: RtcStun,
    local: IceParameters,
    remote: IceParameters,
    username: String,
    tie_breaker: u64,
    consent_interval: Duration,
    check: Option<Check>,
    next_check: Option<Instant>,
    /// Last answer to a check; none before the first and after consent was lost.
    last_answer: Option<Instant>,
    /// A request of the peer to answer: its transaction and where it came from.
    answer: Option<(TransactionId, SocketAddr)>,
    event: Option<ControllingEvent>,
}

struct Check {
    transaction_id: TransactionId,
    rto: Duration,
    resend_at: Instant,
}

impl ControllingAgent {
    /// `consent_interval` is the time between consent checks, about 2.5 s; callers randomise it by 20 % (RFC 7675 section 5.1).
    ///
    /// # Errors
    /// When the crypto provider or randomness is missing.
    pub fn new(
        now: Instant,
        local: IceParameters,
        remote: IceParameters,
        consent_interval: Duration,
    ) -> Result<Self, Error> {
        let mut tie_breaker = [0; 8];
        aws_lc_rs::rand::fill(&mut tie_breaker).map_err(|_| Error::State("no randomness"))?;
        Ok(Self {
            codec: RtcStun::new()?,
            username: username(&local, &remote),
            local,
            remote,
            tie_breaker: u64::from_be_bytes(tie_breaker),
            consent_interval,
            check: None,
            next_check: Some(now),
            last_answer: None,
            answer: None,
            event: None,
        })
    }

    /// New credentials on both sides (ICE restart); checks begin at once.
    pub fn restart(&mut self, now: Instant, local: IceParameters, remote: IceParameters) {
        self.username = username(&local, &remote);
        (self.local, self.remote) = (local, remote);
        self.check_now(now);
    }

    /// Starts a check at once, for instance because our address changed.
    pub fn check_now(&mut self, now: Instant) {
        self.check = None;
        self.next_check = Some(now);
    }

    /// A STUN datagram from `from`.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(shape) = StunShape::read(datagram) else {
            return;
        };
        let for_us = shape.local_ufrag() == Some(self.local.username_fragment.as_str());
        let password = match shape.class {
            StunClass::Request if for_us => &self.local.password,
            StunClass::Request | StunClass::Other => return,
            StunClass::Success | StunClass::Error => &self.remote.password,
        };
        match self.codec.read(datagram, password) {
            Ok(Verified::Request { transaction_id, .. }) => {
                self.answer = Some((transaction_id, from))
            }
            Ok(Verified::Success {
                transaction_id,
                mapped,
            }) if self
                .check
                .as_ref()
                .is_some_and(|check| check.transaction_id == transaction_id) =>
            {
                self.check = None;
                self.next_check = Some(now + self.consent_interval);
                if self.last_answer.replace(now).is_none() {
                    self.event = Some(ControllingEvent::Connected { mapped });
                }
            }
            // An error answers nothing: the check goes on until consent ends.
            Ok(_) | Err(_) => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self
            .last_answer
            .is_some_and(|last| last + CONSENT_TIMEOUT <= now)
        {
            self.last_answer = None;
            self.event = Some(ControllingEvent::ConsentLost);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let consent = self.last_answer.map(|last| last + CONSENT_TIMEOUT);
        let check = self
            .check
            .as_ref()
            .map(|check| check.resend_at)
            .or(self.next_check);
        consent.into_iter().chain(check).min()
    }

    /// Next STUN datagram; its length in `out` and, when it answers a request, where to. Without an address it goes to the one remote
    /// candidate.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut [u8],
    ) -> Option<(Option<SocketAddr>, usize)> {
        if let Some((transaction_id, mapped)) = self.answer.take() {
            let message = Outgoing::Success {
                transaction_id,
                mapped,
            };
            let len = self.codec.write(&message, &self.local.password, out)?;
            return Some((Some(mapped), len));
        }
        let transaction_id = self.due_check(now)?;
        let message = Outgoing::Request {
            transaction_id,
            username: &self.username,
            priority: PRIORITY,
            role: IceRole::Controlling(self.tie_breaker),
            use_candidate: true,
        };
        Some((
            None,
            self.codec.write(&message, &self.remote.password, out)?,
        ))
    }

    pub fn poll_event(&mut self) -> Option<ControllingEvent> {
        self.event.take()
    }

    /// The remote candidate answers.
    pub fn is_connected(&self) -> bool {
        self.last_answer.is_some()
    }

    fn due_check(&mut self, now: Instant) -> Option<TransactionId> {
        if let Some(check) = &mut self.check {
            if now < check.resend_at {
                return None;
            }
            check.rto = (check.rto * 2).min(MAX_RTO);
            check.resend_at = now + check.rto;
            return Some(check.transaction_id);
        }
        if now < self.next_check? {
            return None;
        }
        let mut transaction_id = [0; 12];
        aws_lc_rs::rand::fill(&mut transaction_id).ok()?;
        self.next_check = None;
        self.check = Some(Check {
            transaction_id,
            rto: MIN_RTO,
            resend_at: now + MIN_RTO,
        });
        Some(transaction_id)
    }
}

fn username(local: &IceParameters, remote: &IceParameters) -> String {
    format!("{}:{}", remote.username_fragment, local.username_fragment)
}
