//! A frame of a room: what all say is pulled, mixed and sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::codec::Coding;
use crate::engine::event::EngineEvent;
use crate::engine::record::recorder::RecorderCommand;
use crate::engine::room::shared::{Class, SharedVoices};
use crate::engine::room::{Room, Seat};
use crate::engine::worker::Shard;
use crate::graph::mixer::{MemberKey, Mix, Mixer, MixerEvent};
use crate::graph::playlist::PlayEnd;
use crate::graph::tap::{TapHeader, tap};
use crate::session::jitter::Heard;
use crate::session::{DropReason, Spoken};
use crate::time::{FRAME, MAX_FRAME_SAMPLES, RtpTime};

/// What somebody hears who hears nothing.
static SILENCE: [i16; MAX_FRAME_SAMPLES] = [0; MAX_FRAME_SAMPLES];

/// Which turn of the wheel is made.
#[derive(Debug, Clone, Copy)]
struct Turn {
    at: Instant,
    tick: u64,
}

impl Shard {
    /// Makes the frames of the rooms that are due.
    pub(in crate::engine) fn run_rooms(&mut self, now: Instant) {
        while let Some(mut due) = self.rooms.wheel.pop_due(now, &mut self.stats.skipped_slots) {
            let turn = Turn {
                at: due.at,
                tick: due.tick,
            };
            let before = due.legs.len();
            due.legs.retain(|&room| self.turn_room(room, turn));
            let left = before - due.legs.len();
            self.rooms.wheel.give_back(due.slot, due.legs, left);
        }
    }

    /// Makes one room's frame; false when it is no more.
    fn turn_room(&mut self, key: usize, turn: Turn) -> bool {
        let Some(mut room) = self.rooms.rooms.get_mut(key).and_then(Option::take) else {
            return false;
        };
        // What is left half done belongs to the room, which ends.
        let made = catch_unwind(AssertUnwindSafe(|| self.make_frame(&mut room, turn)));
        let goes_on = made.is_ok() && !room.is_dissolved();
        if !goes_on {
            // Its slot is being run, and left by saying so.
            room.slot = None;
        }
        if let Some(place) = self.rooms.rooms.get_mut(key) {
            *place = Some(room);
        }
        if made.is_err() {
            self.fail_room(key);
        } else if !goes_on {
            self.dissolve(key);
        }
        goes_on
    }

    fn make_frame(&mut self, room: &mut Room, turn: Turn) {
        self.dismiss(room);
        for seat in &room.seats {
            let (leg, member) = (seat.leg, seat.member);
            let mixer = &mut room.mixer;
            self.guarded(leg, |shard| shard.pull_member(leg, member, mixer, turn));
        }
        self.play_in(room, turn);
        #[cfg(test)]
        assert!(!room.panics, "told to panic");
        room.mixer.run();
        self.tell_talk(room);
        self.record(room, turn);
        for seat in &room.seats {
            let shared = &mut room.shared;
            let mixer = &room.mixer;
            self.guarded(seat.leg, |shard| shard.serve(seat, mixer, shared, turn));
            self.count_coders(seat.leg);
            self.tell_events(seat.leg);
        }
        room.shared.forget_idle(turn.tick);
    }

    /// Takes what a member says, if that can matter to anybody.
    fn pull_member(&mut self, key: usize, member: MemberKey, mixer: &mut Mixer, turn: Turn) {
        self.fetch_rtp(key);
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if !mixer.wants(member) {
            if leg.session.decodes_at().is_some() {
                leg.session.stop_decoding();
            }
            return;
        }
        leg.session.start_decoding(mixer.rate());
        mixer.take(member, |pcm| {
            leg.session.pull(turn.at, pcm) != Heard::Silence
        });
    }

