//! What the benches in `benches/` share. The load harness is in `load/`; `docs/benchmarks.md` says how
//! to run both.

use std::time::Instant;

/// The machines measured here are told the time; this is where theirs begins.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "virtual time has to start somewhere"
)]
pub fn start() -> Instant {
    Instant::now()
}
