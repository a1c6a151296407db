//! Supervisors: a bridge becomes a room while somebody listens, and a bridge again afterwards.

use offhook_core::LegId;

use crate::engine::event::Refusal;
use crate::engine::room::{MonitorMode, MonitorSpec, Origin, Room, Seat};
use crate::engine::worker::Shard;
use crate::graph::mixer::{Audience, Gain, MemberSettings, MixerSettings, Presence};
use crate::graph::player::Background;
use crate::time::Rate;

impl Shard {
    /// Lets a supervisor into a call, or changes what he may.
    pub(super) fn monitor(&mut self, spec: &MonitorSpec) -> Result<(), Refusal> {
        let (supervisor, agent) = (spec.supervisor, spec.agent);
        if !self.index.contains_key(&supervisor) {
            return Err(Refusal::UnknownLeg);
        }
        self.leave_behind(agent);
        if self.rooms.key_of(agent.call).is_none() {
            self.listen_in(supervisor, agent)?;
        }
        self.with_room(agent.call, |room| room.member(agent))?;
        let is_in = |room: &mut Room| Ok(room.seat(supervisor).is_some());
        let comes = !self.with_room(agent.call, is_in)?;
        if comes {
            let settings = MemberSettings {
                presence: Presence::Hidden,
                ..MemberSettings::default()
            };
            self.join_room(supervisor, settings)?;
        }
        let supervised = self.with_room(agent.call, |room| room.supervise(spec));
        if supervised.is_err() && comes {
            // Nothing changed, and nobody hears him.
            self.leave_room(supervisor)?;
        }
        supervised
    }

    /// Ends the room of somebody who is bridged to somebody else by now: only supervisors, and who is
    /// left of those they listened to, are in it.
    fn leave_behind(&mut self, agent: LegId) {
        let key = self.index.get(&agent).copied();
        let bridged = key.and_then(|key| self.legs.get(key)?.partner).is_some();
        if let Some(room) = self.rooms.key_of(agent.call)
            && bridged
            && self.rooms.get(room).is_some_and(|room| room.is_monitored())
        {
            self.empty_room(room);
        }
    }

    /// Makes a room of the agent's bridge.
    fn listen_in(&mut self, supervisor: LegId, agent: LegId) -> Result<(), Refusal> {
        let key = self.index.get(&agent).copied().ok_or(Refusal::UnknownLeg)?;
        let partner = self.legs.get(key).and_then(|leg| leg.partner);
        let partner = partner.ok_or(Refusal::NotBridged)?;
        let other = self.legs.get(partner).map(|leg| leg.id);
        let other = other.ok_or(Refusal::NotBridged)?;
        if supervisor == other {
            return Err(Refusal::SameLeg);
        }
        let rate = self.best_rate(key).min(self.best_rate(partner));
        // Wide band is what a voice needs; more only costs.
        let settings = MixerSettings::at(rate.min(Rate::Wide));
        self.open_room(agent.call, settings, Background::Silence, Origin::Monitored)?;
        for leg in [agent, other] {
            self.join_room(leg, MemberSettings::default())?;
        }
        self.bridge_across(key, partner);
        Ok(())
    }

    /// Bridges two legs to whom a supervisor listens, if they are that: they stay in his room.
    pub(in crate::engine) fn bridge_across(&mut self, a: usize, b: usize) -> bool {
        let room_of = |key: usize| self.legs.get(key).and_then(|leg| leg.room);
        let Some(room) = room_of(a).filter(|room| a != b && room_of(b) == Some(*room)) else {
            return false;
        };
        let ids = [a, b].map(|key| self.legs.get(key).map(|leg| leg.id));
        let listened = self.rooms.get(room).is_some_and(|room| {
            let is_heard = |id: LegId| room.seat(id).is_some_and(|seat| !room.is_hidden(seat));
            room.is_monitored() && ids.into_iter().all(|id| id.is_some_and(is_heard))
        });
        if listened {
            for (key, across) in [(a, b), (b, a)] {
                let Some(leg) = self.legs.get_mut(key) else {
                    continue;
                };
                leg.across = Some(across);
                leg.session.set_background(Background::Bridge);
            }
        }
        listened
    }

    /// Parts two legs to whom a supervisor listens, if they are that: each hears silence until it is
    /// given something else, and stays in his room.
    pub(in crate::engine) fn part_across(&mut self, key: usize) {
        let across = self.legs.get_mut(key).and_then(|leg| leg.across.take());
        let Some(across) = across else { return };
        for key in [key, across] {
            let Some(leg) = self.legs.get_mut(key) else {
                continue;
            };
            leg.across = None;
            if matches!(leg.session.background(), Background::Bridge) {
                leg.session.set_background(Background::Silence);
            }
        }
    }

    /// The highest rate a leg's far end takes part at.
    fn best_rate(&self, key: usize) -> Rate {
        let form = self.legs.get(key).and_then(|leg| leg.session.form());
        let best = form.and_then(|form| form.coding.rates().last().copied());
        best.unwrap_or_default()
    }

    /// Nobody listens any more: who is left is bridged again.
    pub(super) fn dissolve(&mut self, key: usize) {
        let left = self.rooms.get(key).map(|room| {
            let mut seats = room.seats.iter().map(|seat| seat.leg);
            (seats.next(), seats.next())
        });
        let left = left.and_then(|(a, b)| {
            let a = self.legs.get(a?)?;
            let b = self.legs.get(b?).filter(|_| a.across == b)?;
            Some((a.id, b.id))
        });
        self.empty_room(key);
        // Who was put on hold meanwhile stays so.
        if let Some((a, b)) = left {
            self.bridge(a, b);
        }
    }
}

impl Room {
    /// Whether it was for a supervisor who has gone.
    pub(super) fn is_dissolved(&self) -> bool {
        self.is_monitored() && !self.seats.iter().any(|seat| self.is_hidden(seat))
    }

    /// Whether it is there for supervisors alone.
    fn is_monitored(&self) -> bool {
        self.origin == Origin::Monitored
    }

    /// Whether somebody is there whom the others are not to notice.
    fn is_hidden(&self, seat: &Seat) -> bool {
        let settings = self.mixer.settings_of(seat.member);
        settings.is_some_and(|settings| settings.presence == Presence::Hidden)
    }

    fn supervise(&mut self, spec: &MonitorSpec) -> Result<(), Refusal> {
        let [supervisor, agent] = [self.member(spec.supervisor)?, self.member(spec.agent)?];
        // Whatever else fails, nobody hears who only listens.
        if spec.mode == MonitorMode::Listen {
            self.mixer
                .speak_to(supervisor, Audience::Nobody, spec.speaks)?;
        }
        for seat in &self.seats {
            if seat.member == supervisor || self.is_hidden(seat) {
                continue;
            }
            let gain = if seat.member == agent {
                spec.hears_agent
            } else {
                spec.hears_other
            };
            // As everybody hears them needs no relation.
            let gain = Some(gain).filter(|gain| *gain != Gain::UNITY);
            self.mixer.relate(supervisor, seat.member, gain)?;
        }
        let audience = match spec.mode {
            MonitorMode::Listen => Audience::Nobody,
            MonitorMode::Whisper => Audience::Only(agent),
            MonitorMode::Barge => Audience::Everyone,
        };
        Ok(self.mixer.speak_to(supervisor, audience, spec.speaks)?)
    }
}
