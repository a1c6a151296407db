//! A whole engine over loopback: phones say tones into some legs and look for them in others.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests look for one kind of event among many"
)]

mod allocation;
mod by_hand;
mod digits;
mod fairness;
mod faults;
mod hearing;
mod monitoring;
mod moving;
mod reading;
mod recording;
mod rig;
mod rooms;
mod security;
