//! The `name=value` list of authentication headers.

use std::borrow::Cow;

use bytes::Bytes;

use crate::sip::lex::{self, Angles};

/// A scheme and its parameters as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthParams {
    pub(super) scheme: Bytes,
    params: Vec<(Bytes, Bytes)>,
}

/// More than any scheme has; the rest of a longer list is noise.
const MAX_PARAMS: usize = 64;

impl AuthParams {
    /// Every scheme of a header value. SIP has one per row (RFC 3261 section 20.44), HTTP's habit of
    /// listing several is understood too: a new one begins at a second word.
    pub(super) fn parse_all(value: &Bytes) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut rest = &value[..];
        let mut count = 0;
        while !rest.is_empty() && count < MAX_PARAMS {
            count += 1;
            let end = lex::find_outside(rest, b',', Angles::Ignore).unwrap_or(rest.len());
            let mut item = lex::trim(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
            let word = item.iter().position(|byte| !lex::is_token_byte(*byte));
            let word = word.unwrap_or(item.len());
            let after = lex::trim(&item[word..]);
            if after.first() != Some(&b'=') && lex::is_token(&item[..word]) {
                found.push(Self {
                    scheme: lex::share(value, &item[..word]),
                    params: Vec::new(),
                });
                item = after;
            }
            if let (Some(last), Some((name, text))) = (found.last_mut(), pair(item)) {
                last.params
                    .push((lex::share(value, name), lex::share(value, text)));
            }
        }
        found
    }

    /// The raw value of the parameter `name`.
    pub(super) fn raw(&self, name: &str) -> Option<&Bytes> {
        let mut params = self.params.iter();
        params
            .find(|row| row.0.eq_ignore_ascii_case(name.as_bytes()))
            .map(|row| &row.1)
    }

    /// The meaning of the parameter `name`: without quotes and escapes.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        Some(lex::unquote(self.raw(name)?))
    }

    /// The same, owned, shared with the header where it had no escapes.
    pub(super) fn bytes(&self, name: &str) -> Option<Bytes> {
        let raw = self.raw(name)?;
        Some(match lex::unquote(raw) {
            Cow::Borrowed(text) => lex::share(raw, text),
            Cow::Owned(text) => text.into(),
        })
    }
}

fn pair(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', item)?;
    let (name, value) = (lex::trim(&item[..equals]), lex::trim(&item[equals + 1..]));
    // Extended names such as `username*` end in a character that is a token's anyway.
    let whole = value.first() != Some(&b'"') || lex::is_quoted(value);
    (lex::is_token(name) && whole).then_some((name, value))
}
