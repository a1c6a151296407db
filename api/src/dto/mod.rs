//! What goes over the wire: one file per resource. These types are the API; they are not the
//! domain's, so that the domain can change without breaking a client.
//!
//! A resource has a view (what is read: `Queue`) and settings (what is written: `QueueSettings`).
//! The settings of an existing thing can be had from it, so that a merge patch (RFC 7396) is settings
//! as JSON, merged, and read again: one set of rules for create, replace and change.

pub mod account;
pub mod agent;
pub mod ban;
pub mod call;
pub mod cdr;
pub mod check;
pub mod destination;
pub mod did;
pub mod event;
pub mod extension;
pub mod ivr_menu;
pub mod list;
pub mod outbound_route;
mod overlap;
pub mod protection;
pub mod queue;
pub mod recording;
pub mod registration;
pub mod route_trace;
pub mod sip;
pub mod sound;
pub mod trunk;
mod trunk_check;
pub mod trunk_words;
pub mod watch;
