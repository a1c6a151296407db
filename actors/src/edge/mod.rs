//! The edge: where SIP comes in and goes out.
//!
//! ```text
//!  UDP, TCP, ─▶ one bounded channel ──▶ ┌───────────────┐ ──▶ CallSide::incoming, sip_input
//!  TLS, WS      (full: datagrams are    │ signalling    │ ──▶ Registrar
//!               dropped, streams wait)  │ task          │
//!  sockets ◀──────────────────────────  └───────────────┘ ◀── SipCore::perform, bind, close
//! ```
//!
//! All signalling runs on one task: it feeds core's [`Endpoint`](offhook_core::sip::endpoint), asks
//! `admission` who may call, and carries messages between transactions and legs.
//! It is a plain task and not a ractor mailbox, because a mailbox has no bound and hands over one
//! message at a time; here a bounded channel gives back pressure, and what arrived together is
//! worked on together. [`SipCoreActor`] owns the task for its supervisor: when the task falls, the
//! actor falls.
//!
//! **What survives a fall:** sockets, connections, what waits in the channels or was just taken out
//! of them, and which dialog belongs to which leg; they live outside the actor. What is lost are
//! transactions, and requests that waited for a name or a connection. Every leg that waited for one
//! is told so, and peers send again what was not answered.
//!
//! | who owns | what |
//! | --- | --- |
//! | `net` | sockets, their limits, our address as a peer sees it |
//! | `bind`, `accept`, `connect` | sockets that are listened on; streams from and to peers |
//! | `stream`, `websocket` | messages on a connection; `connections` is the table of them |
//! | `seats`, `sockopt` | how many connections there may be; how the system looks after them |
//! | `tls` | certificates, ours and those of peers |
//! | `legs` | dialog → leg, transaction ↔ leg |
//! | `feeds` | what waits for the signalling task |
//! | `signalling` | the endpoint, and the order of things |
//! | `requests` | what belongs to no call: SUBSCRIBE, MESSAGE, NOTIFY |
//! | `observe` | figures of messages, the messages of calls, copies for a capture server |
//! | `outbox` | requests that wait for a name or a connection; `owed` that somebody tells them |
//! | `answers` | responses that wait for a connection |
//! | `locate` | host names (RFC 3263); `failover` requests that may go to another server |
//! | `reach` | the way to a phone that came back by another connection |
//! | `admission` | who may call and register; [`Guard`](crate::defence::Guard) who may not even try |

mod accept;
mod actor;
mod admission;
mod answers;
mod ask;
mod bind;
mod command;
mod connect;
mod connections;
mod contacts;
mod datagram;
mod extensions;
mod failover;
mod feeds;
mod handle;
mod legs;
mod locate;
mod login;
mod net;
mod observe;
mod outbox;
mod owed;
mod peer;
mod reach;
mod replaces;
mod requests;
mod route;
mod seats;
mod secure;
mod signalling;
mod sockopt;
mod standing;
mod stats;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod udp;
mod upward;
mod ways;
mod websocket;

pub use actor::{SipCoreActor, SipCoreMessage};
pub use ask::{Answer, Reply};
pub use bind::BindError;
pub use handle::{SipCore, SipCoreArguments};
pub use legs::LegDialog;
pub use net::OpenError;
pub use requests::{IncomingRequest, RequestSide};
pub use stats::{EdgeStats, SipTraffic, Tally};
pub use tls::{TlsError, self_signed};
pub use upward::CallSide;
pub use ways::WayOut;
