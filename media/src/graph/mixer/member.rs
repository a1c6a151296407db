//! Somebody in a room: what it says, how it is heard and what it hears.

use crate::graph::mixer::gain::{Gain, Ramp};
use crate::graph::mixer::insert::Insert;
use crate::graph::mixer::talk::{Level, TalkDetector};

/// A member's name within its room, free again when it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberKey(pub(super) usize);

/// How a member enters, or is from now on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MemberSettings {
    /// How loud it is for the others.
    pub gain_in: Gain,
    /// How loud the others are for it.
    pub gain_out: Gain,
    /// Whether the others hear it.
    pub speech: Speech,
    /// Whether it hears anything.
    pub hearing: Hearing,
    /// The lowest level that counts as talk, where it differs from the room's.
    pub threshold: Option<Level>,
    /// Whether the others are to notice it.
    pub presence: Presence,
}

/// Whether a member counts for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presence {
    /// Its coming and going sound, and who is there beside it is not alone.
    #[default]
    Open,
    /// Neither: a supervisor.
    Hidden,
}

/// Whether a member is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speech {
    /// By whoever hears it.
    #[default]
    Open,
    /// By nobody.
    Muted,
}

/// Whether a member hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hearing {
    /// The room.
    #[default]
    Open,
    /// Nothing.
    Deaf,
}

/// A member as the mixer keeps it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) settings: MemberSettings,
    pub(super) gain_in: Gain,
    /// How loud the room is for it.
    pub(super) hearing: Ramp,
    /// How loud it is for everybody about whom nothing else is said.
    pub(super) voice: Ramp,
    pub(super) reach: Reach,
    /// Whom it hears otherwise than the room does.
    pub(super) pairs: Vec<Pair>,
    pub(super) detector: TalkDetector,
    /// The lowest mean square that can be talk, where it differs from the room's.
    pub(super) threshold: Option<u32>,
    pub(super) said: Said,
    /// Its place among the talkers.
    pub(super) slot: Option<usize>,
    /// What is played to it alone; made when that is needed first.
    pub(super) insert: Option<Box<Insert>>,
    /// Frames for which it goes on having a mix of its own.
    pub(super) own: u8,
    pub(super) heard: Heard,
}

/// How one member hears another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) speaker: MemberKey,
    pub(super) gain: Ramp,
    pub(super) life: Life,
}

/// Whether a pair goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Stays,
    /// Once it is as everybody hears it.
    Ends,
}

/// Whether anybody hears a member who is not muted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Somebody,
    Nobody,
}

/// What came from a member for this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// Samples that nobody is to hear.
    Unheard,
    /// Samples that ask for a place among the talkers.
    Talk,
}

/// What a member hears in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Silence,
    Room,
    Own,
}

impl Member {
    pub(super) fn new(settings: MemberSettings) -> Self {
        let mut member = Self {
            settings,
            gain_in: settings.gain_in,
            hearing: Ramp::SILENT,
            voice: Ramp::steady(Gain::UNITY),
            reach: Reach::Somebody,
            pairs: Vec::new(),
            detector: TalkDetector::new(),
            threshold: None,
            said: Said::Nothing,
            slot: None,
            insert: None,
            own: 0,
            heard: Heard::Silence,
        };
        member.set(settings);
        // Nothing was heard before that could click.
        member.hearing.settle();
        member
    }

    /// Takes new settings, which come into force over the next frame.
    pub(super) fn set(&mut self, settings: MemberSettings) {
        self.settings = settings;
        self.gain_in = settings.gain_in;
        self.threshold = settings.threshold.map(Level::mean_square);
        self.hearing.set(match settings.hearing {
            Hearing::Open => settings.gain_out,
            Hearing::Deaf => Gain::SILENT,
        });
    }

    /// Whether anybody could hear it.
    pub(super) fn may_speak(&self) -> bool {
        self.settings.speech == Speech::Open && self.reach == Reach::Somebody
    }

    pub(super) fn has_said(&self) -> bool {
        self.said != Said::Nothing
    }

    /// Whether it should be among the talkers.
    pub(super) fn wants_place(&self) -> bool {
        self.said == Said::Talk
    }

    /// How loud its voice is of late.
    pub(super) fn level(&self) -> u32 {
        self.detector.level()
    }

    /// Hears `speaker` with this gain from now on; `None`: as everybody does, to whom it goes by
    /// `voice`.
    pub(super) fn hear_differently(&mut self, speaker: MemberKey, gain: Option<Gain>, voice: Ramp) {
        let life = match gain {
            Some(_) => Life::Stays,
            None => Life::Ends,
        };
        let goal = gain.unwrap_or(voice.goal());
        if let Some(pair) = self.pairs.iter_mut().find(|pair| pair.speaker == speaker) {
            pair.gain.set(goal);
            pair.life = life;
        } else if gain.is_some() {
            let mut gain = voice.before();
            gain.set(goal);
            self.pairs.push(Pair {
                speaker,
                gain,
                life,
            });
        }
    }

    /// The frame is over.
    pub(super) fn settle(&mut self) {
        self.said = Said::Nothing;
        self.hearing.settle();
        self.voice.settle();
        if !self.pairs.is_empty() {
            self.pairs.retain_mut(|pair| {
                pair.gain.settle();
                pair.life == Life::Stays
            });
        }
        if let Some(insert) = &mut self.insert {
            insert.settle();
        }
    }
}
