//! Where a call's effects go.

use std::sync::Arc;

use offhook_core::CallId;
use offhook_core::directory::Directory;

use super::{CallEffect, CallInput};

/// Everything around calls, as one call sees it.
pub trait Neighbours: Send + Sync + 'static {
    /// Does what a call wants. What is known at once comes back as the answer; the rest comes later
    /// through [`Calls::tell`](super::Calls::tell).
    fn perform(&self, call: CallId, effect: CallEffect) -> Option<CallInput>;

    /// Nothing more comes for the moment: whoever gathers what it was told looks at it now.
    fn settle(&self) {}

    /// A call is gone without having been able to say good-bye: let everybody go who was in it.
    fn call_gone(&self, call: CallId);

    /// The office as it is now.
    fn directory(&self) -> Arc<Directory>;
}
