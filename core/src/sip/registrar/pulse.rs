//! Whether registered phones are there. Those on datagrams are asked now and then with OPTIONS (RFC
//! 3261 section 11), which also keeps the NAT before them open: a phone whose NAT has forgotten it
//! cannot be rung, and notices so itself only when it registers again.
//!
//! Whoever is due next is first in one ordered queue, so ten thousand phones cost what one does. Each
//! has its own place within the interval, by its number; phones that all registered at once are not
//! asked at once.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ahash::RandomState;
use bytes::Bytes;

use super::binding::Binding;
use crate::config::{PingPhones, RegistrarConfig};
use crate::sip::endpoint::{Path, SipTransport};
use crate::sip::uri::Uri;

/// Questions in a row without an answer after which a phone counts as gone.
const MISSED: u8 = 3;

/// Who is asked later than by this share of the interval is not asked any more, but at its next
/// turn: after a pause of the whole process all would be due at once.
const LATE: u32 = 4;

/// Whether a phone is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneHealth {
    /// It is not asked, or has not answered yet.
    Unknown,
    /// It answered, after so long.
    There(Duration),
    /// It was asked several times and did not answer.
    Gone,
}

/// A phone to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Names the question, for [`pong`](super::Registrar::pong).
    pub id: u64,
    /// Where the phone is: the Request-URI.
    pub uri: Bytes,
    /// The way to it.
    pub path: Path,
}

#[derive(Debug, Clone)]
struct Beat {
    due: Instant,
    /// Since when an answer is awaited.
    asked: Option<Instant>,
    missed: u8,
    round_trip: Option<Duration>,
}

/// The phones that are asked, by the numbers of their bindings.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse {
    beats: HashMap<u64, Beat, RandomState>,
    due: BTreeSet<(Instant, u64)>,
}

impl Pulse {
    /// A binding was made or renewed: it is asked from now on, or not any more.
    pub(super) fn renewed(&mut self, now: Instant, limits: &RegistrarConfig, binding: &Binding) {
        let id = binding.id;
        if !is_wanted(limits.ping_phones, binding) {
            return self.forget(id);
        }
        if self.beats.contains_key(&id) {
            return;
        }
        let due = now + place(id, limits.ping_interval);
        let beat = Beat {
            due,
            asked: None,
            missed: 0,
            round_trip: None,
        };
        self.beats.insert(id, beat);
        self.due.insert((due, id));
    }

    /// A binding is gone.
    pub(super) fn forget(&mut self, id: u64) {
        if let Some(beat) = self.beats.remove(&id) {
            self.due.remove(&(beat.due, id));
        }
    }

    /// The number of the next phone to be asked by `now`; it counts as asked.
    pub(super) fn poll(&mut self, now: Instant, interval: Duration) -> Option<u64> {
        while let Some(&(at, id)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let beat = self.beats.get_mut(&id)?;
            let late = now.saturating_duration_since(at) > interval / LATE;
            beat.due = if late {
                now + place(id, interval)
            } else {
                at + interval
            };
            self.due.insert((beat.due, id));
            // Who has not answered yet is being asked: datagrams are repeated.
            if !late && beat.asked.is_none() {
                beat.asked = Some(now);
                return Some(id);
            }
        }
        None
    }

    /// What became of a question.
    pub(super) fn answered(&mut self, now: Instant, id: u64, answered: bool) {
        let Some(beat) = self.beats.get_mut(&id) else {
            return;
        };
        let Some(asked) = beat.asked.take() else {
            return;
        };
        if answered {
            beat.missed = 0;
            beat.round_trip = Some(now.saturating_duration_since(asked));
        } else {
            beat.missed = beat.missed.saturating_add(1);
        }
    }

    pub(super) fn health(&self, id: u64) -> PhoneHealth {
        match self.beats.get(&id) {
            Some(beat) if beat.missed >= MISSED => PhoneHealth::Gone,
            Some(Beat {
                round_trip: Some(took),
                ..
            }) => PhoneHealth::There(*took),
            Some(_) | None => PhoneHealth::Unknown,
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether nobody is asked, indexes included.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.beats.is_empty() && self.due.is_empty()
    }
}

/// Where in the interval a phone has its turn: neighbouring numbers are far from each other.
fn place(id: u64, interval: Duration) -> Duration {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let share = id.wrapping_mul(GOLDEN) >> 32;
    let share = u32::try_from(share).unwrap_or(0);
    interval.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

/// Connections are kept by whoever opened them, and a proxy looks after the phones behind it.
fn is_wanted(rule: PingPhones, binding: &Binding) -> bool {
    let direct = binding.path.transport == SipTransport::Udp && binding.routes.is_empty();
    direct
        && match rule {
            PingPhones::Never => false,
            PingPhones::Always => true,
            PingPhones::BehindNat => is_behind_nat(binding),
        }
}

/// A phone that is seen elsewhere than it believes to be.
fn is_behind_nat(binding: &Binding) -> bool {
    let Ok(uri) = Uri::parse(&binding.uri) else {
        return false;
    };
    let host = String::from_utf8_lossy(uri.host());
    let ip: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    let told = ip.map(|ip| SocketAddr::new(ip, uri.port().unwrap_or(5060)));
    // A name may well be that of the phone itself, but who has one seldom sits behind a NAT.
    told.is_ok_and(|told| told != binding.path.peer)
}
