//! What a shard does with rooms when told to.

use std::panic::{AssertUnwindSafe, catch_unwind};

use offhook_core::{CallId, LegId, RecordingId};

use crate::engine::event::{EngineEvent, Refusal};
use crate::engine::leg::LegTap;
use crate::engine::record::recorder::RecorderCommand;
use crate::engine::room::player::RoomPlayer;
use crate::engine::room::{LegAudience, Origin, PlayTarget, Room, RoomCommand, Seat};
use crate::engine::worker::Shard;
use crate::graph::mixer::{Audience, MemberKey, MemberSettings, MixerError, MixerSettings};
use crate::graph::player::{Background, Player};
use crate::graph::playlist::{PlayEnd, PlayId};
use crate::graph::tap::Side;
use crate::session::Link;

impl Shard {
    /// Does what a command says about the room of a call, or says why not.
    pub(in crate::engine) fn perform_in_room(&mut self, call: CallId, command: RoomCommand) {
        let (leg, name) = command.subject();
        // What is left half done belongs to the room, which ends.
        let done = catch_unwind(AssertUnwindSafe(|| self.do_in_room(call, command)));
        let reason = match done {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => reason,
            Err(_) => {
                if let Some(room) = self.rooms.key_of(call) {
                    self.fail_room(room);
                }
                return;
            }
        };
        let command = name;
        self.events.push(match leg {
            Some(leg) => EngineEvent::CommandRefused {
                leg,
                command,
                reason,
            },
            None => EngineEvent::RoomRefused {
                call,
                command,
                reason,
            },
        });
    }

    fn do_in_room(&mut self, call: CallId, command: RoomCommand) -> Result<(), Refusal> {
        match command {
            RoomCommand::Open(settings, music) => self
                .open_room(call, settings, music, Origin::Opened)
                .map(|_| ()),
            RoomCommand::Close => self.close_room(call),
            RoomCommand::Join(leg, settings) => self.join_room(leg, settings),
            RoomCommand::Leave(leg) => self.leave_room(leg),
            RoomCommand::SetMember(leg, settings) => self.with_room(call, |room| {
                let member = room.member(leg)?;
                Ok(room.mixer.set(member, settings)?)
            }),
            RoomCommand::Relate {
                listener,
                speaker,
                gain,
            } => self.with_room(call, |room| {
                let [listener, speaker] = [room.member(listener)?, room.member(speaker)?];
                Ok(room.mixer.relate(listener, speaker, gain)?)
            }),
            RoomCommand::SpeakTo(leg, audience, gain) => self.with_room(call, |room| {
                let audience = room.audience(audience)?;
                let speaker = room.member(leg)?;
                Ok(room.mixer.speak_to(speaker, audience, gain)?)
            }),
            RoomCommand::Play(target, player) => {
                self.play_in_room(call, target, player);
                Ok(())
            }
            RoomCommand::StopPlay(target) => self.stop_in_room(call, target),
            RoomCommand::Monitor(spec) => self.monitor(&spec),
            RoomCommand::Tap(recording) => self.tap_room(call, recording),
            #[cfg(test)]
            RoomCommand::Panic => self.with_room(call, |room| {
                room.panics = true;
                Ok(())
            }),
            #[cfg(test)]
            RoomCommand::PanicAtOnce => panic!("told to panic"),
        }
    }

    pub(super) fn open_room(
        &mut self,
        call: CallId,
        settings: MixerSettings,
        music: Background,
        origin: Origin,
    ) -> Result<usize, Refusal> {
        match self.rooms.key_of(call) {
            Some(_) => Err(Refusal::RoomExists),
            None => Ok(self.rooms.add(Room::new(call, settings, origin, music))),
        }
    }

    fn close_room(&mut self, call: CallId) -> Result<(), Refusal> {
        let key = self.rooms.key_of(call).ok_or(Refusal::NoRoom)?;
        self.empty_room(key);
        Ok(())
    }

    /// Ends a room that has gone wrong; its members hear silence from now on.
    pub(super) fn fail_room(&mut self, key: usize) {
        let Some(call) = self.rooms.get(key).map(|room| room.call) else {
            return;
        };
        tracing::error!(%call, "a fault in the media engine ended a room");
        self.empty_room(key);
        self.events.push(EngineEvent::RoomFailed { call });
    }

    /// Sends everybody out and ends a room.
    pub(super) fn empty_room(&mut self, key: usize) {
        let Some(mut room) = self.rooms.remove(key) else {
            return;
        };
        if let Some(mut player) = room.player.take() {
            self.tell_stopped(PlayTarget::Everyone, room.call, &mut player);
        }
        for tap in room.taps.drain(..) {
            self.end_tap(&tap);
        }
        for seat in &mut room.seats {
            self.end_seat(seat);
        }
    }

