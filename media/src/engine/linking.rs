//! Bridges: who hears whom, and whether packets are passed on or their sound is coded anew.

use offhook_core::LegId;

use crate::engine::event::Refusal;
use crate::engine::worker::Shard;
use crate::graph::player::Background;
use crate::session::{Coders, Link};

impl Shard {
    pub(super) fn bridge(&mut self, a: LegId, b: LegId) {
        let Some(&other) = self.index.get(&b) else {
            return self.refuse(b, "bridge", Refusal::UnknownLeg);
        };
        self.with(a, "bridge", |shard, key| {
            shard.touched[1] = Some(other);
            if shard.bridge_across(key, other) {
                return;
            }
            // What they said to somebody else is not for each other.
            shard.fetch_rtp(key);
            shard.fetch_rtp(other);
            shard.unseat(key);
            shard.unseat(other);
            shard.unbridge(key);
            shard.unbridge(other);
            for (key, partner) in [(key, other), (other, key)] {
                let leg = &mut shard.legs[key];
                leg.partner = Some(partner);
                leg.session.set_background(Background::Bridge);
            }
            shard.fit_links(key);
            shard.fit_wheel(other);
        });
    }

    pub(super) fn unbridge(&mut self, key: usize) {
        self.part_across(key);
        let partner = self.legs.get(key).and_then(|leg| leg.partner);
        let Some(partner) = partner else {
            return;
        };
        for key in [key, partner] {
            let Some(leg) = self.legs.get_mut(key) else {
                continue;
            };
            leg.partner = None;
            leg.session.set_link(Link::Relay);
            leg.session.stop_decoding();
            // Who was given something else to hear meanwhile goes on hearing that.
            if matches!(leg.session.background(), Background::Bridge) {
                leg.session.set_background(Background::Silence);
            }
            self.fit_wheel(key);
            self.count_coders(key);
        }
    }

    /// Passes packets on or codes their sound anew, as both sides of a leg's bridge need it now.
    pub(super) fn fit_links(&mut self, key: usize) {
        let Some(partner) = self.legs.get(key).and_then(|leg| leg.partner) else {
            return;
        };
        self.touched[1] = Some(partner);
        for (from, to) in [(key, partner), (partner, key)] {
            let Some((from_leg, to_leg)) = self.legs.get2_mut(from, to) else {
                continue;
            };
            to_leg.session.hear(&mut from_leg.session);
            self.fit_wheel(to);
            self.fit_reading(from);
            self.count_coders(from);
        }
    }

    /// A leg's far end is a fax: the sound of both sides of its bridge is left alone.
    pub(super) fn pass_through(&mut self, key: usize) {
        let partner = self.legs.get(key).and_then(|leg| leg.partner);
        if let Some(partner) = partner.and_then(|partner| self.legs.get_mut(partner)) {
            partner.session.pass_through();
        }
        self.fit_links(key);
    }

    /// Keeps the count of decoders and encoders up with a leg's.
    pub(super) fn count_coders(&mut self, key: usize) {
        if let Some(leg) = self.legs.get_mut(key) {
            let now = leg.session.coders();
            if now != leg.counted.coders {
                let before = std::mem::replace(&mut leg.counted.coders, now);
                self.forget_coders(before);
                self.stats.decoders += now.decoders;
                self.stats.encoders += now.encoders;
            }
        }
    }

    /// A leg that had these goes away.
    pub(super) fn forget_coders(&mut self, coders: Coders) {
        self.stats.decoders = self.stats.decoders.saturating_sub(coders.decoders);
        self.stats.encoders = self.stats.encoders.saturating_sub(coders.encoders);
    }

    /// Adds what a leg's jitter buffer did since it was asked last.
    pub(super) fn count_playout(&mut self, key: usize) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let stats = leg.session.jitter();
        let concealed = u64::try_from(stats.concealed.as_millis()).unwrap_or(u64::MAX);
        let counted = &mut leg.counted;
        self.stats.late += stats.late.saturating_sub(counted.late);
        let more = concealed.saturating_sub(counted.concealed_milliseconds);
        self.stats.concealed_milliseconds += more;
        counted.late = stats.late;
        counted.concealed_milliseconds = concealed;
    }
}
