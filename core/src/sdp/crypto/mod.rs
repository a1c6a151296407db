//! Keys for SRTP inside a description: `a=crypto` (RFC 4568; AEAD suites: RFC 7714 section 14.1).
//!
//! Each side names the key it *sends* with. The answer takes one offered line by its tag and gives
//! a key of its own under the same suite.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use rand::Rng;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The longest key and salt of a suite: those of AEAD_AES_256_GCM.
const MAX_KEY_AND_SALT: usize = 32 + 12;

/// Packets one key may protect (RFC 3711 section 9.2): a lifetime beyond that is no lifetime.
const MAX_LIFETIME: u64 = 1 << 48;

/// How packets are encrypted and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CryptoSuite {
    /// AES-256 in Galois/Counter Mode, 16 bytes of tag.
    AeadAes256Gcm,
    /// AES-128 in Galois/Counter Mode, 16 bytes of tag.
    AeadAes128Gcm,
    /// AES-128 in counter mode, HMAC-SHA1 cut to 80 bits: what every phone with SRTP has.
    AesCm128HmacSha1_80,
    /// The same with the RTP tag cut to 32 bits; RTCP keeps 80 (RFC 4568 section 6.2.2).
    AesCm128HmacSha1_32,
}

impl CryptoSuite {
    /// Every suite, the strongest first.
    pub const ALL: &[Self] = &[
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
    ];

    /// Its registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let same = |suite: &Self| suite.name().eq_ignore_ascii_case(name);
        Self::ALL.iter().copied().find(same)
    }

    /// Bytes of its master key.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
        }
    }

    /// Bytes of its master salt.
    #[must_use]
    pub fn salt_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }
}

impl fmt::Display for CryptoSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A master key with its salt: what one direction of a stream is protected with. Overwritten when
/// dropped; `Debug` shows the suite alone.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    #[zeroize(skip)]
    suite: CryptoSuite,
    /// Key, then salt, then zeros.
    bytes: [u8; MAX_KEY_AND_SALT],
    #[zeroize(skip)]
    mki: Option<Mki>,
}

/// The identifier that every packet under a key carries (RFC 3711 section 3.1), if its key was
/// announced with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mki {
    value: u64,
    length: u8,
}

impl Mki {
    /// `value` in `length` bytes of each packet; `None` when it does not fit, or `length` is not
    /// 1 to 128 (RFC 4568 section 6.1).
    #[must_use]
    pub fn new(value: u64, length: u8) -> Option<Self> {
        let fits = length >= 8 || value >> (8 * u32::from(length)) == 0;
        ((1..=128).contains(&length) && fits).then_some(Self { value, length })
    }

    /// Bytes it takes of each packet: 1 to 128.
    #[must_use]
    pub fn length(self) -> usize {
        usize::from(self.length)
    }

    /// Its wire form: a big-endian number as wide as [`Mki::length`] says.
    pub fn bytes(self) -> impl Iterator<Item = u8> {
        let low = self.value.to_be_bytes();
        let zeros = self.length().saturating_sub(low.len());
        let skip = low.len().saturating_sub(self.length());
        std::iter::repeat_n(0, zeros).chain(low.into_iter().skip(skip))
    }
}

impl MasterKey {
    /// The key of `suite` whose key and salt follow each other in `key_and_salt`; `None` when that
    /// has the wrong length.
    #[must_use]
    pub fn new(suite: CryptoSuite, key_and_salt: &[u8]) -> Option<Self> {
        let length = suite.key_len() + suite.salt_len();
        let mut key = Self {
            suite,
            bytes: [0; MAX_KEY_AND_SALT],
            mki: None,
        };
        let room = key.bytes.get_mut(..length)?;
        if key_and_salt.len() != length {
            return None;
        }
        room.copy_from_slice(key_and_salt);
        Some(key)
    }

    /// A fresh key nobody can guess. One per leg and direction: two streams under one key and SSRC
    /// would show the XOR of what they say.
    #[must_use]
    pub fn random(suite: CryptoSuite) -> Self {
        let mut key = Self {
            suite,
            bytes: [0; MAX_KEY_AND_SALT],
            mki: None,
        };
        let length = suite.key_len() + suite.salt_len();
        rand::rng().fill_bytes(&mut key.bytes[..length]);
        key
    }

    /// The same key, its packets carrying `mki`.
    #[must_use]
    pub fn with_mki(mut self, mki: Mki) -> Self {
        self.mki = Some(mki);
        self
    }

    /// The suite it is for.
    #[must_use]
    pub fn suite(&self) -> CryptoSuite {
        self.suite
    }

    /// The key without the salt: 16 or 32 bytes.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.bytes[..self.suite.key_len()]
    }

    /// The salt: 12 or 14 bytes.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        let start = self.suite.key_len();
        &self.bytes[start..start + self.suite.salt_len()]
    }

    /// What packets under this key carry to name it, if anything.
    #[must_use]
    pub fn mki(&self) -> Option<Mki> {
        self.mki
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// The keys of one leg, both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// What we protect with: the key our own description names.
    pub send: MasterKey,
    /// What the far end protects with: the key its description names.
    pub receive: MasterKey,
}

/// One `a=crypto` line that we can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptoAttribute {
    /// What the answer refers to it by: at most nine digits.
    pub tag: u32,
    /// The key its writer sends with.
    pub key: MasterKey,
}

