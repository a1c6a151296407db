//! Uploaded sounds and classes of hold music over the wire.

use jiff::Timestamp;
use offhook_core::directory::{Directory, MusicClass, PlayOrder, SoundFile};
use offhook_core::{MusicClassId, SoundId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::error::{ApiError, ApiResult};

/// An uploaded sound: a prompt, or a piece of a class of hold music.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Sound)]
pub struct SoundView {
    /// Its id.
    #[schema(value_type = String, example = "sound_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: SoundId,
    /// Its name. A prompt is chosen by it, as the prompts that are built in are by theirs.
    #[schema(example = "office/welcome")]
    pub name: String,
    /// The class of hold music it is a piece of; null: it is a prompt.
    #[schema(value_type = Option<String>)]
    pub music_class_id: Option<MusicClassId>,
    /// The format it was uploaded in.
    #[schema(example = "mp3")]
    pub format: String,
    /// The size of what was uploaded.
    pub bytes: u64,
    /// How long it plays, in seconds.
    pub seconds: f64,
    /// How loud it was, in LUFS (EBU R 128); null if it is too short to say.
    pub loudness: Option<f64>,
    /// What it was raised by so that all sounds are as loud, in dB.
    pub gain: f64,
    /// When it was uploaded.
    pub added_at: Timestamp,
}

impl SoundView {
    /// How a sound is shown.
    #[must_use]
    pub fn of(sound: &SoundFile) -> Self {
        let hundredths = |value: i64| f64::from(i32::try_from(value).unwrap_or(0)) / 100.0;
        let milliseconds = u32::try_from(sound.milliseconds).unwrap_or(u32::MAX);
        Self {
            id: sound.id,
            name: sound.name.clone(),
            music_class_id: sound.class,
            format: sound.format.clone(),
            bytes: sound.bytes,
            seconds: f64::from(milliseconds) / 1000.0,
            loudness: sound.loudness.map(hundredths),
            gain: hundredths(sound.gain),
            added_at: sound.added_at,
        }
    }
}

/// In which order the pieces of a class come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PlayOrder)]
pub enum PlayOrderDto {
    /// In the order they were added.
    #[default]
    Linear,
    /// Shuffled, anew in each round.
    Random,
}

impl From<PlayOrder> for PlayOrderDto {
    fn from(order: PlayOrder) -> Self {
        match order {
            PlayOrder::Linear => Self::Linear,
            PlayOrder::Random => Self::Random,
        }
    }
}

impl From<PlayOrderDto> for PlayOrder {
    fn from(order: PlayOrderDto) -> Self {
        match order {
            PlayOrderDto::Linear => Self::Linear,
            PlayOrderDto::Random => Self::Random,
        }
    }
}

/// A class of hold music: all who hear it hear the same moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = MusicClass)]
pub struct MusicClassView {
    /// Its id.
    #[schema(value_type = String, example = "music_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: MusicClassId,
    /// The name queues and extensions choose it by.
    #[schema(example = "jazz")]
    pub name: String,
    /// In which order its pieces come.
    pub order: PlayOrderDto,
    /// Where its music is streamed from; its pieces play while that does not work.
    pub stream: Option<String>,
    /// Its pieces, in the order they were added. A class without any is silent.
    pub sounds: Vec<SoundView>,
}

/// What can be set of a class of hold music.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MusicClassSettings {
    /// The name queues and extensions choose it by. It cannot change while one did.
    #[schema(example = "jazz")]
    pub name: String,
    /// In which order its pieces come.
    #[serde(default)]
    pub order: PlayOrderDto,
    /// An `http://` address of an MP3 or OGG stream; its pieces play while that does not work.
    #[serde(default)]
    #[schema(example = "http://radio.example/jazz.mp3")]
    pub stream: Option<String>,
}

impl MusicClassView {
    /// How a class is shown.
    #[must_use]
    pub fn of(class: &MusicClass, directory: &Directory) -> Self {
        let sounds = directory.office().sounds.iter();
        Self {
            id: class.id,
            name: class.name.clone(),
            order: class.order.into(),
            stream: class.stream.clone(),
            sounds: sounds
                .filter(|sound| sound.class == Some(class.id))
                .map(SoundView::of)
                .collect(),
        }
    }
}

impl MusicClassSettings {
    /// What would make this class again.
    #[must_use]
    pub fn of(class: &MusicClass) -> Self {
        Self {
            name: class.name.clone(),
            order: class.order.into(),
            stream: class.stream.clone(),
        }
    }

    /// The class these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or that the name is taken.
    pub fn build(self, old: Option<&MusicClass>, directory: &Directory) -> ApiResult<MusicClass> {
        let id = old.map_or_else(MusicClassId::random, |old| old.id);
        let mut checks = Checks::default();
        checks.name("name", &self.name);
        let built_in = offhook_sounds::hold_music().any(|music| music.class == self.name);
        let other = directory.music_class_named(&self.name);
        if built_in || other.is_some_and(|class| class.id != id) {
            return Err(ApiError::duplicate("name", "is the name of another class"));
        }
        if let Some(stream) = &self.stream {
            let rest = stream.strip_prefix("http://").unwrap_or_default();
            let sound = !rest.is_empty() && stream.len() <= 500;
            checks.require(
                sound && !stream.chars().any(|c| c.is_control() || c.is_whitespace()),
                "stream",
                "must be an address that begins with http://",
            );
        }
        checks.finish()?;
        Ok(MusicClass {
            id,
            name: self.name,
            order: self.order.into(),
            stream: self.stream,
        })
    }
}

/// Whether a class of hold music with this name can be chosen.
pub(crate) fn is_music(name: &str, directory: &Directory) -> bool {
    offhook_sounds::hold_music().any(|music| music.class == name)
        || directory.music_class_named(name).is_some()
}
