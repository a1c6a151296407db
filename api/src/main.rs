//! The `offhook` binary: see [`offhook_api::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    offhook_api::cli::run()
}
