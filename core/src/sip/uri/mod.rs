//! Addresses: `sip:`, `sips:`, `tel:` and whatever else has a scheme.

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::lex;

mod equivalence;
#[cfg(test)]
mod tests;

/// The scheme of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:` (RFC 3261 section 19).
    Sip,
    /// `sips:`, TLS all the way.
    Sips,
    /// `tel:`, a number without a host (RFC 3966).
    Tel,
    /// Anything else; only its raw text is known.
    Other,
}

/// A URI, split where RFC 3261 section 19.1.1 splits it. Every part is a slice of the raw text with
/// its escapes kept.
#[derive(Clone)]
pub struct Uri {
    raw: Bytes,
    scheme: Scheme,
    user: Option<Bytes>,
    password: Option<Bytes>,
    host: Bytes,
    port: Option<u16>,
    params: Bytes,
    headers: Bytes,
}

/// Why a text is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// There is no `scheme:`.
    #[error("no scheme")]
    Scheme,
    /// A character that must be escaped is not.
    #[error("character not allowed")]
    Character,
    /// There is no host, or one that is neither name nor address.
    #[error("bad host")]
    Host,
    /// The port is no number up to 65535.
    #[error("bad port")]
    Port,
    /// A parameter has no name.
    #[error("bad parameter")]
    Parameter,
    /// A `tel:` number has characters that are neither digits nor separators.
    #[error("bad number")]
    Number,
}

impl Uri {
    /// Reads a URI. Lenient in what it keeps raw (parameters, headers, user), strict in what is
    /// routed by (scheme, host, port).
    ///
    /// # Errors
    /// One kind per way it can be wrong.
    pub fn parse(raw: &Bytes) -> Result<Self, UriError> {
        let colon = memchr::memchr(b':', raw).ok_or(UriError::Scheme)?;
        let (name, rest) = (&raw[..colon], &raw[colon + 1..]);
        let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        if !name.first().is_some_and(u8::is_ascii_alphabetic) || !name.iter().all(letters) {
            return Err(UriError::Scheme);
        }
        let forbidden = |byte: &u8| *byte <= b' ' || *byte == 0x7f || b"<>\"".contains(byte);
        if rest.is_empty() || rest.iter().any(forbidden) {
            return Err(UriError::Character);
        }
        let scheme = match name.len() {
            3 if name.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
            4 if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            3 if name.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
            _ => Scheme::Other,
        };
        let mut uri = Self::bare(raw.clone(), scheme);
        match scheme {
            Scheme::Sip | Scheme::Sips => uri.split_sip(raw, rest)?,
            Scheme::Tel => uri.split_tel(raw, rest)?,
            Scheme::Other => {}
        }
        Ok(uri)
    }

    fn bare(raw: Bytes, scheme: Scheme) -> Self {
        Self {
            raw,
            scheme,
            user: None,
            password: None,
            host: Bytes::new(),
            port: None,
            params: Bytes::new(),
            headers: Bytes::new(),
        }
    }

    fn split_sip(&mut self, raw: &Bytes, rest: &[u8]) -> Result<(), UriError> {
        // `?`, `;` and `/` may stand in a user part unescaped, so the `@` is looked for first.
        let rest = match memchr::memchr(b'@', rest) {
            Some(at) => {
                let (userinfo, rest) = (&rest[..at], &rest[at + 1..]);
                let mut parts = userinfo.splitn(2, |byte| *byte == b':');
                let user = parts.next().unwrap_or_default();
                // Gateways write `sip:@host` for a caller who wants to stay unknown.
                self.user = (!user.is_empty()).then(|| lex::share(raw, user));
                self.password = parts.next().map(|password| lex::share(raw, password));
                rest
            }
            None => rest,
        };
        let (rest, headers) = cut(rest, b'?');
        let (hostport, params) = cut(rest, b';');
        let (host, port) = split_port(hostport).ok_or(UriError::Port)?;
        if !is_host(host) {
            return Err(UriError::Host);
        }
        self.host = lex::share(raw, host);
        self.port = port;
        self.set_params(raw, params)?;
        self.headers = lex::share(raw, headers);
        Ok(())
    }

    fn split_tel(&mut self, raw: &Bytes, rest: &[u8]) -> Result<(), UriError> {
        let (number, params) = cut(rest, b';');
        let digits = number.strip_prefix(b"+").unwrap_or(number);
        let allowed = |byte: &u8| byte.is_ascii_hexdigit() || b"*#-.()".contains(byte);
        if digits.is_empty() || !digits.iter().all(allowed) {
            return Err(UriError::Number);
        }
        self.user = Some(lex::share(raw, number));
        self.set_params(raw, params)
    }

