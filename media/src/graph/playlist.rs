//! What a leg can be told to hear, in the words of whoever tells it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One playing of one playlist; chosen by whoever starts it and named in its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u64);

/// The name of a tone in the sound bank, for example `de/ringback`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToneId(Arc<str>);

impl ToneId {
    /// The tone with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ToneId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for ToneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a leg hears while no playlist runs and it is not bridged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Silent frames, so that the far end sees the stream alive.
    Silence,
    /// The music of this class, from wherever it is now: all listeners hear the same moment.
    HoldMusic(String),
    /// A tone from its beginning, over and over.
    Tone(ToneId),
    /// Its own voice.
    Echo,
}

/// One thing after another, laid over what the leg would hear otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlist {
    /// What to play, in order.
    pub items: Vec<PlayItem>,
    /// Whether a digit from the leg ends it.
    pub barge_in: bool,
    /// Whether it starts again at its end, until stopped.
    pub repeat: bool,
}

/// How a playlist is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlayOptions {
    /// Louder or quieter by this many dB, at most 24 either way.
    pub gain_db: f32,
    /// How often, for a playlist that does not repeat for ever; 0 is once as well.
    pub rounds: u32,
    /// Where in the first round to begin.
    pub start: Duration,
}

impl Default for PlayOptions {
    fn default() -> Self {
        Self {
            gain_db: 0.0,
            rounds: 1,
            start: Duration::ZERO,
        }
    }
}

/// What can be done to a playlist that is being played.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PlayControl {
    /// The leg hears silence until it is resumed.
    Pause,
    /// It goes on where it was paused.
    Resume,
    /// It goes on from this moment of the round. Behind the end there is nothing more.
    Seek(Duration),
    /// Louder or quieter by this many dB than it is, from now on.
    Gain(f32),
}

/// One element of a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayItem {
    /// A sound of the bank, by its id.
    Sound(String),
    /// Silence, rounded up to whole frames of 20 ms.
    Silence(Duration),
    /// A tone from its beginning for this long, rounded up to whole frames of 20 ms.
    Tone(ToneId, Duration),
}

/// How a playlist ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayEnd {
    /// Its last frame was sent.
    Finished,
    /// A digit ended it.
    BargeIn,
    /// It was told to stop, another playlist took its place, or its leg went away.
    Stopped,
    /// It could not begin: an item is not in the bank, or it would repeat nothing for ever.
    Failed,
}
