//! `load soak`: an office that works for an hour while strangers attack it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use crate::hostile::Hostile;
use crate::office::{self, Extension};
use crate::pace::{Pace, number_outside, settle};
use crate::server::Server;
use crate::sip::{HangsUp, Manner, Placed, Plan, Sip, SipEvent};
use offhook_benches::clock::{self, Nanos, SECOND};
use offhook_benches::process::{open_files, resident_kb};
use offhook_benches::report::Report;
use offhook_benches::rtp::Rtp;

/// Phones that are called, phones that call, and agents.
const PHONES: u32 = 40;
const CALLERS: u32 = 40;
const AGENTS: u32 = 20;

/// How long everything may take to be forgotten: longer than any transaction lives.
const FORGETTING: Nanos = 80 * SECOND;

/// What a soaked server must have none of in the end, by the names of its metrics.
const LEFTOVERS: [&str; 5] = [
    "offhook_calls_active",
    "offhook_sip_transactions",
    "offhook_sip_dialogs",
    "offhook_rtp_ports_in_use",
    "offhook_sip_connections",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// For how long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Calls a second.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    rate: u32,
    /// Datagrams of nonsense a second; wrong passwords and scans are a tenth of it.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    hostile: u32,
    /// How often figures are taken, in seconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
}

/// The numbers to call.
struct Numbers {
    phones: Vec<Extension>,
    dids: Vec<String>,
    queue: String,
}

/// What became of the calls.
#[derive(Debug, Default)]
struct Outcome {
    placed: u32,
    answered: u32,
    ended: u32,
    cancelled: u32,
    refused: BTreeMap<u16, u32>,
    given_up: u32,
    registered: u32,
}

/// The figures at one moment.
#[derive(Debug)]
struct Sample {
    at: Nanos,
    resident: f64,
    files: usize,
    figures: BTreeMap<String, f64>,
}

impl Soak {
    pub(crate) fn run(&self, server: &Server) -> Result<Report> {
        office::trust_only_us(server)?;
        let plan = Plan {
            hangs_up: HangsUp::Caller,
            talk: (SECOND, 4 * SECOND),
        };
        let mut sip = Sip::new(server.sip(), plan, Some(Rtp::start(1)?))?;
        let numbers = prepare(server, &mut sip)?;
        settle(&mut sip, SECOND)?;
        let mut samples = vec![Sample::of(server)?];
        let before = server.usage()?;
        let hostile = Hostile::start(server.sip(), self.hostile)?;
        let outcome = self.play(server, &mut sip, &numbers, &mut samples)?;
        let sent = hostile.stop()?;
        let used = server.usage()?.since(&before);
        let stuck = sip.busy();
        let last = until_forgotten(server, &mut sip)?;
        let mut report = self.report(&outcome, stuck, &samples, &last);
        report.add("nonsense sent", sent.rate, "datagrams/s");
        report.add("CPU", used.percent(), "% of core");
        Ok(report)
    }

    fn play(
        &self,
        server: &Server,
        sip: &mut Sip,
        numbers: &Numbers,
        samples: &mut Vec<Sample>,
    ) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let calls = self.rate * u32::try_from(self.minutes * 60)?;
        let mut pace = Pace::even(self.rate, calls);
        let lines = usize::try_from(PHONES + CALLERS + AGENTS)?;
        let mut refreshes = Pace::even(2, u32::MAX);
        let mut next = clock::now() + self.every * SECOND;
        let mut until = clock::now() + 30 * SECOND;
        while !pace.is_over() || (sip.busy() > 0 && clock::now() < until) {
            while let Some(call) = pace.due() {
                outcome.placed += 1;
                sip.place(numbers.placed(call));
                until = clock::now() + 30 * SECOND;
            }
            if let Some(number) = refreshes.due() {
                sip.refresh(usize::try_from(number)? % lines);
            }
            sip.turn(pace.pause())?;
            while let Some(event) = sip.event() {
                outcome.take(&event);
            }
            if clock::now() >= next {
                next += self.every * SECOND;
                let sample = Sample::of(server)?;
                eprintln!("{}", sample.line(samples.first()));
                samples.push(sample);
            }
        }
        Ok(outcome)
    }

    fn report(&self, outcome: &Outcome, stuck: usize, samples: &[Sample], last: &Sample) -> Report {
        let mut report = Report::new(format!(
            "soak, {} minutes, {} calls a second beside {} hostile datagrams a second",
            self.minutes, self.rate, self.hostile
        ));
        report.count("calls placed", outcome.placed);
        report.count("  answered", outcome.answered);
        report.count("  cancelled while ringing", outcome.cancelled);
        for (status, count) in &outcome.refused {
            report.count(format!("  refused with {status}"), *count);
        }
        report.count("  given up", outcome.given_up);
        report.goal(0.0);
        report.count("callers and phones stuck", stuck);
        report.goal(0.0);
        report.count("registrations refreshed", outcome.registered);
        for sample in samples {
            let minutes = samples.first().map_or(0.0, |first| sample.minutes(first));
            let memory = format!("memory after {minutes:.0} min");
            report.add(memory, sample.resident / 1024.0, "MB");
        }
        report.add("memory in the end", last.resident / 1024.0, "MB");
        if let Some(first) = samples.first() {
            report.count("files open before", first.files);
            report.count("files open in the end", last.files);
            // Connections to the database are opened when they are needed first.
            report.goal(first.files as f64 + 8.0);
        }
        for name in LEFTOVERS {
            let figure = last.figures.get(name).copied();
            report.add(format!("{name} left"), figure, "");
            report.goal(0.0);
        }
        report
    }
}

