//! Whether media is protected, over the wire.

use offhook_core::sdp::SrtpPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether media is protected by SRTP. Its keys travel in SIP, so use TLS there as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SrtpPolicy)]
pub enum SrtpDto {
    /// Never: an offer that insists on it is refused.
    Off,
    /// Where the far end offers keys; our offers have none.
    Optional,
    /// As optional, and our offers carry keys that the far end may ignore (RTP/AVP with `a=crypto`).
    BestEffort,
    /// Always: an offer without keys is refused, and ours are RTP/SAVP.
    Required,
}

impl From<SrtpPolicy> for SrtpDto {
    fn from(policy: SrtpPolicy) -> Self {
        match policy {
            SrtpPolicy::Off => Self::Off,
            SrtpPolicy::Optional => Self::Optional,
            SrtpPolicy::BestEffort => Self::BestEffort,
            SrtpPolicy::Required => Self::Required,
        }
    }
}

impl From<SrtpDto> for SrtpPolicy {
    fn from(policy: SrtpDto) -> Self {
        match policy {
            SrtpDto::Off => Self::Off,
            SrtpDto::Optional => Self::Optional,
            SrtpDto::BestEffort => Self::BestEffort,
            SrtpDto::Required => Self::Required,
        }
    }
}
