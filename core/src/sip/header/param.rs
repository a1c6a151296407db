//! Parameters behind a header value: `;tag=1;lr;text="a b"`.

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::sip::lex::{self, Angles};

/// The parameters of one header value, kept as they were written and in their order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// Empty, or beginning with `;`.
    raw: Bytes,
}

impl Params {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `raw`, which is empty or begins with `;`. One `;` with nothing behind it is let pass
    /// at the end, because phones send it. `Err` is the index of the parameter that is none.
    pub(crate) fn parse(raw: &Bytes) -> Result<Self, usize> {
        let text = lex::trim(raw);
        let mut rest = text;
        while let [b';', after @ ..] = rest {
            let at = lex::offset(text, after);
            let end = lex::find_outside(after, b';', Angles::Ignore).unwrap_or(after.len());
            let param = lex::trim(&after[..end]);
            rest = &after[end..];
            if param.is_empty() {
                if rest.is_empty() && at > 1 {
                    break;
                }
                return Err(at);
            }
            let (name, value) = split_pair(param);
            let broken = match value {
                Some(value) if value.first() == Some(&b'"') => !lex::is_quoted(value),
                Some(value) => value.iter().any(|byte| lex::is_lws(*byte) || *byte == b'"'),
                None => false,
            };
            if broken || !lex::is_token(name) {
                return Err(at);
            }
        }
        if rest.is_empty() {
            Ok(Self {
                raw: lex::share(raw, text),
            })
        } else {
            Err(0)
        }
    }

    /// The parameters, names and raw values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        lex::split_as(&self.raw, b';', Angles::Ignore).map(split_pair)
    }

    /// The raw value of the parameter `name`, in any case, with its quotes if it has some. Empty for
    /// a parameter without a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Bytes> {
        let value = self.find(name)?;
        Some(value.map_or_else(Bytes::new, |value| lex::share(&self.raw, value)))
    }

    /// The meaning of the parameter `name`: without quotes and escapes.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        Some(lex::unquote(self.find(name)?.unwrap_or_default()))
    }

    /// Whether the parameter `name` is there, with a value or without.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<Option<&[u8]>> {
        let mut all = self.iter();
        all.find(|pair| pair.0.eq_ignore_ascii_case(name.as_bytes()))
            .map(|pair| pair.1)
    }

    /// Gives the parameter `name` a value, or none, where it stands or else at the end.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let mut new = BytesMut::with_capacity(self.raw.len() + name.len() + 16);
        let mut done = false;
        for (key, old) in self.iter() {
            if key.eq_ignore_ascii_case(name.as_bytes()) {
                if !done {
                    put(&mut new, name.as_bytes(), value.map(str::as_bytes));
                }
                done = true;
            } else {
                put(&mut new, key, old);
            }
        }
        if !done {
            put(&mut new, name.as_bytes(), value.map(str::as_bytes));
        }
        self.raw = new.freeze();
    }

    /// Takes the parameter `name` away.
    pub fn remove(&mut self, name: &str) {
        if !self.has(name) {
            return;
        }
        let mut new = BytesMut::with_capacity(self.raw.len());
        for (key, value) in self.iter() {
            if !key.eq_ignore_ascii_case(name.as_bytes()) {
                put(&mut new, key, value);
            }
        }
        self.raw = new.freeze();
    }

    /// The parameters as they are written: empty, or beginning with `;`.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }
}

fn put(out: &mut BytesMut, name: &[u8], value: Option<&[u8]>) {
    out.put_u8(b';');
    out.put_slice(name);
    if let Some(value) = value {
        out.put_u8(b'=');
        out.put_slice(value);
    }
}

fn split_pair(param: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'=', param) {
        Some(at) => (lex::trim(&param[..at]), Some(lex::trim(&param[at + 1..]))),
        None => (param, None),
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.raw))
    }
}
