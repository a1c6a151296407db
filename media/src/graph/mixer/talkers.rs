//! Who is mixed: the loudest few of those who talk, and what each of them adds to the room.
//!
//! A place among the talkers is kept until its owner falls silent or somebody is clearly louder, so
//! that two equals do not take turns. Who comes fades in over a frame and who goes fades out, also
//! when nothing more comes from them.

use crate::graph::mixer::gain::{Gain, Ramp};
use crate::graph::mixer::member::{Member, MemberKey};

/// Frames a place is kept at least.
const HOLD: u16 = 10;

/// How much louder somebody must be to take another's place: 3 dB.
const CLEARLY: u32 = 2;

/// The talkers of a room, each with the frame it adds.
#[derive(Debug)]
pub(super) struct Talkers {
    /// Most who keep a place.
    most: usize,
    frame: usize,
    slots: Box<[Slot]>,
    /// A frame per slot: the member's own, with its input gain.
    frames: Box<[i32]>,
}

/// A place, or what is left of one.
#[derive(Debug, Clone, Copy)]
struct Slot {
    owner: Owner,
    gain: Ramp,
    /// How the room hears it.
    voice: Ramp,
    /// Where its sound ended, for nothing to click when nothing follows.
    last: i32,
    /// Frames it has lasted.
    held: u16,
    sound: Sound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Talks(MemberKey),
    /// In its last frame here.
    Fades(MemberKey),
    /// Has left the room.
    Left(MemberKey),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sound {
    None,
    Frame,
}

impl Slot {
    const FREE: Self = Self {
        owner: Owner::Nobody,
        gain: Ramp::SILENT,
        voice: Ramp::SILENT,
        last: 0,
        held: 0,
        sound: Sound::None,
    };
}

/// One talker's part of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// What was said.
    pub(super) pcm: &'a [i32],
    /// How the room hears it.
    pub(super) voice: Ramp,
}

impl Talkers {
    /// Room for `most` of them, whose frames have so many samples.
    pub(super) fn new(most: usize, frame: usize) -> Self {
        // Each of them may be fading out while somebody else takes the place.
        let slots = 2 * most;
        Self {
            most,
            frame,
            slots: vec![Slot::FREE; slots].into(),
            frames: vec![0; slots * frame].into(),
        }
    }

    /// Most who keep a place.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Whether nobody says anything in this frame.
    pub(super) fn is_silent(&self) -> bool {
        self.slots.iter().all(|slot| slot.sound == Sound::None)
    }

