//! Asks a carrier with OPTIONS whether it is there (RFC 3261 section 11), and believes it only after
//! several answers in a row said the same.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::directory::TrunkQualify;
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::endpoint::TxnFailure;
use crate::sip::header::{CSeq, NameAddr};
use crate::sip::invite::NextHop;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::register_client::first_hop;
use crate::timers::Timers;

/// The longest wait for an answer. A carrier that takes longer is of no use for calls.
const PATIENCE: Duration = Duration::from_secs(8);

/// Who is asked, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifyTarget {
    /// The Request-URI.
    pub uri: Bytes,
    /// Our address: `sip:office@carrier.example`.
    pub from: Bytes,
    /// Our Contact.
    pub contact: Bytes,
    /// Route values every OPTIONS visits first.
    pub routes: Vec<Bytes>,
    /// The product name for `User-Agent`.
    pub product: Bytes,
}

impl QualifyTarget {
    /// The question numbered `number`, in a dialog of its own that never comes to be. Via is still to
    /// be added.
    #[must_use]
    pub fn options(&self, number: u32, ids: &mut IdSource) -> Request {
        let cseq = CSeq {
            number,
            method: Method::Options,
        };
        let mut request = Request::new(Method::Options, self.uri.clone());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, "70");
        for route in &self.routes {
            headers.push(HeaderName::Route, route.clone());
        }
        let from = NameAddr::new(self.from.clone()).with_tag(&ids.token());
        headers.push(HeaderName::From, from.write());
        headers.push(HeaderName::To, NameAddr::new(self.uri.clone()).write());
        headers.push(HeaderName::CallId, ids.token());
        headers.push(HeaderName::CSeq, cseq.write());
        headers.push(HeaderName::Contact, self.contact.clone());
        headers.push(HeaderName::Accept, "application/sdp");
        headers.push(HeaderName::UserAgent, self.product.clone());
        request
    }
}

/// Whether a carrier is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reachability {
    /// No answer yet, and not enough failures: it counts as being there.
    Unknown,
    /// It is.
    Up,
    /// It is not.
    Down,
}

/// Why a carrier counts as not being there. Its text is for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum QualifyFailure {
    /// It did not answer in time.
    #[error("the carrier does not answer OPTIONS")]
    Silent,
    /// There is no way to it.
    #[error("the carrier cannot be reached")]
    Unreachable,
    /// It answered that it is not available: 503 or 408.
    #[error("the carrier answers OPTIONS with {0}")]
    Unavailable(u16),
}

