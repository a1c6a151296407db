//! Phones that send their calls on.

use serde::{Deserialize, Serialize};

/// What becomes of a call that an extension's phone answers with a redirection (3xx): a phone that
/// was set to forward its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowRedirects {
    /// It goes where the phone says, if that is a number of this server and one that the extension
    /// may dial. A place elsewhere counts as a refusal.
    #[default]
    Inside,
    /// It counts as a refusal.
    Never,
}
