//! The peer's requests within the dialog.

use std::time::Instant;

use super::message::UsageEvent;
use super::peer_reoffer::PeerReoffer;
use super::reliable::EarlyExchange;
use super::reoffer::RETRY_WITHIN;
use super::usage::{InviteUsage, OurAck, Stage};
use crate::sip::HeaderName;
use crate::sip::dialog::{Dialog, StaleRequest};
use crate::sip::endpoint::{ALLOW, ServerTxn};
use crate::sip::message::Request;
use crate::sip::method::Method;

impl InviteUsage {
    pub(super) fn handle_request(&mut self, now: Instant, txn: ServerTxn, request: &Request) {
        match self.note_request(request) {
            None => return self.refuse(txn, request, 481),
            Some(Err(StaleRequest)) => return self.refuse_for_now(txn, request),
            Some(Ok(())) => {}
        }
        match &request.method {
            Method::Bye => self.handle_bye(now, txn, request),
            Method::Subscribe => self.handle_subscribe(now, txn, request),
            _ if matches!(self.stage, Stage::Leaving(_) | Stage::Terminated) => {
                self.refuse(txn, request, 481);
            }
            Method::Invite => self.handle_reinvite(now, txn, request),
            Method::Update => self.handle_update(now, txn, request),
            Method::Prack => self.handle_prack(now, txn, request),
            Method::Refer => self.handle_refer(txn, request),
            // We subscribe to nothing within a call (RFC 6665 section 4.1.3).
            Method::Notify => self.refuse(txn, request, 481),
            Method::Info => {
                let response = self.signature.response(request, 200);
                self.outbox.respond(txn, response);
                self.outbox.tell(UsageEvent::Info {
                    content_type: request.headers.get(&HeaderName::ContentType).cloned(),
                    body: request.body.clone(),
                });
            }
            Method::Options => {
                let mut response = self.signature.full_response(request, 200);
                let headers = &mut response.headers;
                headers.push(HeaderName::Accept, "application/sdp");
                headers.push(HeaderName::AcceptEncoding, "identity");
                headers.push(HeaderName::AcceptLanguage, "en");
                self.outbox.respond(txn, response);
            }
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Publish
            | Method::Message
            | Method::Other(_) => {
                let mut response = self.signature.response(request, 405);
                response.headers.push(HeaderName::Allow, ALLOW);
                self.outbox.respond(txn, response);
            }
        }
    }

    /// Finds the dialog of a request and notes its number; `None` when it is of no dialog of ours.
    fn note_request(&mut self, request: &Request) -> Option<Result<(), StaleRequest>> {
        let remote_tag = request.headers.from_tag();
        let remote_tag = remote_tag.as_ref();
        let with = |dialog: &mut Dialog| {
            dialog
                .is_with(remote_tag)
                .then(|| dialog.handle_request(request))
        };
        match &mut self.stage {
            Stage::Incoming(incoming) => with(&mut incoming.dialog),
            Stage::Outgoing(outgoing) => with(&mut outgoing.early(remote_tag)?.dialog),
            Stage::Established(established) => with(&mut established.dialog),
            Stage::Leaving(leaving) => with(leaving.dialog.as_mut()?),
            Stage::Terminated => None,
        }
    }

    fn handle_reinvite(&mut self, now: Instant, txn: ServerTxn, request: &Request) {
        if let Stage::Established(established) = &self.stage
            && let Some(unacked) = &established.unacked
            && !unacked.made_offer
        {
            // Who changes a session has it: the ACK was lost, or comes behind.
            self.acknowledged(now, None);
        }
        self.note_peer(&request.headers);
        match &mut self.stage {
            Stage::Established(established) => {
                let owing = matches!(established.ack, OurAck::Owed(_));
                if established.peer.is_some() {
                    self.refuse_for_now(txn, request);
                } else if owing || established.is_offering() {
                    self.refuse(txn, request, 491);
                } else {
                    self.take_offer(now, txn, request);
                }
            }
            // The first INVITE has no final answer yet (RFC 3261 section 14.2).
            Stage::Incoming(_) => self.refuse_for_now(txn, request),
            Stage::Outgoing(_) => self.refuse(txn, request, 491),
            Stage::Leaving(_) | Stage::Terminated => {}
        }
    }

    /// UPDATE: with SDP it is an offer like that of a re-INVITE, without it only says where the
    /// peer is now (RFC 3311 section 5.2).
    fn handle_update(&mut self, now: Instant, txn: ServerTxn, request: &Request) {
        self.note_peer(&request.headers);
        if request.body.is_empty() {
            return self.handle_empty_update(now, txn, request);
        }
        match &mut self.stage {
            Stage::Established(established) => {
                let owing = matches!(established.ack, OurAck::Owed(_));
                if established.is_offering() {
                    self.refuse(txn, request, 491);
                } else if owing || established.peer.is_some() {
                    self.refuse_for_now(txn, request);
                } else {
                    self.take_offer(now, txn, request);
                }
            }
            Stage::Incoming(incoming) => match incoming.reliable.exchange {
                EarlyExchange::Offered => self.refuse(txn, request, 491),
                EarlyExchange::Done if incoming.peer.is_none() => {
                    let peer = PeerReoffer {
                        txn,
                        request: request.clone(),
                    };
                    let sdp = peer.offer();
                    incoming.peer = Some(peer);
                    self.outbox.tell(UsageEvent::Reoffered { sdp });
                }
                EarlyExchange::Open | EarlyExchange::Done => self.refuse_for_now(txn, request),
            },
            Stage::Outgoing(_) => self.handle_early_update(txn, request),
            Stage::Leaving(_) | Stage::Terminated => {}
        }
    }

    fn handle_empty_update(&mut self, now: Instant, txn: ServerTxn, request: &Request) {
        let mut response = self.signature.full_response(request, 200);
        match &mut self.stage {
            Stage::Established(established) => {
                established.dialog.refresh_target(&request.headers);
                self.grant_session_timer(now, request, &mut response);
            }
            Stage::Incoming(incoming) => incoming.dialog.refresh_target(&request.headers),
            Stage::Outgoing(outgoing) => {
                let tag = request.headers.from_tag();
                if let Some(early) = outgoing.early(tag.as_ref()) {
                    early.dialog.refresh_target(&request.headers);
                }
            }
            Stage::Leaving(_) | Stage::Terminated => {}
        }
        self.outbox.respond(txn, response);
    }

    pub(super) fn refuse(&mut self, txn: ServerTxn, request: &Request, status: u16) {
        let response = self.signature.response(request, status);
        self.outbox.respond(txn, response);
    }

    /// 500 with `Retry-After`: the request came at a bad moment or in the wrong order (RFC 3261
    /// sections 12.2.2 and 14.2).
    pub(super) fn refuse_for_now(&mut self, txn: ServerTxn, request: &Request) {
        let mut response = self.signature.response(request, 500);
        let after = self.ids.below(RETRY_WITHIN).to_string();
        response.headers.push(HeaderName::RetryAfter, after);
        self.outbox.respond(txn, response);
    }
}
