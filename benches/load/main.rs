//! `load`: callers and agents with real RTP against a running Offhook, and what they cost it.
//!
//! ```text
//! load relay --calls 500 --seconds 20     bridged calls: CPU, memory, loss, added delay
//! load music --calls 500 --seconds 20     callers on hold music: CPU, memory
//! load setup --rate 100 --seconds 20      short calls: added latency, CPU, failures
//! load queue --rate 200 --seconds 60      a busy queue: lost, stuck or doubled calls, latencies
//! load register --phones 20000            phones that register every 60 s: CPU, memory
//! load junk --datagrams 20000             short calls while strangers send nonsense
//! load soak --minutes 60                  all kinds of calls beside attackers: is anything left?
//! load connections --transport tls        phones that only stay connected: memory each
//! load idle                               start-up time and memory
//! ```
//!
//! Unless `--server` names a running demo office, each command starts one of its own on free ports
//! with data in a temporary folder, and ends it. Everything stays on loopback and is bounded in count
//! and time. `docs/benchmarks.md` says how to read the figures.

mod census;
mod connections;
mod hostile;
mod idle;
mod junk;
mod office;
mod pace;
mod queue;
mod register;
mod server;
mod setup;
mod sip;
mod soak;
mod steady;
mod tls;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use server::Server;

#[derive(Debug, Parser)]
#[command(
    name = "load",
    about = "Plays callers and agents against a running Offhook"
)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// `spawn`, or the process id of a running demo office; that one needs `--data`.
    #[arg(long, default_value = "spawn", global = true)]
    server: String,
    /// The data folder of a running demo office.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// The server to start; unless said the `offhook` beside this program.
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    /// Lines of configuration for a server that is started, in a file of its own.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Writes the figures to this file as JSON, too.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Threads that send and receive RTP.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16), global = true)]
    rtp_threads: u16,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bridged calls between a caller and an extension.
    Relay(steady::Steady),
    /// Callers on hold music, in a queue nobody serves.
    Music(steady::Steady),
    /// Short calls, answered and hung up at once.
    Setup(setup::Setup),
    /// Short calls while strangers send nonsense.
    Junk(junk::Junk),
    /// Phones that keep registering.
    Register(register::Registering),
    /// A queue with agents who answer at once and talk a short time.
    Queue(queue::Busy),
    /// An office at work while strangers attack it; fails when anything is left in the end.
    Soak(soak::Soak),
    /// Phones and browsers that stay connected and say nothing.
    Connections(connections::Connections),
    /// A server nobody uses.
    Idle(idle::Idle),
}

fn main() -> Result<()> {
    let Arguments { common, command } = Arguments::parse();
    let must_meet = matches!(command, Command::Soak(_));
    let report = match command {
        Command::Relay(steady) => steady.relay(&open(&common)?, common.rtp_threads)?,
        Command::Music(steady) => steady.music(&open(&common)?, common.rtp_threads)?,
        Command::Setup(setup) => setup.run(&open(&common)?)?,
        Command::Junk(junk) => junk.run(&open(&common)?)?,
        Command::Register(registering) => registering.run(&common)?,
        Command::Queue(busy) => busy.run(&open(&common)?, common.rtp_threads)?,
        Command::Soak(soak) => soak.run(&open(&common)?)?,
        Command::Connections(connections) => connections.run(&common)?,
        Command::Idle(idle) => idle.run(&common)?,
    };
    print!("{report}");
    if let Some(path) = &common.json {
        report.write(path)?;
    }
    ensure!(!must_meet || report.is_met(), "a goal was missed");
    Ok(())
}

fn open(common: &Common) -> Result<Server> {
    match common.server.as_str() {
        "spawn" => Server::spawn(common.binary.as_deref(), common.config.as_deref()),
        pid => {
            let pid = pid.parse().context("--server is `spawn` or a process id")?;
            let data = common.data.as_deref();
            Server::attach(pid, data.context("a running server needs --data")?)
        }
    }
}
