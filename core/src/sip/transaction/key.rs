//! What makes two messages part of one transaction (RFC 3261 sections 17.1.3 and 17.2.3).

use bytes::Bytes;

use crate::sip::HeaderName;
use crate::sip::header::Via;
use crate::sip::message::Request;
use crate::sip::method::Method;

/// A transaction's key within the table of its side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(Box<[u8]>);

impl Key {
    /// The server transaction a request belongs to. An ACK belongs to its INVITE. `None` when an
    /// RFC 2543 request lacks what it is known by.
    pub(crate) fn server(request: &Request, via: &Via) -> Option<Self> {
        let method = if request.method == Method::Ack {
            &Method::Invite
        } else {
            &request.method
        };
        Self::server_as(method, request, via)
    }

    /// The INVITE transaction a CANCEL means.
    pub(crate) fn cancelled(request: &Request, via: &Via) -> Option<Self> {
        Self::server_as(&Method::Invite, request, via)
    }

    fn server_as(method: &Method, request: &Request, via: &Via) -> Option<Self> {
        match via.unique_branch() {
            Some(branch) => {
                let port = via.port.unwrap_or(0).to_be_bytes();
                let host = via.host.to_ascii_lowercase();
                Some(Self::join(&[method.as_bytes(), &branch, &host, &port]))
            }
            None => Self::rfc2543(method, request),
        }
    }

    /// Without the magic cookie the branch says nothing: Request-URI, From tag, Call-ID, CSeq
    /// number and the topmost Via together do.
    fn rfc2543(method: &Method, request: &Request) -> Option<Self> {
        let headers = &request.headers;
        let number = headers.cseq().ok()?.number.to_be_bytes();
        let via = headers.list(&HeaderName::Via).next()?;
        Some(Self::join(&[
            method.as_bytes(),
            &request.uri,
            &headers.from_tag().unwrap_or_default(),
            headers.call_id()?,
            &number,
            &via,
        ]))
    }

    /// The client transaction whose request had this branch and method.
    pub(crate) fn client(branch: &Bytes, method: &Method) -> Self {
        Self::join(&[method.as_bytes(), branch])
    }

    /// The raw bytes, for deriving a tag.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn raw(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    fn join(parts: &[&[u8]]) -> Self {
        // No part can contain a NUL: it would not have passed as a token, host or header value.
        Self(parts.join(&0).into())
    }
}
