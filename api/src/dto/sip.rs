//! What of signalling is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use offhook_actors::alarm;
use offhook_actors::defence::DefenceStats;
use offhook_actors::edge::{EdgeStats, SipTraffic, Tally};
use offhook_core::CallId;
use offhook_core::sip::glimpse::Glimpse;
use offhook_core::sip::trace::{CallTrace, TracedMessage, Way, redacted};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The SIP messages of a call, of all its legs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SipTrace)]
pub struct SipTraceView {
    /// The call.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// The messages in the order they went.
    pub messages: Vec<SipMessageView>,
    /// How many were not kept, after the first ones.
    pub left_out: usize,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SipMessage)]
pub struct SipMessageView {
    /// When.
    pub at: Timestamp,
    /// `received` or `sent`.
    #[schema(value_type = String, example = "received")]
    pub direction: Way,
    /// Over what.
    #[schema(example = "udp")]
    pub transport: String,
    /// Our address, as the peer sees it.
    #[schema(example = "192.0.2.10:5060")]
    pub local: String,
    /// The peer's address.
    #[schema(example = "192.0.2.44:5062")]
    pub peer: String,
    /// The first line.
    #[schema(example = "SIP/2.0 180 Ringing")]
    pub first_line: String,
    /// The message, with credentials and keys hidden.
    pub text: String,
}

/// How a trace is wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    /// `json`, or `ladder` for a drawing as text. None: as the `Accept` header says.
    #[param(inline)]
    pub format: Option<TraceFormat>,
}

/// The forms a trace comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceFormat {
    /// A list of messages.
    Json,
    /// A drawing as text.
    Ladder,
}

impl SipTraceView {
    /// How a trace is shown.
    #[must_use]
    pub fn of(call_id: CallId, trace: &CallTrace) -> Self {
        Self {
            call_id,
            messages: trace.messages.iter().map(SipMessageView::of).collect(),
            left_out: trace.left_out,
        }
    }
}

impl SipMessageView {
    fn of(message: &TracedMessage) -> Self {
        let first_line = Glimpse::of(&message.data).first_line();
        Self {
            at: alarm::wall_at(message.at),
            direction: message.way,
            transport: message.transport.as_str().to_ascii_lowercase(),
            local: message.local.to_string(),
            peer: message.peer.to_string(),
            first_line: String::from_utf8_lossy(first_line).into_owned(),
            text: redacted(&message.data),
        }
    }
}

/// Figures of signalling since the server started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SipStats)]
pub struct SipStatsView {
    /// Messages that came in, retransmissions included.
    pub received: TallyView,
    /// Messages that went out, retransmissions included.
    pub sent: TallyView,
    /// What came in and was no message.
    pub broken: u64,
    /// Requests that peers sent again.
    pub repeated_received: u64,
    /// Messages sent again because a timer fired.
    pub repeated_sent: u64,
    /// What was kept out, by why: `denied`, `banned`, `limited`, `scanner`, `connections`,
    /// `overload`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Wrong passwords.
    pub failed_logins: u64,
    /// Bans that hold.
    pub bans: usize,
    /// Connections that stand.
    pub connections: usize,
    /// Transactions that are remembered.
    pub transactions: usize,
    /// Dialogs of calls.
    pub dialogs: usize,
}

/// Messages of one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SipTally)]
pub struct TallyView {
    /// Requests by method.
    pub requests: BTreeMap<&'static str, u64>,
    /// Responses by class.
    pub responses: BTreeMap<&'static str, u64>,
    /// All messages by transport.
    pub transports: BTreeMap<String, u64>,
}

impl TallyView {
    fn of(tally: &Tally) -> Self {
        let lower = |(name, count): &(&str, u64)| (name.to_ascii_lowercase(), *count);
        Self {
            requests: tally.requests.iter().copied().collect(),
            responses: tally.responses.iter().copied().collect(),
            transports: tally.transports.iter().map(lower).collect(),
        }
    }
}

impl SipStatsView {
    /// How the figures are shown.
    #[must_use]
    pub fn of(traffic: &SipTraffic, edge: &EdgeStats, defence: &DefenceStats) -> Self {
        let dropped = &defence.dropped;
        Self {
            received: TallyView::of(&traffic.received),
            sent: TallyView::of(&traffic.sent),
            broken: traffic.broken,
            repeated_received: traffic.repeated_received,
            repeated_sent: traffic.repeated_sent,
            dropped: BTreeMap::from([
                ("denied", dropped.denied),
                ("banned", dropped.banned),
                ("limited", dropped.limited),
                ("scanner", dropped.scanners),
                ("connections", dropped.connections),
                ("overload", edge.dropped),
            ]),
            failed_logins: edge.failed_logins,
            bans: defence.banned,
            connections: edge.connections,
            transactions: edge.transactions,
            dialogs: edge.dialogs,
        }
    }
}
