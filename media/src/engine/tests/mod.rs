//! A whole engine over loopback: phones say tones into some legs and look for them in others.

mod digits;
mod faults;
mod hearing;
mod recording;
mod rig;
