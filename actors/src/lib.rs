//! Who is alive: the actors of Offhook. Each holds a pure machine; this crate reads the clock, opens
//! sockets and files, and carries messages between them.

pub mod agent;
pub mod alarm;
pub mod directory;
pub mod edge;
pub mod inbox;
pub mod live;
pub mod queue;
pub mod registrar;
pub mod restart;
pub mod store;
pub mod call;
pub mod engine;
pub mod ivr;
