//! The SIP messages of calls, kept in memory for whoever looks for a fault.
//!
//! Messages are kept as they were on the wire, without a copy. A message belongs to a call by its
//! Call-ID: each leg has one, and [`Trace::assign`] says whose leg. The first INVITE of a leg comes
//! before anybody knows that, so an INVITE with a new Call-ID is kept aside until it is assigned, or
//! until newer ones push it out; what strangers send never takes more than a small part of the room.
//!
//! Nothing secret leaves here: see [`redacted`].

mod ladder;
mod redact;
mod ring;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use ahash::{AHashMap, RandomState};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::endpoint::{Path, SipTransport};
use super::glimpse::{Glimpse, Start};
use crate::config::TraceConfig;
use crate::id::{CallId, IdSource};

pub use ladder::ladder;
pub use redact::redacted;
use ring::Ring;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To us.
    Received,
    /// From us.
    Sent,
}

/// One message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedMessage {
    /// When.
    pub at: Instant,
    /// Which way.
    pub way: Way,
    /// Over what.
    pub transport: SipTransport,
    /// Our address, as the peer sees it.
    pub local: SocketAddr,
    /// The peer's.
    pub peer: SocketAddr,
    /// As it was on the wire.
    pub data: Bytes,
}

/// The messages of one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallTrace {
    /// In the order they went; those left out were between the first and the latest.
    pub messages: Vec<TracedMessage>,
    /// How many were left out.
    pub left_out: usize,
}

/// INVITEs that belong to no call yet, or never will.
const ASIDE: usize = 512;

/// Messages of one Call-ID kept aside.
const EACH_ASIDE: usize = 8;

/// The part of all room that may be taken by what is kept aside.
const ASIDE_PART: usize = 8;

/// What is counted for a message beside its bytes.
const OVERHEAD: usize = 160;

/// The room a message takes.
fn room(message: &TracedMessage) -> usize {
    message.data.len() + OVERHEAD
}

#[derive(Debug)]
struct Kept {
    ring: Ring,
    legs: Vec<u64>,
    /// Legs that are not closed.
    open: usize,
}

#[derive(Debug)]
enum Owner {
    Call(CallId),
    Nobody(Vec<TracedMessage>),
}

/// The messages of calls, within bounds.
#[derive(Debug)]
pub struct Trace {
    config: TraceConfig,
    hasher: RandomState,
    calls: AHashMap<CallId, Kept>,
    /// By the hash of their Call-ID.
    legs: AHashMap<u64, Owner>,
    aside: VecDeque<u64>,
    /// Every call, the oldest first; some are gone by now.
    order: VecDeque<CallId>,
    /// Calls that are over, the first to end first; some are gone by now.
    ended: VecDeque<CallId>,
    /// Of the calls' messages.
    bytes: usize,
    /// Of the messages kept aside.
    aside_bytes: usize,
}

impl Trace {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(config: TraceConfig, ids: &mut IdSource) -> Self {
        Self {
            config,
            hasher: RandomState::with_seeds(ids.bits(), ids.bits(), ids.bits(), ids.bits()),
            calls: AHashMap::new(),
            legs: AHashMap::new(),
            aside: VecDeque::new(),
            order: VecDeque::new(),
            ended: VecDeque::new(),
            bytes: 0,
            aside_bytes: 0,
        }
    }

    /// A message went this way. `data` is held for as long as the message is kept: it should not be
    /// a small piece of a large buffer.
    pub fn record(&mut self, now: Instant, way: Way, path: &Path, data: &Bytes) {
        if !self.config.enabled {
            return;
        }
        let glimpse = Glimpse::of(data);
        let Some(call_id) = glimpse.call_id() else {
            return;
        };
        let leg = self.hasher.hash_one(call_id);
        let message = || TracedMessage {
            at: now,
            way,
            transport: path.transport,
            local: path.local,
            peer: path.peer,
            data: data.clone(),
        };
        match self.legs.get_mut(&leg) {
            Some(Owner::Call(call)) => {
                let call = *call;
                self.keep(call, message());
            }
            Some(Owner::Nobody(messages)) if messages.len() < EACH_ASIDE => {
                messages.push(message());
                self.aside_bytes += data.len() + OVERHEAD;
                self.limit_aside();
            }
            Some(Owner::Nobody(_)) => {}
            None if glimpse.start() == Some(Start::Request(b"INVITE")) => {
                self.aside(leg, message());
            }
            None => {}
        }
    }