    fn tap_room(&mut self, call: CallId, recording: RecordingId) -> Result<(), Refusal> {
        let tapped = self.with_room(call, |room| {
            room.taps.push(LegTap::new(recording, Side::Left));
            Ok(())
        });
        // It waits for what was promised to it.
        self.tell_recorder(match tapped {
            Ok(()) => RecorderCommand::LegJoined(recording),
            Err(_) => RecorderCommand::LegEnded(recording),
        });
        tapped
    }

    /// Rooms are no longer heard by a recording.
    pub(in crate::engine) fn untap_rooms(
        &mut self,
        recording: RecordingId,
        ended: &mut Vec<LegTap>,
    ) {
        for (_, room) in &mut self.rooms.rooms {
            if let Some(room) = room {
                let of_it = |tap: &mut LegTap| tap.recording == recording;
                ended.extend(room.taps.extract_if(.., of_it));
            }
        }
    }

    pub(super) fn join_room(&mut self, id: LegId, settings: MemberSettings) -> Result<(), Refusal> {
        let room = self.rooms.key_of(id.call).ok_or(Refusal::NoRoom)?;
        let key = self.index.get(&id).copied().ok_or(Refusal::UnknownLeg)?;
        if let Some(seat) = self.rooms.get(room).and_then(|room| room.seat(id)) {
            let member = seat.member;
            // Who was given something else to hear meanwhile hears the room again.
            self.legs[key].session.set_background(Background::Bridge);
            let room = self.rooms.get(room).ok_or(Refusal::NoRoom)?;
            return Ok(room.mixer.set(member, settings)?);
        }
        let member = {
            let room = self.rooms.get(room).ok_or(Refusal::NoRoom)?;
            let member = room.mixer.join(settings)?;
            room.seats.push(Seat {
                leg: key,
                id,
                member,
                player: None,
            });
            member
        };
        self.guarded(key, |shard| shard.seat(key, room));
        if self.legs.get(key).is_none_or(|leg| leg.room != Some(room))
            && let Some(room) = self.rooms.get(room)
        {
            room.mixer.leave(member);
            room.seats.retain(|seat| seat.member != member);
        }
        Ok(())
    }

    /// Has a leg hear a room, and its room's turn make its frames.
    fn seat(&mut self, key: usize, room: usize) {
        self.fetch_rtp(key);
        self.unbridge(key);
        let rate = self.rooms.get(room).map(|room| room.mixer.rate());
        if let Some(leg) = self.legs.get_mut(key) {
            leg.session.set_background(Background::Bridge);
            // Its packets reach nobody as they are.
            leg.session
                .set_link(rate.map_or(Link::Relay, Link::Transcode));
            leg.room = Some(room);
        }
        self.fit_wheel(key);
    }

    pub(super) fn leave_room(&mut self, leg: LegId) -> Result<(), Refusal> {
        let key = self.rooms.key_of(leg.call).ok_or(Refusal::NoRoom)?;
        let room = self.rooms.get(key).ok_or(Refusal::NoRoom)?;
        let index = room.seats.iter().position(|seat| seat.id == leg);
        let mut seat = room.seats.remove(index.ok_or(Refusal::NotInRoom)?);
        room.mixer.leave(seat.member);
        self.end_seat(&mut seat);
        if self.rooms.get(key).is_some_and(|room| room.is_dissolved()) {
            self.dissolve(key);
        }
        Ok(())
    }

    /// Lets a leg go out of its room, if it is in one, to be bridged or moved.
    pub(in crate::engine) fn unseat(&mut self, key: usize) {
        let leg = self.legs.get(key);
        if let Some(id) = leg.filter(|leg| leg.room.is_some()).map(|leg| leg.id) {
            // It is there, for the leg says so.
            self.leave_room(id).ok();
        }
    }

    /// Has a leg hear the room no more.
    fn end_seat(&mut self, seat: &mut Seat) {
        if let Some(mut player) = seat.player.take() {
            self.tell_stopped(PlayTarget::Only(seat.id), seat.id.call, &mut player);
        }
        let Some(leg) = self.legs.get_mut(seat.leg).filter(|leg| leg.id == seat.id) else {
            return;
        };
        leg.room = None;
        if let Some(across) = leg.across.take().and_then(|key| self.legs.get_mut(key)) {
            across.across = None;
        }
        self.guarded(seat.leg, |shard| {
            let Some(leg) = shard.legs.get_mut(seat.leg) else {
                return;
            };
            leg.session.stop_decoding();
            leg.session.set_link(Link::Relay);
            if matches!(leg.session.background(), Background::Bridge) {
                leg.session.set_background(Background::Silence);
            }
            shard.fit_wheel(seat.leg);
            shard.count_coders(seat.leg);
        });
    }

