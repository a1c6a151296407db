//! `media relay`, `transcode`, `srtp` and `record`: bridged calls that just go on.

use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;

use offhook_benches::report::Report;
use offhook_benches::rtp::{Clip, Ear, Hears, Says, Word};
use offhook_core::LegId;
use offhook_core::RecordingId;
use offhook_core::recording::{Keys, RecordingStyle};
use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::CryptoSuite;
use offhook_media::engine::{RecordSpec, file_name};

use crate::Common;
use crate::measured::{ENGINE, Measured, fault, settle_accounts};
use crate::rig::{Leg, Rig, total};
use crate::voices;

/// Calls in which a word is timed from mouth to ear.
const WATCHED: u32 = 8;
/// How often calls are measured without and with recording.
const TURNS: u32 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Calls {
    /// Calls at once; 500 unless said, of transcoded ones 200.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=5000))]
    calls: Option<u32>,
    /// For how long they are measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Secured {
    #[command(flatten)]
    calls: Calls,
    /// How packets are protected.
    #[arg(long, value_enum, default_value_t = Suite::Sha1)]
    suite: Suite,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    Sha1,
    /// `AEAD_AES_128_GCM`.
    Gcm,
    /// `AEAD_AES_256_GCM`.
    Gcm256,
}

impl Suite {
    fn suite(self) -> CryptoSuite {
        match self {
            Self::Sha1 => CryptoSuite::AesCm128HmacSha1_80,
            Self::Gcm => CryptoSuite::AeadAes128Gcm,
            Self::Gcm256 => CryptoSuite::AeadAes256Gcm,
        }
    }
}

impl Secured {
    /// Calls with SRTP on both legs.
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        let suite = self.suite.suite();
        let count = self.calls.count(500);
        let name = format!("SRTP relay, {count} calls, {suite}");
        self.calls.marked(common, name, 0.06, Some(suite))
    }
}

impl Calls {
    /// Calls that are passed on as they come.
    pub(crate) fn relay(&self, common: &Common) -> Result<Report> {
        let name = format!("relay, {} calls", self.count(500));
        let mut report = self.marked(common, name, 0.05, None)?;
        report.goal_of("memory per call", 40.0);
        report.goal_of("added delay, p99", 0.3);
        Ok(report)
    }

    /// Calls between two codecs.
    pub(crate) fn transcode(&self, common: &Common) -> Result<Report> {
        let calls = self.count(200);
        let mut rig = Rig::start(common)?;
        talk_between(&mut rig, calls, [Codec::Pcmu, Codec::Opus])?;
        let measured = rig.measure(self.seconds)?;
        let mut report = Report::new(format!("PCMU to Opus and back, {calls} calls"));
        common_into(&mut report, &measured, calls, 0.23);
        report.percentiles("a word, from mouth to ear", &measured.rtp.words);
        report.headline("a word, from mouth to ear, p50");
        report.headline("a word, from mouth to ear, p99");
        settle_accounts(&mut rig, &mut report)?;
        Ok(report)
    }

    /// What recording adds to calls that are passed on.
    pub(crate) fn record(&self, common: &Common) -> Result<Report> {
        let calls = self.count(500);
        let mut rig = Rig::start(common)?;
        let legs = talk_marked(&mut rig, calls, None)?;
        // In turns, so that a machine that gets slower or faster meanwhile does not add anything.
        let (mut plain, mut recorded) = (Vec::new(), Vec::new());
        for turn in 1..=TURNS {
            plain.push(rig.measure(self.seconds.div_ceil(TURNS.into()))?);
            let record = |[left, right]: &[LegId; 2]| record(&rig, *left, *right);
            let recordings: Vec<RecordingId> = legs.iter().map(record).collect();
            recorded.push(rig.measure(self.seconds.div_ceil(TURNS.into()))?);
            for recording in recordings {
                rig.engine.stop_record(recording);
            }
            rig.wait_for_recordings(calls * turn);
        }
        let mut report = Report::new(format!("recording {calls} relayed calls as stereo WAV"));
        let each = |runs: &[Measured], prefix: &str| {
            let used: f64 = runs.iter().map(|run| run.used.percent_of(prefix)).sum();
            used / runs.len() as f64 / f64::from(calls)
        };
        let added = |prefix: &str| each(&recorded, prefix) - each(&plain, prefix);
        let without = each(&plain, ENGINE);
        report.add("CPU per call without", without, "% of core");
        report.add("CPU added per call", added(ENGINE), "% of core");
        report.goal(0.01);
        let media = added("offhook-media");
        for (name, added) in [
            ("  of it in media threads", media),
            ("  of it in recorder and writers", added(ENGINE) - media),
        ] {
            report.add(name, added, "% of core");
            report.headline(name);
        }
        if let Some(last) = recorded.last() {
            last.costs_into(&mut report, "recorded call", calls);
            last.streams_into(&mut report, 2 * calls);
            last.marks_into(&mut report);
        }
        settle_accounts(&mut rig, &mut report)?;
        let stats = rig.engine.stats();
        let missing = (calls * TURNS).saturating_sub(rig.seen.saved);
        fault(&mut report, "recordings not saved", missing.into());
        let overruns = total(&stats, |shard| shard.recording_overruns);
        fault(&mut report, "packets recordings miss", overruns);
        fault(&mut report, "gaps in recordings", stats.recording_gaps);
        Ok(report)
    }

