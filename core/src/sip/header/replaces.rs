//! `Replaces`: the dialog whose place a new one takes (RFC 3891).

use bytes::Bytes;

use super::{Params, error};
use crate::sip::dialog::DialogKey;
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// Which dialogs may be replaced (RFC 3891 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// Any.
    Any,
    /// Only one that was not answered yet: `early-only`.
    Early,
}

/// `call-id;to-tag=…;from-tag=…;early-only`. The tags are as the receiver of the header sees them
/// in requests that come in: To is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// The Call-ID.
    pub call_id: Bytes,
    /// The receiver's own tag.
    pub to_tag: Bytes,
    /// The tag of its peer; `0` stands for a peer that has none.
    pub from_tag: Bytes,
    /// Which dialogs are meant.
    pub replaced: Replaced,
}

impl Replaces {
    /// Reads the value.
    ///
    /// # Errors
    /// When the Call-ID is missing or not exactly one of each tag is there (section 6.1).
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::Replaces;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let call_id = lex::trim(&value[..end]);
        if call_id.is_empty() || call_id.iter().any(|byte| lex::is_lws(*byte)) {
            return error(name, 0, HeaderErrorKind::Syntax);
        }
        let params = match Params::parse(&value.slice(end..)) {
            Ok(params) => params,
            Err(index) => return error(name, end + index, HeaderErrorKind::Parameter),
        };
        let one = |wanted: &str| {
            let named = |pair: &(&[u8], _)| pair.0.eq_ignore_ascii_case(wanted.as_bytes());
            let tag = params.get(wanted).filter(|tag| !tag.is_empty());
            tag.filter(|_| params.iter().filter(named).count() == 1)
        };
        let (Some(to_tag), Some(from_tag)) = (one("to-tag"), one("from-tag")) else {
            return error(name, end, HeaderErrorKind::Parameter);
        };
        let replaced = if params.has("early-only") {
            Replaced::Early
        } else {
            Replaced::Any
        };
        Ok(Self {
            call_id: lex::share(value, call_id),
            to_tag,
            from_tag,
            replaced,
        })
    }

    /// What finds the dialog among the receiver's.
    #[must_use]
    pub fn key(&self) -> DialogKey {
        DialogKey {
            call_id: self.call_id.clone(),
            local_tag: self.to_tag.clone(),
        }
    }

    /// Whether the peer of a dialog has this tag. A peer that follows RFC 2543 has none, which is
    /// written as `0` (section 3).
    #[must_use]
    pub fn is_with(&self, remote_tag: Option<&Bytes>) -> bool {
        match remote_tag {
            Some(tag) => *tag == self.from_tag,
            None => self.from_tag == "0",
        }
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let early: &[u8] = match self.replaced {
            Replaced::Any => b"",
            Replaced::Early => b";early-only",
        };
        let parts: [&[u8]; 6] = [
            &self.call_id,
            b";to-tag=",
            &self.to_tag,
            b";from-tag=",
            &self.from_tag,
            early,
        ];
        parts.concat().into()
    }
}
