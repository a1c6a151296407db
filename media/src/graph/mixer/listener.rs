//! What a member hears that others do not.

use crate::graph::mixer::member::Member;
use crate::graph::mixer::talkers::Talkers;

impl Member {
    /// Whether it hears something else than who says nothing.
    pub(super) fn needs_own(&self, talkers: &Talkers) -> bool {
        let speaks = |slot| {
            talkers
                .part(slot)
                .is_some_and(|part| !part.voice.is_silent())
        };
        !self.hearing.is_unity()
            || self.insert.as_ref().is_some_and(|insert| insert.sounds())
            || self.slot.is_some_and(speaks)
            || self.pairs.iter().any(|pair| {
                let slot = talkers.slot_of(pair.speaker);
                let part = slot.and_then(|slot| talkers.part(slot));
                part.is_some_and(|part| part.voice != pair.gain)
            })
    }

    /// Turns what all hear into what it hears.
    pub(super) fn adjust(&self, talkers: &Talkers, own: &mut [i32]) {
        if let Some(part) = self.slot.and_then(|slot| talkers.part(slot)) {
            part.voice.subtract(part.pcm, own);
        }
        for pair in &self.pairs {
            let slot = talkers.slot_of(pair.speaker);
            if let Some(part) = slot.and_then(|slot| talkers.part(slot)) {
                part.voice.subtract(part.pcm, own);
                pair.gain.add(part.pcm, own);
            }
        }
        if let Some(insert) = &self.insert {
            insert.add(own);
        }
    }
}