    fn count(&self, default: u32) -> u32 {
        self.calls.unwrap_or(default)
    }

    fn marked(
        &self,
        common: &Common,
        name: String,
        goal: f64,
        suite: Option<CryptoSuite>,
    ) -> Result<Report> {
        let calls = self.count(500);
        let mut rig = Rig::start(common)?;
        talk_marked(&mut rig, calls, suite)?;
        let measured = rig.measure(self.seconds)?;
        let mut report = Report::new(name);
        common_into(&mut report, &measured, calls, goal);
        measured.marks_into(&mut report);
        settle_accounts(&mut rig, &mut report)?;
        Ok(report)
    }
}

fn common_into(report: &mut Report, measured: &Measured, calls: u32, goal: f64) {
    measured.costs_into(report, "call", calls);
    report.goal_of("CPU per call", goal);
    let memory = measured.grown_kb / f64::from(calls);
    report.add("memory per call", memory, "KB");
    report.headline("memory per call");
    measured.streams_into(report, 2 * calls);
}

/// Calls of two PCMU phones that say marks.
pub(crate) fn talk_marked(
    rig: &mut Rig,
    calls: u32,
    suite: Option<CryptoSuite>,
) -> Result<Vec<[LegId; 2]>> {
    let open = |_| rig.pair([Codec::Pcmu; 2], suite);
    let pairs = (0..calls).map(open).collect::<Result<Vec<_>>>()?;
    rig.wait_for_legs()?;
    let mut ids = Vec::new();
    for (call, [a, b]) in (0..).zip(pairs) {
        ids.push([a.id, b.id]);
        rig.begin(a, call, Says::Marks, Hears::Counts);
        rig.begin(b, call, Says::Marks, Hears::Counts);
    }
    Ok(ids)
}

/// Calls of two phones with these codecs that say something; of some calls a word is timed.
pub(crate) fn talk_between(rig: &mut Rig, calls: u32, codecs: [Codec; 2]) -> Result<()> {
    let speech = [voices::speech(codecs[0])?, voices::speech(codecs[1])?];
    let clip = Arc::new(Clip::with_word(codecs[0])?);
    let open = |_| rig.pair(codecs, None);
    let pairs = (0..calls).map(open).collect::<Result<Vec<[Leg; 2]>>>()?;
    rig.wait_for_legs()?;
    for (call, [a, b]) in (0..).zip(pairs) {
        let (mut says, mut hears) = (Says::Clip(Arc::clone(&speech[0])), Hears::Counts);
        if call < WATCHED {
            let word = Arc::new(Word::default());
            hears = Hears::Word(Box::new(Ear::new(codecs[1], &word)?));
            says = Says::Word(Arc::clone(&clip), word);
        }
        rig.begin(a, call, says, Hears::Counts);
        rig.begin(b, call, Says::Clip(Arc::clone(&speech[1])), hears);
    }
    Ok(())
}

/// Begins to record two legs as stereo WAV.
pub(crate) fn record(rig: &Rig, left: LegId, right: LegId) -> RecordingId {
    let (recording, style) = (RecordingId::random(), RecordingStyle::default());
    rig.engine.record(&RecordSpec {
        recording,
        left,
        right: Some(right),
        style,
        keys: Keys::Kept,
        seal: None,
        file: file_name(recording, style, None),
    });
    recording
}
