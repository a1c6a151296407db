//! `load idle`: what a server costs that nobody uses.

use anyhow::{Result, ensure};

use crate::Common;
use crate::server::Server;
use offhook_benches::clock::{self, SECOND};
use offhook_benches::figures::Samples;
use offhook_benches::process::resident_kb;
use offhook_benches::report::Report;

#[derive(Debug, clap::Args)]
pub(crate) struct Idle {
    /// How often it is started.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    starts: u32,
    /// For how long it is watched.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

impl Idle {
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        ensure!(common.server == "spawn", "idle starts servers of its own");
        let (mut first, mut again) = (Samples::default(), Samples::default());
        let (binary, config) = (common.binary.as_deref(), common.config.as_deref());
        for _ in 0..self.starts {
            let server = Server::spawn(binary, config)?;
            first.push(server.started_in());
            let server = Server::start(binary, config, server.end()?)?;
            again.push(server.started_in());
            drop(server);
        }
        let server = Server::spawn(binary, config)?;
        clock::pause(SECOND);
        let before = server.usage()?;
        clock::pause(self.seconds * SECOND);
        let used = server.usage()?.since(&before);

        let mut report = Report::new(format!("idle, {} starts", self.starts));
        for (name, times) in [
            ("start-up on an empty folder", &mut first),
            ("start-up again", &mut again),
        ] {
            for (what, per_mille) in [("p50", 500), ("max", 1000)] {
                let time = times.percentile(per_mille).map(clock::ms);
                report.add(format!("{name}, {what}"), time, "ms");
                report.goal(500.0);
            }
        }
        report.add("memory", resident_kb(server.pid())? / 1024.0, "MB");
        report.goal(40.0);
        report.add("CPU", used.percent(), "% of core");
        Ok(report)
    }
}
