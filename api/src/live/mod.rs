//! The event stream, as WebSocket and as server-sent events.
//!
//! Both send every event that fits the query and that the caller may see, in order. A follower that
//! is too slow is told how much it lost and is then closed, so that nobody shows a wallboard that is
//! silently wrong: it connects again and reads the lists anew.

mod follower;
mod query;
mod rights;
mod sse;
mod ws;

pub(crate) use follower::Follower;
pub(crate) use query::EventQuery;
pub(crate) use sse::stream_events;
pub(crate) use ws::serve_socket;
