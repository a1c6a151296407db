//! What a shard does when told to.

use std::time::Instant;

use mio::{Interest, Token};
use offhook_core::{LegId, RecordingId};

use crate::engine::command::Command;
use crate::engine::event::{EngineEvent, Refusal};
use crate::engine::leg::{Counted, Leg, LegTap, NewLeg, Reading};
use crate::engine::reading::rtp_token;
use crate::engine::record::recorder::RecorderCommand;
use crate::engine::traffic::REPORT;
use crate::engine::worker::Shard;
use crate::graph::player::{Background, Player};
use crate::graph::playlist::PlayEnd;
use crate::graph::tap::Side;
use crate::session::{MediaSession, RemoteMedia};

impl Shard {
    /// Does what a command says now; false when it says to end.
    pub(super) fn perform(&mut self, command: Command, now: Instant) -> bool {
        match command {
            Command::AddLeg(new) => self.add(*new, now),
            Command::SetRemote(leg, remote) => self.with(leg, "set_remote", |shard, key| {
                shard.set_remote(key, *remote, now);
            }),
            Command::SetSource(leg, background) => self.with(leg, "set_source", |shard, key| {
                shard.set_background(key, background);
            }),
            Command::Bridge(a, b) => self.bridge(a, b),
            Command::Unbridge(leg) => self.with(leg, "unbridge", Self::unbridge),
            Command::Play(leg, player) => self.play(leg, player),
            Command::StopPlay(leg) => self.with(leg, "stop_play", |shard, key| {
                shard.legs[key].session.stop_play();
            }),
            Command::ControlPlay(leg, control) => self.with(leg, "control_play", |shard, key| {
                shard.legs[key].session.control_play(control);
            }),
            Command::SendDigits(leg, digits) => self.with(leg, "send_digits", |shard, key| {
                shard.send_digits(key, &digits);
            }),
            Command::Tap(leg, recording, side) => self.start_tap(leg, recording, side),
            Command::Untap(recording) => self.stop_taps(recording),
            Command::RemoveLeg(leg) => self.with(leg, "remove_leg", |shard, key| {
                shard.remove(key, now);
            }),
            Command::Rename(from, to) => self.rename(from, to),
            Command::MoveOut(from, to, shard) => self.move_out(from, to, &shard),
            Command::Expect(leg) => self.expect(leg),
            Command::Adopt(leg) => self.adopt(*leg),
            Command::NotComing(leg) => self.expect_no_more(leg),
            Command::Room(call, command) => self.perform_in_room(call, *command),
            Command::Shutdown => return false,
            #[cfg(test)]
            Command::PanicAtPacket(leg) => self.with(leg, "panic", |shard, key| {
                shard.legs[key].panics = true;
            }),
            #[cfg(test)]
            Command::Panic(leg) => self.with(leg, "panic", |_, _| panic!("told to panic")),
        }
        true
    }

