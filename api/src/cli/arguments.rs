//! What can be written after `offhook`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use offhook_core::config::PortRange;
use offhook_core::directory::Role;

/// A call center and media server.
#[derive(Debug, Parser)]
#[command(name = "offhook", version, about, propagate_version = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take calls.
    Serve(ServeArguments),
    /// Check a configuration file and print the whole, defaults included.
    Check {
        /// The configuration file; none: the defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make bearer tokens for the API.
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The data folder: database, journal, recordings, keys. Made if missing.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(super) data: PathBuf,
    /// Fill an empty data folder with an office to try things in.
    #[arg(long)]
    pub(super) demo: bool,
    /// Where to listen for SIP, over UDP and TCP. Port 0: any free one.
    #[arg(long, value_name = "ADDR")]
    pub(super) sip: Option<SocketAddr>,
    /// Where to listen for HTTP. Port 0: any free one.
    #[arg(long, value_name = "ADDR")]
    pub(super) http: Option<SocketAddr>,
    /// UDP ports for RTP, two for each leg of a call.
    #[arg(long, value_name = "A-B")]
    pub(super) rtp_ports: Option<PortRange>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it. It is shown this once.
    Create(TokenArguments),
}

#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    /// What the token may do.
    #[arg(long)]
    pub(super) role: RoleArgument,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(super) data: PathBuf,
    /// What operators call it.
    #[arg(long, default_value = "made on the command line")]
    pub(super) name: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArgument {
    /// Everything, the office's set-up and secrets included.
    Admin,
    /// See and steer every call, queue and agent.
    Supervisor,
    /// Own agent state and own calls. A token made here belongs to nobody, so it sees none.
    Agent,
    /// Own calls. A token made here belongs to nobody, so it sees none.
    User,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Admin => Self::Admin,
            RoleArgument::Supervisor => Self::Supervisor,
            RoleArgument::Agent => Self::Agent,
            RoleArgument::User => Self::User,
        }
    }
}
