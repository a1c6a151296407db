//! What was measured of calls that just went on, as it is told.

use anyhow::Result;

use offhook_benches::process::Used;
use offhook_benches::report::Report;
use offhook_benches::rtp::RtpFigures;
use offhook_media::engine::{EngineStats, ShardStats};

use crate::rig::{Rig, UNDER_WAY, total};

/// What the names of the engine's threads begin with.
pub(crate) const ENGINE: &str = "offhook-";

/// Share of the packets due, in percent, below which the phones were too slow for the figures to mean
/// anything.
const ENOUGH: f64 = 99.5;

/// Many calls for some seconds.
#[derive(Debug)]
pub(crate) struct Measured {
    /// CPU of this process.
    pub(crate) used: Used,
    /// What the engine had counted before and after.
    pub(crate) stats: [EngineStats; 2],
    /// By how much resident memory had grown since nobody had called yet.
    pub(crate) grown_kb: f64,
    /// What the phones saw.
    pub(crate) rtp: RtpFigures,
}

impl Measured {
    /// CPU of the engine for one of `count`, in percent of a core.
    pub(crate) fn percent_each(&self, count: u32) -> f64 {
        self.used.percent_of(ENGINE) / f64::from(count)
    }

    /// Adds what it cost, all of it and for one of `count`.
    pub(crate) fn costs_into(&self, report: &mut Report, what: &str, count: u32) {
        let engine = self.used.percent_of(ENGINE);
        report.add("CPU of the engine", engine, "% of core");
        self.used.threads_into(report, ENGINE);
        let phones = self.used.percent() - engine;
        report.add("CPU of the phones", phones, "% of core");
        report.add(
            format!("CPU per {what}"),
            self.percent_each(count),
            "% of core",
        );
    }

    /// Adds how evenly packets came, and how many of those that so many talkers should have sent.
    pub(crate) fn streams_into(&self, report: &mut Report, talkers: u32) {
        report.percentiles("cadence off 20 ms", &self.rtp.unevenness);
        report.goal_of("cadence off 20 ms, p99", 2.0);
        report.percentiles("  of the phones themselves", &self.rtp.pace);
        let frames = 50.0 * self.used.seconds();
        report.count("packets sent", self.rtp.sent);
        share_into(report, self.rtp.sent, frames * f64::from(talkers), "sent");
        report.count("packets heard", self.rtp.heard);
        share_into(
            report,
            self.rtp.heard,
            frames * self.rtp.legs as f64,
            "heard",
        );
        fault(report, "legs that heard nothing", self.rtp.silent);
        let [late, concealed] = [
            self.counted(|shard| shard.late),
            self.counted(|shard| shard.concealed_milliseconds),
        ];
        report.count("packets too late to be decoded", late);
        report.add("sound made up for what was missing", concealed as f64, "ms");
    }

    /// By how much a counter of the engine went up.
    fn counted(&self, of: impl Fn(&ShardStats) -> u64) -> u64 {
        let [before, after] = &self.stats;
        total(after, &of).saturating_sub(total(before, &of))
    }

    /// Adds what marks said: delay, loss, packets that went astray.
    pub(crate) fn marks_into(&self, report: &mut Report) {
        report.percentiles("added delay", &self.rtp.delays);
        for name in ["added delay, p50", "added delay, p99.9"] {
            report.headline(name);
        }
        fault(report, "packets lost from phone to phone", self.rtp.lost);
        fault(report, "packets of another call", self.rtp.crossed);
        fault(report, "packets no phone could open", self.rtp.forged);
    }
}

/// Ends everything, and adds what was lost, dropped, refused or left out of everything since the start.
/// No packet is under way any more when it is counted, so that the counts are exact.
pub(crate) fn settle_accounts(rig: &mut Rig, report: &mut Report) -> Result<()> {
    rig.hush(UNDER_WAY);
    rig.end_calls()?;
    rig.settle(UNDER_WAY);
    let (stats, rtp) = (rig.engine.stats(), rig.rtp.figures()?);
    let taken = total(&stats, |shard| shard.packets_in);
    let sent = total(&stats, |shard| shard.packets_out);
    let lost_in = rtp.sent_ever.saturating_sub(taken);
    fault(report, "packets lost on the way to the engine", lost_in);
    let lost_out = sent.saturating_sub(rtp.heard_ever);
    fault(report, "packets lost on the way to phones", lost_out);
    let dropped = total(&stats, |shard| shard.dropped.total());
    fault(report, "packets dropped by the engine", dropped);
    let skipped = total(&stats, |shard| shard.skipped_slots);
    fault(report, "slots of the wheel left out", skipped);
    fault(report, "commands refused", rig.seen.refused.into());
    fault(
        report,
        "legs, rooms and recordings failed",
        rig.seen.failed.into(),
    );
    Ok(())
}

/// Adds a count of what should not happen; what did makes the other figures doubtful.
pub(crate) fn fault(report: &mut Report, name: &str, count: u64) {
    report.count(name, count);
    report.goal(0.0);
    if count > 0 {
        report.doubt(format!("{name}: {count}"));
    }
}

fn share_into(report: &mut Report, count: u64, due: f64, done: &str) {
    if due < 1.0 {
        return;
    }
    let share = 100.0 * count as f64 / due;
    report.add("  of those that were due", share, "%");
    if share < ENOUGH {
        report.doubt(format!("only {share:.1} % of the packets due were {done}"));
    }
}
