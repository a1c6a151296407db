//! The engine's verbs for rooms.

use offhook_core::{CallId, LegId};

use crate::engine::command::Command;
use crate::engine::event::{EngineEvent, Refusal};
use crate::engine::handle::Engine;
use crate::engine::record::RecordSpec;
use crate::engine::room::{LegAudience, MonitorSpec, PlayTarget, RoomCommand, RoomSettings};
use crate::graph::mixer::{Gain, MemberSettings};
use crate::graph::player::{Background, Player};
use crate::graph::playlist::{PlayEnd, PlayId, Playlist, Source};

impl Engine {
    /// Opens the room of a call. It stays until [`Engine::close_room`], also when nobody is in it.
    pub fn open_room(&self, call: CallId, settings: &RoomSettings) {
        let music = settings.music.clone();
        let music = music.map_or(Source::Silence, Source::HoldMusic);
        let Some(music) = Background::find(&music, &self.bank()) else {
            return self.refuse_room(call, "open_room", Refusal::UnknownMusic);
        };
        let open = RoomCommand::Open(settings.mixer, music);
        self.room(call, "open_room", open);
    }

    /// Ends the room of a call: its members hear silence until told otherwise.
    pub fn close_room(&self, call: CallId) {
        self.room(call, "close_room", RoomCommand::Close);
    }

    /// Lets a leg into the room of its call; its bridge ends. Legs of other calls are to be moved
    /// first, by [`Engine::move_leg`]. One that is there already takes these settings, and hears the
    /// room again should it have been given something else.
    pub fn join_room(&self, leg: LegId, settings: MemberSettings) {
        self.leg_in_room(leg, "join_room", RoomCommand::Join(leg, settings));
    }

    /// Takes a leg out of its room: it hears silence until told otherwise.
    pub fn leave_room(&self, leg: LegId) {
        self.leg_in_room(leg, "leave_room", RoomCommand::Leave(leg));
    }

    /// Changes a member's gains, muting, deafness and threshold, within a frame and without a click.
    pub fn set_member(&self, leg: LegId, settings: MemberSettings) {
        self.leg_in_room(leg, "set_member", RoomCommand::SetMember(leg, settings));
    }

    /// Has one member hear another with this gain: silent for not at all, `None` for as everybody
    /// does.
    pub fn relate(&self, listener: LegId, speaker: LegId, gain: Option<Gain>) {
        if listener.call != speaker.call {
            return self.refuse(listener, "relate", Refusal::OtherCall);
        }
        let relate = RoomCommand::Relate {
            listener,
            speaker,
            gain,
        };
        self.leg_in_room(listener, "relate", relate);
    }

    /// Has a member speak to these alone, with this gain. Former relations of who hears it end.
    pub fn speak_to(&self, leg: LegId, audience: LegAudience, gain: Gain) {
        let command = RoomCommand::SpeakTo(leg, audience, gain);
        self.leg_in_room(leg, "speak_to", command);
    }

    /// Plays a playlist into a room, or to one member, beside what is said. A former one ends as
    /// `Stopped`. The end is told exactly once: as [`EngineEvent::RoomPlaybackEnded`], or as
    /// [`EngineEvent::PlaybackEnded`] for one member.
    pub fn play_in_room(&self, call: CallId, target: PlayTarget, play: PlayId, list: &Playlist) {
        let player = match Player::new(play, list, &self.bank()) {
            Ok(player) => player,
            Err(error) => {
                tracing::warn!(%call, %error, "a playlist cannot be played");
                return self.fail_room_play(call, target, play);
            }
        };
        let command = Command::Room(call, Box::new(RoomCommand::Play(target, player)));
        if !self.put(call, command) {
            self.fail_room_play(call, target, play);
        }
    }

    /// Stops what is played into a room or to one member, if anything; it fades out.
    pub fn stop_play_in_room(&self, call: CallId, target: PlayTarget) {
        self.room(call, "stop_play_in_room", RoomCommand::StopPlay(target));
    }

    /// Records what the room of `spec.left`'s call hears, until [`Engine::stop_record`] or the room
    /// ends: on the left channel, or in mono. Who only some hear is not in it.
    pub fn record_room(&self, spec: &RecordSpec) {
        if self.begin_record(spec, 1) {
            let tap = RoomCommand::Tap(spec.recording);
            self.room(spec.left.call, "record_room", tap);
        }
    }

    /// Lets a supervisor listen to a bridge of his call, or changes what he may: the bridge becomes a
    /// room in which nobody notices him but those he speaks to.
    pub fn monitor(&self, spec: &MonitorSpec) {
        let (supervisor, agent) = (spec.supervisor, spec.agent);
        if supervisor.call != agent.call {
            self.refuse(supervisor, "monitor", Refusal::OtherCall);
        } else if supervisor == agent {
            self.refuse(supervisor, "monitor", Refusal::SameLeg);
        } else {
            let command = RoomCommand::Monitor(*spec);
            self.leg_in_room(supervisor, "monitor", command);
        }
    }

    /// A supervisor listens no more and hears silence. When he was the last, the others are bridged
    /// again.
    pub fn unmonitor(&self, supervisor: LegId) {
        self.leg_in_room(supervisor, "unmonitor", RoomCommand::Leave(supervisor));
    }

    fn leg_in_room(&self, leg: LegId, name: &'static str, command: RoomCommand) {
        let command = Command::Room(leg.call, Box::new(command));
        if !self.put(leg.call, command) {
            self.refuse(leg, name, Refusal::ShutDown);
        }
    }

    fn room(&self, call: CallId, name: &'static str, command: RoomCommand) {
        if !self.put(call, Command::Room(call, Box::new(command))) {
            self.refuse_room(call, name, Refusal::ShutDown);
        }
    }

    fn refuse_room(&self, call: CallId, command: &'static str, reason: Refusal) {
        self.tell(EngineEvent::RoomRefused {
            call,
            command,
            reason,
        });
    }

    fn fail_room_play(&self, call: CallId, target: PlayTarget, play: PlayId) {
        let end = PlayEnd::Failed;
        self.tell(match target {
            PlayTarget::Everyone => EngineEvent::RoomPlaybackEnded { call, play, end },
            PlayTarget::Only(leg) => EngineEvent::PlaybackEnded { leg, play, end },
        });
    }

    /// Makes handling a command about the room panic.
    #[cfg(test)]
    pub(crate) fn panic_at_command_in_room(&self, call: CallId) {
        self.room(call, "panic", RoomCommand::PanicAtOnce);
    }

    /// Makes mixing the room's next frame panic.
    #[cfg(test)]
    pub(crate) fn panic_in_room(&self, call: CallId) {
        self.room(call, "panic", RoomCommand::Panic);
    }
}
