//! Sound from elsewhere that a room or one member hears: announcements, music.

use crate::graph::mixer::gain::{Gain, Ramp};

/// Whether more of an insert follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// The next frame, or its natural end.
    More,
    /// Nothing, though it is not over: this frame fades out.
    Nothing,
}

/// Sound handed in frame by frame.
#[derive(Debug)]
pub(super) struct Insert {
    pcm: Box<[i16]>,
    gain: Ramp,
    state: Given,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    Frame,
}

impl Insert {
    pub(super) fn new(frame: usize) -> Self {
        Self {
            pcm: vec![0; frame].into(),
            gain: Ramp::SILENT,
            state: Given::Nothing,
        }
    }

    /// Where its next frame is to be written. The first one fades in, for it may begin anywhere.
    pub(super) fn next(&mut self, follows: Follows) -> &mut [i16] {
        self.state = Given::Frame;
        self.gain.set(match follows {
            Follows::More => Gain::UNITY,
            Follows::Nothing => Gain::SILENT,
        });
        &mut self.pcm
    }

    /// Whether it sounds in this frame.
    pub(super) fn sounds(&self) -> bool {
        self.state == Given::Frame
    }

    pub(super) fn add(&self, sum: &mut [i32]) {
        if self.sounds() {
            self.gain.add(&self.pcm, sum);
        }
    }

    /// The frame is over.
    pub(super) fn settle(&mut self) {
        if !self.sounds() {
            self.gain.set(Gain::SILENT);
        }
        self.gain.settle();
        self.state = Given::Nothing;
    }

    /// Whether the last frame left it silent.
    pub(super) fn is_over(&self) -> bool {
        self.gain.is_silent()
    }
}
