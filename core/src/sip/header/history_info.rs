//! `History-Info`: the way a request took (RFC 7044).

use bytes::Bytes;

use super::{NameAddr, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;
use crate::sip::uri::Uri;

/// The most steps an index is followed down; deeper ones are refused.
const DEEPEST: usize = 32;

/// One step: `<sip:300@example.com>;index=1.1`. The first in the message is the number that was
/// dialled first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryInfo {
    /// Where the request was sent; a `Reason` that sent it on stands behind its `?`.
    pub uri: Bytes,
    /// Where in the tree of steps: `1.1` comes of `1`.
    pub index: Vec<u32>,
    /// The step this one maps to another user (`mp`, section 10.3), by its index.
    pub mapped_from: Option<Vec<u32>>,
}

impl HistoryInfo {
    /// The step with which a call to `uri` begins.
    #[must_use]
    pub fn first(uri: Bytes) -> Self {
        Self {
            uri,
            index: vec![1],
            mapped_from: None,
        }
    }

    /// The step after this one, to another user.
    #[must_use]
    pub fn then(&self, uri: Bytes) -> Self {
        let mut index = self.index.clone();
        index.push(1);
        Self {
            uri,
            index,
            mapped_from: Some(self.index.clone()),
        }
    }

    /// The same step with the status that ended it (section 10.2): why the request went on.
    #[must_use]
    pub fn refused(mut self, status: u16) -> Self {
        if !self.uri.contains(&b'?') {
            let reason = format!("?Reason=SIP%3Bcause%3D{status}");
            self.uri = [&self.uri[..], reason.as_bytes()].concat().into();
        }
        self
    }

    /// Reads one step.
    ///
    /// # Errors
    /// When it is no address or its index no index.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let address = NameAddr::parse(value, &HeaderName::HistoryInfo)?;
        let index = |name: &str| match address.params.get(name) {
            None => Ok(None),
            Some(text) => match parse_index(&text) {
                Some(index) => Ok(Some(index)),
                None => error(&HeaderName::HistoryInfo, 0, HeaderErrorKind::Parameter),
            },
        };
        Ok(Self {
            index: index("index")?.unwrap_or_else(|| vec![1]),
            mapped_from: index("mp")?,
            uri: address.uri,
        })
    }

    /// The number that was called in this step.
    #[must_use]
    pub fn number(&self) -> Option<String> {
        Uri::parse(&self.uri).ok()?.user_text()
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut address = NameAddr::new(self.uri.clone());
        address.params.set("index", Some(&write_index(&self.index)));
        if let Some(from) = &self.mapped_from {
            address.params.set("mp", Some(&write_index(from)));
        }
        address.write()
    }
}

fn parse_index(text: &[u8]) -> Option<Vec<u32>> {
    let parts = text.split(|byte| *byte == b'.').take(DEEPEST + 1);
    let index: Option<Vec<u32>> = parts
        .map(|part| u32::try_from(lex::number(part, u64::from(u32::MAX))?).ok())
        .collect();
    index.filter(|index| index.len() <= DEEPEST)
}

fn write_index(index: &[u32]) -> String {
    let parts: Vec<String> = index.iter().map(u32::to_string).collect();
    parts.join(".")
}
