//! The engine: threads that own the RTP sockets of all legs.
//!
//! Each **shard** is one thread that owns its legs outright. Commands come in by a ring, events go
//! out by a ring; RTP never leaves the thread that received it, except that recordings get a copy
//! of the payloads through a third ring. Nothing is locked or allocated per packet.

mod command;
mod config;
mod control;
mod event;
mod handle;
mod leg;
mod linking;
mod moving;
mod ports;
mod reading;
mod record;
mod room;
mod socket;
mod stats;
mod traffic;
mod wheel;
mod worker;

#[cfg(test)]
mod tests;

pub use config::{EngineConfig, EngineError};
pub use event::{EngineEvent, EngineEvents, LegFailure, RecordingFailure, Refusal};
pub use handle::{Engine, LegPort};
pub use record::{
    RecordSpec, Recovered, Seal, every_file_name, file_name, key_path, measure_recording,
    peaks_path, recover_recordings,
};
pub use room::{LegAudience, MonitorMode, MonitorSpec, PlayTarget, RoomSettings};
pub use stats::{Dropped, EngineStats, ShardStats};

pub use crate::graph::bank::SoundBank;
pub use crate::graph::live::LiveProgram;
pub use crate::graph::music::{MusicClass, MusicOrder, Program};
pub use crate::graph::playlist::{
    PlayControl, PlayEnd, PlayId, PlayItem, PlayOptions, Playlist, Source, ToneId,
};
pub use crate::graph::recording::Layout;
pub use crate::graph::sound::Sound;
pub use crate::session::{DropReason, KeysInBand, KeysOut, RemoteMedia};
