//! Where a carrier writes the number that is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where the public number stands in an INVITE.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DidSource {
    /// In the Request-URI; in To where the Request-URI is the Contact we registered.
    #[default]
    RequestUri,
    /// In To.
    To,
    /// In the header of this name, as an address or as bare digits.
    Header(String),
}

/// A text that is no place a number can stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"request_uri\", \"to\" or \"header:\" and the name of a header")]
pub struct DidSourceError;

impl FromStr for DidSource {
    type Err = DidSourceError;

    fn from_str(text: &str) -> Result<Self, DidSourceError> {
        let token = |name: &&str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=64).contains(&name.len()) && name.bytes().all(fits)
        };
        match text {
            "request_uri" => Ok(Self::RequestUri),
            "to" => Ok(Self::To),
            _ => {
                let name = text.strip_prefix("header:").filter(token);
                name.map(|name| Self::Header(name.to_owned()))
                    .ok_or(DidSourceError)
            }
        }
    }
}

impl fmt::Display for DidSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestUri => f.write_str("request_uri"),
            Self::To => f.write_str("to"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl Serialize for DidSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DidSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
