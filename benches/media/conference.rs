//! `media conference`: one room.

use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;

use offhook_benches::report::Report;
use offhook_benches::rtp::{Clip, Ear, Hears, Says, Word};
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};
use offhook_media::engine::RoomSettings;
use offhook_media::graph::mixer::{MemberSettings, MixerSettings};
use offhook_media::time::Rate;

use crate::Common;
use crate::measured::settle_accounts;
use crate::rig::{Leg, Rig};

/// Different things that are said.
const VOICES: u32 = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Conference {
    /// Members.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=2000))]
    members: u32,
    /// Members who send; the others send nothing, as muted phones do. Unless said all of them.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2000))]
    talkers: Option<u32>,
    /// The codec of all.
    #[arg(long, value_enum, default_value_t = Spoken::Pcmu)]
    codec: Spoken,
    /// The rate the room is mixed at, in kHz: 8, 16 or 48.
    #[arg(long, default_value = "8", value_parser = rate)]
    rate: Rate,
    /// For how long it is measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Spoken {
    Pcmu,
    Opus,
}

fn rate(text: &str) -> Result<Rate, &'static str> {
    let kilohertz: Option<u32> = text.parse().ok();
    let rate = kilohertz.and_then(|kilohertz| Rate::of_hertz(kilohertz.checked_mul(1000)?));
    rate.ok_or("8, 16 or 48")
}

impl Conference {
    /// A conference that just goes on.
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        let mut rig = Rig::start(common)?;
        let legs = self.open(&mut rig)?;
        self.begin(&rig, legs)?;
        let measured = rig.measure(self.seconds)?;

        let codec = self.codec().name();
        let (members, talkers) = (self.members, self.talkers());
        let kilohertz = self.rate.hertz() / 1000;
        let mut report = Report::new(format!(
            "conference of {members} ({codec}, {kilohertz} kHz), {talkers} send"
        ));
        measured.costs_into(&mut report, "member", members);
        if let Some(goal) = self.goal() {
            report.goal_of("CPU per member", goal);
        }
        let memory = measured.grown_kb / f64::from(members);
        report.add("memory per member", memory, "KB");
        report.headline("memory per member");
        report.percentiles("a word, from mouth to ear", &measured.rtp.words);
        report.headline("a word, from mouth to ear, p50");
        report.headline("a word, from mouth to ear, p99");
        report.count("began or ended to talk", rig.seen.talk);
        measured.streams_into(&mut report, talkers);
        settle_accounts(&mut rig, &mut report)?;
        Ok(report)
    }

    fn open(&self, rig: &mut Rig) -> Result<Vec<Leg>> {
        let call = CallId::random();
        let mut mixer = MixerSettings::at(self.rate);
        mixer.members = usize::try_from(self.members)?;
        let settings = RoomSettings { mixer, music: None };
        rig.engine.open_room(call, &settings);
        rig.has_room(call);
        let mut legs = Vec::new();
        for number in 0..self.members {
            let leg = rig.leg(LegId::new(call, number), self.codec(), None)?;
            rig.engine.join_room(leg.id, MemberSettings::default());
            legs.push(leg);
        }
        rig.wait_for_legs()?;
        Ok(legs)
    }

    /// The first member says a word each second, and the last listens for it.
    fn begin(&self, rig: &Rig, legs: Vec<Leg>) -> Result<()> {
        let tone = |voice| Clip::tone(self.codec(), voice).map(Arc::new);
        let voices = (0..VOICES).map(tone).collect::<Result<Vec<_>>>()?;
        let clip = Arc::new(Clip::with_word(self.codec())?);
        let word = Arc::new(Word::default());
        for ((number, leg), voice) in (0..).zip(legs).zip(voices.iter().cycle()) {
            let says = match number {
                0 => Says::Word(Arc::clone(&clip), Arc::clone(&word)),
                _ if number < self.talkers() => Says::Clip(Arc::clone(voice)),
                _ => Says::Nothing,
            };
            let hears = if number + 1 == self.members {
                Hears::Word(Box::new(Ear::new(self.codec(), &word)?))
            } else {
                Hears::Counts
            };
            rig.begin(leg, 0, says, hears);
        }
        Ok(())
    }

    /// What a member may cost, in percent of a core, where there is a goal for such a room.
    fn goal(&self) -> Option<f64> {
        if self.codec != Spoken::Pcmu || self.rate != Rate::Narrow {
            return None;
        }
        if self.talkers() == self.members {
            return Some(0.06);
        }
        (self.talkers() <= 5).then_some(0.03)
    }

    fn talkers(&self) -> u32 {
        self.talkers.unwrap_or(self.members).min(self.members)
    }

    fn codec(&self) -> Codec {
        match self.codec {
            Spoken::Pcmu => Codec::Pcmu,
            Spoken::Opus => Codec::Opus,
        }
    }
}
