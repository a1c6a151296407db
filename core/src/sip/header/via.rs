//! `Via`: one hop of the way a request came and its response goes back.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Params, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;
use crate::sip::uri::{is_host, split_port};

/// `SIP/2.0/UDP host:port;branch=z9hG4bK…` (RFC 3261 section 20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport as it was written: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    pub transport: Bytes,
    /// The host of sent-by: a name, an IPv4 address, or an IPv6 address in brackets.
    pub host: Bytes,
    /// The port of sent-by, if one is written.
    pub port: Option<u16>,
    /// `branch`, `rport`, `received` and others.
    pub params: Params,
}

impl Via {
    /// A hop of our own: sent-by and branch, asking for `rport` (RFC 3581).
    #[must_use]
    pub fn new(transport: &'static str, host: &str, port: u16, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Self {
            transport: Bytes::from_static(transport.as_bytes()),
            host: Bytes::copy_from_slice(host.as_bytes()),
            port: Some(port),
            params,
        }
    }

    /// Reads one hop.
    ///
    /// # Errors
    /// When protocol, host, port or a parameter cannot be read.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::Via;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let head = &value[..end];
        let mut parts = head.splitn(3, |byte| *byte == b'/');
        let protocol = lex::trim(parts.next().unwrap_or_default());
        let version = lex::trim(parts.next().unwrap_or_default());
        let rest = lex::trim(parts.next().unwrap_or_default());
        if !protocol.eq_ignore_ascii_case(b"SIP") || version != b"2.0" {
            return error(name, 0, HeaderErrorKind::Version);
        }
        let gap = rest
            .iter()
            .position(|byte| lex::is_lws(*byte))
            .unwrap_or(rest.len());
        let (transport, sent_by) = rest.split_at(gap);
        if !lex::is_token(transport) {
            return error(name, lex::offset(value, rest), HeaderErrorKind::Syntax);
        }
        let at = lex::offset(value, sent_by);
        let Some((host, port)) = split_port(lex::trim(sent_by)) else {
            return error(name, at, HeaderErrorKind::Host);
        };
        if !is_host(host) {
            return error(name, at, HeaderErrorKind::Host);
        }
        let params = match Params::parse(&value.slice(end..)) {
            Ok(params) => params,
            Err(index) => return error(name, end + index, HeaderErrorKind::Parameter),
        };
        Ok(Self {
            transport: lex::share(value, transport),
            host: lex::share(value, host),
            port,
            params,
        })
    }

    /// The branch, which names the transaction.
    #[must_use]
    pub fn branch(&self) -> Option<Bytes> {
        self.params
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// The branch, if it promises to be unique as RFC 3261 demands: the magic cookie and more. With
    /// the cookie alone, or without it, a transaction is told by other means (section 17.2.3; RFC
    /// 4475 section 3.2.1).
    #[must_use]
    pub fn unique_branch(&self) -> Option<Bytes> {
        const COOKIE: &[u8] = b"z9hG4bK";
        let branch = self.branch()?;
        let cookie = branch.get(..COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(COOKIE) && branch.len() > COOKIE.len()).then_some(branch)
    }

    /// The hop as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let params = self.params.raw();
        let capacity = 24 + self.transport.len() + self.host.len() + params.len();
        let mut out = BytesMut::with_capacity(capacity);
        out.put_slice(b"SIP/2.0/");
        out.put_slice(&self.transport);
        out.put_u8(b' ');
        out.put_slice(&self.host);
        if let Some(port) = self.port {
            out.put_slice(format!(":{port}").as_bytes());
        }
        out.put_slice(params);
        out.freeze()
    }
}
