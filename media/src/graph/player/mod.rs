//! Players: a playlist with its sounds looked up, giving one frame at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::codec::Coding;
use crate::dsp::gain::Gain;
use crate::graph::bank::SoundBank;
use crate::graph::music::MusicClass;
use crate::graph::playlist::{
    PlayControl, PlayId, PlayItem, PlayOptions, Playlist, Source, ToneId,
};
use crate::graph::sound::{Made, Sound, write_l16};
use crate::time::{self, FRAME_SAMPLES, Rate};

/// Frames a sound may take to be encoded before it is left out: two seconds.
const PATIENCE: u16 = 100;

/// A playlist being played.
#[derive(Debug, Clone)]
pub struct Player {
    play: PlayId,
    items: Box<[Item]>,
    rounds: Rounds,
    barge_in: bool,
    gain: Gain,
    pace: Pace,
    item: usize,
    frame: usize,
    /// Frames it has waited for an encoding.
    waited: u16,
}

/// How often a playlist begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounds {
    /// Until it is stopped.
    Forever,
    /// So many times more.
    More(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Running,
    Paused,
}

#[derive(Debug, Clone)]
struct Item {
    /// `None` is silence.
    sound: Option<Arc<Sound>>,
    frames: usize,
}

/// Why a playlist cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaylistError {
    /// No sound has this id.
    #[error("there is no sound {0:?}")]
    UnknownSound(String),
    /// No tone has this name.
    #[error("there is no tone {0}")]
    UnknownTone(ToneId),
    /// It repeats, but nothing in it takes any time.
    #[error("a playlist without length cannot repeat")]
    EndlessNothing,
}

impl Player {
    /// Looks up everything in `playlist`.
    ///
    /// # Errors
    /// When the bank lacks something, or an empty playlist should repeat.
    pub fn new(play: PlayId, playlist: &Playlist, bank: &SoundBank) -> Result<Self, PlaylistError> {
        Self::with(play, playlist, &PlayOptions::default(), bank)
    }

    /// The same, with a beginning, a gain and a number of rounds.
    ///
    /// # Errors
    /// As [`Player::new`].
    pub fn with(
        play: PlayId,
        playlist: &Playlist,
        options: &PlayOptions,
        bank: &SoundBank,
    ) -> Result<Self, PlaylistError> {
        let items: Result<Box<[Item]>, _> = playlist
            .items
            .iter()
            .map(|item| Item::find(item, bank))
            .collect();
        let items = items?;
        if playlist.repeat && items.iter().all(|item| item.frames == 0) {
            return Err(PlaylistError::EndlessNothing);
        }
        let mut player = Self {
            play,
            items,
            rounds: if playlist.repeat {
                Rounds::Forever
            } else {
                Rounds::More(options.rounds.saturating_sub(1))
            },
            barge_in: playlist.barge_in,
            gain: Gain::decibels(options.gain_db),
            pace: Pace::Running,
            item: 0,
            frame: 0,
            waited: 0,
        };
        player.seek(options.start);
        Ok(player)
    }

    /// Which playing this is.
    #[must_use]
    pub fn play(&self) -> PlayId {
        self.play
    }

    /// Whether a digit ends it.
    #[must_use]
    pub fn barge_in(&self) -> bool {
        self.barge_in
    }

    /// Changes how it is played, from the next frame on.
    pub fn control(&mut self, control: PlayControl) {
        match control {
            PlayControl::Pause => self.pace = Pace::Paused,
            PlayControl::Resume => self.pace = Pace::Running,
            PlayControl::Seek(to) => self.seek(to),
            PlayControl::Gain(decibels) => self.gain = Gain::decibels(decibels),
        }
    }

