//! What both sides have said about the session.

use bytes::Bytes;

/// The descriptions in force, as they went over the wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Described {
    /// Ours.
    pub(super) local: Option<Bytes>,
    /// The peer's.
    pub(super) remote: Option<Bytes>,
}
