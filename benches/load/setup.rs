//! `load setup`: short calls, answered and hung up at once.

use std::collections::HashMap;

use anyhow::{Result, ensure};

use crate::office::{self, Extension};
use crate::pace::{Pace, number_outside, settle};
use crate::server::Server;
use crate::sip::{HangsUp, Placed, Plan, Sip, SipEvent};
use offhook_benches::clock::{self, Nanos, SECOND};
use offhook_benches::figures::Samples;
use offhook_benches::process::{Usage, Used, resident_kb};
use offhook_benches::report::Report;

/// Phones that are called.
const PHONES: u32 = 50;
/// Extensions that call, with `--inside`.
const CALLERS: u32 = 200;
/// How long a call may take to be over.
const DRAIN: Nanos = 15 * SECOND;

#[derive(Debug, clap::Args)]
pub(crate) struct Setup {
    /// Calls per second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rate: u32,
    /// For how long.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Extensions call, and prove who they are; without, calls come by the trunk.
    #[arg(long)]
    inside: bool,
}

/// What became of the calls.
#[derive(Debug, Default)]
struct Outcome {
    placed: u32,
    answered: u32,
    ended: u32,
    refused: HashMap<u16, u32>,
    given_up: u32,
    /// From INVITE to 200 without the time the phone took.
    added: Samples,
    /// From the caller's INVITE until the phone was rung.
    to_ringing: Samples,
    /// When the phone of a call was rung, and its own time.
    rung: HashMap<u32, (Nanos, Nanos)>,
}

impl Setup {
    /// Calls by the trunk.
    pub(crate) fn by_trunk(rate: u32, seconds: u32) -> Self {
        Self {
            rate,
            seconds,
            inside: false,
        }
    }

    pub(crate) fn run(&self, server: &Server) -> Result<Report> {
        let plan = Plan {
            hangs_up: HangsUp::Caller,
            talk: (0, 0),
        };
        let mut sip = Sip::new(server.sip(), plan, None)?;
        let callers = if self.inside { CALLERS } else { 0 };
        let extensions = office::extensions(server, PHONES + callers)?;
        let numbers: Vec<String> = extensions.iter().map(|one| one.number.clone()).collect();
        sip.register(&numbers)?;
        let (phones, _) = extensions.split_at(usize::try_from(PHONES)?);
        let dids = if self.inside {
            Vec::new()
        } else {
            let ids: Vec<&str> = phones.iter().map(|one| one.id.as_str()).collect();
            office::dids(server, "extension", &ids)?
        };
        settle(&mut sip, SECOND)?;

        let memory = resident_kb(server.pid())?;
        let (before, own_before) = (server.usage()?, Usage::own()?);
        let outcome = self.play(&mut sip, &extensions, &dids)?;
        let used = server.usage()?.since(&before);
        let own = Usage::own()?.since(&own_before);
        ensure!(outcome.answered > 0, "no call was answered");
        settle(&mut sip, SECOND)?;
        let grown = resident_kb(server.pid())? - memory;
        Ok(self.report(
            outcome,
            &used,
            &own,
            (grown, server.calls()?, sip.repeated()),
        ))
    }

    fn play(&self, sip: &mut Sip, extensions: &[Extension], dids: &[String]) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut pace = Pace::even(self.rate, self.rate * self.seconds);
        let mut until = clock::now() + DRAIN;
        while !pace.is_over() || (sip.busy() > 0 && clock::now() < until) {
            while let Some(call) = pace.due() {
                outcome.placed += 1;
                sip.place(self.placed(call, extensions, dids));
                until = clock::now() + DRAIN;
            }
            sip.turn(pace.pause())?;
            while let Some(event) = sip.event() {
                outcome.take(&event);
            }
        }
        Ok(outcome)
    }

    fn placed(&self, call: u32, extensions: &[Extension], dids: &[String]) -> Placed {
        let number = |at: usize| extensions.get(at).map(|one| one.number.clone());
        let phones = usize::try_from(PHONES).unwrap_or(1);
        let at = usize::try_from(call).unwrap_or(0);
        if self.inside {
            let line = phones + at % (extensions.len() - phones);
            Placed {
                from: number(line).unwrap_or_default(),
                dialled: number(at % phones).unwrap_or_default(),
                line: Some(line),
                ..Placed::default()
            }
        } else {
            Placed {
                from: number_outside(call),
                dialled: dids.get(at % phones).cloned().unwrap_or_default(),
                line: None,
                ..Placed::default()
            }
        }
    }

    fn report(
        &self,
        mut outcome: Outcome,
        used: &Used,
        own: &Used,
        (grown, left, repeated): (f64, usize, u32),
    ) -> Report {
        let way = if self.inside {
            "inside"
        } else {
            "by the trunk"
        };
        let mut report = Report::new(format!(
            "set-up, {} calls a second {way} for {} s",
            self.rate, self.seconds
        ));
        report.count("calls placed", outcome.placed);
        report.count("calls failed", outcome.placed - outcome.ended);
        report.goal(0.0);
        for (status, count) in &outcome.refused {
            report.count(format!("  refused with {status}"), *count);
        }
        report.count("  given up", outcome.given_up);
        report.count("messages sent again", repeated);
        report.count("calls left in the server", left);
        report.goal(0.0);
        for (what, per_mille) in [("p50", 500), ("p99", 990), ("max", 1000)] {
            let time = outcome.added.percentile(per_mille).map(clock::ms);
            report.add(format!("INVITE to 200, added, {what}"), time, "ms");
            if per_mille == 500 {
                report.goal(3.0);
            }
        }
        for (what, per_mille) in [("p50", 500), ("p99", 990)] {
            let time = outcome.to_ringing.percentile(per_mille).map(clock::ms);
            report.add(format!("INVITE to INVITE, {what}"), time, "ms");
        }
        let calls = f64::from(outcome.placed);
        report.add("CPU per call", used.cpu_ms() / calls, "ms");
        report.goal(1.0);
        report.add("CPU", used.percent(), "% of core");
        used.threads_into(&mut report, "");
        report.add("CPU of this harness", own.percent(), "% of core");
        report.add("memory grown by", grown / 1024.0, "MB");
        report
    }
}

impl Outcome {
    fn take(&mut self, event: &SipEvent) {
        match *event {
            SipEvent::Answered { call, sent_at, at } => {
                self.answered += 1;
                if let Some((rung_at, own)) = self.rung.remove(&call) {
                    self.to_ringing.push(rung_at.saturating_sub(sent_at));
                    self.added.push(at.saturating_sub(sent_at + own));
                }
            }
            SipEvent::Refused { status, .. } => *self.refused.entry(status).or_default() += 1,
            SipEvent::GivenUp => self.given_up += 1,
            SipEvent::Ended { .. } => self.ended += 1,
            SipEvent::Rang {
                call,
                at,
                answered_after,
                ..
            } => {
                if let Some(call) = call {
                    self.rung.insert(call, (at, answered_after));
                }
            }
            SipEvent::Cancelled | SipEvent::Registered { .. } | SipEvent::PhoneFree { .. } => {}
        }
    }
}
