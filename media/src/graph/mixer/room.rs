//! The mixer of one room.

use std::collections::VecDeque;

use slab::Slab;

use crate::graph::mixer::chime::{Chime, Chimes};
use crate::graph::mixer::insert::{Follows, Insert};
use crate::graph::mixer::limit::limit;
use crate::graph::mixer::member::{Heard, Member, MemberKey, MemberSettings, Presence, Said};
use crate::graph::mixer::settings::{ChimeMode, LoneMode, MAX_TALKERS, MixerError, MixerSettings};
use crate::graph::mixer::talk::{Level, TalkChange, TalkSettings, mean_square};
use crate::graph::mixer::talkers::{Members, Talkers};
use crate::time::Rate;

/// Frames a member goes on having a mix of its own after it no longer needs one, so that its
/// encoder is not changed with every word.
const OWN: u8 = 50;

/// Mixes what the members of a room say, so that each hears all others. Told what each said with
/// [`take`](Self::take), then to [`run`](Self::run), then asked what each hears with
/// [`heard_by`](Self::heard_by); once per 20 ms. Only joining allocates, and the first insert and
/// relation of a member.
#[derive(Debug)]
pub struct Mixer {
    pub(super) settings: MixerSettings,
    talk: TalkSettings,
    frame: usize,
    pub(super) members: Members,
    /// A frame per member: what it said, and once it was mixed what it hears.
    pcm: Vec<i16>,
    talkers: Talkers,
    sum: Box<[i32]>,
    own: Box<[i32]>,
    /// What whoever says nothing hears.
    room: Box<[i16]>,
    /// Whether nothing is in it.
    silent: bool,
    insert: Insert,
    music: Insert,
    /// Who hears the music, and whether it is still alone.
    lone: Option<(MemberKey, Follows)>,
    chimes: Chimes,
    events: VecDeque<MixerEvent>,
    /// Members who may speak, as of the last frame.
    speakers: usize,
}

/// Something that happened in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixerEvent {
    /// Somebody began to talk.
    TalkStarted(MemberKey),
    /// Somebody ended, or was muted. Not told of who leaves.
    TalkStopped(MemberKey),
}