    fn set_params(&mut self, raw: &Bytes, params: &[u8]) -> Result<(), UriError> {
        for param in params.split(|byte| *byte == b';').skip(1) {
            if param.is_empty() || param[0] == b'=' {
                return Err(UriError::Parameter);
            }
        }
        self.params = lex::share(raw, params);
        Ok(())
    }

    /// The URI as it was written.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The user part with its escapes, without the password; for `tel:` the number.
    #[must_use]
    pub fn user(&self) -> Option<&Bytes> {
        self.user.as_ref()
    }

    /// The user part with its escapes undone: `%61lice` is `alice`. Bytes that are no UTF-8 show as
    /// the replacement character.
    #[must_use]
    pub fn user_text(&self) -> Option<String> {
        let user = lex::percent_decode(self.user.as_ref()?);
        Some(String::from_utf8_lossy(&user).into_owned())
    }

    /// The password some URIs carry in clear.
    #[must_use]
    pub fn password(&self) -> Option<&Bytes> {
        self.password.as_ref()
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets. Empty but for `sip:` and
    /// `sips:`.
    #[must_use]
    pub fn host(&self) -> &Bytes {
        &self.host
    }

    /// The port, if one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The value of the parameter `name`, in any case: `Some(b"")` for one without a value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.params()
            .find(|(key, _)| lex::percent_decode(key).eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| lex::percent_decode(value.unwrap_or_default()))
    }

    /// Whether the parameter `name` is there, with a value or without: `lr`.
    #[must_use]
    pub fn has_param(&self, name: &str) -> bool {
        self.param(name).is_some()
    }

    /// The parameters with their escapes.
    pub fn params(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        pairs(&self.params, b';')
    }

    /// Whether both mean the same resource: RFC 3261 section 19.1.4 for `sip:` and `sips:`, RFC 3966
    /// section 4 for `tel:`, byte for byte for the rest.
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        equivalence::compare(self, other)
    }

    /// What stands behind the `?`: headers a request to this URI should have.
    #[must_use]
    pub fn headers(&self) -> &Bytes {
        &self.headers
    }
}

/// `text` up to `separator`, and from it on; the separator stays with the second part only for
/// parameters, where every one has its own.
fn cut(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(separator, text) {
        Some(at) if separator == b';' => text.split_at(at),
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

fn pairs(text: &[u8], separator: u8) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let parts = text
        .split(move |byte| *byte == separator)
        .filter(|part| !part.is_empty());
    parts.map(|part| match memchr::memchr(b'=', part) {
        Some(at) => (&part[..at], Some(&part[at + 1..])),
        None => (part, None),
    })
}

/// Splits `host[:port]`; `None` when there is a colon without a usable port.
pub(in crate::sip) fn split_port(hostport: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let end = match hostport.first() {
        Some(b'[') => memchr::memchr(b']', hostport).map_or(hostport.len(), |at| at + 1),
        _ => memchr::memchr(b':', hostport).unwrap_or(hostport.len()),
    };
    let (host, rest) = hostport.split_at(end);
    let host = lex::trim(host);
    match lex::trim(rest) {
        [] => Some((host, None)),
        [b':', port @ ..] => {
            let port = lex::number(lex::trim(port), u64::from(u16::MAX))?;
            Some((host, Some(u16::try_from(port).ok()?)))
        }
        _ => None,
    }
}

/// Whether `host` is a name, an IPv4 address or an IPv6 reference. Underscores pass: real networks
/// have them.
pub(in crate::sip) fn is_host(host: &[u8]) -> bool {
    if let [b'[', address @ .., b']'] = host {
        return std::str::from_utf8(address)
            .is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    !host.is_empty() && host.iter().all(name)
}

/// Builds a `sip:` URI. The user's reserved characters are escaped.
#[must_use]
pub fn sip(user: Option<&str>, host: &str, port: Option<u16>) -> Bytes {
    let mut out = BytesMut::with_capacity(host.len() + user.map_or(0, str::len) + 16);
    out.put_slice(b"sip:");
    if let Some(user) = user {
        escape_user(&mut out, user.as_bytes());
        out.put_u8(b'@');
    }
    out.put_slice(host.as_bytes());
    if let Some(port) = port {
        out.put_slice(format!(":{port}").as_bytes());
    }
    out.freeze()
}

/// Escapes what may not stand in a user part: all but `unreserved` and `user-unreserved`.
fn escape_user(out: &mut BytesMut, user: &[u8]) {
    for &byte in user {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.put_u8(byte);
        } else {
            out.put_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.raw))
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
