//! The header rows of a message, in order.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::error::{HeaderError, HeaderErrorKind};
use super::header::{CSeq, NameAddr, Via};
use super::header_name::HeaderName;
use super::lex;

/// The header rows of a message in the order they have on the wire. Values are raw: slices of the
/// datagram with folds, case and unknown parameters as they came. `Content-Length` is never among
/// them; it is checked while parsing and computed while writing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    rows: Vec<(HeaderName, Bytes)>,
}

impl Headers {
    /// No rows yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No rows yet, with room for `rows` of them.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
        }
    }

    /// The value of the first row called `name`.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&Bytes> {
        self.rows
            .iter()
            .find(|row| row.0 == *name)
            .map(|row| &row.1)
    }

    /// The values of all rows called `name`, a row each.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a Bytes> + 'a {
        self.rows
            .iter()
            .filter(move |row| row.0 == *name)
            .map(|row| &row.1)
    }

    /// The values of all rows called `name`, split at their commas: `a, b` in one row is the same
    /// as `a` and `b` in two. Only for headers defined as lists; a `Date` has commas of its own.
    pub fn list<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = Bytes> + 'a {
        let rows = self.all(name);
        rows.flat_map(|row| lex::split(row, b',').map(|part| lex::share(row, part)))
    }

    /// Whether a row is called `name`.
    #[must_use]
    pub fn has(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// Whether the list header `name` holds the token `token` in any case.
    #[must_use]
    pub fn has_token(&self, name: &HeaderName, token: &str) -> bool {
        self.list(name)
            .any(|item| item.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &Bytes)> {
        self.rows.iter().map(|(name, value)| (name, value))
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row at the end.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        if name != HeaderName::ContentLength {
            self.rows.push((name, value.into()));
        }
    }

    /// Adds a row before all others: a `Via`, a `Record-Route`.
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        if name != HeaderName::ContentLength {
            self.rows.insert(0, (name, value.into()));
        }
    }

    /// Makes `value` the only row called `name`, at the place of the first one.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        match self.rows.iter().position(|row| row.0 == name) {
            Some(first) => {
                self.rows[first].1 = value.into();
                let mut index = 0;
                self.rows.retain(|row| {
                    index += 1;
                    index - 1 <= first || row.0 != name
                });
            }
            None => self.push(name, value),
        }
    }

    /// Removes all rows called `name` and says whether there were any.
    pub fn remove(&mut self, name: &HeaderName) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| row.0 != *name);
        self.rows.len() != before
    }

    /// Replaces the first list item of `name`, leaving the rest of its row as it came. Used for the
    /// topmost `Via`, whose row may carry others behind a comma. Does nothing without such a row.
    pub fn replace_first(&mut self, name: &HeaderName, item: &[u8]) {
        let Some((_, value)) = self.rows.iter_mut().find(|row| row.0 == *name) else {
            return;
        };
        let Some(first) = lex::split(value, b',').next() else {
            *value = Bytes::copy_from_slice(item);
            return;
        };
        let rest = &value[lex::offset(value, first) + first.len()..];
        let mut new = BytesMut::with_capacity(item.len() + rest.len());
        new.extend_from_slice(item);
        new.extend_from_slice(rest);
        *value = new.freeze();
    }

    /// Takes the first list item of `name` away and returns it: the topmost `Via` or `Route`.
    pub fn remove_first(&mut self, name: &HeaderName) -> Option<Bytes> {
        let at = self.rows.iter().position(|row| row.0 == *name)?;
        let value = self.rows[at].1.clone();
        let mut items = lex::split(&value, b',');
        let first = items.next().map(|item| lex::share(&value, item));
        match items.next() {
            Some(second) => self.rows[at].1 = value.slice(lex::offset(&value, second)..),
            None => {
                self.rows.remove(at);
            }
        }
        first.or_else(|| self.remove_first(name))
    }

    /// The topmost `Via`.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn top_via(&self) -> Result<Via, HeaderError> {
        let item = self.list(&HeaderName::Via).next();
        Via::parse(&item.ok_or_else(|| missing(HeaderName::Via))?)
    }

    /// The `From` header.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr(HeaderName::From)
    }

    /// The `To` header.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr(HeaderName::To)
    }

    /// The first address of the header `name`: `Contact`, `Refer-To`, …
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn name_addr(&self, name: HeaderName) -> Result<NameAddr, HeaderError> {
        let Some(value) = self.get(&name) else {
            return Err(missing(name));
        };
        // Of these there is one, and a comma in it belongs to an unquoted display name.
        if matches!(name, HeaderName::From | HeaderName::To) {
            return NameAddr::parse(value, &name);
        }
        let first = self.list(&name).next().unwrap_or_default();
        NameAddr::parse(&first, &name)
    }

    /// All addresses of the list header `name`: `Route`, `Record-Route`, `Contact`, …
    ///
    /// # Errors
    /// When one of them is broken.
    pub fn name_addrs(&self, name: &HeaderName) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name)
            .map(|item| NameAddr::parse(&item, name))
            .collect()
    }

    /// The `CSeq` header.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        let value = self.get(&HeaderName::CSeq);
        CSeq::parse(value.ok_or_else(|| missing(HeaderName::CSeq))?)
    }

    /// The `Call-ID`.
    #[must_use]
    pub fn call_id(&self) -> Option<&Bytes> {
        self.get(&HeaderName::CallId)
    }

    /// The tag of the `From` header.
    #[must_use]
    pub fn from_tag(&self) -> Option<Bytes> {
        self.from().ok()?.tag()
    }

    /// The tag of the `To` header.
    #[must_use]
    pub fn to_tag(&self) -> Option<Bytes> {
        self.to().ok()?.tag()
    }

    /// Adds `tag` to the `To` header unless it has one already (RFC 3261 section 8.2.6.2).
    pub fn add_to_tag(&mut self, tag: &str) {
        let Some((_, value)) = self.rows.iter_mut().find(|row| row.0 == HeaderName::To) else {
            return;
        };
        if NameAddr::parse(value, &HeaderName::To).is_ok_and(|to| to.tag().is_none()) {
            let mut new = BytesMut::with_capacity(value.len() + tag.len() + 5);
            new.extend_from_slice(value);
            new.extend_from_slice(b";tag=");
            new.extend_from_slice(tag.as_bytes());
            *value = new.freeze();
        }
    }
}

fn missing(header: HeaderName) -> HeaderError {
    HeaderError {
        header,
        at: 0,
        kind: HeaderErrorKind::Missing,
    }
}

impl FromIterator<(HeaderName, Bytes)> for Headers {
    fn from_iter<T: IntoIterator<Item = (HeaderName, Bytes)>>(rows: T) -> Self {
        let mut headers = Self::new();
        for (name, value) in rows {
            headers.push(name, value);
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
