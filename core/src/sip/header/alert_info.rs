//! `Alert-Info`: how a phone should ring (RFC 3261 section 20.4, RFC 7462).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::NameAddr;
use crate::sip::header_name::HeaderName;
use crate::sip::lex;
use crate::sip::uri::Uri;

/// A whole value of the header, as it goes on the wire: `<urn:alert:source:external>`, or several of
/// these behind one another. The empty one stands for no header at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertInfo(Bytes);

/// A text that is no value of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a value of the header Alert-Info such as \"<urn:alert:source:external>\", or empty for \
     none"
)]
pub struct AlertInfoError;

impl AlertInfo {
    /// A caller from outside (RFC 7462 section 7.2.2).
    #[must_use]
    pub fn external() -> Self {
        Self(Bytes::from_static(b"<urn:alert:source:external>"))
    }

    /// The value of the header; `None` when there is to be none.
    #[must_use]
    pub fn value(&self) -> Option<&Bytes> {
        (!self.0.is_empty()).then_some(&self.0)
    }
}

/// Each part has to be an absolute URI in brackets with parameters; nothing may end the row.
fn is_well_formed(text: &str) -> bool {
    let part = |part: &[u8]| {
        let value = Bytes::copy_from_slice(part);
        let address = NameAddr::parse(&value, &HeaderName::AlertInfo);
        part.first() == Some(&b'<') && address.is_ok_and(|address| Uri::parse(&address.uri).is_ok())
    };
    let mut parts = lex::split(text.as_bytes(), b',').peekable();
    parts.peek().is_some() && parts.all(part) && !text.chars().any(char::is_control)
}

impl FromStr for AlertInfo {
    type Err = AlertInfoError;

    fn from_str(text: &str) -> Result<Self, AlertInfoError> {
        let text = text.trim_matches(' ');
        if text.is_empty() || is_well_formed(text) {
            return Ok(Self(Bytes::copy_from_slice(text.as_bytes())));
        }
        Err(AlertInfoError)
    }
}

impl fmt::Display for AlertInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl Serialize for AlertInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlertInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 section 20.4.
    #[test]
    fn an_alert_is_a_list_of_uris_in_brackets() {
        for text in [
            "<urn:alert:source:external>",
            "<http://www.example.com/sounds/moo.wav>",
            "<http://127.0.0.1>;info=alert-external;x-line-id=0",
            "<urn:alert:service:call-waiting>, <urn:alert:source:internal>;info=\"a, b\"",
        ] {
            assert_eq!(text.parse::<AlertInfo>().unwrap().to_string(), text);
        }
        let none: AlertInfo = "".parse().unwrap();
        assert_eq!(none.value(), None);
    }

    #[test]
    fn what_is_no_alert_or_would_begin_another_header_is_refused() {
        for text in [
            "Bellcore-dr3",
            "urn:alert:source:external",
            "Ring <urn:alert:source:external>",
            "<>",
            "<ring>",
            "<urn:>",
            "<urn:alert:source:external",
            ",",
            "<urn:a:b>\r\nContact: <sip:evil@x>",
            "<urn:a:b>;info=\"\n\"",
            "<urn:a:b\0>",
            "<urn:a b>",
        ] {
            assert_eq!(text.parse::<AlertInfo>(), Err(AlertInfoError), "{text:?}");
        }
    }
}
