//! Identities. Outside the process an id is an opaque string such as `call_3v9…`; inside it is a
//! `Copy` newtype, so that one kind can never be passed for another.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32HEX_NOPAD;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where new ids, tags and branches come from: a seeded generator that machines own, so that a
/// simulation with the same seed makes the same ids.
#[derive(Debug, Clone)]
pub struct IdSource(SmallRng);

impl IdSource {
    /// A source whose whole sequence follows from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// A source seeded by the operating system.
    #[must_use]
    pub fn from_entropy() -> Self {
        Self(SmallRng::seed_from_u64(rand::random()))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            0
        } else {
            self.0.random_range(0..bound)
        }
    }

    /// A token of 13 lower-case characters (64 bits), for tags, branches and Call-IDs.
    pub fn token(&mut self) -> String {
        let mut text = BASE32HEX_NOPAD.encode(&self.bits().to_be_bytes());
        text.make_ascii_lowercase();
        text
    }
}

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0} id")]
pub struct IdError(pub &'static str);

fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, value: u128) -> fmt::Result {
    let mut text = BASE32HEX_NOPAD.encode(&value.to_be_bytes());
    text.make_ascii_lowercase();
    write!(f, "{prefix}_{text}")
}

fn parse_id(kind: &'static str, text: &str) -> Result<u128, IdError> {
    let body = text
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('_'));
    let body = body.ok_or(IdError(kind))?.to_ascii_uppercase();
    let bytes = BASE32HEX_NOPAD
        .decode(body.as_bytes())
        .map_err(|_| IdError(kind))?;
    Ok(u128::from_be_bytes(
        bytes.try_into().map_err(|_| IdError(kind))?,
    ))
}

macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u128);

        impl $name {
            /// A new id, unique across nodes.
            pub fn new(source: &mut IdSource) -> Self {
                Self(u128::from(source.bits()) << 64 | u128::from(source.bits()))
            }

            /// A new id from the operating system's randomness.
            #[must_use]
            pub fn random() -> Self {
                Self(rand::random())
            }

            /// The raw bits, for spreading work over shards.
            #[must_use]
            pub fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_id($prefix, text).map(Self)
            }
        }

        text_serde!($name);
    )*};
}

ids! {
    /// One conversation.
    CallId = "call";
    /// An internal number.
    ExtensionId = "ext";
    /// A dialled public number.
    DidId = "did";
    /// A carrier link.
    TrunkId = "trunk";
    /// An outbound route.
    OutboundRouteId = "route";
    /// Waiting callers.
    QueueId = "queue";
    /// Who serves them.
    AgentId = "agent";
    /// One ringing of one agent for one call.
    AttemptId = "attempt";
    /// A menu that answers and listens for digits.
    IvrMenuId = "menu";
    /// A recorded conversation.
    RecordingId = "rec";
    /// Somebody who may log in.
    UserId = "user";
    /// A bearer token of the API.
    TokenId = "token";
    /// A class of hold music.
    MusicClassId = "music";
    /// An uploaded sound.
    SoundId = "sound";
}

/// One party's part of a call. Legs are numbered within their call, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId {
    /// The call this leg belongs to.
    pub call: CallId,
    /// Its number within that call.
    pub number: u32,
}

impl LegId {
    /// The leg with this number in `call`.
    #[must_use]
    pub fn new(call: CallId, number: u32) -> Self {
        Self { call, number }
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_id(f, "leg", self.call.0)?;
        write!(f, "-{}", self.number)
    }
}

impl FromStr for LegId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (call, number) = text.rsplit_once('-').ok_or(IdError("leg"))?;
        let call = CallId(parse_id("leg", call)?);
        Ok(Self {
            call,
            number: number.parse().map_err(|_| IdError("leg"))?,
        })
    }
}

text_serde!(LegId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let mut source = IdSource::seeded(7);
        let call = CallId::new(&mut source);
        assert_eq!(call.to_string().parse(), Ok(call));
        let leg = LegId::new(call, 3);
        assert_eq!(leg.to_string().parse(), Ok(leg));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let queue = QueueId::random().to_string();
        assert_eq!(queue.parse::<CallId>(), Err(IdError("call")));
        assert_eq!("call_".parse::<CallId>(), Err(IdError("call")));
        assert_eq!("call_ü".parse::<CallId>(), Err(IdError("call")));
    }

    #[test]
    fn the_same_seed_makes_the_same_ids() {
        let (mut one, mut two) = (IdSource::seeded(1), IdSource::seeded(1));
        assert_eq!(one.token(), two.token());
        assert_eq!(CallId::new(&mut one), CallId::new(&mut two));
    }
}
