//! `load queue`: a busy queue.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::office;
use crate::pace::{Pace, number_outside, settle};
use crate::server::Server;
use crate::sip::{HangsUp, Placed, Plan, Sip, SipEvent};
use offhook_benches::clock::{self, MS, Nanos, SECOND};
use offhook_benches::figures::Samples;
use offhook_benches::process::{Usage, Used};
use offhook_benches::report::Report;
use offhook_benches::rtp::{Rtp, RtpFigures};

/// How long the last callers may take to be served.
const DRAIN: Nanos = 30 * SECOND;

#[derive(Debug, clap::Args)]
pub(crate) struct Busy {
    /// Callers per second, at random moments.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// For how long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Who serves them.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    agents: u32,
    /// Shortest talk, in milliseconds.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(0..=600_000))]
    talk_least: u64,
    /// Longest talk, in milliseconds.
    #[arg(long, default_value_t = 280, value_parser = clap::value_parser!(u64).range(0..=600_000))]
    talk_most: u64,
    /// In which order agents are asked.
    #[arg(long, default_value = "longest_idle")]
    strategy: String,
}

/// What became of the callers and agents, as seen from outside.
#[derive(Debug, Default)]
struct Floor {
    placed: u32,
    ended: u32,
    refused: u32,
    given_up: u32,
    cancelled: u32,
    /// Callers the server answered who have not rung a phone yet, and since when.
    waiting: HashMap<u32, Nanos>,
    /// How often each call rang a phone.
    rings: HashMap<u32, u32>,
    /// Phones rung by nobody we know.
    strangers: u32,
    /// Phones rung although they were in a call.
    doubled_phones: u32,
    /// Each phone: in a call, or free since.
    phones: Vec<Phone>,
    /// From an agent's hang-up to the next ring, where callers waited.
    free_to_ringing: Samples,
    /// From answering the caller to ringing a phone.
    waits: Samples,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phone {
    InCall,
    Free,
    /// Free since then, with more callers waiting than phones were free.
    Wanted(Nanos),
}

/// The server's own view, after everybody left.
struct After {
    calls_left: usize,
    waiting: u64,
    agents_not_ready: usize,
    entered: u64,
    answered: u64,
}

impl Busy {
    pub(crate) fn run(&self, server: &Server, rtp_threads: u16) -> Result<Report> {
        ensure!(
            self.talk_least <= self.talk_most,
            "talk ends before it begins"
        );
        let extensions = office::extensions(server, self.agents)?;
        let numbers: Vec<String> = extensions.iter().map(|one| one.number.clone()).collect();
        let agents = office::agents(server, &extensions)?;
        let queue = office::queue(server, &agents, &self.strategy)?;
        let dids = office::dids(server, "queue", &[&queue])?;
        let did = dids.into_iter().next().unwrap_or_default();
        let plan = Plan {
            hangs_up: HangsUp::Phone,
            talk: (self.talk_least * MS, self.talk_most * MS),
        };
        let mut sip = Sip::new(server.sip(), plan, Some(Rtp::start(rtp_threads)?))?;
        sip.register(&numbers)?;
        for agent in &agents {
            server.put(&format!("agents/{agent}/state"), &json!({"state": "ready"}))?;
        }
        settle(&mut sip, SECOND)?;

        let (before, own_before) = (server.usage()?, Usage::own()?);
        let floor = self.play(&mut sip, &did)?;
        let used = server.usage()?.since(&before);
        let own = Usage::own()?.since(&own_before);
        settle(&mut sip, 2 * SECOND)?;
        let rtp = match sip.rtp() {
            Some(rtp) => rtp.figures()?,
            None => RtpFigures::default(),
        };
        let stuck = sip.busy();
        let after = after(server, &queue, &agents)?;
        let mut report = self.report(floor, stuck, &after);
        report.count("messages sent again", sip.repeated());
        costs(&mut report, self.rate * self.seconds, &used, &own, &rtp);
        Ok(report)
    }

    fn play(&self, sip: &mut Sip, did: &str) -> Result<Floor> {
        let mut floor = Floor::new(self.agents);
        let mut pace = Pace::even(self.rate, self.rate * self.seconds);
        let mut until = clock::now() + DRAIN;
        while !pace.is_over() || (sip.busy() > 0 && clock::now() < until) {
            while let Some(call) = pace.due_at_random(sip.chance()) {
                floor.placed += 1;
                sip.place(Placed {
                    from: number_outside(call),
                    dialled: did.to_owned(),
                    line: None,
                    ..Placed::default()
                });
                until = clock::now() + DRAIN;
            }
            sip.turn(pace.pause())?;
            while let Some(event) = sip.event() {
                floor.take(&event);
            }
        }
        Ok(floor)
    }

