//! Parts of the server that fall, and what the others notice of it: nothing.

mod house;
mod packets;

mod agent;
mod call;
mod drain;
mod kill;
mod queue;
mod recordings;
mod signalling;
mod start;
mod subscriptions;
mod transfer;
