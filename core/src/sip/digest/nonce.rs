//! Nonces that carry their own age, a proof of origin and whom they were given to, so that asking for
//! many costs nothing; only one that was answered rightly is remembered, to see it is not answered the
//! same way again. A nonce is good for the source it was given to and nobody else: who forges that
//! source's address never gets to see one, and so can neither guess nor fail in its name.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::sip::defence::Source;

/// Issues nonces and tells whether one may be used.
#[derive(Clone)]
pub struct Nonces {
    key: [u8; 32],
    /// The time ages are counted from.
    epoch: Instant,
    lifetime: Duration,
    serial: u64,
    used: BTreeMap<NonceId, Window>,
    /// A nonce no younger than this that is not in `used` was never used.
    floor: NonceId,
    capacity: usize,
}

/// When a nonce was issued, in milliseconds since the epoch, and which of that moment it is.
type NonceId = (u64, u64);

/// Which counts of one nonce were seen: requests on UDP may overtake each other a little.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    highest: u32,
    /// Bit n stands for `highest - n`.
    seen: u64,
}

const MAC: usize = 16;

impl Nonces {
    /// How many used nonces are remembered unless told otherwise: about 100 bytes each.
    pub const CAPACITY: usize = 16_384;

    /// Nonces good for `lifetime`, proved with `key`, which nobody else may know. `now` is where
    /// their ages are counted from.
    #[must_use]
    pub fn new(now: Instant, key: [u8; 32], lifetime: Duration) -> Self {
        Self {
            key,
            epoch: now,
            lifetime,
            serial: 0,
            used: BTreeMap::new(),
            floor: (0, 0),
            capacity: Self::CAPACITY,
        }
    }

    /// The same with room for `capacity` used nonces.
    #[must_use]
    pub fn with_capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity.max(1);
        self
    }

    /// A new nonce for the source of this address.
    pub fn issue(&mut self, now: Instant, from: IpAddr) -> String {
        self.serial += 1;
        let id = (self.age(now), self.serial);
        let mut bytes = Vec::with_capacity(16 + MAC);
        bytes.extend(id.0.to_be_bytes());
        bytes.extend(id.1.to_be_bytes());
        bytes.extend(self.proof(id, from));
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Uses `nonce` for its `count`th request. Call this only when the answer was right. `false` if
    /// it is not ours, another source's, too old, or this count was used before.
    pub fn use_up(&mut self, now: Instant, from: IpAddr, nonce: &[u8], count: u32) -> bool {
        let now = self.age(now);
        let lifetime = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
        let oldest = now.saturating_sub(lifetime);
        while self
            .used
            .first_key_value()
            .is_some_and(|(id, _)| id.0 < oldest)
        {
            self.used.pop_first();
        }
        let Some(id) = self.verify(nonce, from).filter(|id| id.0 >= oldest) else {
            return false;
        };
        if let Some(window) = self.used.get_mut(&id) {
            return window.mark(count);
        }
        if id <= self.floor {
            return false;
        }
        let mut window = Window::default();
        if !window.mark(count) {
            return false;
        }
        self.used.insert(id, window);
        if self.used.len() > self.capacity
            && let Some((id, _)) = self.used.pop_first()
        {
            self.floor = id;
        }
        true
    }

    /// Whether `nonce` is ours, that source's, and not too old.
    #[must_use]
    pub fn is_current(&self, now: Instant, from: IpAddr, nonce: &[u8]) -> bool {
        let lifetime = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.age(now).saturating_sub(lifetime);
        self.verify(nonce, from).is_some_and(|id| id.0 >= oldest)
    }

    /// How many used nonces are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.used.len()
    }

    fn age(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.epoch);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }

    fn verify(&self, nonce: &[u8], from: IpAddr) -> Option<NonceId> {
        let bytes = BASE64URL_NOPAD.decode(nonce).ok()?;
        let (issued, rest) = bytes.split_first_chunk()?;
        let (serial, proof) = rest.split_first_chunk()?;
        let id = (u64::from_be_bytes(*issued), u64::from_be_bytes(*serial));
        super::equal_in_constant_time(proof, &self.proof(id, from)).then_some(id)
    }

    /// A keyed hash. Every input has one fixed length and the output is cut, so nothing can be
    /// appended to what was hashed.
    fn proof(&self, id: NonceId, from: IpAddr) -> [u8; MAC] {
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        hasher.update(id.0.to_be_bytes());
        hasher.update(id.1.to_be_bytes());
        hasher.update(Source::of(from).octets());
        let hash = hasher.finalize();
        std::array::from_fn(|at| hash[at])
    }
}

impl Window {
    /// Marks `count`; `false` if it is 0, was marked before, or is too far behind to tell.
    fn mark(&mut self, count: u32) -> bool {
        if count == 0 {
            return false;
        }
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let Some(bit) = 1u64.checked_shl(self.highest - count) else {
            return false;
        };
        let fresh = self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Nonces");
        shown
            .field("lifetime", &self.lifetime)
            .field("used", &self.used.len());
        shown.finish_non_exhaustive()
    }
}