    fn report(&self, mut floor: Floor, stuck: usize, after: &After) -> Report {
        let mut report = Report::new(format!(
            "queue, {} callers a second for {} s, {} agents, {}, talk {} to {} ms",
            self.rate, self.seconds, self.agents, self.strategy, self.talk_least, self.talk_most
        ));
        let rung = u32::try_from(floor.rings.len()).unwrap_or(u32::MAX);
        let doubled = floor.rings.values().filter(|rings| **rings > 1).count();
        let zero = |report: &mut Report, name: &str, count: usize| {
            report.count(name, count);
            report.goal(0.0);
        };
        report.count("callers", floor.placed);
        zero(
            &mut report,
            "refused",
            usize::try_from(floor.refused).unwrap_or(0),
        );
        zero(
            &mut report,
            "lost: rang no phone",
            usize::try_from(floor.placed - rung).unwrap_or(0),
        );
        zero(&mut report, "stuck: not over at the end", stuck);
        zero(&mut report, "doubled: rang two phones", doubled);
        zero(
            &mut report,
            "doubled: phone already in a call",
            count(floor.doubled_phones),
        );
        zero(&mut report, "phones rung by nobody", count(floor.strangers));
        zero(
            &mut report,
            "given up for want of an answer",
            count(floor.given_up),
        );
        zero(
            &mut report,
            "calls not ended by the server",
            count(floor.placed - floor.ended),
        );
        zero(&mut report, "calls left in the server", after.calls_left);
        zero(
            &mut report,
            "agents not ready at the end",
            after.agents_not_ready,
        );
        report.count("ringing taken back", floor.cancelled);
        report.count("the queue's count: entered", after.entered);
        report.count("the queue's count: answered", after.answered);
        report.count("the queue's count: waiting", after.waiting);
        report.goal(0.0);
        report.count(
            "agent got free while callers waited",
            floor.free_to_ringing.len(),
        );
        for (what, per_mille) in [("p50", 500), ("p99", 990), ("p99.9", 999), ("max", 1000)] {
            let time = floor.free_to_ringing.percentile(per_mille).map(clock::ms);
            report.add(format!("agent free to ringing, {what}"), time, "ms");
            if per_mille == 990 {
                report.goal(20.0);
            }
        }
        for (what, per_mille) in [("p50", 500), ("p99", 990), ("max", 1000)] {
            let time = floor.waits.percentile(per_mille).map(clock::ms);
            report.add(format!("wait for an agent, {what}"), time, "ms");
        }
        report
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn costs(report: &mut Report, calls: u32, used: &Used, own: &Used, rtp: &RtpFigures) {
    report.count("packets heard", rtp.heard);
    report.count("packets lost", rtp.lost);
    report.count("packets of another call", rtp.crossed);
    report.add("CPU per call", used.cpu_ms() / f64::from(calls), "ms");
    report.add("CPU", used.percent(), "% of core");
    used.threads_into(report, "");
    report.add("CPU of this harness", own.percent(), "% of core");
}

fn after(server: &Server, queue: &str, agents: &[String]) -> Result<After> {
    let view = server.get(&format!("queues/{queue}"))?;
    let mut agents_not_ready = 0;
    for agent in agents {
        let agent = server.get(&format!("agents/{agent}"))?;
        agents_not_ready += usize::from(agent["state"] != "ready");
    }
    Ok(After {
        calls_left: server.calls()?,
        waiting: view["waiting"].as_u64().unwrap_or(u64::MAX),
        agents_not_ready,
        entered: view["totals"]["entered"].as_u64().unwrap_or(0),
        answered: view["totals"]["answered"].as_u64().unwrap_or(0),
    })
}

impl Floor {
    fn new(agents: u32) -> Self {
        Self {
            phones: vec![Phone::Free; count(agents)],
            ..Self::default()
        }
    }

    fn take(&mut self, event: &SipEvent) {
        match *event {
            SipEvent::Answered { call, at, .. } => {
                if !self.rings.contains_key(&call) {
                    self.waiting.insert(call, at);
                }
            }
            SipEvent::Refused { .. } => self.refused += 1,
            SipEvent::GivenUp => self.given_up += 1,
            SipEvent::Ended { call } => {
                self.ended += 1;
                self.waiting.remove(&call);
            }
            SipEvent::Rang {
                phone, call, at, ..
            } => self.rang(phone, call, at),
            SipEvent::Cancelled => self.cancelled += 1,
            SipEvent::PhoneFree { phone, at } => self.free(phone, at),
            SipEvent::Registered { .. } => {}
        }
    }

    fn rang(&mut self, phone: usize, call: Option<u32>, at: Nanos) {
        match call {
            Some(call) => {
                *self.rings.entry(call).or_default() += 1;
                if let Some(since) = self.waiting.remove(&call) {
                    self.waits.push(at.saturating_sub(since));
                }
            }
            None => self.strangers += 1,
        }
        let Some(state) = self.phones.get_mut(phone) else {
            return;
        };
        match std::mem::replace(state, Phone::InCall) {
            Phone::InCall => self.doubled_phones += 1,
            Phone::Free => {}
            Phone::Wanted(since) => self.free_to_ringing.push(at.saturating_sub(since)),
        }
    }

    /// An agent who gets free is rung at once only if somebody is left for them: a caller whose phone
    /// is about to ring waits still, but for another agent.
    fn free(&mut self, phone: usize, at: Nanos) {
        let in_call = self.phones.iter().filter(|one| **one == Phone::InCall);
        let free = self.phones.len() - in_call.count();
        let wanted = self.waiting.len() > free;
        if let Some(state) = self.phones.get_mut(phone) {
            *state = if wanted {
                Phone::Wanted(at)
            } else {
                Phone::Free
            };
        }
    }
}