    /// What this slot adds in this frame, if anything.
    pub(super) fn part(&self, slot: usize) -> Option<Part<'_>> {
        let place = self.slots.get(slot)?;
        let pcm = self.frames.get(slot * self.frame..)?.get(..self.frame)?;
        let voice = place.voice;
        (place.sound == Sound::Frame).then_some(Part { pcm, voice })
    }

    /// Whose slot is which: for those few who hear somebody differently.
    pub(super) fn slot_of(&self, key: MemberKey) -> Option<usize> {
        let owners = [Owner::Talks(key), Owner::Fades(key), Owner::Left(key)];
        let is_of = |slot: &Slot| owners.contains(&slot.owner);
        self.slots.iter().position(is_of)
    }

    /// Who left is heard no more; what it said last dies away.
    pub(super) fn leave(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot)
            && let Owner::Talks(key) | Owner::Fades(key) = slot.owner
        {
            slot.owner = Owner::Left(key);
        }
    }

    /// Whether the owner of this place goes on having it.
    pub(super) fn keeps(&self, slot: usize) -> bool {
        let slot = self.slots.get(slot);
        slot.is_some_and(|slot| matches!(slot.owner, Owner::Talks(_)))
    }

    /// Those who may no longer be heard give up their places.
    pub(super) fn retire(&mut self, members: &Members) {
        for slot in &mut self.slots {
            if let Owner::Talks(key) = slot.owner
                && !members.get(key.0).is_some_and(Member::wants_place)
            {
                slot.owner = Owner::Fades(key);
            }
        }
    }

    /// Somebody who has no place asks for one; the slot, if granted.
    pub(super) fn ask(&mut self, key: MemberKey, level: u32, members: &Members) -> Option<usize> {
        let talks = |slot: &&Slot| matches!(slot.owner, Owner::Talks(_));
        if self.slots.iter().filter(talks).count() >= self.most {
            let weakest = self.weakest(members)?;
            let (slot, its_level) = weakest;
            if level / CLEARLY <= its_level {
                return None;
            }
            let slot = &mut self.slots[slot];
            if let Owner::Talks(owner) = slot.owner {
                slot.owner = Owner::Fades(owner);
            }
        }
        let is_free = |slot: &Slot| slot.owner == Owner::Nobody;
        let free = self.slots.iter().position(is_free)?;
        self.slots[free] = Slot {
            owner: Owner::Talks(key),
            ..Slot::FREE
        };
        Some(free)
    }

    /// The quietest of those who have been here long enough to go.
    fn weakest(&self, members: &Members) -> Option<(usize, u32)> {
        let places = self.slots.iter().enumerate();
        let levels = places.filter_map(|(index, slot)| match slot.owner {
            Owner::Talks(key) if slot.held >= HOLD => {
                Some((index, members.get(key.0).map_or(0, Member::level)))
            }
            Owner::Nobody | Owner::Talks(_) | Owner::Fades(_) | Owner::Left(_) => None,
        });
        levels.min_by_key(|(_, level)| *level)
    }

    /// Makes everybody's part of this frame from what they said, and the sum that all hear.
    pub(super) fn render(&mut self, members: &Members, pcm: &[i16], sum: &mut [i32]) {
        sum.fill(0);
        let frames = self.frames.chunks_exact_mut(self.frame);
        for (slot, part) in self.slots.iter_mut().zip(frames) {
            slot.render(members, pcm, part);
            if slot.sound == Sound::Frame {
                slot.voice.add(part, sum);
            }
        }
    }

    /// The frame is over.
    pub(super) fn settle(&mut self) {
        for slot in &mut self.slots {
            match slot.owner {
                Owner::Nobody => {}
                Owner::Talks(_) => {
                    slot.held = slot.held.saturating_add(1);
                    slot.gain.settle();
                }
                Owner::Fades(_) | Owner::Left(_) => *slot = Slot::FREE,
            }
        }
    }
}

/// The members of a room by key.
pub(super) type Members = slab::Slab<Member>;

impl Slot {
    fn render(&mut self, members: &Members, pcm: &[i16], part: &mut [i32]) {
        let (key, goal) = match self.owner {
            Owner::Nobody => return,
            Owner::Left(_) => return self.die_away(part),
            Owner::Talks(key) => (key, None),
            Owner::Fades(key) => (key, Some(Gain::SILENT)),
        };
        let Some(member) = members.get(key.0) else {
            return self.die_away(part);
        };
        self.voice = member.voice;
        if !member.has_said() {
            // It begins anew once there is something again.
            self.gain = Ramp::SILENT;
            return self.die_away(part);
        }
        self.gain.set(goal.unwrap_or(member.gain_in));
        let count = part.len();
        let said = pcm.get(key.0 * count..).unwrap_or_default();
        self.gain.scale(&said[..count.min(said.len())], part);
        self.last = part.last().copied().unwrap_or(0);
        self.sound = Sound::Frame;
    }

    /// A frame from the last sample down to nothing.
    fn die_away(&mut self, part: &mut [i32]) {
        self.sound = if self.last == 0 {
            Sound::None
        } else {
            Sound::Frame
        };
        let count = i32::try_from(part.len()).unwrap_or(i32::MAX);
        for (left, sample) in (0..count).rev().zip(part) {
            // The last sample has 19 bits and a frame ten: two steps stay within 32.
            *sample = self.last * left / count * left / count;
        }
        self.last = 0;
    }
}