/// Why a crypto line cannot be taken. Another one beside it may be (RFC 4568 section 5.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The tag is missing or not one to nine digits.
    #[error("the tag is no number")]
    Tag,
    /// A suite we do not have, such as F8_128_HMAC_SHA1_80.
    #[error("the suite is not supported")]
    Suite,
    /// A key method other than `inline:`.
    #[error("the key is not inline")]
    KeyMethod,
    /// The key is no base64, or of the wrong length for its suite.
    #[error("the key does not fit its suite")]
    Key,
    /// The lifetime is no number of packets that a key may protect.
    #[error("the lifetime is out of range")]
    Lifetime,
    /// The key identifier is unreadable or does not fit its length.
    #[error("the key identifier is unreadable")]
    Mki,
    /// Several keys in one line: legal, but nothing that a phone has been seen to send.
    #[error("more than one key")]
    ManyKeys,
    /// A session parameter that would weaken the stream or that we do not know.
    #[error("a session parameter is not supported")]
    SessionParameter,
}

impl CryptoAttribute {
    /// Reads the value of a crypto attribute: what stands behind `a=crypto:`.
    ///
    /// # Errors
    /// When it is not understood whole; then it must not be used.
    pub fn parse(value: &str) -> Result<Self, CryptoError> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().and_then(number).ok_or(CryptoError::Tag)?;
        let tag = u32::try_from(tag).ok().filter(|tag| *tag <= MAX_TAG);
        let tag = tag.ok_or(CryptoError::Tag)?;
        let suite = words.next().and_then(CryptoSuite::from_name);
        let suite = suite.ok_or(CryptoError::Suite)?;
        let keys = words.next().ok_or(CryptoError::KeyMethod)?;
        if keys.contains(';') {
            return Err(CryptoError::ManyKeys);
        }
        let key = parse_key(suite, keys)?;
        if words.all(is_harmless) {
            Ok(Self { tag, key })
        } else {
            Err(CryptoError::SessionParameter)
        }
    }

    /// The value to stand behind `a=crypto:`, key included: for a description, never for a log. It
    /// states no lifetime, which means the longest there is.
    #[must_use]
    pub fn to_value(&self) -> String {
        let suite = self.key.suite;
        let length = suite.key_len() + suite.salt_len();
        let key = BASE64.encode(&self.key.bytes[..length]);
        let mut value = format!("{} {suite} inline:{key}", self.tag);
        if let Some(mki) = self.key.mki {
            value.push_str(&format!("|{}:{}", mki.value, mki.length));
        }
        value
    }
}

/// The largest tag: nine digits.
const MAX_TAG: u32 = 999_999_999;

/// `inline:` base64 [ `|` lifetime ] [ `|` mki `:` length ] (RFC 4568 section 9.2).
fn parse_key(suite: CryptoSuite, text: &str) -> Result<MasterKey, CryptoError> {
    let (method, text) = text.split_once(':').ok_or(CryptoError::KeyMethod)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(CryptoError::KeyMethod);
    }
    let mut parts = text.split('|');
    let text = parts.next().unwrap_or_default();
    let mut key = parse_key_and_salt(suite, text).ok_or(CryptoError::Key)?;
    let mut part = parts.next();
    if let Some(lifetime) = part.filter(|part| !part.contains(':')) {
        parse_lifetime(lifetime).ok_or(CryptoError::Lifetime)?;
        part = parts.next();
    }
    if let Some(mki) = part {
        key.mki = Some(parse_mki(mki).ok_or(CryptoError::Mki)?);
    }
    match parts.next() {
        None => Ok(key),
        Some(_) => Err(CryptoError::Mki),
    }
}

/// Writers disagree whether the padding of base64 belongs here: both are read.
fn parse_key_and_salt(suite: CryptoSuite, text: &str) -> Option<MasterKey> {
    let text = text.trim_end_matches('=').as_bytes();
    let length = BASE64_NOPAD.decode_len(text.len()).ok()?;
    if length != suite.key_len() + suite.salt_len() {
        return None;
    }
    let mut key = MasterKey {
        suite,
        bytes: [0; MAX_KEY_AND_SALT],
        mki: None,
    };
    BASE64_NOPAD
        .decode_mut(text, &mut key.bytes[..length])
        .ok()?;
    Some(key)
}

/// Packets as a number or a power of two. It binds whoever sends with the key; that we receive no
/// more is for them to see to.
fn parse_lifetime(text: &str) -> Option<u64> {
    let packets = match text.strip_prefix("2^") {
        Some(power) => 1u64.checked_shl(u32::try_from(number(power)?).ok()?)?,
        None => number(text)?,
    };
    (1..=MAX_LIFETIME).contains(&packets).then_some(packets)
}

fn parse_mki(text: &str) -> Option<Mki> {
    let (value, length) = text.split_once(':')?;
    Mki::new(number(value)?, u8::try_from(number(length)?).ok()?)
}

/// Digits only: no sign, no blank.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Whether a session parameter leaves the stream as we do it. Those that a minus marks as optional
/// may be ignored (RFC 4568 section 6.3.7); a window hint is one that ours, of 128, is wide enough
/// for or that only concerns the order of packets; a derivation rate of 2^0 would still change
/// keys, so none is taken.
fn is_harmless(parameter: &str) -> bool {
    let optional = parameter.starts_with('-') && parameter.len() > 1;
    let window = parameter
        .split_once('=')
        .filter(|(name, _)| name.eq_ignore_ascii_case("WSH"));
    let window = window.and_then(|(_, size)| number(size));
    optional || window.is_some_and(|size| size >= 64)
}

#[cfg(test)]
mod tests;