    /// Sends a member what it hears.
    fn serve(&mut self, seat: &Seat, mixer: &Mixer, shared: &mut SharedVoices, turn: Turn) {
        let Some(leg) = self.legs.get_mut(seat.leg) else {
            return;
        };
        let session = &mut leg.session;
        let (class, pcm) = match mixer.heard_by(seat.member) {
            Mix::Own(pcm) => (None, pcm),
            Mix::Shared(pcm) => (Some(Class::Room), pcm),
            Mix::Silence => (
                Some(Class::Silence),
                &SILENCE[..mixer.rate().frame_samples()],
            ),
        };
        let covered = session.is_covered() || session.background().is_made_by_us();
        let form = session
            .form()
            .filter(|form| form.milliseconds == 20 && !covered);
        let mut length = if let (Some(class), Some(form)) = (class, form) {
            let encoded = shared.encoded(class, form, turn.tick, pcm);
            session.say_encoded(turn.at, turn.tick, encoded, &mut self.packet)
        } else {
            let spoken = Spoken {
                pcm,
                rate: mixer.rate(),
                heard: Heard::Audio,
            };
            session.tick(turn.at, turn.tick, Some(spoken), &mut self.packet)
        };
        while let Some(packet) = length.and_then(|length| self.packet.get(..length)) {
            match leg.send(packet) {
                Ok(()) => self.stats.packets_out += 1,
                Err(_) => self.stats.dropped.count(DropReason::SendFailed),
            }
            length = leg.session.more(turn.at, &mut self.packet);
        }
    }

    /// Writes what is played into the room for the frame that comes.
    fn play_in(&mut self, room: &mut Room, turn: Turn) {
        if let Some(player) = &mut room.player {
            player.frame(room.mixer.insert(player.follows()));
            if player.stops() || player.is_over() {
                let play = player.play();
                if !player.stops() {
                    self.events.push(EngineEvent::RoomPlaybackEnded {
                        call: room.call,
                        play,
                        end: PlayEnd::Finished,
                    });
                }
                room.player = room.player.take().and_then(|player| player.into_next());
            }
        }
        for seat in &mut room.seats {
            let Some(player) = &mut seat.player else {
                continue;
            };
            if let Some(pcm) = room.mixer.insert_for(seat.member, player.follows()) {
                player.frame(pcm);
            }
            if player.stops() || player.is_over() {
                if !player.stops() {
                    self.events.push(EngineEvent::PlaybackEnded {
                        leg: seat.id,
                        play: player.play(),
                        end: PlayEnd::Finished,
                    });
                }
                seat.player = seat.player.take().and_then(|player| player.into_next());
            }
        }
        let rate = room.mixer.rate();
        if let Some(pcm) = room.mixer.music()
            && !room.music.pcm(rate, 0, turn.tick, pcm)
        {
            pcm.fill(0);
        }
    }

    /// Gives what the room heard to its recordings, as 16-bit samples.
    fn record(&mut self, room: &mut Room, turn: Turn) {
        if room.taps.is_empty() {
            return;
        }
        let pcm = room.mixer.heard_in_room();
        for (bytes, sample) in self.packet.chunks_exact_mut(2).zip(pcm) {
            bytes.copy_from_slice(&sample.to_be_bytes());
        }
        let units = turn.tick.wrapping_mul(pcm.len() as u64) & u64::from(u32::MAX);
        for room_tap in &mut room.taps {
            let header = TapHeader {
                recording: room_tap.recording,
                side: room_tap.side,
                arrived: turn.at,
                stream: (0, 0),
                time: RtpTime(u32::try_from(units).unwrap_or(0)),
                coding: Coding::L16(room.mixer.rate()),
            };
            if tap(&mut self.taps, header, &self.packet[..2 * pcm.len()]) {
                continue;
            }
            self.stats.recording_overruns += 1;
            if let Some(missed) = room_tap.miss(FRAME) {
                self.tell_recorder(RecorderCommand::Missed(room_tap.recording, missed));
            }
        }
    }

    fn tell_talk(&mut self, room: &mut Room) {
        while let Some(event) = room.mixer.poll_event() {
            let event = match event {
                MixerEvent::TalkStarted(member) => room
                    .leg_of(member)
                    .map(|leg| EngineEvent::TalkStarted { leg }),
                MixerEvent::TalkStopped(member) => room
                    .leg_of(member)
                    .map(|leg| EngineEvent::TalkStopped { leg }),
            };
            self.events.extend(event);
        }
    }
}
