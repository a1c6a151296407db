//! `media table`: every command in the size its goals are meant for, as one table.

mod machine;
mod markdown;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use offhook_benches::report::Report;

use crate::Common;

/// What is run: its words, the size, and what the size is called.
const RUNS: [Run; 10] = [
    Run::timed(&["floor"], "--calls", 500),
    Run::timed(&["relay"], "--calls", 500),
    Run::timed(&["transcode"], "--calls", 200),
    Run::timed(&["srtp"], "--calls", 500),
    Run::timed(&["record"], "--calls", 500),
    Run::timed(&["music"], "--listeners", 500),
    Run::timed(&["conference"], "--members", 100),
    Run::timed(&["conference", "--talkers", "5"], "--members", 500),
    Run::once(&["memory"], "--legs", 2000),
    Run::once(&["churn"], "--calls", 10_000),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Table {
    /// For how long each is measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Percent of the calls, legs and members that the goals are meant for.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    percent: u32,
}

/// One run, in a process of its own.
#[derive(Debug)]
struct Run {
    words: &'static [&'static str],
    size: (&'static str, u32),
    timing: Timing,
}

#[derive(Debug, PartialEq, Eq)]
enum Timing {
    /// Takes as long as it is told.
    Timed,
    /// Takes as long as it takes.
    Once,
}

impl Table {
    /// Runs all and prints the table; what else they print goes where errors go.
    pub(crate) fn run(&self, common: &Common) -> Result<()> {
        let machine = machine::describe()?;
        let folder = tempfile::tempdir()?;
        let mut done = Vec::new();
        for (number, run) in RUNS.iter().enumerate() {
            let path = folder.path().join(format!("{number}.json"));
            let arguments = run.arguments(self.seconds, self.percent);
            let report = execute(&arguments, common, &path);
            if let Err(error) = &report {
                eprintln!("{}: {error:#}", arguments.join(" "));
            }
            done.push((arguments.join(" "), report.ok()));
        }
        print!("{}", markdown::table(&machine, &done));
        if let Some(path) = &common.json {
            let reports: Vec<&Report> = done.iter().filter_map(|(_, one)| one.as_ref()).collect();
            let text = serde_json::to_string_pretty(&reports)?;
            std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
        }
        let failed = done.iter().filter(|(_, report)| report.is_none()).count();
        ensure!(failed == 0, "{failed} runs failed");
        Ok(())
    }
}

impl Run {
    const fn timed(words: &'static [&'static str], option: &'static str, size: u32) -> Self {
        Self {
            words,
            size: (option, size),
            timing: Timing::Timed,
        }
    }

    const fn once(words: &'static [&'static str], option: &'static str, size: u32) -> Self {
        Self {
            words,
            size: (option, size),
            timing: Timing::Once,
        }
    }

    fn arguments(&self, seconds: u64, percent: u32) -> Vec<String> {
        let mut arguments: Vec<String> = self.words.iter().map(|&word| word.to_owned()).collect();
        let (option, size) = self.size;
        arguments.extend([option.to_owned(), (size * percent / 100).max(2).to_string()]);
        if self.timing == Timing::Timed {
            arguments.extend(["--seconds".to_owned(), seconds.to_string()]);
        }
        arguments
    }
}

/// Has this program run once more and gives what it found.
fn execute(arguments: &[String], common: &Common, path: &Path) -> Result<Report> {
    let status = Command::new(std::env::current_exe()?)
        .args(arguments)
        .args(["--shards", &common.shards.to_string()])
        .args(["--rtp-threads", &common.rtp_threads.to_string()])
        .arg("--json")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()?;
    ensure!(status.success(), "ended with {status}");
    Report::read(path)
}
