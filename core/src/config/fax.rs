//! What is done about faxes.

use serde::{Deserialize, Serialize};

/// Whether two who talk are listened to for the tones of a fax, so that its sound is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaxMode {
    /// For the first minute that two legs of G.711 are connected.
    #[default]
    Detect,
    /// They are not.
    Off,
}
