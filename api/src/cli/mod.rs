//! The command line: `serve`, `check`, `token create`.
//!
//! Exit codes: 0 all went well, 1 it could not be done (a port is taken, the data folder cannot be
//! used), 2 the arguments or the configuration are wrong. What went wrong is one sentence on the
//! standard error.

mod arguments;
mod banner;
mod credentials;
mod log;
mod serve;
mod settings;
mod signals;
mod token;

use std::fmt;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, TokenCommand};

/// Why the program ends early.
#[derive(Debug)]
enum Failure {
    /// The arguments or the configuration are wrong.
    Usage(String),
    /// It cannot be done here and now.
    Run(String),
}

impl Failure {
    fn run(error: impl fmt::Display) -> Self {
        Self::Run(error.to_string())
    }

    fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Runs the program with the arguments it was started with.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are "errors" of exit code 0; clap knows where each is to be printed.
        Err(error) => error.exit(),
    };
    let done = match arguments.command {
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Check { config } => check(config.as_deref()),
        Command::Token(TokenCommand::Create(arguments)) => token::create(&arguments),
    };
    let (code, reason) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(reason)) => (2, reason),
        Err(Failure::Run(reason)) => (1, reason),
    };
    eprintln!("offhook: {reason}");
    ExitCode::from(code)
}

/// Prints the effective configuration.
fn check(path: Option<&std::path::Path>) -> Result<(), Failure> {
    let config = settings::load(path)?;
    print(&config.effective())
}

/// Prints for people and pipes. A pipe that was closed is nobody's fault.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::run(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
