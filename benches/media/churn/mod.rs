//! `media churn`: calls that come and go, and what is left of them.

mod kind;

use anyhow::Result;

use offhook_benches::clock::{MS, Nanos};
use offhook_benches::process::{open_files, resident_kb};
use offhook_benches::report::Report;

use crate::Common;
use crate::calls::{record, talk_marked};
use crate::measured::{fault, settle_accounts};
use crate::rig::{Rig, total};
use kind::{Kind, Voices};

/// Calls at once.
const WAVE: u32 = 100;
/// Of all calls, those after which memory is taken as what the allocator keeps.
const WARM: u32 = 5;
/// How long a call takes: a few packets.
const TALK: Nanos = 120 * MS;
/// How long the calls talk that fill what is to be filled: 15,000 packets.
const FILL: Nanos = 1500 * MS;
/// What is under way before a call ends arrives within this, so that loss is loss.
const BREATH: Nanos = 100 * MS;

#[derive(Debug, clap::Args)]
pub(crate) struct Churn {
    /// Calls in all, in waves of 100.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls: u32,
}

/// What the process holds between two waves.
#[derive(Debug, Clone, Copy)]
struct Held {
    resident_kb: f64,
    files: usize,
}

impl Churn {
    /// Waves of calls of every kind.
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        let mut rig = Rig::start(common)?;
        let voices = Voices::new()?;
        let mut recordings = fill(&mut rig)?;
        let before = Held::now()?;
        let mut warm = None;
        let mut done = 0;
        while done < self.calls {
            let wave = WAVE.min(self.calls - done);
            for (call, kind) in (done..done + wave).zip(Kind::ALL.iter().cycle()) {
                kind.open(&mut rig, &voices, call)?;
                recordings += u32::from(*kind == Kind::Recorded);
            }
            rig.settle(TALK);
            rig.hush(BREATH);
            rig.hang_up()?;
            done += wave;
            if warm.is_none() && done * WARM >= self.calls {
                warm = Some((done, Held::now()?));
            }
        }
        rig.wait_for_recordings(recordings);
        let after = Held::now()?;
        let mut report = Report::new(format!("{done} calls that come and go"));
        report.add("memory before", before.resident_kb / 1024.0, "MB");
        if let Some((calls, warm)) = warm.filter(|(calls, _)| *calls < done) {
            let name = format!("memory after {calls}");
            report.add(name, warm.resident_kb / 1024.0, "MB");
            let grown = (after.resident_kb - warm.resident_kb) / f64::from(done - calls);
            report.add("memory after all", after.resident_kb / 1024.0, "MB");
            let name = format!("memory grown per call after the first {calls}");
            report.add(name, grown, "KB");
            report.goal(0.1);
        }
        let more = after.files.saturating_sub(before.files);
        fault(&mut report, "files open more than before", more.try_into()?);
        left_into(&mut report, &rig);
        settle_accounts(&mut rig, &mut report)?;
        let missing = recordings.saturating_sub(rig.seen.saved);
        fault(&mut report, "recordings not saved", missing.into());
        Ok(report)
    }
}

impl Held {
    fn now() -> Result<Self> {
        let own = std::process::id();
        Ok(Self {
            resident_kb: resident_kb(own)?,
            files: open_files(own)?,
        })
    }
}

/// Uses the engine's rings once from end to end, which are made in one piece but take memory only as
/// they are used: enough calls are recorded for as long as that takes. How many.
fn fill(rig: &mut Rig) -> Result<u32> {
    for [left, right] in talk_marked(rig, WAVE, None)? {
        record(rig, left, right);
    }
    rig.settle(FILL);
    rig.hush(BREATH);
    rig.hang_up()?;
    rig.wait_for_recordings(WAVE);
    Ok(WAVE)
}

/// Adds what the engine still holds although nobody is there.
fn left_into(report: &mut Report, rig: &Rig) {
    let stats = rig.engine.stats();
    let legs = total(&stats, |shard| shard.legs);
    fault(report, "legs left", legs);
    let decoders = total(&stats, |shard| shard.decoders);
    fault(report, "decoders left", decoders);
    let encoders = total(&stats, |shard| shard.encoders);
    fault(report, "encoders left", encoders);
    fault(report, "pairs of ports left", stats.ports_in_use as u64);
    fault(report, "recordings left", stats.recordings as u64);
}
