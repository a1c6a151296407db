//! The call record: one [`Cdr`] per call, made by [`CdrFold`] from the events of that call.
//!
//! What the words in a record mean:
//!
//! - **answered**: the caller reached somebody. Either two legs were bridged (an agent, an extension,
//!   a callee behind a trunk), or Offhook itself was the wanted partner: the echo test and the
//!   feature codes. A menu, hold music or an announcement is not somebody.
//! - **abandoned**: the caller left while waiting in a queue. Only that; it is the figure by which a
//!   call center is judged.
//! - **no_answer**: nobody was reached and nobody is to blame: it rang out, the caller gave up while
//!   it rang or in a menu, the queue's longest wait was over, an operator ended the call.
//! - **busy**: the callee was in another call, or the queue was full.
//! - **rejected**: the callee declined, or the caller may not dial this.
//! - **failed**: everything else: no such number, no common codec, the network, a fault of ours.
//!
//! `answered_at` is the moment of that answer, and `talk_seconds` runs from it to the end of the
//! call, hold included. `accepted_at` is the moment Offhook accepted the first leg, which is when a
//! carrier begins to charge. `wait_seconds` is the sum of all waits in queues, each from entering
//! to leaving it by whichever way, and does not include the time in a menu.

mod fold;
mod moves;
mod open_call;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cause::HangupCause;
use crate::event::{Direction, EndedBy};
use crate::fax::FaxTone;
use crate::id::{AgentId, CallId, DidId, LegId, QueueId, RecordingId, TrunkId};
use crate::sdp::Codec;

pub use fold::CdrFold;

/// How a call went, in one word. The module's front page says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// The caller reached somebody.
    Answered,
    /// The caller left while waiting in a queue.
    Abandoned,
    /// Nobody was reached, and nobody is to blame.
    NoAnswer,
    /// The callee was in another call, or the queue was full.
    Busy,
    /// The callee declined, or the caller may not dial this.
    Rejected,
    /// The call could not be made.
    Failed,
}

impl Disposition {
    /// Every disposition.
    pub const ALL: &[Self] = &[
        Self::Answered,
        Self::Abandoned,
        Self::NoAnswer,
        Self::Busy,
        Self::Rejected,
        Self::Failed,
    ];

    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Abandoned => "abandoned",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }

    /// What a call came to that ended for `cause` without anybody having been reached.
    #[must_use]
    pub fn unanswered(cause: HangupCause) -> Self {
        match cause {
            HangupCause::UserBusy => Self::Busy,
            HangupCause::CallRejected | HangupCause::NotAllowed | HangupCause::OutsideHours => {
                Self::Rejected
            }
            HangupCause::NormalClearing
            | HangupCause::OriginatorCancel
            | HangupCause::AnsweredElsewhere
            | HangupCause::Transferred
            | HangupCause::NoUserResponse
            | HangupCause::NoAnswer
            | HangupCause::SubscriberAbsent
            | HangupCause::QueueTimeout
            | HangupCause::Administrative => Self::NoAnswer,
            HangupCause::UnallocatedNumber
            | HangupCause::InvalidNumber
            | HangupCause::NoCommonCodec
            | HangupCause::Congestion
            | HangupCause::NetworkOutOfOrder
            | HangupCause::ProtocolError
            | HangupCause::RecoveryOnTimerExpiry
            | HangupCause::MediaTimeout
            | HangupCause::InternalError => Self::Failed,
        }
    }
}

/// The record of one finished call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cdr {
    /// The call.
    pub id: CallId,
    /// Who set it up.
    pub direction: Direction,
    /// The calling number.
    pub from: String,
    /// The caller's display name, if any.
    pub from_name: Option<String>,
    /// The number dialled.
    pub to: String,
    /// The public number it came in by.
    pub did: Option<DidId>,
    /// The trunk it came in by.
    pub trunk: Option<TrunkId>,
    /// The SIP Call-ID of the first leg.
    pub sip_call_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When Offhook accepted the first leg, be it only to play a menu.
    pub accepted_at: Option<Timestamp>,
    /// When somebody was reached.
    pub answered_at: Option<Timestamp>,
    /// When its last leg was gone.
    pub ended_at: Timestamp,
    /// How it went.
    pub disposition: Disposition,
    /// The last queue the caller waited in.
    pub queue: Option<QueueId>,
    /// The agent who answered first.
    pub agent: Option<AgentId>,
    /// Time spent waiting in queues, in seconds with milliseconds.
    pub wait_seconds: f64,
    /// Time from the answer to the end, in seconds with milliseconds; 0 without an answer.
    pub talk_seconds: f64,
    /// Why it ended.
    pub hangup_cause: HangupCause,
    /// Which side ended it.
    pub ended_by: EndedBy,
    /// What was recorded and is kept, in the order it began.
    pub recordings: Vec<RecordingId>,
    /// The worst of what its legs' networks did; none if nothing was measured.
    pub quality: Option<Quality>,
    /// The number a party was sent to last by a transfer that went well.
    #[serde(default)]
    pub transferred_to: Option<String>,
    /// The number of who sent it there; none: an operator, if there was a transfer.
    #[serde(default)]
    pub transferred_by: Option<String>,
    /// The extension whose phone sent the caller on last.
    #[serde(default)]
    pub forwarded_by: Option<String>,
    /// The call to which a leg of this one went, or from which one came: the other half of an
    /// attended transfer, or of a call that was picked up.
    #[serde(default)]
    pub linked_call: Option<CallId>,
    /// Its legs in the order they came. Of very many only the last
    /// [`MAX_LEGS`](Cdr::MAX_LEGS) and those that were answered are kept.
    pub legs: Vec<CdrLeg>,
}

