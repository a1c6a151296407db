//! The `offhook` binary: see [`offhook_api::cli`].

use std::process::ExitCode;

/// A call is some hundred small allocations that live from a microsecond to an hour, most made and
/// freed on one thread, some freed on another: what this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    offhook_api::cli::run()
}
