//! Why packets are dropped; counted by the engine.

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Not RTP, or RTP that lies about itself (RFC 3550 appendix A.1).
    Malformed,
    /// Before the leg had a remote, or while it is on hold.
    NotWanted,
    /// Not protected, though the far end agreed to keys.
    NotSecured,
    /// Its tag is not that of the far end's key.
    Forged,
    /// Protected, but it came before or is too old to know (RFC 3711 section 3.3.2).
    Replayed,
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
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::NotWanted,
        Self::NotSecured,
        Self::Forged,
        Self::Replayed,
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
            Self::NotSecured => "not_secured",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::Stranger => "stranger",
            Self::UnknownPayload => "unknown_payload",
            Self::Late => "late",
            Self::Unsendable => "unsendable",
            Self::SendFailed => "send_failed",
        }
    }
}
