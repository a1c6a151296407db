//! When the RTP packets of a leg are read: as they come, or with the frames they are needed for.

use std::io;
use std::time::{Duration, SystemTime};

use mio::{Interest, Token};

use crate::engine::leg::{Leg, Reading};
use crate::engine::traffic::BUDGET;
use crate::engine::worker::{Shard, now};
use crate::graph::player::Background;
use crate::session::Link;

/// What nobody hears is read at each of so many frames: signs of life and keys, which may take as long.
const UNHEARD: u64 = 3;

/// A packet that is said to have waited longer was stamped by a clock that was set since.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Shard {
    /// Has a leg's packets told of by the poller, or not, as it needs.
    pub(super) fn fit_reading(&mut self, key: usize) {
        let wanted = self.reading_of(key);
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if leg.reading == wanted {
            return;
        }
        let registry = self.poll.registry();
        let changed = match wanted {
            // It tells at once of what is there already.
            Reading::AtOnce => {
                registry.register(&mut leg.sockets.rtp, rtp_token(key), Interest::READABLE)
            }
            Reading::WithFrames => registry.deregister(&mut leg.sockets.rtp),
        };
        match changed {
            Ok(()) => leg.reading = wanted,
            Err(error) => {
                tracing::error!(leg = %leg.id, %error, "a media thread cannot wait for a socket");
            }
        }
    }

    /// With frames where some are made for which the packets are needed, or which the leg itself
    /// hears; unless its packets are passed on, or its far end is still to be found by the first.
    fn reading_of(&self, key: usize) -> Reading {
        let Some(leg) = self.legs.get(key) else {
            return Reading::AtOnce;
        };
        let waited_for = !leg.connected || matches!(leg.session.background(), Background::Echo);
        let made = match leg.partner.and_then(|partner| self.legs.get(partner)) {
            Some(partner) => pulls(partner) && partner.slot.is_some(),
            None => leg.room.is_some() || leg.slot.is_some(),
        };
        if made && !waited_for {
            Reading::WithFrames
        } else {
            Reading::AtOnce
        }
    }

    /// Reads what came for a leg that nobody hears, now and then.
    pub(super) fn fetch_unheard(&mut self, key: usize, tick: u64) {
        let unheard = self.legs.get(key).is_some_and(|leg| leg.partner.is_none());
        if unheard && tick % UNHEARD == key as u64 % UNHEARD {
            self.fetch_rtp(key);
        }
    }

    /// Reads what came for a leg whose packets nobody tells of, before a frame is made.
    pub(super) fn fetch_rtp(&mut self, key: usize) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        if leg.reading == Reading::AtOnce {
            return;
        }
        let (now, wall) = (now(), wall());
        for _ in 0..BUDGET {
            let Some(leg) = self.legs.get(key) else {
                return;
            };
            match leg.sockets.fetch(&mut self.buffer[..], wall) {
                Ok(fetched) => {
                    let waited = fetched.waited.min(LONGEST_WAIT);
                    let arrived = now.checked_sub(waited).unwrap_or(now);
                    self.take_rtp(key, fetched.length, fetched.from, arrived);
                }
                // An ICMP error of an earlier send, which is dealt with by being read.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }
}

/// Whether a leg hears its partner decoded, frame by frame.
fn pulls(leg: &Leg) -> bool {
    matches!(leg.session.linked(), Link::Transcode(_))
}

/// What the poller calls a leg's RTP socket.
pub(super) fn rtp_token(key: usize) -> Token {
    Token(1 + 2 * key)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kernel stamps packets by the wall clock"
)]
fn wall() -> SystemTime {
    SystemTime::now()
}