/// What is to be done, or has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QualifyEffect {
    /// Send this; its answer goes to [`Qualify::handle`] with the same tag.
    Send {
        /// Names the request.
        tag: u32,
        /// The request. Via is still to be added.
        request: Box<Request>,
        /// Where to.
        next_hop: NextHop,
    },
    /// It is there, for the first time or again.
    Up,
    /// It is not there any more.
    Down(QualifyFailure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum QualifyTimer {
    /// First, so that a question is over before the next one is asked.
    GiveUp,
    Send,
}

/// Asks again and again.
#[derive(Debug, Clone)]
pub struct Qualify {
    interval: Duration,
    rule: TrunkQualify,
    target: QualifyTarget,
    ids: IdSource,
    next: u32,
    pending: Option<(u32, Instant)>,
    state: Reachability,
    /// Answers in a row that speak against the present state.
    against: u32,
    round_trip: Option<Duration>,
    last_failure: Option<QualifyFailure>,
    timers: Timers<QualifyTimer>,
    effects: VecDeque<QualifyEffect>,
}

impl Qualify {
    /// Asks for the first time at a random point within an interval, so that a hundred trunks do not
    /// ask at once. None if the rule wants nobody asked.
    #[must_use]
    pub fn new(
        now: Instant,
        rule: TrunkQualify,
        target: QualifyTarget,
        mut ids: IdSource,
    ) -> Option<Self> {
        let interval = rule.interval.filter(|interval| !interval.is_zero())?;
        let mut timers = Timers::default();
        let phase = ids.below(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX));
        timers.set(QualifyTimer::Send, now + Duration::from_millis(phase));
        Some(Self {
            interval,
            rule,
            target,
            ids,
            next: 0,
            pending: None,
            state: Reachability::Unknown,
            against: 0,
            round_trip: None,
            last_failure: None,
            timers,
            effects: VecDeque::new(),
        })
    }

    /// What became of the request with this tag. Late answers change nothing.
    pub fn handle(&mut self, now: Instant, tag: u32, answer: Result<&Response, TxnFailure>) {
        let Some((_, sent)) = self.pending.filter(|(pending, _)| *pending == tag) else {
            return;
        };
        match answer {
            Ok(response) if matches!(response.status, 408 | 503) => {
                self.failed(QualifyFailure::Unavailable(response.status));
            }
            Ok(_) => {
                self.round_trip = Some(now.saturating_duration_since(sent));
                self.answered();
            }
            Err(TxnFailure::TimedOut) => self.failed(QualifyFailure::Silent),
            Err(TxnFailure::Transport) => self.failed(QualifyFailure::Unreachable),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                QualifyTimer::Send => self.send(now),
                QualifyTimer::GiveUp => self.failed(QualifyFailure::Silent),
            }
        }
    }

    /// What is to be done next.
    pub fn poll_effect(&mut self) -> Option<QualifyEffect> {
        self.effects.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether the carrier is there.
    #[must_use]
    pub fn state(&self) -> Reachability {
        self.state
    }

    /// How long the last answer took.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What went wrong last.
    #[must_use]
    pub fn last_failure(&self) -> Option<QualifyFailure> {
        self.last_failure
    }

    /// How often, and when it believes the answers.
    #[must_use]
    pub fn rule(&self) -> TrunkQualify {
        self.rule
    }

    /// Who is asked.
    #[must_use]
    pub fn target(&self) -> &QualifyTarget {
        &self.target
    }

    fn send(&mut self, now: Instant) {
        self.next += 1;
        self.pending = Some((self.next, now));
        let patience = PATIENCE.min(self.interval);
        // Told apart from the next question: an answer counts for one of them.
        self.timers.set(QualifyTimer::GiveUp, now + patience);
        self.timers.set(QualifyTimer::Send, now + self.interval);
        let request = self.target.options(self.next, &mut self.ids);
        let target = &self.target;
        self.effects.push_back(QualifyEffect::Send {
            tag: self.next,
            request: Box::new(request),
            next_hop: NextHop {
                uri: first_hop(&target.routes, target.uri.clone()),
                flow: None,
                address: None,
            },
        });
    }

    fn answered(&mut self) {
        self.settle_question();
        let needed = match self.state {
            Reachability::Up => {
                self.against = 0;
                return;
            }
            // The first answer says enough: nobody has said otherwise.
            Reachability::Unknown => 1,
            Reachability::Down => self.rule.up_after,
        };
        // Failures before anything is known count on their own.
        self.against = if self.state == Reachability::Unknown {
            1
        } else {
            self.against + 1
        };
        if self.against >= needed {
            self.against = 0;
            self.state = Reachability::Up;
            self.last_failure = None;
            self.effects.push_back(QualifyEffect::Up);
        }
    }

    fn failed(&mut self, failure: QualifyFailure) {
        self.settle_question();
        self.last_failure = Some(failure);
        if self.state == Reachability::Down {
            self.against = 0;
            return;
        }
        self.against += 1;
        if self.against >= self.rule.down_after {
            self.against = 0;
            self.state = Reachability::Down;
            self.effects.push_back(QualifyEffect::Down(failure));
        }
    }

    fn settle_question(&mut self) {
        self.pending = None;
        self.timers.stop(QualifyTimer::GiveUp);
    }
}
