//! Legs that go over to another call: a leg gets a new name, and another shard if that call is there.
//!
//! A shard that expects a leg holds back what it is told until the leg is here, so that nobody has to
//! wait before giving orders for it under its new name. The two shards never wait for each other:
//! handing a leg out is not held back.

use std::sync::Arc;
use std::time::Instant;

use offhook_core::LegId;

use crate::engine::command::{Command, CommandSender};
use crate::engine::event::Refusal;
use crate::engine::leg::{Leg, Reading};
use crate::engine::worker::Shard;
use crate::graph::player::Background;

impl Shard {
    /// Does what a command says, or keeps it until a leg that is on its way is here; false when it
    /// says to end.
    pub(super) fn execute(&mut self, command: Command, now: Instant) -> bool {
        if self.waits(&command) {
            self.held.push_back(command);
            return true;
        }
        if let Command::MoveOut(leg, ..) = &command {
            self.do_held_for(*leg, now);
        }
        let arrival = matches!(command, Command::Adopt(_) | Command::NotComing(_));
        let mut goes_on = self.perform(command, now);
        if arrival {
            for command in std::mem::take(&mut self.held) {
                goes_on &= self.execute(command, now);
            }
        }
        goes_on
    }

    /// Does what waits for another leg and is about this one alone: it goes now, and waiting for each
    /// other two shards could wait for ever.
    fn do_held_for(&mut self, leg: LegId, now: Instant) {
        let held = std::mem::take(&mut self.held);
        for command in held {
            if command.is_for(leg) {
                self.perform(command, now);
            } else {
                self.held.push_back(command);
            }
        }
    }

    fn waits(&self, command: &Command) -> bool {
        if self.expected.is_empty() {
            return false;
        }
        if let Command::MoveOut(leg, ..) = command {
            return self.expected.contains(leg);
        }
        !matches!(
            command,
            Command::Adopt(_) | Command::NotComing(_) | Command::Expect(_) | Command::Shutdown
        )
    }

    pub(super) fn expect(&mut self, leg: LegId) {
        self.expected.push(leg);
    }

    pub(super) fn expect_no_more(&mut self, leg: LegId) {
        self.expected.retain(|expected| *expected != leg);
    }

    pub(super) fn rename(&mut self, from: LegId, to: LegId) {
        self.with(from, "move_leg", |shard, key| {
            shard.detach(key);
            shard.index.remove(&from);
            shard.index.insert(to, key);
            if let Some(leg) = shard.legs.get_mut(key) {
                leg.id = to;
            }
        });
    }

    pub(super) fn move_out(&mut self, from: LegId, to: LegId, shard: &Arc<CommandSender>) {
        let leg = self.index.get(&from).copied().and_then(|key| {
            self.guarded(key, |shard| shard.detach(key));
            self.take_out(key)
        });
        match leg {
            Some(mut leg) => {
                let port = leg.port;
                leg.id = to;
                if !shard.push(Command::Adopt(Box::new(leg))) {
                    self.ports.send(port).ok();
                }
            }
            None => {
                shard.push(Command::NotComing(to));
                self.refuse(from, "move_leg", Refusal::UnknownLeg);
            }
        }
    }

    pub(super) fn adopt(&mut self, leg: Leg) {
        let id = leg.id;
        self.expect_no_more(id);
        let due = leg.session.poll_timeout();
        let Some(key) = self.insert(leg) else {
            return self.refuse(id, "move_leg", Refusal::Socket);
        };
        self.deadlines[key] = due;
        self.next_sweep = [self.next_sweep, due].into_iter().flatten().min();
        // What came in while nobody listened may not be told of again.
        self.unfinished.push_back(key);
        self.fit_wheel(key);
    }

    /// Ends what binds a leg to its call: room, bridge, playlist, recordings.
    fn detach(&mut self, key: usize) {
        self.unseat(key);
        self.unbridge(key);
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        leg.session.stop_play();
        leg.session.set_background(Background::Silence);
        let taps = std::mem::take(&mut leg.taps);
        self.tell_events(key);
        for tap in &taps {
            self.end_tap(tap);
        }
    }

    /// A leg without its shard, with its sockets open.
    fn take_out(&mut self, key: usize) -> Option<Leg> {
        let mut leg = self.legs.try_remove(key)?;
        if let Some(slot) = leg.slot.take() {
            self.wheel.remove(slot, key);
        }
        self.index.remove(&leg.id);
        self.deadlines[key] = None;
        self.unfinished.retain(|other| *other != key);
        self.forget_coders(std::mem::take(&mut leg.counted.coders));
        let registry = self.poll.registry();
        if leg.reading == Reading::AtOnce {
            registry.deregister(&mut leg.sockets.rtp).ok();
        }
        registry.deregister(&mut leg.sockets.rtcp).ok();
        Some(leg)
    }
}