    /// Whether its payloads are not those of the sounds, so that G.722 and Opus have to be made of
    /// [`Player::next_pcm`] for this one listener.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.gain.is_unity()
    }

    /// Writes the payload of the next frame. With a gain that is not 0 dB, G.711 and L16 follow it
    /// at once; see [`Player::is_changed`] for the others, which are given as they are.
    pub fn next_frame(&mut self, coding: Coding, payload: &mut [u8]) -> Made {
        if self.pace == Pace::Paused {
            return Sound::silence(coding, payload);
        }
        if !self.advance() {
            return Made::Nothing;
        }
        let (sound, frame) = (self.sound(), self.frame);
        let made = match (sound, self.loudly(coding)) {
            (None, _) => Sound::silence(coding, payload),
            (Some(sound), None) => sound.payload(coding, frame, payload),
            (Some(sound), Some(rate)) => {
                let mut pcm = [0; Rate::Full.frame_samples()];
                let pcm = &mut pcm[..rate.frame_samples()];
                sound.pcm(rate, frame, pcm);
                self.gain.apply(pcm);
                match coding.law() {
                    Some(law) => {
                        let room = payload.len().min(FRAME_SAMPLES);
                        Made::Payload(law.encode_frame(pcm, &mut payload[..room]))
                    }
                    None => write_l16(pcm, payload),
                }
            }
        };
        if made != Made::NotYet {
            self.waited = 0;
            self.frame += 1;
        } else if self.waited < PATIENCE {
            self.waited += 1;
        } else {
            self.waited = 0;
            self.frame = self.items.get(self.item).map_or(0, |item| item.frames);
        }
        made
    }

    /// Writes the samples of the next frame, at `rate`; false at the end, with nothing written.
    pub fn next_pcm(&mut self, rate: Rate, pcm: &mut [i16]) -> bool {
        if self.pace == Pace::Paused {
            pcm.fill(0);
            return true;
        }
        if !self.advance() {
            return false;
        }
        match self.sound() {
            None => pcm.fill(0),
            Some(sound) => {
                sound.pcm(rate, self.frame, pcm);
                self.gain.apply(pcm);
            }
        }
        self.frame += 1;
        true
    }

    /// Whether nothing is left, so that its end can be told with its last frame.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let rest = self.items.get(self.item..).unwrap_or_default();
        let left = rest.iter().map(|item| item.frames).sum::<usize>();
        self.rounds == Rounds::More(0) && left <= self.frame
    }

    /// The rate at which the samples of a coding are changed, where they have to be and can be.
    fn loudly(&self, coding: Coding) -> Option<Rate> {
        if self.gain.is_unity() {
            return None;
        }
        match coding {
            Coding::Pcmu | Coding::Pcma => Some(Rate::Narrow),
            Coding::L16(rate) => Some(rate),
            Coding::G722 | Coding::Opus => None,
        }
    }

    /// The sound that comes next; `None` is silence.
    fn sound(&self) -> Option<&Arc<Sound>> {
        self.items.get(self.item)?.sound.as_ref()
    }

    /// Goes to the next item that has a frame left; false at the end.
    fn advance(&mut self) -> bool {
        let mut begun = 0;
        while self
            .items
            .get(self.item)
            .is_none_or(|item| self.frame >= item.frames)
        {
            self.frame = 0;
            if self.item < self.items.len() {
                self.item += 1;
                continue;
            }
            match &mut self.rounds {
                Rounds::More(0) => return false,
                Rounds::More(more) => *more -= 1,
                Rounds::Forever => {}
            }
            begun += 1;
            if begun > 1 {
                // A playlist without length is at its end, however often it is to be played.
                self.rounds = Rounds::More(0);
                return false;
            }
            self.item = 0;
        }
        true
    }

    /// Goes to this moment of the round; behind its end there is nothing more of it.
    fn seek(&mut self, to: Duration) {
        let mut frame = time::samples(to) as usize / FRAME_SAMPLES;
        let within = |item: &Item| {
            let inside = frame < item.frames;
            if !inside {
                frame -= item.frames;
            }
            inside
        };
        let found = self.items.iter().position(within);
        self.item = found.unwrap_or(self.items.len());
        self.frame = if found.is_some() { frame } else { 0 };
        self.waited = 0;
    }
}

impl Item {
    fn find(item: &PlayItem, bank: &SoundBank) -> Result<Self, PlaylistError> {
        Ok(match item {
            PlayItem::Sound(id) => {
                let sound = bank.sound(id);
                let sound = sound.ok_or_else(|| PlaylistError::UnknownSound(id.clone()))?;
                Self {
                    frames: sound.frames(),
                    sound: Some(sound.clone()),
                }
            }
            PlayItem::Silence(duration) => Self {
                sound: None,
                frames: frames_in(*duration),
            },
            PlayItem::Tone(id, duration) => {
                let tone = bank.tone(id);
                let tone = tone.ok_or_else(|| PlaylistError::UnknownTone(id.clone()))?;
                let empty = tone.frames() == 0;
                Self {
                    sound: (!empty).then(|| tone.clone()),
                    frames: frames_in(*duration),
                }
            }
        })
    }
}

fn frames_in(duration: Duration) -> usize {
    (time::samples(duration) as usize).div_ceil(FRAME_SAMPLES)
}

/// What a leg hears when nothing is played to it, with its sound looked up.
#[derive(Debug, Clone, Default)]
pub enum Background {
    /// Silent frames.
    #[default]
    Silence,
    /// Music, wherever it is now.
    Music(Arc<MusicClass>),
    /// A tone from its beginning.
    Tone(Arc<Sound>),
    /// Its own voice.
    Echo,
    /// The leg it is bridged to, or the room it is in.
    Bridge,
}

impl Background {
    /// Looks up a source; `None` when the bank lacks it.
    #[must_use]
    pub fn find(source: &Source, bank: &SoundBank) -> Option<Self> {
        match source {
            Source::Silence => Some(Self::Silence),
            Source::HoldMusic(class) => bank.music(class).cloned().map(Self::Music),
            Source::Tone(id) => bank.tone(id).cloned().map(Self::Tone),
            Source::Echo => Some(Self::Echo),
        }
    }

    /// Writes the payload of frame number `heard` of what this leg hears, or of what plays for all at
    /// `tick`.
    pub fn frame(&self, coding: Coding, heard: usize, tick: u64, payload: &mut [u8]) -> Made {
        match self {
            Self::Silence => Sound::silence(coding, payload),
            Self::Music(class) => class.payload(coding, tick, payload),
            Self::Tone(sound) => sound.payload(coding, heard, payload),
            Self::Echo | Self::Bridge => Made::Nothing,
        }
    }

    /// The same as samples at `rate`; false when the wheel has nothing to do for it.
    pub fn pcm(&self, rate: Rate, heard: usize, tick: u64, pcm: &mut [i16]) -> bool {
        match self {
            Self::Silence => pcm.fill(0),
            Self::Music(class) => class.pcm(rate, tick, pcm),
            Self::Tone(sound) => sound.pcm(rate, heard, pcm),
            Self::Echo | Self::Bridge => return false,
        }
        true
    }

    /// Whether the wheel makes what is heard.
    #[must_use]
    pub fn is_made_by_us(&self) -> bool {
        !matches!(self, Self::Echo | Self::Bridge)
    }
}

#[cfg(test)]
mod tests;
