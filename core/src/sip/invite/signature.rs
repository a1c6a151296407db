//! What every message of ours says about us.

use bytes::Bytes;

use super::message::NextHop;
use super::options::ReliableProvisional;
use super::party::LocalParty;
use crate::sip::HeaderName;
use crate::sip::endpoint::ALLOW;
use crate::sip::message::{Request, Response};
use crate::sip::status::phrase;

/// Our side of the dialog: contact, product and tag.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) local: LocalParty,
    pub(super) tag: String,
}

impl Signature {
    /// A response of this dialog, without body.
    pub(super) fn response(&self, request: &Request, status: u16) -> Response {
        let mut response = Response::to(request, status, phrase(status));
        response.headers.add_to_tag(&self.tag);
        response
            .headers
            .push(HeaderName::Server, self.local.product.clone());
        response
    }

    /// A response that tells the peer where we are and what we can do.
    pub(super) fn full_response(&self, request: &Request, status: u16) -> Response {
        let mut response = self.response(request, status);
        let headers = &mut response.headers;
        headers.push(HeaderName::Contact, self.local.contact.clone());
        headers.push(HeaderName::Allow, ALLOW);
        headers.push(HeaderName::Supported, self.local.options.supported());
        response
    }

    /// Adds who sends this request.
    pub(super) fn sign(&self, request: &mut Request) {
        let product = self.local.product.clone();
        request.headers.push(HeaderName::UserAgent, product);
    }

    /// Adds where we are and what we can do, which is what INVITE has to tell.
    pub(super) fn introduce(&self, request: &mut Request) {
        self.sign(request);
        let headers = &mut request.headers;
        headers.push(HeaderName::Contact, self.local.contact.clone());
        headers.push(HeaderName::Allow, ALLOW);
        // Within a dialog nothing rings, so nothing provisional has to be acknowledged.
        let supported = if headers.to_tag().is_some() {
            self.local.options.supported_in_dialog()
        } else {
            self.local.options.supported()
        };
        headers.push(HeaderName::Supported, supported);
    }

    /// Adds to the first INVITE that its provisional responses have to be reliable, if they have.
    pub(super) fn require_reliable(&self, invite: &mut Request) {
        if self.local.options.reliable == ReliableProvisional::Required {
            invite.headers.push(HeaderName::Require, "100rel");
        }
    }

    /// The way to `uri`.
    pub(super) fn next_hop(&self, uri: Bytes) -> NextHop {
        NextHop {
            uri,
            flow: self.local.flow,
            address: self.local.address,
        }
    }
}

/// A session description becomes the body.
pub(super) fn put_request_sdp(request: &mut Request, sdp: Bytes) {
    request
        .headers
        .push(HeaderName::ContentType, "application/sdp");
    request.body = sdp;
}

/// A session description becomes the body.
pub(super) fn put_response_sdp(response: &mut Response, sdp: Bytes) {
    response
        .headers
        .push(HeaderName::ContentType, "application/sdp");
    response.body = sdp;
}
