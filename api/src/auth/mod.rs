//! Who is asking, and what they may do.
//!
//! A request carries `Authorization: Bearer TOKEN`. Browsers cannot set that header on a WebSocket,
//! an event source or an audio element, so the routes for those also take `?access_token=`
//! (RFC 6750 section 2.3).

mod caller;
mod limiter;
mod source;

pub use caller::{Caller, Own, StreamCaller};
pub use limiter::FailureLimiter;
pub use source::Source;
