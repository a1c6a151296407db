//! Who is alive: the actors of Offhook. Each holds a pure machine; this crate reads the clock, opens
//! sockets and files, and carries messages between them.

pub mod alarm;
pub mod directory;
pub mod live;
pub mod restart;
pub mod store;
