//! What the edge counts.

use std::sync::atomic::AtomicU64;

use serde::Serialize;

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) unsent: AtomicU64,
    pub(crate) refused_connections: AtomicU64,
    pub(crate) failed_logins: AtomicU64,
    pub(crate) refused_calls: AtomicU64,
    pub(crate) falls: AtomicU64,
}

/// The edge's figures, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct EdgeStats {
    /// Messages received, well formed or not.
    pub received: u64,
    /// Datagrams dropped because too many were waiting.
    pub dropped: u64,
    /// Messages that could not be sent: the system was busy, or the connection gone.
    pub unsent: u64,
    /// Messages waiting to be worked on.
    pub waiting: usize,
    /// TCP connections that stand.
    pub connections: usize,
    /// TCP connections refused by a limit.
    pub refused_connections: u64,
    /// SIP transactions that are remembered.
    pub transactions: usize,
    /// Legs with something to route.
    pub legs: usize,
    /// Dialogs with a leg.
    pub dialogs: usize,
    /// Wrong passwords.
    pub failed_logins: u64,
    /// Sources banned, all in all.
    pub bans: u64,
    /// INVITEs refused before they became calls, other than by a challenge.
    pub refused_calls: u64,
    /// How often the signalling task was started again after a fall.
    pub falls: u64,
}

/// Messages by what they are, since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SipTraffic {
    /// Those that came in, retransmissions included.
    pub received: Tally,
    /// Those that went out, retransmissions included.
    pub sent: Tally,
    /// What came in and was no message.
    pub broken: u64,
    /// Requests that peers sent again.
    pub repeated_received: u64,
    /// What we sent again because a timer fired.
    pub repeated_sent: u64,
    /// Messages that were not copied to the capture server because too many waited.
    pub uncopied: u64,
}

/// Messages of one way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Requests by method; those nobody has a word for are `other`.
    pub requests: Vec<(&'static str, u64)>,
    /// Responses by class: `1xx` to `6xx`.
    pub responses: Vec<(&'static str, u64)>,
    /// All messages by transport.
    pub transports: Vec<(&'static str, u64)>,
}
