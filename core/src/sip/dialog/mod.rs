//! Dialogs (RFC 3261 section 12): what two user agents remember of each other between requests.
//!
//! A [`Dialog`] is plain data owned by one call. It writes the requests of its side and judges the
//! order of the other's; who may send what, and when, is the business of
//! [`InviteUsage`](super::invite::InviteUsage).

mod id;
mod route_set;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::message::{Request, Response};
use super::method::Method;
use super::{HeaderName, Headers};

pub use id::DialogKey;
pub(crate) use route_set::RouteSet;

/// Why no dialog can be made of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialogError {
    /// No Call-ID.
    #[error("Call-ID is missing")]
    CallId,
    /// From is missing or broken.
    #[error("From is missing or broken")]
    From,
    /// To is missing or broken.
    #[error("To is missing or broken")]
    To,
    /// CSeq is missing or broken.
    #[error("CSeq is missing or broken")]
    CSeq,
}

/// A request whose CSeq number is not above the last one's (RFC 3261 section 12.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request is older than one that was already handled")]
pub struct StaleRequest;

/// One dialog as one of its two sides sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    key: DialogKey,
    /// From of our requests, tag included.
    local: Bytes,
    /// To of our requests, tag included if the peer has one.
    remote: Bytes,
    remote_tag: Option<Bytes>,
    target: Bytes,
    routes: RouteSet,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// The dialog an INVITE starts on the side that was called. `local_tag` goes into To of every
    /// response; `first_cseq` numbers our first request. A caller that follows RFC 2543 may send no
    /// Contact; it is reached at its From.
    ///
    /// # Errors
    /// When a header that the dialog is made of is missing or broken.
    pub fn uas(invite: &Request, local_tag: &str, first_cseq: u32) -> Result<Self, DialogError> {
        let headers = &invite.headers;
        let from = headers.from().map_err(|_| DialogError::From)?;
        headers.to().map_err(|_| DialogError::To)?;
        let to = headers.get(&HeaderName::To).ok_or(DialogError::To)?;
        let local = [to, &b";tag="[..], local_tag.as_bytes()].concat();
        Ok(Self {
            key: DialogKey {
                call_id: headers.call_id().ok_or(DialogError::CallId)?.clone(),
                local_tag: Bytes::copy_from_slice(local_tag.as_bytes()),
            },
            local: local.into(),
            remote: headers
                .get(&HeaderName::From)
                .ok_or(DialogError::From)?
                .clone(),
            remote_tag: from.tag(),
            target: contact_uri(headers).unwrap_or_else(|| from.uri.clone()),
            routes: RouteSet::as_recorded(headers),
            local_cseq: first_cseq.saturating_sub(1),
            remote_cseq: Some(headers.cseq().map_err(|_| DialogError::CSeq)?.number),
        })
    }

    /// The dialog a response to our INVITE starts. A response without Contact keeps the
    /// Request-URI as its target, because a 2xx without an ACK would be worse.
    ///
    /// # Errors
    /// When a header that the dialog is made of is missing or broken.
    pub fn uac(invite: &Request, response: &Response) -> Result<Self, DialogError> {
        let (sent, got) = (&invite.headers, &response.headers);
        let from = sent.from().map_err(|_| DialogError::From)?;
        let to = got.to().map_err(|_| DialogError::To)?;
        Ok(Self {
            key: DialogKey {
                call_id: sent.call_id().ok_or(DialogError::CallId)?.clone(),
                local_tag: from.tag().unwrap_or_default(),
            },
            local: sent
                .get(&HeaderName::From)
                .ok_or(DialogError::From)?
                .clone(),
            remote: got.get(&HeaderName::To).ok_or(DialogError::To)?.clone(),
            remote_tag: to.tag(),
            target: contact_uri(got).unwrap_or_else(|| invite.uri.clone()),
            routes: RouteSet::reversed(got),
            local_cseq: sent.cseq().map_err(|_| DialogError::CSeq)?.number,
            remote_cseq: None,
        })
    }

    /// What finds this dialog.
    #[must_use]
    pub fn key(&self) -> &DialogKey {
        &self.key
    }

    /// The peer's tag; an RFC 2543 peer may have none.
    #[must_use]
    pub fn remote_tag(&self) -> Option<&Bytes> {
        self.remote_tag.as_ref()
    }

    /// The URI the peer wants requests sent to.
    #[must_use]
    pub fn target(&self) -> &Bytes {
        &self.target
    }

    /// The URI a request goes to first: the first route, else the target.
    #[must_use]
    pub fn next_hop(&self) -> Bytes {
        self.routes.next_hop(&self.target)
    }

    /// Our next request, without Via, Contact and body (section 12.2.1.1).
    #[must_use]
    pub fn request(&mut self, method: Method) -> Request {
        let cseq = self.next_cseq();
        self.build(method, cseq)
    }

    /// The number of a request that is not made by [`request`](Self::request): one that goes out
    /// again with credentials.
    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// The number of our latest request.
    pub(crate) fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Our next request comes after the one numbered `cseq`.
    pub(crate) fn skip_to(&mut self, cseq: u32) {
        self.local_cseq = self.local_cseq.max(cseq);
    }

    /// Takes over what an early dialog with the same peer has seen of requests, of either side.
    pub(crate) fn follow(&mut self, early: &Self) {
        self.remote_cseq = early.remote_cseq;
        self.local_cseq = self.local_cseq.max(early.local_cseq);
    }

    /// The ACK for a 2xx to our INVITE numbered `cseq`, without Via.
    #[must_use]
    pub fn ack(&self, cseq: u32) -> Request {
        self.build(Method::Ack, cseq)
    }

    fn build(&self, method: Method, cseq: u32) -> Request {
        let mut request = Request::new(method, self.target.clone());
        self.routes.apply(&mut request, &self.target);
        let cseq = format!("{cseq} {}", request.method);
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, self.local.clone());
        headers.push(HeaderName::To, self.remote.clone());
        headers.push(HeaderName::CallId, self.key.call_id.clone());
        headers.push(HeaderName::CSeq, cseq);
        request
    }

    /// Whether a request or response with this peer's tag is of this dialog.
    #[must_use]
    pub fn is_with(&self, remote_tag: Option<&Bytes>) -> bool {
        self.remote_tag.as_ref() == remote_tag
    }

    /// Takes note of a request from the peer other than ACK and CANCEL. Gaps in the numbers are
    /// fine.
    ///
    /// # Errors
    /// When it is older than one already seen; it is to be answered with 500.
    pub fn handle_request(&mut self, request: &Request) -> Result<(), StaleRequest> {
        let number = request.headers.cseq().map_err(|_| StaleRequest)?.number;
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return Err(StaleRequest);
        }
        self.remote_cseq = Some(number);
        Ok(())
    }

    /// Follows the peer to a new address: the Contact of its re-INVITE or UPDATE, or of its 2xx to
    /// ours (section 12.2).
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(uri) = contact_uri(headers) {
            self.target = uri;
        }
    }
}

fn contact_uri(headers: &Headers) -> Option<Bytes> {
    let contact = headers.name_addr(HeaderName::Contact).ok()?;
    let uri = contact.uri;
    (!uri.is_empty() && uri != "*").then_some(uri)
}
