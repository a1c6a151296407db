//! Callers, agents and queues.

mod agents;
mod attempts;
mod hangup;
mod overflow;
mod several;
mod story;
