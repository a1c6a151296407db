//! Requests that belong to no call: OPTIONS to a carrier, REGISTER, NOTIFY, MESSAGE.

use std::fmt;

use offhook_core::sip::endpoint::TxnFailure;
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::message::{Request, Response};

/// What became of such a request: its final response, or why there is none.
pub type Answer = Result<Response, TxnFailure>;

/// Who is told what became of a request. It is told exactly once, also when signalling falls.
pub struct Reply(Option<Box<dyn FnOnce(Answer) + Send>>);

impl Reply {
    /// Tells `listener`, on the task all signalling runs on: it must return at once, by putting a
    /// message into a mailbox.
    pub fn new(listener: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self(Some(Box::new(listener)))
    }

    pub(crate) fn tell(mut self, answer: Answer) {
        if let Some(listener) = self.0.take() {
            listener(answer);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(listener) = self.0.take() {
            listener(Err(TxnFailure::Transport));
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// A request that wants to go out, other than INVITE and ACK. Via is still to be added.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) request: Request,
    pub(crate) next_hop: NextHop,
    pub(crate) reply: Reply,
}