/// Extensions, numbers, agents and a queue, all phones registered and all agents ready.
fn prepare(server: &Server, sip: &mut Sip) -> Result<Numbers> {
    let extensions = office::extensions(server, PHONES + CALLERS + AGENTS)?;
    let names: Vec<String> = extensions.iter().map(|one| one.number.clone()).collect();
    sip.register(&names)?;
    let phones = usize::try_from(PHONES)?;
    let ids: Vec<&str> = extensions[..phones].iter().map(|one| &*one.id).collect();
    let dids = office::dids(server, "extension", &ids)?;
    let agents = office::agents(server, &extensions[phones + usize::try_from(CALLERS)?..])?;
    let queue = office::queue(server, &agents, "longest_idle")?;
    let queue = office::dids(server, "queue", &[&queue])?;
    for agent in &agents {
        server.put(&format!("agents/{agent}/state"), &json!({"state": "ready"}))?;
    }
    Ok(Numbers {
        phones: extensions,
        dids,
        queue: queue.into_iter().next().unwrap_or_default(),
    })
}

impl Numbers {
    /// The call with this number: of twenty, eleven come by the trunk to a phone (two of them hold,
    /// two give up, two find it busy, one dials nobody), four to the queue, five are from phone to
    /// phone.
    fn placed(&self, call: u32) -> Placed {
        let at = usize::try_from(call).unwrap_or(0);
        let did = self.dids[at % self.dids.len()].clone();
        let by_trunk = |manner, dialled| Placed {
            from: number_outside(call),
            dialled,
            line: None,
            manner,
        };
        match call % 20 {
            0..4 => by_trunk(Manner::Plain, did),
            4..6 => by_trunk(Manner::Holds, did),
            6..8 => by_trunk(Manner::Cancels, did),
            8..10 => by_trunk(Manner::Rejected, did),
            10 => by_trunk(Manner::Plain, "+49000000".to_owned()),
            11..15 => by_trunk(Manner::Plain, self.queue.clone()),
            _ => {
                let (phones, callers) = (PHONES as usize, CALLERS as usize);
                let line = phones + at % callers;
                Placed {
                    from: self.phones[line].number.clone(),
                    dialled: self.phones[at % phones].number.clone(),
                    line: Some(line),
                    manner: Manner::Plain,
                }
            }
        }
    }
}

impl Outcome {
    fn take(&mut self, event: &SipEvent) {
        match *event {
            SipEvent::Answered { .. } => self.answered += 1,
            SipEvent::Refused { status } => *self.refused.entry(status).or_default() += 1,
            SipEvent::GivenUp => self.given_up += 1,
            SipEvent::Ended { .. } => self.ended += 1,
            SipEvent::Cancelled => self.cancelled += 1,
            SipEvent::Registered { .. } => self.registered += 1,
            SipEvent::Rang { .. } | SipEvent::PhoneFree { .. } => {}
        }
    }
}

/// Waits until the server holds nothing of the calls any more, and tells what it holds then.
fn until_forgotten(server: &Server, sip: &mut Sip) -> Result<Sample> {
    let until = clock::now() + FORGETTING;
    loop {
        settle(sip, SECOND)?;
        let sample = Sample::of(server)?;
        let left = |name: &str| sample.figures.get(name).is_none_or(|left| *left > 0.0);
        if clock::now() > until || !LEFTOVERS.iter().any(|name| left(name)) {
            return Ok(sample);
        }
    }
}

impl Sample {
    fn of(server: &Server) -> Result<Self> {
        Ok(Self {
            at: clock::now(),
            resident: resident_kb(server.pid())?,
            files: open_files(server.pid())?,
            figures: server.metrics()?,
        })
    }

    fn minutes(&self, first: &Self) -> f64 {
        clock::seconds(self.at - first.at) / 60.0
    }

    /// For whoever watches.
    fn line(&self, first: Option<&Self>) -> String {
        let figure = |name: &str| self.figures.get(name).copied().unwrap_or(f64::NAN);
        format!(
            "{:6.1} min  {:7.1} MB  {:5} files  {:5} calls  {:6} transactions  {:5} dialogs  \
             {:5} connections  {:5} bans",
            first.map_or(0.0, |first| self.minutes(first)),
            self.resident / 1024.0,
            self.files,
            figure("offhook_calls_active"),
            figure("offhook_sip_transactions"),
            figure("offhook_sip_dialogs"),
            figure("offhook_sip_connections"),
            figure("offhook_sip_bans_total"),
        )
    }
}
