//! `From`, `To`, `Contact`, `Route`, `Record-Route`, `Refer-To`: an address with parameters.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Params, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex::{self, Angles};
use crate::sip::uri::Uri;

/// `"Alice" <sip:alice@example.com>;tag=1`, or the same without name and brackets (RFC 3261
/// section 20.10). Without brackets, parameters belong to the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name as it was written, with its quotes.
    pub display: Option<Bytes>,
    /// The URI as it was written, without brackets.
    pub uri: Bytes,
    /// The header parameters.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name or parameters.
    #[must_use]
    pub fn new(uri: impl Into<Bytes>) -> Self {
        Self {
            display: None,
            uri: uri.into(),
            params: Params::new(),
        }
    }

    /// The same address with `name` as its display name.
    #[must_use]
    pub fn with_display(mut self, name: &str) -> Self {
        self.display = Some(lex::quote(name.as_bytes()).into());
        self
    }

    /// The same address with a tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// Reads one address; `header` is named in errors. Display names without quotes may hold
    /// characters that would need them, since gateways send such names.
    ///
    /// # Errors
    /// When quotes or brackets are not closed, the URI is missing, or a parameter is broken.
    pub fn parse(value: &Bytes, header: &HeaderName) -> Result<Self, HeaderError> {
        let text = lex::trim(value);
        if text.is_empty() {
            return error(header, 0, HeaderErrorKind::Empty);
        }
        let after_name = if text[0] == b'"' {
            match lex::quoted_end(text) {
                Some(end) => end,
                None => return error(header, 0, HeaderErrorKind::Syntax),
            }
        } else {
            0
        };
        let open = memchr::memchr(b'<', &text[after_name..]).map(|at| at + after_name);
        let (display, uri, params) = match open {
            Some(open) => {
                let Some(close) = memchr::memchr(b'>', &text[open..]).map(|at| at + open) else {
                    return error(header, open, HeaderErrorKind::Syntax);
                };
                let display = lex::trim(&text[..open]);
                let stray = lex::trim(&text[after_name..open]);
                if memchr::memchr(b'"', stray).is_some() || (after_name > 0 && !stray.is_empty()) {
                    return error(header, after_name, HeaderErrorKind::Syntax);
                }
                (display, &text[open + 1..close], &text[close + 1..])
            }
            None if after_name > 0 => return error(header, after_name, HeaderErrorKind::Uri),
            None => {
                let end = lex::find_outside(text, b';', Angles::Ignore).unwrap_or(text.len());
                // A bare URI must not have what would be mistaken for the header's own (§20.10).
                if let Some(at) = text[..end].iter().position(|byte| b",?".contains(byte)) {
                    return error(header, at, HeaderErrorKind::Uri);
                }
                (&[][..], &text[..end], &text[end..])
            }
        };
        let uri = lex::trim(uri);
        let forbidden = |byte: &u8| *byte <= b' ' || *byte == 0x7f || b"<>\"".contains(byte);
        if uri.is_empty() || uri.iter().any(forbidden) {
            return error(header, lex::offset(value, text), HeaderErrorKind::Uri);
        }
        let display = (!display.is_empty()).then(|| lex::share(value, display));
        let at = lex::offset(value, params);
        let params = match Params::parse(&lex::share(value, lex::trim(params))) {
            Ok(params) => params,
            Err(index) => return error(header, at + index, HeaderErrorKind::Parameter),
        };
        Ok(Self {
            display,
            uri: lex::share(value, uri),
            params,
        })
    }

    /// The display name without quotes and escapes; bytes that are no UTF-8 show as the replacement
    /// character.
    #[must_use]
    pub fn display_name(&self) -> Option<String> {
        let name = lex::unquote(self.display.as_ref()?);
        Some(String::from_utf8_lossy(&name).into_owned())
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<Bytes> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The URI, split; `header` is named in the error.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn typed_uri(&self, header: &HeaderName) -> Result<Uri, HeaderError> {
        match Uri::parse(&self.uri) {
            Ok(uri) => Ok(uri),
            Err(_) => error(header, 0, HeaderErrorKind::Uri),
        }
    }

    /// The address with brackets, as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let display = self.display.as_deref().unwrap_or_default();
        let capacity = display.len() + self.uri.len() + self.params.raw().len() + 3;
        let mut out = BytesMut::with_capacity(capacity);
        if !display.is_empty() {
            out.put_slice(display);
            out.put_u8(b' ');
        }
        out.put_u8(b'<');
        out.put_slice(&self.uri);
        out.put_u8(b'>');
        out.put_slice(self.params.raw());
        out.freeze()
    }
}
