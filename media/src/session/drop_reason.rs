//! Why packets are dropped; counted by the engine.

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Not RTP, or RTP that lies about itself (RFC 3550 appendix A.1).
    Malformed,
    /// Before the leg had a remote, or while it is on hold.
    NotWanted,
    /// From another address than the leg is latched to, or too few packets to latch.
    Stranger,
    /// A payload type that was not agreed on.
    UnknownPayload,
    /// Older than what went out since, or sent twice.
    Late,
    /// The far end of the listening leg cannot take it, or may not be sent to.
    Unsendable,
    /// The network refused it.
    SendFailed,
}

impl DropReason {
    /// Every reason, in the order the counters are kept.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::NotWanted,
        Self::Stranger,
        Self::UnknownPayload,
        Self::Late,
        Self::Unsendable,
        Self::SendFailed,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotWanted => "not_wanted",
            Self::Stranger => "stranger",
            Self::UnknownPayload => "unknown_payload",
            Self::Late => "late",
            Self::Unsendable => "unsendable",
            Self::SendFailed => "send_failed",
        }
    }
}
