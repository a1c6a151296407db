//! `media`: phones with real RTP against the media engine alone, and what they cost it.
//!
//! ```text
//! media floor --calls 500           packets passed on by a bare loop, to compare with
//! media relay --calls 500           bridged calls: CPU, memory, added delay, cadence, loss
//! media transcode --calls 200       the same between PCMU and Opus
//! media srtp --calls 500            the same with SRTP on both legs
//! media record --calls 500          what recording all of them in stereo adds
//! media music --listeners 500       hold music
//! media conference --members 500 --talkers 5
//! media memory --of legs            resident memory of one
//! media churn --calls 10000         calls of every kind that come and go: is anything left?
//! media table                       all of these, as a table in Markdown
//! ```
//!
//! Engine and phones share a process; only the time of the engine's own threads is counted. Everything
//! stays on loopback and is bounded in count and time. `docs/benchmarks.md` says how to read the
//! figures.

mod calls;
mod churn;
mod conference;
mod floor;
mod measured;
mod memory;
mod music;
mod rig;
mod table;
mod voices;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "media",
    about = "Plays phones against the media engine and tells what they cost it"
)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Writes the figures to this file as JSON, too.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Media threads; 0 is one per two cores, as the server has it.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=64), global = true)]
    shards: u16,
    /// Threads that send and receive the phones' RTP.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16), global = true)]
    rtp_threads: u16,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Packets passed on by a bare loop of `recv` and `send`.
    Floor(floor::Floor),
    /// Bridged calls, PCMU on both legs.
    Relay(calls::Calls),
    /// Bridged calls, PCMU on one leg and Opus on the other.
    Transcode(calls::Calls),
    /// Bridged calls, PCMU under SRTP on both legs.
    Srtp(calls::Secured),
    /// Bridged calls, first without recording, then each recorded as stereo WAV.
    Record(calls::Calls),
    /// Phones that hear hold music.
    Music(music::Music),
    /// One conference.
    Conference(conference::Conference),
    /// How much resident memory one leg or call takes.
    Memory(memory::Memory),
    /// Calls of every kind that come and go in waves.
    Churn(churn::Churn),
    /// All of the others, one after the other.
    Table(table::Table),
}

fn main() -> Result<()> {
    let Arguments { common, command } = Arguments::parse();
    let report = match command {
        Command::Floor(floor) => floor.run(&common)?,
        Command::Relay(calls) => calls.relay(&common)?,
        Command::Transcode(calls) => calls.transcode(&common)?,
        Command::Srtp(secured) => secured.run(&common)?,
        Command::Record(calls) => calls.record(&common)?,
        Command::Music(music) => music.run(&common)?,
        Command::Conference(conference) => conference.run(&common)?,
        Command::Memory(memory) => memory.run(&common)?,
        Command::Churn(churn) => churn.run(&common)?,
        Command::Table(table) => return table.run(&common),
    };
    print!("{report}");
    if let Some(path) = &common.json {
        report.write(path)?;
    }
    Ok(())
}
