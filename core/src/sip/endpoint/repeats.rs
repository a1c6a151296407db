//! Messages that went more than once.

/// How often something was sent again, since the endpoint began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeats {
    /// Requests that peers sent again.
    pub received: u64,
    /// Requests and responses that we sent again because a timer fired.
    pub sent: u64,
}