    /// Ends all rooms.
    pub(in crate::engine) fn end_rooms(&mut self) {
        let all: Vec<usize> = self.rooms.rooms.iter().map(|(key, _)| key).collect();
        for key in all {
            self.empty_room(key);
        }
    }

    /// Takes those out of a room who are no more, or elsewhere.
    pub(super) fn dismiss(&mut self, room: &mut Room) {
        let mut index = 0;
        while let Some(seat) = room.seats.get(index) {
            let leg = self.legs.get(seat.leg);
            if leg.is_some_and(|leg| leg.id == seat.id && leg.room.is_some()) {
                index += 1;
                continue;
            }
            let mut seat = room.seats.remove(index);
            room.mixer.leave(seat.member);
            self.end_seat(&mut seat);
        }
    }

    pub(super) fn with_room<T>(
        &mut self,
        call: CallId,
        work: impl FnOnce(&mut Room) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let key = self.rooms.key_of(call).ok_or(Refusal::NoRoom)?;
        work(self.rooms.get(key).ok_or(Refusal::NoRoom)?)
    }

    fn play_in_room(&mut self, call: CallId, target: PlayTarget, player: Player) {
        let play = player.play();
        let end = if player.is_finished() {
            PlayEnd::Finished
        } else {
            match self.begin_play(call, target, player) {
                Ok(()) => return,
                Err(_) => PlayEnd::Failed,
            }
        };
        self.events.push(playback_ended(target, call, play, end));
    }

    fn begin_play(
        &mut self,
        call: CallId,
        target: PlayTarget,
        player: Player,
    ) -> Result<(), Refusal> {
        // One that has begun gives way, as with legs.
        self.stop_in_room(call, target)?;
        self.with_room(call, |room| {
            let player = Box::new(RoomPlayer::new(player, room.mixer.rate()));
            let place = room.place_of(target)?;
            match place {
                // It fades out first.
                Some(former) => former.follow_with(player),
                None => *place = Some(player),
            }
            Ok(())
        })
    }

    fn stop_in_room(&mut self, call: CallId, target: PlayTarget) -> Result<(), Refusal> {
        let stopped = self.with_room(call, |room| {
            let player = room.place_of(target)?.as_mut();
            Ok(player.and_then(|player| player.stop()))
        })?;
        if let Some(play) = stopped {
            self.events
                .push(playback_ended(target, call, play, PlayEnd::Stopped));
        }
        Ok(())
    }

    fn tell_stopped(&mut self, target: PlayTarget, call: CallId, player: &mut RoomPlayer) {
        if let Some(play) = player.stop() {
            self.events
                .push(playback_ended(target, call, play, PlayEnd::Stopped));
        }
    }
}

impl Room {
    pub(super) fn member(&self, leg: LegId) -> Result<MemberKey, Refusal> {
        self.seat(leg)
            .map(|seat| seat.member)
            .ok_or(Refusal::NotInRoom)
    }

    /// Where the player is kept that these hear, if there is one.
    fn place_of(&mut self, target: PlayTarget) -> Result<&mut Option<Box<RoomPlayer>>, Refusal> {
        match target {
            PlayTarget::Everyone => Ok(&mut self.player),
            PlayTarget::Only(leg) => {
                let seat = self.seats.iter_mut().find(|seat| seat.id == leg);
                Ok(&mut seat.ok_or(Refusal::NotInRoom)?.player)
            }
        }
    }

    fn audience(&self, audience: LegAudience) -> Result<Audience, Refusal> {
        Ok(match audience {
            LegAudience::Everyone => Audience::Everyone,
            LegAudience::Only(leg) => Audience::Only(self.member(leg)?),
            LegAudience::Nobody => Audience::Nobody,
        })
    }
}

fn playback_ended(target: PlayTarget, call: CallId, play: PlayId, end: PlayEnd) -> EngineEvent {
    match target {
        PlayTarget::Everyone => EngineEvent::RoomPlaybackEnded { call, play, end },
        PlayTarget::Only(leg) => EngineEvent::PlaybackEnded { leg, play, end },
    }
}

impl From<MixerError> for Refusal {
    fn from(error: MixerError) -> Self {
        match error {
            MixerError::Full => Self::RoomFull,
            MixerError::UnknownMember => Self::NotInRoom,
            MixerError::SameMember => Self::SameLeg,
            MixerError::TooManyRelations => Self::TooManyRelations,
        }
    }
}
