//! When calls are placed.

use anyhow::Result;

use crate::sip::Sip;
use offhook_benches::clock::{self, MS, Nanos, SECOND};

/// A number of calls, one after the other.
#[derive(Debug)]
pub(crate) struct Pace {
    next: u32,
    calls: u32,
    /// On average.
    interval: Nanos,
    due: Nanos,
}

impl Pace {
    /// So many calls a second.
    pub(crate) fn even(rate: u32, calls: u32) -> Self {
        Self {
            next: 0,
            calls,
            interval: SECOND / u64::from(rate.max(1)),
            due: clock::now(),
        }
    }

    /// The number of the call that is to be placed now, if there is one.
    pub(crate) fn due(&mut self) -> Option<u32> {
        self.due_after(1.0)
    }

    /// The same for callers who know nothing of each other: the next comes after an exponentially
    /// distributed time. `chance` lies between 0 and 1.
    pub(crate) fn due_at_random(&mut self, chance: f64) -> Option<u32> {
        self.due_after(-chance.ln())
    }

    fn due_after(&mut self, intervals: f64) -> Option<u32> {
        if self.is_over() || clock::now() < self.due {
            return None;
        }
        let pause = clock::seconds(self.interval) * intervals;
        self.due += clock::from_seconds(pause);
        self.next += 1;
        Some(self.next - 1)
    }

    /// Whether all were placed.
    pub(crate) fn is_over(&self) -> bool {
        self.next == self.calls
    }

    /// Until the next is due.
    pub(crate) fn pause(&self) -> Nanos {
        if self.is_over() {
            return MS;
        }
        self.due.saturating_sub(clock::now()).min(MS)
    }
}

/// A caller's number outside.
pub(crate) fn number_outside(call: u32) -> String {
    format!("+4915{call:08}")
}

/// Lets calls go on for a while.
pub(crate) fn settle(sip: &mut Sip, length: Nanos) -> Result<()> {
    let until = clock::now() + length;
    while clock::now() < until {
        sip.turn(10 * MS)?;
    }
    Ok(())
}
