//! What a process used, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::clock::{self, Nanos};
use crate::report::Report;

/// Of `/proc/PID/stat`, on every Linux of the last decades.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process had used at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    at: Nanos,
    /// User and system time, in ticks.
    ticks: u64,
    /// The same by the name of the thread; threads that ended are missing.
    threads: BTreeMap<String, u64>,
}

/// What it used between two moments.
#[derive(Debug)]
pub(crate) struct Used {
    seconds: f64,
    cpu_seconds: f64,
    threads: BTreeMap<String, f64>,
}

impl Usage {
    /// Of this process.
    pub(crate) fn own() -> Result<Self> {
        Self::of(std::process::id())
    }

    /// Of a process.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let process = format!("/proc/{pid}");
        let (_, ticks) = stat(Path::new(&process))?;
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("{process}/task"))? {
            // A thread may end while we look.
            if let Ok((name, ticks)) = stat(&thread?.path()) {
                *threads.entry(name).or_default() += ticks;
            }
        }
        Ok(Self {
            at: clock::now(),
            ticks,
            threads,
        })
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Used {
        let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
        let thread = |(name, ticks): (&String, &u64)| {
            let before = before.threads.get(name).copied().unwrap_or(0);
            (name.clone(), seconds(ticks.saturating_sub(before)))
        };
        Used {
            seconds: clock::ms(self.at.saturating_sub(before.at)) / 1000.0,
            cpu_seconds: seconds(self.ticks.saturating_sub(before.ticks)),
            threads: self.threads.iter().map(thread).collect(),
        }
    }
}

impl Used {
    /// The time between the two moments.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// CPU in percent of one core.
    pub(crate) fn percent(&self) -> f64 {
        100.0 * self.cpu_seconds / self.seconds
    }

    /// CPU time in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        1000.0 * self.cpu_seconds
    }

    /// Adds what each kind of thread used, in percent of a core.
    pub(crate) fn threads_into(&self, report: &mut Report) {
        for (name, cpu_seconds) in &self.threads {
            if *cpu_seconds > 0.0 {
                let percent = 100.0 * cpu_seconds / self.seconds;
                report.add(format!("  threads \"{name}\""), percent, "% of core");
            }
        }
    }
}

/// Name and ticks of a process or thread.
fn stat(folder: &Path) -> Result<(String, u64)> {
    let text = fs::read_to_string(folder.join("stat"))?;
    let read = || {
        let (head, tail) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let mut fields = tail.split_ascii_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
        Some((name.to_owned(), user + system))
    };
    read().with_context(|| format!("{}/stat is not understood", folder.display()))
}

/// Resident memory in kilobytes.
pub(crate) fn resident_kb(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    number.context("no VmRSS")
}

/// Open files and sockets.
pub(crate) fn open_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
