//! What a process used, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::clock::{self, MS, Nanos};
use crate::report::Report;

/// A tick of `/proc/PID/stat`, on every Linux of the last decades.
const TICK: Nanos = 10 * MS;

/// What a process had used at one moment.
#[derive(Debug, Clone)]
pub struct Usage {
    at: Nanos,
    /// User and system time, in ticks.
    ticks: u64,
    /// The same by the name of the thread, in nanoseconds; threads that ended are missing.
    threads: BTreeMap<String, Nanos>,
}

/// What it used between two moments.
#[derive(Debug)]
pub struct Used {
    seconds: f64,
    cpu_seconds: f64,
    threads: BTreeMap<String, f64>,
}

impl Usage {
    /// Of this process.
    pub fn own() -> Result<Self> {
        Self::of(std::process::id())
    }

    /// Of a process.
    pub fn of(pid: u32) -> Result<Self> {
        let process = format!("/proc/{pid}");
        let (_, ticks) = stat(Path::new(&process))?;
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("{process}/task"))? {
            // A thread may end while we look.
            let thread = thread?.path();
            if let Ok((name, ticks)) = stat(&thread) {
                *threads.entry(name).or_default() += scheduled(&thread).unwrap_or(ticks * TICK);
            }
        }
        Ok(Self {
            at: clock::now(),
            ticks,
            threads,
        })
    }

    /// What was used since `before`.
    pub fn since(&self, before: &Self) -> Used {
        let thread = |(name, nanos): (&String, &Nanos)| {
            let before = before.threads.get(name).copied().unwrap_or(0);
            (name.clone(), clock::seconds(nanos.saturating_sub(before)))
        };
        Used {
            seconds: clock::seconds(self.at.saturating_sub(before.at)),
            cpu_seconds: clock::seconds(self.ticks.saturating_sub(before.ticks) * TICK),
            threads: self.threads.iter().map(thread).collect(),
        }
    }
}

impl Used {
    /// The time between the two moments.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// CPU in percent of one core.
    pub fn percent(&self) -> f64 {
        100.0 * self.cpu_seconds / self.seconds
    }

    /// CPU time in milliseconds.
    pub fn cpu_ms(&self) -> f64 {
        1000.0 * self.cpu_seconds
    }

    /// CPU of the threads whose name begins like this, in percent of one core.
    pub fn percent_of(&self, prefix: &str) -> f64 {
        let threads = self.threads.iter();
        let ours = threads.filter(|(name, _)| name.starts_with(prefix));
        100.0 * ours.map(|(_, seconds)| seconds).sum::<f64>() / self.seconds
    }

    /// Adds what each kind of thread whose name begins like this used, in percent of a core.
    pub fn threads_into(&self, report: &mut Report, prefix: &str) {
        for (name, cpu_seconds) in &self.threads {
            if *cpu_seconds > 0.0 && name.starts_with(prefix) {
                let percent = 100.0 * cpu_seconds / self.seconds;
                report.add(format!("  threads \"{name}\""), percent, "% of core");
            }
        }
    }
}

/// For how long a thread was on a core; `None` where the kernel does not keep count.
fn scheduled(thread: &Path) -> Option<Nanos> {
    let text = fs::read_to_string(thread.join("schedstat")).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
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
pub fn resident_kb(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    number.context("no VmRSS")
}

/// Open files and sockets.
pub fn open_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
