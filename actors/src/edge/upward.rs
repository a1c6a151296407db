//! Whom the edge tells about calls.

use offhook_core::sip::invite::UsageInput;
use offhook_core::{HangupCause, LegId};

use crate::call::IncomingCall;

/// The calls, as the edge sees them. Called from the one task that all signalling runs on, so every
/// method returns at once: it puts a message into a mailbox.
pub trait CallSide: Send + Sync {
    /// Begins a call with this INVITE and names its first leg. What follows for the leg comes by
    /// [`sip_input`](Self::sip_input).
    ///
    /// # Errors
    /// The cause to refuse the INVITE with.
    fn incoming(&self, call: IncomingCall) -> Result<LegId, HangupCause>;

    /// Something arrived for a leg.
    fn sip_input(&self, leg: LegId, input: UsageInput);

    /// Whether one more call may begin now.
    ///
    /// # Errors
    /// The cause to refuse it with.
    fn admits(&self) -> Result<(), HangupCause>;
}
