//! Which ports a test may take, so that tests that run at the same time leave each other's alone.

use std::ops::Range;

/// Places there are; nextest runs far fewer tests at once.
const PLACES: u16 = 16;

/// The place of this test among those that run now. The runner numbers them; without one, tests of
/// one process share a place, as they have always shared a machine.
#[must_use]
pub fn place() -> u16 {
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok();
    let slot = slot.and_then(|slot| slot.parse::<u16>().ok());
    slot.unwrap_or(0) % PLACES
}

/// The part of `ports` that belongs to this test's place.
#[must_use]
pub fn own(ports: &Range<u16>) -> Range<u16> {
    let share = (ports.end - ports.start) / PLACES;
    let first = ports.start + place() * share;
    first..first + share
}
