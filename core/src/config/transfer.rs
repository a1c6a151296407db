//! What becomes of transfers that lead nowhere.

use serde::{Deserialize, Serialize};

/// What becomes of a party whose transfer led nowhere, when who transferred it has hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostTransfer {
    /// It hears that nobody is there, and the call ends.
    #[default]
    Ends,
    /// Who transferred it is rung.
    Returns,
}
