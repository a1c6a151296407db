//! Which phones are asked whether they are there.

use serde::{Deserialize, Serialize};

/// Which registered phones are asked with OPTIONS whether they are there. Only those on datagrams and
/// without a proxy before them ever are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PingPhones {
    /// None.
    Never,
    /// Those whose Contact is another address than the one they are seen at.
    #[default]
    BehindNat,
    /// All.
    Always,
}
