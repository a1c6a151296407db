//! Where a call's effects go.

use std::sync::Arc;

use offhook_core::CallId;
use offhook_core::directory::Directory;

use super::{CallEffect, CallInput};

/// Whether there is something left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// All is done.
    Nothing,
    /// There is more.
    More,
}

/// Everything around calls, as one call sees it.
pub trait Neighbours: Send + Sync + 'static {
    /// Does what a call wants. What is known at once comes back as the answer; the rest comes later
    /// through [`Calls::tell`](super::Calls::tell).
    fn perform(&self, call: CallId, effect: CallEffect) -> Option<CallInput>;

    /// Nothing more comes for the moment: whoever gathers what it was told looks at it now, unless all
    /// of it may wait for [`settle_rest`](Self::settle_rest).
    fn settle(&self) -> Left {
        Left::Nothing
    }

    /// Whoever gathers what it was told looks at all of it.
    fn settle_rest(&self) {}

    /// A call is gone without having been able to say good-bye: let everybody go who was in it.
    fn call_gone(&self, call: CallId);

    /// The office as it is now.
    fn directory(&self) -> Arc<Directory>;
}
