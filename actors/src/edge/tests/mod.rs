//! The edge over real sockets on loopback.

mod admission;
mod answers;
mod calls;
mod defence;
mod dialogs;
mod encrypted;
mod failover;
mod faults;
mod fixture;
mod large;
mod lasting;
mod moved;
mod named;
mod outbound;
mod outbox;
mod phone;
mod registration;
mod streams;
mod ways;