    /// The leg with this Call-ID belongs to this call.
    pub fn assign(&mut self, call_id: &[u8], call: CallId) {
        if !self.config.enabled {
            return;
        }
        let leg = self.hasher.hash_one(call_id);
        let before = match self.legs.insert(leg, Owner::Call(call)) {
            // An INVITE that is sent again with credentials.
            Some(Owner::Call(known)) if known == call => return,
            Some(Owner::Nobody(messages)) => messages,
            Some(Owner::Call(_)) | None => Vec::new(),
        };
        self.aside_bytes -= before.iter().map(room).sum::<usize>();
        let order = &mut self.order;
        let messages = self.config.messages;
        let kept = self.calls.entry(call).or_insert_with(|| {
            order.push_back(call);
            Kept {
                ring: Ring::new(messages),
                legs: Vec::new(),
                open: 0,
            }
        });
        kept.legs.push(leg);
        kept.open += 1;
        for message in before {
            self.keep(call, message);
        }
        self.make_room();
    }

    /// The leg with this Call-ID goes from one call to another: what goes to and fro from now on
    /// belongs there, what went before stays.
    pub fn leg_moved(&mut self, call_id: &[u8], from: CallId, to: CallId) {
        let leg = self.hasher.hash_one(call_id);
        let is_there = matches!(self.legs.get(&leg), Some(Owner::Call(owner)) if *owner == from);
        if !is_there || from == to {
            return;
        }
        self.assign(call_id, to);
        if let Some(kept) = self.calls.get_mut(&from) {
            kept.legs.retain(|own| *own != leg);
        }
        self.leg_closed(from);
    }

    /// A leg of this call is closed. Once all are, the messages are kept until others need the room.
    pub fn leg_closed(&mut self, call: CallId) {
        if let Some(kept) = self.calls.get_mut(&call) {
            kept.open = kept.open.saturating_sub(1);
            if kept.open == 0 {
                self.ended.push_back(call);
            }
        }
    }

    /// The messages of a call, if any are kept.
    #[must_use]
    pub fn call(&self, call: CallId) -> Option<CallTrace> {
        let ring = &self.calls.get(&call)?.ring;
        let mut messages: Vec<_> = ring.iter().cloned().collect();
        // Legs were assigned one after the other.
        messages.sort_by_key(|message| message.at);
        Some(CallTrace {
            messages,
            left_out: ring.left_out(),
        })
    }

    /// How many calls are kept, and how many bytes all messages have, those kept aside included.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.calls.len(), self.bytes + self.aside_bytes)
    }

    fn aside(&mut self, leg: u64, message: TracedMessage) {
        self.aside_bytes += room(&message);
        self.aside.push_back(leg);
        self.legs.insert(leg, Owner::Nobody(vec![message]));
        self.limit_aside();
    }

    /// Forgets the oldest of what is kept aside until the rest is within its bounds.
    fn limit_aside(&mut self) {
        let most = self.config.memory / ASIDE_PART;
        while (self.aside.len() > ASIDE || self.aside_bytes > most)
            && let Some(oldest) = self.aside.pop_front()
        {
            if let Some(Owner::Nobody(messages)) = self.legs.get(&oldest) {
                self.aside_bytes -= messages.iter().map(room).sum::<usize>();
                self.legs.remove(&oldest);
            }
        }
        self.make_room();
    }

    fn keep(&mut self, call: CallId, message: TracedMessage) {
        let Some(kept) = self.calls.get_mut(&call) else {
            return;
        };
        self.bytes += room(&message);
        if let Some(lost) = kept.ring.push(message) {
            self.bytes -= room(&lost);
        }
        if self.size().1 > self.config.memory {
            self.make_room();
        }
    }

    /// Forgets calls until what is kept is within bounds: those that ended first, then the oldest.
    fn make_room(&mut self) {
        while self.size().1 > self.config.memory || self.calls.len() > self.config.calls {
            let next = self.ended.pop_front().or_else(|| self.order.pop_front());
            let Some(call) = next else {
                return;
            };
            self.forget(call);
        }
        // What is gone stays in both lines until its turn comes, so they are swept now and then.
        let most = 2 * self.config.calls + 16;
        let calls = &self.calls;
        for line in [&mut self.order, &mut self.ended] {
            if line.len() > most {
                line.retain(|call| calls.contains_key(call));
            }
        }
    }

    fn forget(&mut self, call: CallId) {
        let Some(kept) = self.calls.remove(&call) else {
            return;
        };
        for message in kept.ring.iter() {
            self.bytes -= room(message);
        }
        for leg in kept.legs {
            if matches!(self.legs.get(&leg), Some(Owner::Call(owner)) if *owner == call) {
                self.legs.remove(&leg);
            }
        }
    }
}
