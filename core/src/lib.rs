//! The words and rules of Offhook.
//!
//! Everything here is pure: no clock, no socket, no file, no task. Machines are told the time as an
//! [`Instant`](std::time::Instant) and say what should happen; the shells in `offhook-actors` do it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`id`] | one newtype per thing that has an identity, and where new ones come from |
//! | [`timers`] | named deadlines |
//! | [`cause`] | why a call ended: one table for SIP and Q.850 |
//! | [`event`] | what happened, in the past tense; everything visible is a fold over it |
//! | [`cdr`] | the call record, a fold over events |
//! | [`live`] | who is talking and waiting right now, a fold over events |
//! | [`directory`] | the office: extensions, DIDs, trunks, queues, agents, menus |
//! | [`dialplan`] | what a dialled number means |
//! | [`config`] | the configuration file |
//! | [`recording`] | what a recording is like and how it ended |
//! | [`number`] | extensions and public numbers |
//! | [`pii`] | wrappers whose `Debug` hides what logs must not show |
//! | [`sip`] | the SIP core, sans-IO |
//! | [`sdp`] | session descriptions and the offer/answer machine |
//! | [`fuzz`] | what must hold for any bytes from the network |

pub mod cause;
pub mod cdr;
pub mod config;
pub mod dialplan;
pub mod directory;
pub mod event;
pub mod fax;
pub mod fuzz;
pub mod id;
pub mod live;
pub mod number;
pub mod pii;
pub mod recording;
pub mod sdp;
pub mod sip;
#[cfg(test)]
mod test_time;
pub mod timers;

pub use cause::HangupCause;
pub use directory::Directory;
pub use event::{Event, EventKind};
pub use id::{
    AgentId, AttemptId, CallId, DidId, ExtensionId, IdSource, IvrMenuId, LegId, MusicClassId,
    OutboundRouteId, QueueId, RecordingId, SoundId, TokenId, TrunkId, UserId,
};
