//! Answers that need nobody and leave nothing behind (RFC 3261 section 8.2.7).

use data_encoding::BASE32HEX_NOPAD;

use super::check::{ALLOW, Refusal};
use super::path::Path;
use super::{Endpoint, via};
use crate::sip::header::{Via, join};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::subscription::ALLOW_EVENTS;
use crate::sip::transaction::key::Key;
use crate::sip::{HeaderErrorKind, HeaderName};

impl Endpoint {
    /// A request that is well formed and still needs nobody to answer it.
    pub(super) fn answer_at_once(&self, request: &Request) -> Option<Refusal> {
        if request.headers.to_tag().is_some() {
            return None;
        }
        let hash = self.initial_hash(request)?;
        if self.initial.contains_key(&hash) {
            return Some(Refusal::new(482).with(HeaderName::Warning, merged_warning()));
        }
        let full = self.servers.len() >= self.config.max_server_transactions;
        match request.method {
            Method::Options => Some(self.capabilities()),
            Method::Invite if self.overloaded || full => {
                let after = self.config.retry_after.to_string();
                Some(Refusal::new(503).with(HeaderName::RetryAfter, after))
            }
            Method::Bye | Method::Info | Method::Update | Method::Prack => Some(Refusal::new(481)),
            Method::Invite
            | Method::Register
            | Method::Ack
            | Method::Cancel
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Refer
            | Method::Message
            | Method::Other(_) => None,
        }
    }

    /// What OPTIONS outside a dialog is told (section 11.2).
    fn capabilities(&self) -> Refusal {
        Refusal::new(200)
            .with(HeaderName::Allow, ALLOW)
            .with(HeaderName::AllowEvents, ALLOW_EVENTS)
            .with(HeaderName::Accept, "application/sdp")
            .with(HeaderName::AcceptEncoding, "identity")
            .with(HeaderName::AcceptLanguage, "en")
            .with(HeaderName::Supported, join(&self.config.supported))
    }

    /// Refuses bytes that were almost a request.
    pub(super) fn refuse_unparsed(
        &mut self,
        path: Path,
        request: &Request,
        status: u16,
        reason: &'static str,
    ) {
        let refusal = Refusal {
            status,
            reason: reason.into(),
            headers: Vec::new(),
        };
        let top = match request.headers.top_via() {
            Ok(top) => top,
            Err(error) if error.kind == HeaderErrorKind::Missing => return,
            Err(_) => return self.refuse_pathless(path, request, refusal),
        };
        let mut request = request.clone();
        via::stamp(&mut request, &top, path.peer);
        self.refuse(via::reply_path(&top, path), &request, &top, refusal);
    }

    /// Refuses a request whose topmost Via cannot be read: the answer goes where the request came
    /// from. (Without any Via nobody could take it for an answer, and there is none.)
    pub(super) fn refuse_pathless(&mut self, path: Path, request: &Request, refusal: Refusal) {
        let host = path.peer.ip().to_string();
        let stand_in = Via::new(path.transport.as_str(), &host, path.peer.port(), "");
        self.refuse(path, request, &stand_in, refusal);
    }

    /// Answers without remembering (section 8.2.7). An ACK is never answered.
    pub(super) fn refuse(&mut self, path: Path, request: &Request, top: &Via, refusal: Refusal) {
        if request.method == Method::Ack {
            return;
        }
        let mut response = Response::to(request, refusal.status, &refusal.reason);
        let tag = match Key::server(request, top) {
            Some(key) => self.derived_tag(&key),
            None => self.derived_tag(&Key::client(&top.write(), &request.method)),
        };
        response.headers.add_to_tag(&tag);
        for (name, value) in refusal.headers {
            response.headers.push(name, value);
        }
        self.sign(&mut response);
        self.transmit(path, response.write());
    }

    /// A To tag that is the same each time the same request comes.
    pub(super) fn derived_tag(&self, key: &Key) -> String {
        let hash = self.hasher.hash_one(key.as_bytes());
        let mut tag = BASE32HEX_NOPAD.encode(&hash.to_be_bytes());
        tag.make_ascii_lowercase();
        tag
    }
}

fn merged_warning() -> &'static str {
    "399 offhook \"Merged request\""
}
