//! `load register`: an office of phones that keep registering.

use anyhow::{Result, ensure};

use crate::Common;
use crate::census;
use crate::office;
use crate::pace::{Pace, settle};
use crate::server::Server;
use crate::sip::{HangsUp, Plan, Sip, SipEvent};
use offhook_benches::clock::{self, Nanos, SECOND};
use offhook_benches::figures::Samples;
use offhook_benches::process::{Usage, resident_kb};
use offhook_benches::report::Report;

/// How long the last answers may take.
const DRAIN: Nanos = 10 * SECOND;

#[derive(Debug, clap::Args)]
pub(crate) struct Registering {
    /// Phones, each with an extension and a password of its own.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    phones: u32,
    /// How often each registers again, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    every: u32,
    /// For how long they are watched, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
}

impl Registering {
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        ensure!(
            common.server == "spawn",
            "the extensions are put into the database of a server of our own"
        );
        let (server, numbers) = self.staffed(common)?;
        let plan = Plan {
            hangs_up: HangsUp::Nobody,
            talk: (0, 0),
        };
        let mut sip = Sip::new(server.sip(), plan, None)?;
        let memory = resident_kb(server.pid())?;
        let began = clock::now();
        sip.register(&numbers)?;
        let first = clock::seconds(clock::now() - began);
        settle(&mut sip, 2 * SECOND)?;
        let grown = resident_kb(server.pid())? - memory;

        let (before, own_before) = (server.usage()?, Usage::own()?);
        let (sent, mut times) = self.refresh(&mut sip)?;
        let used = server.usage()?.since(&before);
        let own = Usage::own()?.since(&own_before);

        let mut report = Report::new(format!(
            "{} phones that register every {} s, for {} s",
            self.phones, self.every, self.seconds
        ));
        report.add("all registered after", first, "s");
        report.add("memory per phone", grown / f64::from(self.phones), "KB");
        report.count("REGISTERs", sent);
        report.count("not granted", sip.unregistered());
        report.goal(0.0);
        report.count("messages sent again", sip.repeated());
        report.add("CPU", used.percent(), "% of core");
        report.goal(10.0);
        used.threads_into(&mut report, "");
        report.add("CPU per REGISTER", used.cpu_ms() / f64::from(sent), "ms");
        for (what, per_mille) in [("p50", 500), ("p99", 990), ("max", 1000)] {
            let time = times.percentile(per_mille).map(clock::ms);
            report.add(format!("REGISTER to 200, {what}"), time, "ms");
        }
        report.add("CPU of this harness", own.percent(), "% of core");
        let grown = resident_kb(server.pid())? - memory - grown;
        report.add("memory grown while they refreshed", grown / 1024.0, "MB");
        Ok(report)
    }

    /// A server with an extension for each phone.
    fn staffed(&self, common: &Common) -> Result<(Server, Vec<String>)> {
        let (binary, config) = (common.binary.as_deref(), common.config.as_deref());
        let server = Server::spawn(binary, config)?;
        let model = office::extensions(&server, 1)?;
        let model = model.first().map_or("", |one| &one.number).to_owned();
        let data = server.end()?;
        let first: u32 = model.parse()?;
        let numbers: Vec<String> = (first..first + self.phones)
            .map(|number| number.to_string())
            .collect();
        census::fill(data.path(), &model, numbers.get(1..).unwrap_or_default())?;
        Ok((Server::start(binary, config, data)?, numbers))
    }

    fn refresh(&self, sip: &mut Sip) -> Result<(u32, Samples)> {
        let rate = self.phones.div_ceil(self.every);
        let mut pace = Pace::even(rate, rate * self.seconds);
        let mut times = Samples::default();
        let mut sent = 0;
        let mut until = clock::now() + DRAIN;
        while !pace.is_over() || (sip.unregistered() > 0 && clock::now() < until) {
            while let Some(number) = pace.due() {
                sip.refresh(usize::try_from(number % self.phones)?);
                sent += 1;
                until = clock::now() + DRAIN;
            }
            sip.turn(pace.pause())?;
            while let Some(event) = sip.event() {
                if let SipEvent::Registered { sent_at, at } = event {
                    times.push(at.saturating_sub(sent_at));
                }
            }
        }
        Ok((sent, times))
    }
}
