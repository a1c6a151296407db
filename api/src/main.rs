//! The `offhook` binary: see [`offhook_api::cli`].

fn main() {}
