//! `load relay` and `load music`: many calls that just go on.

use anyhow::{Result, ensure};

use crate::office;
use crate::pace::{Pace, number_outside, settle};
use crate::server::Server;
use crate::sip::{HangsUp, Placed, Plan, Sip, SipEvent};
use offhook_benches::clock::{self, MS, Nanos, SECOND};
use offhook_benches::process::{Usage, Used, resident_kb};
use offhook_benches::report::Report;
use offhook_benches::rtp::{Rtp, RtpFigures};

/// Phones that share the calls.
const MOST_PHONES: u32 = 100;
/// Between the last answer and the first measurement.
const SETTLE: Nanos = 2 * SECOND;

#[derive(Debug, clap::Args)]
pub(crate) struct Steady {
    /// Calls at once.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=5000))]
    calls: u32,
    /// For how long they are measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many are placed each second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
}

/// What was seen of the calls while they were measured.
struct Seen {
    answered: u32,
    failed: u32,
    server: Used,
    own: Used,
    rtp: RtpFigures,
    /// Resident memory per call, in kilobytes.
    memory: f64,
    left: usize,
}

impl Steady {
    /// Bridged calls: from outside, through a public number, to an extension.
    pub(crate) fn relay(&self, server: &Server, rtp_threads: u16) -> Result<Report> {
        let extensions = office::extensions(server, self.calls.min(MOST_PHONES))?;
        let ids: Vec<&str> = extensions.iter().map(|one| one.id.as_str()).collect();
        let numbers: Vec<String> = extensions.iter().map(|one| one.number.clone()).collect();
        let dids = office::dids(server, "extension", &ids)?;
        let mut sip = self.sip(server, rtp_threads)?;
        sip.register(&numbers)?;
        let seen = self.measure(server, &mut sip, &dids)?;

        let mut report = Report::new(format!("relay, {} bridged calls", self.calls));
        self.common(&mut report, &seen, 0.06);
        report.goal_of("memory per call", 60.0);
        report.count("packets lost", seen.rtp.lost);
        report.goal(0.0);
        report.count("packets of another call", seen.rtp.crossed);
        report.goal(0.0);
        report.percentiles("added delay", &seen.rtp.delays);
        Ok(report)
    }

    /// Callers in a queue nobody serves.
    pub(crate) fn music(&self, server: &Server, rtp_threads: u16) -> Result<Report> {
        let queue = office::queue(server, &[], "longest_idle")?;
        let dids = office::dids(server, "queue", &[&queue])?;
        let mut sip = self.sip(server, rtp_threads)?;
        let seen = self.measure(server, &mut sip, &dids)?;

        let mut report = Report::new(format!("music, {} callers on hold", self.calls));
        self.common(&mut report, &seen, 0.03);
        report.percentiles("packets off their 20 ms by", &seen.rtp.unevenness);
        Ok(report)
    }

    fn sip(&self, server: &Server, rtp_threads: u16) -> Result<Sip> {
        let plan = Plan {
            hangs_up: HangsUp::Nobody,
            talk: (0, 0),
        };
        Sip::new(server.sip(), plan, Some(Rtp::start(rtp_threads)?))
    }

    fn measure(&self, server: &Server, sip: &mut Sip, dids: &[String]) -> Result<Seen> {
        settle(sip, SECOND)?;
        let memory = resident_kb(server.pid())?;
        let (answered, failed) = self.place(sip, dids)?;
        ensure!(answered > 0, "no call was answered, {failed} failed");
        settle(sip, SETTLE)?;
        sip.forget_events();
        if let Some(rtp) = sip.rtp() {
            rtp.begin();
        }
        let (before, own_before) = (server.usage()?, Usage::own()?);
        settle(sip, self.seconds * SECOND)?;
        let (used, own) = (server.usage()?, Usage::own()?);
        let rtp = match sip.rtp() {
            Some(rtp) => rtp.figures()?,
            None => RtpFigures::default(),
        };
        let memory = (resident_kb(server.pid())? - memory) / f64::from(answered);
        sip.all_callers_hang_up();
        let until = clock::now() + 10 * SECOND;
        while sip.busy() > 0 && clock::now() < until {
            sip.turn(MS)?;
        }
        Ok(Seen {
            answered,
            failed,
            server: used.since(&before),
            own: own.since(&own_before),
            rtp,
            memory,
            left: server.calls()?,
        })
    }

    /// Places the calls; how many were answered, and how many were not.
    fn place(&self, sip: &mut Sip, dids: &[String]) -> Result<(u32, u32)> {
        let mut pace = Pace::even(self.rate, self.calls);
        let (mut answered, mut failed) = (0, 0);
        let until = clock::now() + SECOND * u64::from(self.calls / self.rate) + 20 * SECOND;
        while answered + failed < self.calls && clock::now() < until {
            while let Some(number) = pace.due() {
                let at = usize::try_from(number)? % dids.len();
                let dialled = dids.get(at).cloned().unwrap_or_default();
                sip.place(Placed {
                    from: number_outside(number),
                    dialled,
                    line: None,
                    ..Placed::default()
                });
            }
            sip.turn(MS)?;
            while let Some(event) = sip.event() {
                match event {
                    SipEvent::Answered { .. } => answered += 1,
                    SipEvent::Refused { .. } | SipEvent::GivenUp => failed += 1,
                    SipEvent::Ended { .. }
                    | SipEvent::Rang { .. }
                    | SipEvent::Cancelled
                    | SipEvent::Registered { .. }
                    | SipEvent::PhoneFree { .. } => {}
                }
            }
        }
        Ok((answered, self.calls - answered))
    }

    fn common(&self, report: &mut Report, seen: &Seen, goal: f64) {
        let calls = f64::from(seen.answered);
        report.count("calls up", seen.answered);
        report.count("calls failed", seen.failed);
        report.goal(0.0);
        report.add("CPU per call", seen.server.percent() / calls, "% of core");
        report.goal(goal);
        report.add("CPU", seen.server.percent(), "% of core");
        seen.server.threads_into(report, "");
        report.add("memory per call", seen.memory, "KB");
        report.add("CPU of this harness", seen.own.percent(), "% of core");
        report.count("calls left in the server", seen.left);
        report.goal(0.0);
        report.count("legs", seen.rtp.legs);
        report.count("legs that heard nothing", seen.rtp.silent);
        report.goal(0.0);
        report.count("packets sent", seen.rtp.sent);
        let due = seen.rtp.legs as f64 * 50.0 * seen.server.seconds();
        report.add(
            "  of those that were due",
            100.0 * seen.rtp.sent as f64 / due,
            "%",
        );
        report.count("packets heard", seen.rtp.heard);
    }
}
