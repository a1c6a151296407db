//! Playlists that are heard in a room, as its samples.

use crate::graph::mixer::Follows;
use crate::graph::player::Player;
use crate::graph::playlist::PlayId;
use crate::time::Rate;

/// A playlist that a room or a member hears.
#[derive(Debug)]
pub(super) struct RoomPlayer {
    player: Player,
    rate: Rate,
    state: State,
    /// What comes after it; only behind one that stops.
    next: Option<Box<Self>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Plays,
    /// It was told to stop: one frame more, to fade out.
    Stops,
}

impl RoomPlayer {
    pub(super) fn new(player: Player, rate: Rate) -> Self {
        Self {
            player,
            rate,
            state: State::Plays,
            next: None,
        }
    }

    pub(super) fn play(&self) -> PlayId {
        self.player.play()
    }

    /// Has it end with the next frame, and what was to follow it not begin; which playing that ends,
    /// if it had not ended before.
    pub(super) fn stop(&mut self) -> Option<PlayId> {
        match self.state {
            State::Plays => {
                self.state = State::Stops;
                Some(self.play())
            }
            State::Stops => self.next.take().map(|next| next.play()),
        }
    }

    /// Has another begin when this one, which stops, has faded out.
    pub(super) fn follow_with(&mut self, next: Box<Self>) {
        self.next = Some(next);
    }

    /// What follows it.
    pub(super) fn into_next(self) -> Option<Box<Self>> {
        self.next
    }

    /// Whether it was told to.
    pub(super) fn stops(&self) -> bool {
        self.state == State::Stops
    }

    /// Whether there is nothing left to be heard.
    pub(super) fn is_over(&self) -> bool {
        self.player.is_finished()
    }

    /// What comes after the frame that comes next.
    pub(super) fn follows(&self) -> Follows {
        match self.state {
            State::Plays => Follows::More,
            State::Stops => Follows::Nothing,
        }
    }

    /// Writes the next frame.
    pub(super) fn frame(&mut self, pcm: &mut [i16]) {
        if !self.player.next_pcm(self.rate, pcm) {
            pcm.fill(0);
        }
    }
}
