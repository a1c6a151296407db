//! Who hears whom, where that is not everybody.

use crate::graph::mixer::gain::Gain;
use crate::graph::mixer::member::{Life, Member, MemberKey, Pair, Reach};
use crate::graph::mixer::room::Mixer;
use crate::graph::mixer::settings::MixerError;

/// Most pairs of a room that hear each other differently.
pub const MAX_RELATIONS: usize = 8192;

/// Whom a member speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// All who are not deaf: a conversation, or a supervisor who barges in.
    Everyone,
    /// One member alone: a coach, or a supervisor who whispers.
    Only(MemberKey),
    /// Nobody: a supervisor who listens.
    Nobody,
}

impl Mixer {
    /// Has `listener` hear `speaker` with this gain, over the next frame: silent for "does not hear
    /// him", `None` for as everybody does.
    ///
    /// # Errors
    /// When one of them is not there, both are the same, or there are too many relations.
    pub fn relate(
        &mut self,
        listener: MemberKey,
        speaker: MemberKey,
        gain: Option<Gain>,
    ) -> Result<(), MixerError> {
        if listener == speaker {
            return Err(MixerError::SameMember);
        }
        let voice = self.member(speaker)?.voice;
        let full = self.relations() >= MAX_RELATIONS;
        let member = self.member(listener)?;
        let known = member.pairs.iter().any(|pair| pair.speaker == speaker);
        if full && !known && gain.is_some() {
            return Err(MixerError::TooManyRelations);
        }
        member.hear_differently(speaker, gain, voice);
        self.find_reach(speaker);
        Ok(())
    }

    /// Has a member speak to these, with this gain, over the next frame. How anybody heard it
    /// before, also by [`relate`](Self::relate), no longer counts.
    ///
    /// # Errors
    /// When the speaker or the only listener is not there, both are the same, or there are too many
    /// relations. Nothing has changed then.
    pub fn speak_to(
        &mut self,
        speaker: MemberKey,
        audience: Audience,
        gain: Gain,
    ) -> Result<(), MixerError> {
        let to_all = match audience {
            Audience::Everyone => gain,
            Audience::Only(listener) => {
                self.relate(listener, speaker, Some(gain))?;
                Gain::SILENT
            }
            Audience::Nobody => Gain::SILENT,
        };
        let member = self.member(speaker)?;
        member.voice.set(to_all);
        let voice = member.voice;
        for (key, member) in &mut self.members {
            if audience != Audience::Only(MemberKey(key)) {
                member.hear_differently(speaker, None, voice);
            }
        }
        self.find_reach(speaker);
        Ok(())
    }

    /// How many pairs hear each other differently.
    fn relations(&self) -> usize {
        self.members
            .iter()
            .map(|(_, member)| member.pairs.len())
            .sum()
    }

    /// Ends all relations of somebody who left and heard these differently. How others heard him
    /// lasts for a frame, in which what he said last dies away.
    pub(super) fn forget_relations(&mut self, key: MemberKey, pairs: &[Pair]) {
        for (_, member) in &mut self.members {
            for pair in &mut member.pairs {
                if pair.speaker == key {
                    pair.life = Life::Ends;
                }
            }
        }
        for pair in pairs {
            self.find_reach(pair.speaker);
        }
    }

    /// Finds out whether anybody hears a member.
    fn find_reach(&mut self, speaker: MemberKey) {
        let hears = |member: &Member| {
            let mut pairs = member.pairs.iter();
            pairs.any(|pair| {
                let stays = pair.life == Life::Stays;
                stays && pair.speaker == speaker && pair.gain.goal() != Gain::SILENT
            })
        };
        let to_all = |member: &Member| member.voice.goal() != Gain::SILENT;
        let by_all = self.members.get(speaker.0).is_some_and(to_all);
        let by_one = !by_all && self.members.iter().any(|(_, member)| hears(member));
        if let Ok(member) = self.member(speaker) {
            member.reach = if by_all || by_one {
                Reach::Somebody
            } else {
                Reach::Nobody
            };
        }
    }
}
