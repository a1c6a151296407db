//! The office: who and what can be reached. [`Office`] is the plain list of things as the store keeps
//! them; [`Directory`] is an immutable snapshot with indexes, swapped as a whole when anything
//! changes. Routing reads only the snapshot.

mod agent;
mod destination;
mod entities;
mod outbound_route;
mod queue;
mod schedule;
mod snapshot;
mod sound;
mod trunk;
mod watch;

pub use agent::{Agent, AgentState};
pub use destination::Destination;
pub use entities::{Did, Extension, ExtensionKind, IvrMenu, MenuAction, Role};
pub use outbound_route::{OutboundRoute, Permission, RouteKind};
pub use queue::{Queue, QueueAgent, Strategy};
pub use schedule::{Day, ExceptionDay, Hours, Schedule, WeeklyHours};
pub use snapshot::{Dialable, Directory, Office};
pub use sound::{MusicClass, PlayOrder, SoundFile};
pub use trunk::{
    CallerIdMethod, CallerPresentation, DidSource, DidSourceError, EarlyMedia, ForeignCallers,
    HiddenCallers, IdentityHeader, NumberDisplay, NumberFormat, NumberPlan, SipTransport, Trunk,
    TrunkInbound, TrunkMode, TrunkQualify, TrunkRegistration,
};
pub use watch::{MessageCounts, WaitingMessages, WatchList};
