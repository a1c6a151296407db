//! Supervisors: a bridge becomes a room while somebody listens, and a bridge again afterwards.

use offhook_core::LegId;

use crate::engine::event::Refusal;
use crate::engine::room::{MonitorMode, MonitorSpec, Origin, Room};
use crate::engine::worker::Shard;
use crate::graph::mixer::{Audience, MemberSettings, MixerSettings, Presence};
use crate::graph::player::Background;
use crate::time::Rate;

impl Shard {
    /// Lets a supervisor into a call, or changes what he may.
    pub(super) fn monitor(&mut self, spec: &MonitorSpec) -> Result<(), Refusal> {
        let (supervisor, agent) = (spec.supervisor, spec.agent);
        if !self.index.contains_key(&supervisor) {
            return Err(Refusal::UnknownLeg);
        }
        if self.rooms.key_of(agent.call).is_none() {
            self.listen_in(supervisor, agent)?;
        }
        self.with_room(agent.call, |room| room.member(agent))?;
        let is_in = |room: &mut Room| Ok(room.seat(supervisor).is_some());
        if !self.with_room(agent.call, is_in)? {
            let settings = MemberSettings {
                presence: Presence::Hidden,
                ..MemberSettings::default()
            };
            self.join_room(supervisor, settings)?;
        }
        self.with_room(agent.call, |room| room.supervise(spec))
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
        Ok(())
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
            let mut seats = room.seats.iter().map(|seat| seat.id);
            (seats.next(), seats.next())
        });
        self.empty_room(key);
        if let Some((Some(a), Some(b))) = left {
            self.bridge(a, b);
        }
    }
}

impl Room {
    /// Whether it was for a supervisor who has gone.
    pub(super) fn is_dissolved(&self) -> bool {
        let hidden = |seat: &super::Seat| {
            let settings = self.mixer.settings_of(seat.member);
            settings.is_some_and(|settings| settings.presence == Presence::Hidden)
        };
        self.origin == Origin::Monitored && !self.seats.iter().any(hidden)
    }

    fn supervise(&mut self, spec: &MonitorSpec) -> Result<(), Refusal> {
        let [supervisor, agent] = [self.member(spec.supervisor)?, self.member(spec.agent)?];
        for seat in &self.seats {
            let gain = if seat.member == agent {
                spec.hears_agent
            } else {
                spec.hears_other
            };
            if seat.member != supervisor {
                self.mixer.relate(supervisor, seat.member, Some(gain))?;
            }
        }
        let audience = match spec.mode {
            MonitorMode::Listen => Audience::Nobody,
            MonitorMode::Whisper => Audience::Only(agent),
            MonitorMode::Barge => Audience::Everyone,
        };
        Ok(self.mixer.speak_to(supervisor, audience, spec.speaks)?)
    }
}