/// What a member hears in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix<'a> {
    /// Nothing, whatever the others hear.
    Silence,
    /// The same as all others who get this: it needs encoding only once per codec.
    Shared(&'a [i16]),
    /// Something nobody else hears.
    Own(&'a [i16]),
}

impl Mixer {
    /// An empty room.
    #[must_use]
    pub fn new(settings: MixerSettings) -> Self {
        let frame = settings.rate.frame_samples();
        let talkers = settings.talkers.clamp(1, MAX_TALKERS);
        Self {
            settings,
            talk: settings.talk(),
            frame,
            members: Slab::new(),
            pcm: Vec::new(),
            talkers: Talkers::new(talkers, frame),
            sum: vec![0; frame].into(),
            own: vec![0; frame].into(),
            room: vec![0; frame].into(),
            silent: true,
            insert: Insert::new(frame),
            music: Insert::new(frame),
            lone: None,
            chimes: Chimes::new(settings.rate),
            events: VecDeque::new(),
            speakers: 0,
        }
    }

    /// The rate of everything that goes in and comes out.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.settings.rate
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Somebody comes in, hearing and heard like everybody else but for the settings.
    ///
    /// # Errors
    /// When the room is full.
    pub fn join(&mut self, settings: MemberSettings) -> Result<MemberKey, MixerError> {
        if self.members.len() >= self.settings.members {
            return Err(MixerError::Full);
        }
        let key = MemberKey(self.members.insert(Member::new(settings)));
        let needed = (key.0 + 1) * self.frame;
        if self.pcm.len() < needed {
            self.pcm.resize(needed, 0);
        }
        // Each can begin and end to talk before anybody asks.
        self.events.reserve(2 * self.members.len());
        if settings.presence == Presence::Open {
            self.ring(Chime::Entry);
        }
        self.find_lone();
        Ok(key)
    }

    /// Somebody goes; the key may be given to who comes next. False when there is no such member.
    pub fn leave(&mut self, key: MemberKey) -> bool {
        let Some(member) = self.members.try_remove(key.0) else {
            return false;
        };
        if let Some(slot) = member.slot {
            self.talkers.leave(slot);
        }
        self.events.retain(|event| match event {
            MixerEvent::TalkStarted(of) | MixerEvent::TalkStopped(of) => *of != key,
        });
        self.forget_relations(key, &member.pairs);
        if member.settings.presence == Presence::Open && !self.members.is_empty() {
            self.ring(Chime::Exit);
        }
        self.find_lone();
        true
    }

    /// Changes gains, muting, deafness and threshold, over the next frame.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn set(&mut self, key: MemberKey, settings: MemberSettings) -> Result<(), MixerError> {
        self.member(key)?.set(settings);
        self.find_lone();
        Ok(())
    }

    /// What a member is set to.
    #[must_use]
    pub fn settings_of(&self, key: MemberKey) -> Option<MemberSettings> {
        self.members.get(key.0).map(|member| member.settings)
    }

    /// Whether a member was said to talk.
    #[must_use]
    pub fn is_talking(&self, key: MemberKey) -> bool {
        let member = self.members.get(key.0);
        member.is_some_and(|member| member.detector.is_talking())
    }

    /// How loud a member has been of late.
    #[must_use]
    pub fn level_of(&self, key: MemberKey) -> Option<Level> {
        let member = self.members.get(key.0)?;
        Some(Level::of_mean_square(member.level()))
    }

    /// Whether what a member says can matter to this frame: decoding it can be left out if not.
    #[must_use]
    pub fn wants(&self, key: MemberKey) -> bool {
        let member = self.members.get(key.0);
        member.is_some_and(|member| member.may_speak() || member.slot.is_some())
    }

    /// Takes what a member says in this frame: `fill` is given its frame to write, and says whether
    /// it did. Who is not asked about says nothing.
    pub fn take(&mut self, key: MemberKey, fill: impl FnOnce(&mut [i16]) -> bool) {
        let Some(member) = self.members.get_mut(key.0) else {
            return;
        };
        let Some(pcm) = self.pcm.get_mut(key.0 * self.frame..) else {
            return;
        };
        if fill(&mut pcm[..self.frame]) {
            member.said = Said::Unheard;
        }
    }

    /// Where to write what all hear beside each other in this frame.
    pub fn insert(&mut self, follows: Follows) -> &mut [i16] {
        self.insert.next(follows)
    }

    /// Where to write what this member alone hears in this frame; `None` when there is none.
    pub fn insert_for(&mut self, key: MemberKey, follows: Follows) -> Option<&mut [i16]> {
        let frame = self.frame;
        let member = self.members.get_mut(key.0)?;
        let insert = &mut member.insert;
        let insert = insert.get_or_insert_with(|| Box::new(Insert::new(frame)));
        Some(insert.next(follows))
    }

    /// Where to write the music of this frame; `None` while nobody is to hear any.
    pub fn music(&mut self) -> Option<&mut [i16]> {
        let (_, follows) = self.lone?;
        Some(self.music.next(follows))
    }

    /// Mixes a frame.
    pub fn run(&mut self) {
        self.listen();
        self.choose();
        let sum = &mut self.sum[..];
        self.talkers.render(&self.members, &self.pcm, sum);
        self.insert.add(sum);
        let rings = self.chimes.add(sum);
        self.silent = !rings && !self.insert.sounds() && self.talkers.is_silent();
        limit(sum, &mut self.room);
        self.serve();
        self.settle();
    }

    /// What a member hears in the frame that was mixed last.
    #[must_use]
    pub fn heard_by(&self, key: MemberKey) -> Mix<'_> {
        let Some(member) = self.members.get(key.0) else {
            return Mix::Silence;
        };
        match member.heard {
            Heard::Silence => Mix::Silence,
            Heard::Room => Mix::Shared(&self.room),
            Heard::Own => Mix::Own(&self.pcm[key.0 * self.frame..][..self.frame]),
        }
    }

    /// Whether nobody said anything in the frame that was mixed last, and nothing was inserted for
    /// all: what is shared is silent then.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// What the room heard in the frame that was mixed last: everybody who is heard by all, and
    /// what was inserted for all. For recordings.
    #[must_use]
    pub fn heard_in_room(&self) -> &[i16] {
        &self.room
    }

    /// Something that happened.
    pub fn poll_event(&mut self) -> Option<MixerEvent> {
        self.events.pop_front()
    }

    pub(super) fn member(&mut self, key: MemberKey) -> Result<&mut Member, MixerError> {
        self.members.get_mut(key.0).ok_or(MixerError::UnknownMember)
    }

    fn ring(&mut self, chime: Chime) {
        if self.settings.chimes == ChimeMode::On {
            self.chimes.ring(chime);
        }
    }

    /// Finds out whether somebody is alone now.
    fn find_lone(&mut self) {
        if self.settings.lone == LoneMode::Silence {
            return;
        }
        let is_open = |member: &Member| member.settings.presence == Presence::Open;
        let mut open = self.members.iter().filter(|(_, member)| is_open(member));
        let first = open.next().map(|(key, _)| MemberKey(key));
        let alone = first.filter(|_| open.next().is_none());
        self.lone = match (alone, self.lone) {
            (Some(key), _) => Some((key, Follows::More)),
            (None, Some((key, _))) if self.members.contains(key.0) => Some((key, Follows::Nothing)),
            (None, _) => None,
        };
    }

    /// Finds out who talks, and who may be mixed.
    fn listen(&mut self) {
        let crowded = self.speakers > self.talkers.most();
        self.speakers = 0;
        for (key, member) in &mut self.members {
            let speaks = member.may_speak();
            self.speakers += usize::from(speaks);
            let said = (speaks && member.has_said())
                .then(|| mean_square(&self.pcm[key * self.frame..][..self.frame]));
            let talk = TalkSettings {
                threshold: member.threshold.unwrap_or(self.talk.threshold),
                ..self.talk
            };
            let change = member.detector.hear(said, talk);
            if said.is_some() && (member.detector.is_open() || !crowded) {
                member.said = Said::Talk;
            }
            let key = MemberKey(key);
            self.events.extend(change.map(|change| match change {
                TalkChange::Started => MixerEvent::TalkStarted(key),
                TalkChange::Stopped => MixerEvent::TalkStopped(key),
            }));
        }
    }

    /// Finds out who is mixed.
    fn choose(&mut self) {
        self.talkers.retire(&self.members);
        for key in 0..self.members.capacity().min(self.pcm.len() / self.frame) {
            let Some(member) = self.members.get(key) else {
                continue;
            };
            if !member.wants_place() || member.slot.is_some() {
                continue;
            }
            let slot = self
                .talkers
                .ask(MemberKey(key), member.level(), &self.members);
            if let Some(member) = self.members.get_mut(key) {
                member.slot = slot;
            }
        }
    }

    /// Mixes for each who hears something of its own.
    fn serve(&mut self) {
        for (key, member) in &mut self.members {
            let music = self
                .lone
                .filter(|(lone, _)| lone.0 == key && self.music.sounds());
            let music = music.map(|_| &self.music);
            member.heard = if member.hearing.is_silent() {
                Heard::Silence
            } else if member.needs_own(&self.talkers) || music.is_some() {
                member.own = OWN;
                Heard::Own
            } else if member.own > 0 {
                member.own -= 1;
                Heard::Own
            } else {
                Heard::Room
            };
            if member.heard == Heard::Own {
                let own = &mut self.own[..];
                own.copy_from_slice(&self.sum);
                member.adjust(&self.talkers, own);
                if let Some(music) = music {
                    music.add(own);
                }
                member.hearing.scale_in_place(own);
                limit(own, &mut self.pcm[key * self.frame..][..self.frame]);
            }
        }
    }

    /// The frame is over.
    fn settle(&mut self) {
        for (_, member) in &mut self.members {
            member.settle();
            if member.slot.is_some_and(|slot| !self.talkers.keeps(slot)) {
                member.slot = None;
            }
        }
        self.talkers.settle();
        self.insert.settle();
        self.music.settle();
        if self
            .lone
            .is_some_and(|(_, follows)| follows == Follows::Nothing)
            && self.music.is_over()
        {
            self.lone = None;
        }
    }
}