impl Cdr {
    /// How many legs a record lists at most; a caller who waits for hours is rung for hundreds of
    /// times.
    pub const MAX_LEGS: usize = 256;
}

/// One party's part in a finished call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CdrLeg {
    /// The leg.
    pub id: LegId,
    /// Which way it was set up.
    pub direction: Direction,
    /// The extension at its far end, if it is one of ours.
    pub extension: Option<String>,
    /// The far end as shown: number or URI.
    pub remote: String,
    /// The agent at its far end, if it was rung for one.
    pub agent: Option<AgentId>,
    /// When it came to be.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended; none only if the record was made of an interrupted call.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub cause: Option<HangupCause>,
    /// What its network was like.
    pub quality: Option<Quality>,
    /// By what its far end was recognised as a fax, if it was.
    #[serde(default)]
    pub fax: Option<FaxTone>,
}

/// What a network did to the audio we received.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Packets lost of those expected, in percent.
    pub loss_percent: f64,
    /// Interarrival jitter in milliseconds (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
    /// Round trip in milliseconds, if the far end reported.
    pub round_trip_ms: Option<f64>,
    /// The codec spoken last.
    #[serde(default)]
    pub codec: Option<Codec>,
    /// Packets that came too late to be heard or were passed over because they would have had to
    /// wait too long, in percent of those received.
    #[serde(default)]
    pub late_percent: f64,
    /// The longest wait in the jitter buffer in milliseconds, where there was one.
    #[serde(default)]
    pub buffered_ms: Option<f64>,
    /// The worst mean opinion score of a few seconds (ITU-T G.107), 1 to 4.5.
    #[serde(default)]
    pub mos_min: Option<f64>,
    /// The mean of all of them.
    #[serde(default)]
    pub mos_mean: Option<f64>,
    /// Of how many it is the mean; of no interest once the call is over.
    #[serde(skip)]
    pub scores: u32,
}

impl Quality {
    /// From the counters of a leg.
    #[must_use]
    pub fn measured(
        received: u64,
        lost: u64,
        jitter_micros: u32,
        round_trip_micros: Option<u32>,
    ) -> Self {
        Self {
            loss_percent: share(lost, received.saturating_add(lost)),
            jitter_ms: f64::from(jitter_micros) / 1000.0,
            round_trip_ms: round_trip_micros.map(|micros| f64::from(micros) / 1000.0),
            codec: None,
            late_percent: 0.0,
            buffered_ms: None,
            mos_min: None,
            mos_mean: None,
            scores: 0,
        }
    }

    /// These figures and later ones of the same leg. Loss is a running total, so the newest is the
    /// truth; of jitter and round trip the worst is what was heard.
    #[must_use]
    pub(crate) fn later(self, newest: Self) -> Self {
        Self {
            loss_percent: newest.loss_percent,
            late_percent: newest.late_percent,
            codec: newest.codec.or(self.codec),
            ..self.worse(newest)
        }
    }

    /// With a further score, if there is one.
    #[must_use]
    pub(crate) fn scored(self, mos: Option<f64>) -> Self {
        let Some(mos) = mos else { return self };
        let scores = self.scores.saturating_add(1);
        let mean = self.mos_mean.unwrap_or(mos);
        Self {
            mos_min: Some(self.mos_min.map_or(mos, |least| least.min(mos))),
            mos_mean: Some(mean + (mos - mean) / f64::from(scores)),
            scores,
            ..self
        }
    }

    /// The worse of the two in each respect.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            loss_percent: self.loss_percent.max(other.loss_percent),
            jitter_ms: self.jitter_ms.max(other.jitter_ms),
            round_trip_ms: greatest(self.round_trip_ms, other.round_trip_ms),
            late_percent: self.late_percent.max(other.late_percent),
            buffered_ms: greatest(self.buffered_ms, other.buffered_ms),
            // What the worse of the two spoke.
            codec: match (self.mos_mean, other.mos_mean) {
                (Some(one), Some(two)) if two < one => other.codec,
                (None, Some(_)) => other.codec,
                (Some(_) | None, Some(_) | None) => self.codec.or(other.codec),
            },
            mos_min: least(self.mos_min, other.mos_min),
            mos_mean: least(self.mos_mean, other.mos_mean),
            scores: self.scores,
        }
    }
}

/// So much of a whole, in percent with two digits.
fn share(part: u64, whole: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "packet counters of one call stay far below 2^52"
    )]
    let share = if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    };
    (share * 10_000.0).round() / 100.0
}

fn greatest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

fn least(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Seconds with milliseconds from one moment to a later one; 0 if it is not later.
#[must_use]
pub fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    let millis = to.duration_since(from).as_millis().max(0);
    #[expect(
        clippy::cast_precision_loss,
        reason = "the milliseconds of a call stay far below 2^52"
    )]
    let seconds = millis as f64 / 1000.0;
    seconds
}

#[cfg(test)]
mod tests;
