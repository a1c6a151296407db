//! Calls on a made-up clock: a scripted caller, scripted phones, and a notebook of what the machine wanted.

mod dial;
mod fixture;
mod forward;
mod hangup;
mod menu;
mod moving;
mod pickup;
mod queue;
mod recording;
mod sounds;
mod supervision;
mod talk;
mod transfer;
mod tuning;
mod turns;
