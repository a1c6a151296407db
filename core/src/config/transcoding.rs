//! What is done so that two who talk speak the same codec.

use serde::{Deserialize, Serialize};

/// How far the server goes to spare a bridge the transcoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AvoidTranscoding {
    /// Nobody is asked for anything: each leg has the codec that stands first.
    Off,
    /// Whoever is called is offered first what the caller speaks, then what else the caller could.
    #[default]
    Offer,
    /// That, and a leg that ends up with another codec all the same is asked, once both talk, to
    /// change to one that both know (re-INVITE).
    Reinvite,
}
