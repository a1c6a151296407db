//! The four transaction machines (RFC 3261 section 17 with RFC 6026) and the table they live in.
//!
//! Each machine is states and deadlines only; it says what to send or hand up, and
//! [`Endpoint`](super::endpoint::Endpoint) holds the bytes.
//!
//! | | INVITE | others |
//! | --- | --- | --- |
//! | client | `client_invite.rs`: timers A, B, D, M | `client.rs`: E, F, K |
//! | server | `server_invite.rs`: G, H, I, L, 100 Trying | `server.rs`: J |

pub(crate) mod client;
pub(crate) mod client_invite;
pub(crate) mod key;
pub(crate) mod server;
pub(crate) mod server_invite;
pub(crate) mod table;
pub mod timer;
