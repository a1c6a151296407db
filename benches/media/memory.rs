//! `media memory`: what one of many takes.

use anyhow::Result;
use clap::ValueEnum;

use offhook_benches::clock::SECOND;
use offhook_benches::report::Report;
use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::CryptoSuite;
use offhook_core::{CallId, LegId};

use crate::Common;
use crate::calls::{talk_between, talk_marked};
use crate::measured::settle_accounts;
use crate::rig::Rig;

#[derive(Debug, clap::Args)]
pub(crate) struct Memory {
    /// Of what.
    #[arg(long, value_enum, default_value_t = Kind::Legs)]
    of: Kind,
    /// How many legs; a call has two.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    legs: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Legs that were told their far end and nothing else.
    Legs,
    /// Calls that are passed on.
    Relayed,
    /// Calls between PCMU and Opus.
    Transcoded,
    /// Calls with SRTP on both legs.
    Secured,
}

impl Memory {
    /// Resident memory of one, once all have talked for three seconds.
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        let mut rig = Rig::start(common)?;
        let calls = self.legs / 2;
        let (what, count) = match self.of {
            Kind::Legs => {
                for _ in 0..self.legs {
                    rig.leg(LegId::new(CallId::random(), 0), Codec::Pcmu, None)?;
                }
                rig.wait_for_legs()?;
                ("plain legs", self.legs)
            }
            Kind::Relayed => {
                talk_marked(&mut rig, calls, None)?;
                ("relayed calls", calls)
            }
            Kind::Transcoded => {
                talk_between(&mut rig, calls, [Codec::Pcmu, Codec::Opus])?;
                ("transcoded calls", calls)
            }
            Kind::Secured => {
                let suite = Some(CryptoSuite::AesCm128HmacSha1_80);
                talk_marked(&mut rig, calls, suite)?;
                ("calls under SRTP", calls)
            }
        };
        rig.settle(3 * SECOND);
        let mut report = Report::new(format!("{count} {what}"));
        let each = rig.grown_kb()? / f64::from(count);
        report.add("resident memory each", each, "KB");
        match self.of {
            Kind::Legs => report.goal(16.0),
            Kind::Relayed => report.goal(40.0),
            Kind::Transcoded | Kind::Secured => {}
        }
        settle_accounts(&mut rig, &mut report)?;
        Ok(report)
    }
}
