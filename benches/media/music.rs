//! `media music`: phones on hold.

use anyhow::Result;

use offhook_benches::report::Report;
use offhook_benches::rtp::{Hears, Says};
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};
use offhook_media::engine::Source;

use crate::Common;
use crate::measured::settle_accounts;
use crate::rig::Rig;
use crate::voices;

#[derive(Debug, clap::Args)]
pub(crate) struct Music {
    /// Phones that listen.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    listeners: u32,
    /// For how long they are measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// They send nothing. Unless said they do, as phones on hold that nobody muted.
    #[arg(long)]
    muted: bool,
}

impl Music {
    /// Hold music of one class for all.
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        let mut rig = Rig::start(common)?;
        let mut legs = Vec::new();
        for _ in 0..self.listeners {
            let leg = rig.leg(LegId::new(CallId::random(), 0), Codec::Pcmu, None)?;
            let music = Source::HoldMusic(voices::MUSIC.to_owned());
            rig.engine.set_source(leg.id, &music);
            legs.push(leg);
        }
        rig.wait_for_legs()?;
        let (says, talkers, how) = if self.muted {
            (Says::Nothing, 0, "who send nothing")
        } else {
            (Says::Marks, self.listeners, "who send, too")
        };
        for (call, leg) in (0..).zip(legs) {
            rig.begin(leg, call, says.clone(), Hears::Counts);
        }
        let measured = rig.measure(self.seconds)?;
        let mut report = Report::new(format!("hold music, {} listeners {how}", self.listeners));
        measured.costs_into(&mut report, "listener", self.listeners);
        report.goal_of("CPU per listener", 0.02);
        let memory = measured.grown_kb / f64::from(self.listeners);
        report.add("memory per listener", memory, "KB");
        measured.streams_into(&mut report, talkers);
        settle_accounts(&mut rig, &mut report)?;
        Ok(report)
    }
}
