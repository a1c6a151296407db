//! What the benches in `benches/` and the two load programs share. `load/` plays callers and agents
//! against a whole server, `media/` phones against the media engine alone; `docs/benchmarks.md` says
//! how to run them.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`rtp`] | many phones' RTP, and what they hear |
//! | [`socket`], [`clock`] | packets with the kernel's time of arrival, and that time |
//! | [`figures`], [`report`] | what was measured, and how it is told |
//! | [`process`] | CPU, memory and files of a process |

pub mod clock;
pub mod figures;
pub mod process;
pub mod report;
pub mod rtp;
pub mod socket;

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
