//! Who is alive: the actors of Offhook. Each holds a pure machine; this crate reads the clock, opens
//! sockets and files, and carries messages between them.

pub mod agent;
pub mod alarm;
pub mod call;
pub mod decisions;
pub mod defence;
pub mod directory;
pub mod edge;
pub mod engine;
pub mod inbox;
pub mod ivr;
pub mod library;
pub mod live;
pub mod queue;
mod quiet;
pub mod recording;
pub mod registrar;
pub mod restart;
pub mod root;
pub mod store;
pub mod subscribe;
pub mod switchboard;
pub mod trunk;
