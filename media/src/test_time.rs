//! Where virtual time starts in tests.

use std::time::Instant;

/// The one real reading that virtual time in a test is counted from.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only be had from the clock"
)]
pub(crate) fn epoch() -> Instant {
    use std::sync::OnceLock;
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}