    /// Puts a leg into the wheel or takes it out, as it needs.
    pub(super) fn fit_wheel(&mut self, key: usize) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        // In a room its turn makes the frames.
        let partner = leg.partner;
        match (leg.room.is_none() && leg.session.needs_wheel(), leg.slot) {
            (true, None) => leg.slot = Some(self.wheel.add(key)),
            // What a slot that is being run has lost is seen when it has been run.
            (false, Some(slot)) if !self.wheel.runs(slot) => {
                leg.slot = None;
                leg.session.leave_wheel();
                self.wheel.remove(slot, key);
                self.count_coders(key);
            }
            (true, Some(_)) | (false, _) => return self.fit_reading(key),
        }
        self.fit_reading(key);
        if let Some(partner) = partner {
            self.fit_reading(partner);
        }
    }

    /// Ends a leg: its bridge, its playlist, its share in recordings, its sockets.
    pub(super) fn remove(&mut self, key: usize, now: Instant) {
        self.unseat(key);
        self.unbridge(key);
        self.count_playout(key);
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let mut goodbye = [0; REPORT];
        if let Some((length, to)) = leg.session.end(now, &mut goodbye) {
            // The far end finds out without it too.
            leg.sockets.rtcp.send_to(&goodbye[..length], to).ok();
        }
        self.tell_events(key);
        self.drop_leg(key);
    }

    /// Forgets a leg and gives its ports back.
    pub(super) fn drop_leg(&mut self, key: usize) {
        let Some(leg) = self.legs.try_remove(key) else {
            return;
        };
        if let Some(partner) = leg.partner.and_then(|partner| self.legs.get_mut(partner)) {
            partner.partner = None;
        }
        if let Some(across) = leg.across.and_then(|across| self.legs.get_mut(across)) {
            across.across = None;
        }
        if let Some(slot) = leg.slot {
            self.wheel.remove(slot, key);
        }
        self.index.remove(&leg.id);
        self.deadlines[key] = None;
        self.unfinished.retain(|other| *other != key);
        for tap in &leg.taps {
            self.end_tap(tap);
        }
        self.forget_coders(leg.counted.coders);
        let port = leg.port;
        // Closing its sockets takes them off the poller.
        drop(leg);
        // Without a handle nobody needs ports any more.
        self.ports.send(port).ok();
    }

    /// Does something with a leg, or refuses to when there is none.
    pub(super) fn with(
        &mut self,
        leg: LegId,
        command: &'static str,
        work: impl FnOnce(&mut Self, usize),
    ) {
        let Some(&key) = self.index.get(&leg) else {
            return self.refuse(leg, command, Refusal::UnknownLeg);
        };
        self.guarded(key, |shard| work(shard, key));
        self.tell_events(key);
        self.fit_wheel(key);
    }

    pub(super) fn refuse(&mut self, leg: LegId, command: &'static str, reason: Refusal) {
        self.events.push(EngineEvent::CommandRefused {
            leg,
            command,
            reason,
        });
    }

    fn add(&mut self, new: NewLeg, now: Instant) {
        let id = new.id;
        if self.index.contains_key(&id) {
            self.ports.send(new.port).ok();
            return self.refuse(id, "add_leg", Refusal::LegExists);
        }
        let leg = Leg {
            id,
            port: new.port,
            sockets: new.sockets,
            connected: false,
            session: MediaSession::new(self.settings, new.seed, now),
            partner: None,
            reading: Reading::AtOnce,
            across: None,
            slot: None,
            room: None,
            counted: Counted::default(),
            taps: Vec::new(),
            #[cfg(test)]
            panics: false,
        };
        if self.insert(leg).is_none() {
            self.refuse(id, "add_leg", Refusal::Socket);
        }
    }

    /// Takes a leg in and listens at its sockets; `None` when that cannot be done, and its port is
    /// free again.
    pub(super) fn insert(&mut self, mut leg: Leg) -> Option<usize> {
        let entry = self.legs.vacant_entry();
        let key = entry.key();
        let registry = self.poll.registry();
        let (rtp, rtcp) = (rtp_token(key), Token(2 + 2 * key));
        let watched = registry
            .register(&mut leg.sockets.rtp, rtp, Interest::READABLE)
            .and_then(|()| registry.register(&mut leg.sockets.rtcp, rtcp, Interest::READABLE));
        if watched.is_err() {
            self.ports.send(leg.port).ok();
            return None;
        }
        leg.reading = Reading::AtOnce;
        self.index.insert(leg.id, key);
        entry.insert(leg);
        if self.deadlines.len() <= key {
            self.deadlines.resize(key + 1, None);
        }
        Some(key)
    }

    fn set_remote(&mut self, key: usize, remote: RemoteMedia, now: Instant) {
        let leg = &mut self.legs[key];
        let id = leg.id;
        match leg.session.set_remote(now, remote) {
            None => self.refuse(id, "set_remote", Refusal::UnsupportedCodec),
            Some(opened) => {
                if opened {
                    leg.disconnect();
                }
                self.fit_deadline(key);
                self.fit_links(key);
            }
        }
    }

    /// What a leg's session waits for may have changed.
    pub(super) fn fit_deadline(&mut self, key: usize) {
        let due = self
            .legs
            .get(key)
            .and_then(|leg| leg.session.poll_timeout());
        self.deadlines[key] = due;
        self.next_sweep = [self.next_sweep, due].into_iter().flatten().min();
    }

    fn set_background(&mut self, key: usize, background: Background) {
        self.fetch_rtp(key);
        self.legs[key].session.set_background(background);
    }

    fn play(&mut self, id: LegId, player: Player) {
        let play = player.play();
        let Some(&key) = self.index.get(&id) else {
            return self.events.push(EngineEvent::PlaybackEnded {
                leg: id,
                play,
                end: PlayEnd::Failed,
            });
        };
        self.guarded(key, |shard| shard.legs[key].session.play(player));
        self.tell_events(key);
        self.fit_wheel(key);
    }

    fn send_digits(&mut self, key: usize, digits: &[u8]) {
        let leg = &mut self.legs[key];
        let id = leg.id;
        let digits = digits.iter().copied().map(char::from);
        if !leg.session.send_digits(digits) {
            let reason = match leg.session.destination() {
                None => Refusal::NoFarEnd,
                Some(_) => Refusal::BadDigits,
            };
            self.refuse(id, "send_digits", reason);
        }
    }

    fn start_tap(&mut self, id: LegId, recording: RecordingId, side: Side) {
        let Some(&key) = self.index.get(&id) else {
            self.tell_recorder(RecorderCommand::LegEnded(recording));
            return self.refuse(id, "record", Refusal::UnknownLeg);
        };
        // One leg per side: who comes later takes the place.
        let mut replaced = Vec::new();
        for (_, leg) in &mut self.legs {
            let taken = |tap: &mut LegTap| tap.recording == recording && tap.side == side;
            replaced.extend(leg.taps.extract_if(.., taken));
        }
        self.legs[key].taps.push(LegTap::new(recording, side));
        self.tell_recorder(RecorderCommand::LegJoined(recording));
        for tap in &replaced {
            self.end_tap(tap);
        }
    }

    /// Tells the recorder that a leg is heard no more, and what of it is missing.
    pub(super) fn end_tap(&self, tap: &LegTap) {
        self.tell_missed(tap);
        self.tell_recorder(RecorderCommand::LegEnded(tap.recording));
    }

    pub(super) fn tell_missed(&self, tap: &LegTap) {
        if let Some(missed) = tap.untold() {
            self.tell_recorder(RecorderCommand::Missed(tap.recording, missed));
        }
    }

    fn stop_taps(&mut self, recording: RecordingId) {
        let mut ended = Vec::new();
        for (_, leg) in &mut self.legs {
            let of_it = |tap: &mut LegTap| tap.recording == recording;
            ended.extend(leg.taps.extract_if(.., of_it));
        }
        self.untap_rooms(recording, &mut ended);
        for tap in &ended {
            self.tell_missed(tap);
        }
        self.tell_recorder(RecorderCommand::Stop(recording));
    }

    pub(super) fn tell_recorder(&self, command: RecorderCommand) {
        // It outlives the shards; should it be gone, so are the recordings.
        self.recorder.send(command).ok();
    }
}
