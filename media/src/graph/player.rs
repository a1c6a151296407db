//! Players: a playlist with its sounds looked up, giving one frame at a time.

use std::sync::Arc;

use crate::codec::Law;
use crate::graph::bank::SoundBank;
use crate::graph::playlist::{PlayId, PlayItem, Playlist, Source, ToneId};
use crate::graph::sound::Sound;
use crate::time::{self, FRAME_SAMPLES};

/// A playlist being played.
#[derive(Debug, Clone)]
pub struct Player {
    play: PlayId,
    items: Box<[Item]>,
    repeat: bool,
    barge_in: bool,
    item: usize,
    frame: usize,
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
        let items: Result<Box<[Item]>, _> = playlist
            .items
            .iter()
            .map(|item| Item::find(item, bank))
            .collect();
        let items = items?;
        if playlist.repeat && items.iter().all(|item| item.frames == 0) {
            return Err(PlaylistError::EndlessNothing);
        }
        Ok(Self {
            play,
            items,
            repeat: playlist.repeat,
            barge_in: playlist.barge_in,
            item: 0,
            frame: 0,
        })
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

    /// Writes the next frame; false at the end, with nothing written.
    pub fn next_frame(&mut self, law: Law, payload: &mut [u8; FRAME_SAMPLES]) -> bool {
        loop {
            let Some(item) = self.items.get(self.item) else {
                if !self.repeat {
                    return false;
                }
                self.item = 0;
                continue;
            };
            if self.frame < item.frames {
                match &item.sound {
                    Some(sound) => payload.copy_from_slice(sound.frame(law, self.frame)),
                    None => payload.fill(law.silence()),
                }
                self.frame += 1;
                return true;
            }
            self.item += 1;
            self.frame = 0;
        }
    }

    /// Whether nothing is left, so that its end can be told with its last frame.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let rest = self.items.get(self.item..).unwrap_or_default();
        let left = rest.iter().map(|item| item.frames).sum::<usize>();
        !self.repeat && left <= self.frame
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

fn frames_in(duration: std::time::Duration) -> usize {
    (time::samples(duration) as usize).div_ceil(FRAME_SAMPLES)
}

/// What a leg hears when nothing is played to it, with its sound looked up.
#[derive(Debug, Clone, Default)]
pub enum Background {
    /// Silent frames.
    #[default]
    Silence,
    /// Music, wherever it is now.
    Music(Arc<Sound>),
    /// A tone from its beginning.
    Tone(Arc<Sound>),
    /// Its own voice.
    Echo,
    /// The leg it is bridged to.
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

    /// Writes frame number `heard` of what this leg hears, or what plays for all at `tick`; false
    /// when the wheel has nothing to do for it.
    pub fn frame(
        &self,
        law: Law,
        heard: usize,
        tick: u64,
        payload: &mut [u8; FRAME_SAMPLES],
    ) -> bool {
        let (sound, index) = match self {
            Self::Silence => {
                payload.fill(law.silence());
                return true;
            }
            Self::Music(sound) => (sound, usize::try_from(tick).unwrap_or(0)),
            Self::Tone(sound) => (sound, heard),
            Self::Echo | Self::Bridge => return false,
        };
        match sound.frame(law, index) {
            [] => payload.fill(law.silence()),
            frame => payload.copy_from_slice(frame),
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
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dsp::tone::Tone;

    fn bank() -> SoundBank {
        let mut bank = SoundBank::new();
        bank.add_pcm("two", &[1000; 320]);
        bank.add_pcm("empty", &[]);
        bank.add_tone(ToneId::new("ring"), &Tone::continuous(&[425.0]));
        bank
    }

    fn player(items: &[PlayItem], repeat: bool) -> Result<Player, PlaylistError> {
        let playlist = Playlist {
            items: items.to_vec(),
            barge_in: false,
            repeat,
        };
        Player::new(PlayId(1), &playlist, &bank())
    }

    fn first_bytes(player: &mut Player, limit: usize) -> Vec<u8> {
        let mut payload = [0; FRAME_SAMPLES];
        let mut bytes = Vec::new();
        while bytes.len() < limit && player.next_frame(Law::Mu, &mut payload) {
            bytes.push(payload[0]);
        }
        bytes
    }

    #[test]
    fn items_come_in_order_and_then_it_is_finished() {
        let items = [
            PlayItem::Sound("empty".into()),
            PlayItem::Sound("two".into()),
            PlayItem::Silence(Duration::from_millis(21)),
        ];
        let mut player = player(&items, false).unwrap();
        let loud = Law::Mu.encode(1000);
        assert!(!player.is_finished());
        assert_eq!(first_bytes(&mut player, 9), [loud, loud, 0xFF, 0xFF]);
        assert!(player.is_finished());
    }

    #[test]
    fn a_repeating_playlist_starts_again() {
        let mut player = player(&[PlayItem::Sound("two".into())], true).unwrap();
        assert_eq!(first_bytes(&mut player, 7).len(), 7);
        assert!(!player.is_finished());
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        let unknown = player(&[PlayItem::Sound("nobody".into())], false);
        assert_eq!(
            unknown.unwrap_err(),
            PlaylistError::UnknownSound("nobody".into())
        );
        let endless = player(&[PlayItem::Sound("empty".into())], true);
        assert_eq!(endless.unwrap_err(), PlaylistError::EndlessNothing);
        assert!(player(&[], false).unwrap().is_finished());
    }

    #[test]
    fn everybody_hears_the_same_moment_of_the_music() {
        let mut bank = bank();
        let mut pcm = vec![0; 160];
        pcm.extend([2000; 160]);
        bank.set_music_pcm("default", &pcm);
        let music = Background::find(&Source::HoldMusic("default".into()), &bank).unwrap();
        let mut payload = [0; FRAME_SAMPLES];
        for heard in [0, 7] {
            assert!(music.frame(Law::A, heard, 101, &mut payload));
            assert_eq!(payload[0], Law::A.encode(2000));
        }
        assert!(Background::find(&Source::HoldMusic("none".into()), &bank).is_none());
    }
}
