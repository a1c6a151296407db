//! What both sides have said about the session.

use std::fmt;

use bytes::Bytes;

/// The descriptions in force, as they went over the wire: with their keys, so `Debug` shows none of
/// them.
#[derive(Clone, Default)]
pub(super) struct Described {
    /// Ours.
    pub(super) local: Option<Bytes>,
    /// The peer's.
    pub(super) remote: Option<Bytes>,
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").finish_non_exhaustive()
    }
}
