//! Given, when, then; and a simulation of everything at once.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test picks out the one message it is about"
)]

mod fixture;
mod pickup;
mod recovery;
mod simulation;
mod stories;
mod strategies;
mod supervision;
mod waiting;
