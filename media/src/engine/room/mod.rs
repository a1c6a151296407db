//! Rooms: legs of one call that all hear each other.
//!
//! A room lives on the shard of its call and is named after it, as a bridge has to be of legs of one
//! call: legs of others are moved in first. Each has a slot of a wheel; when that comes round, what
//! every member says is pulled, mixed, and sent to each, encoded once for all who hear the same in the
//! same form. A fault in handling a member ends that leg; a fault of the room ends the room.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`command`] | what a shard is told of rooms |
//! | [`handle`] | the engine's verbs for rooms |
//! | [`control`] | opening, joining, relations |
//! | [`monitor`] | a bridge with a supervisor in it |
//! | [`turn`] | a frame of a room |
//! | [`shared`] | what is encoded once for many |
//! | [`player`] | playlists as samples of the room |

mod command;
mod control;
mod handle;
mod monitor;
mod player;
mod shared;
mod turn;

use std::time::Instant;

use ahash::AHashMap;
use offhook_core::{CallId, LegId};
use slab::Slab;

pub(super) use command::RoomCommand;
pub use command::{LegAudience, MonitorMode, MonitorSpec, PlayTarget, RoomSettings};

use crate::engine::leg::LegTap;
use crate::engine::room::player::RoomPlayer;
use crate::engine::room::shared::SharedVoices;
use crate::engine::wheel::Wheel;
use crate::graph::mixer::{MemberKey, Mixer, MixerSettings};
use crate::graph::player::Background;

/// The rooms of a shard.
#[derive(Debug)]
pub(super) struct Rooms {
    by_call: AHashMap<CallId, usize>,
    /// `None` while its turn is made.
    rooms: Slab<Option<Box<Room>>>,
    pub(super) wheel: Wheel,
}

/// A room of a shard.
#[derive(Debug)]
struct Room {
    call: CallId,
    origin: Origin,
    mixer: Mixer,
    seats: Vec<Seat>,
    shared: SharedVoices,
    player: Option<Box<RoomPlayer>>,
    /// What somebody hears who is alone.
    music: Background,
    slot: Option<usize>,
    /// The recordings that hear what it hears.
    taps: Vec<LegTap>,
    #[cfg(test)]
    panics: bool,
}

/// A member of a room.
#[derive(Debug)]
struct Seat {
    /// Its key in the shard, and who that was when it joined.
    leg: usize,
    id: LegId,
    member: MemberKey,
    /// What is played to it beside the others.
    player: Option<Box<RoomPlayer>>,
}

/// What a room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A conference: stays until it is closed.
    Opened,
    /// A bridge that is listened to: becomes a bridge again when nobody does any more.
    Monitored,
}

impl Rooms {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            by_call: AHashMap::new(),
            rooms: Slab::new(),
            wheel: Wheel::new(now),
        }
    }

    fn add(&mut self, mut room: Room) -> usize {
        let entry = self.rooms.vacant_entry();
        let key = entry.key();
        self.by_call.insert(room.call, key);
        room.slot = Some(self.wheel.add(key));
        entry.insert(Some(Box::new(room)));
        key
    }

    /// Takes a room for good. One whose turn is made leaves its slot by itself.
    fn remove(&mut self, key: usize) -> Option<Box<Room>> {
        let room = self.rooms.try_remove(key)??;
        self.by_call.remove(&room.call);
        if let Some(slot) = room.slot {
            self.wheel.remove(slot, key);
        }
        Some(room)
    }

    fn key_of(&self, call: CallId) -> Option<usize> {
        self.by_call.get(&call).copied()
    }

    fn get(&mut self, key: usize) -> Option<&mut Room> {
        self.rooms.get_mut(key)?.as_deref_mut()
    }
}

impl Room {
    fn new(call: CallId, settings: MixerSettings, origin: Origin, music: Background) -> Self {
        Self {
            call,
            origin,
            mixer: Mixer::new(settings),
            seats: Vec::new(),
            shared: SharedVoices::new(settings.rate),
            player: None,
            music,
            slot: None,
            taps: Vec::new(),
            #[cfg(test)]
            panics: false,
        }
    }

    fn seat(&self, leg: LegId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.id == leg)
    }

    fn leg_of(&self, member: MemberKey) -> Option<LegId> {
        let seat = self.seats.iter().find(|seat| seat.member == member);
        seat.map(|seat| seat.id)
    }
}
