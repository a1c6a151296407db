//! Responses whose connection is gone (RFC 3261 section 18.2.2).
//!
//! Only an INVITE waits long enough for its answer that its connection may be gone by then, and only
//! one whose sender has proved who it is, or comes by a trusted trunk, has a recourse: a stranger
//! could else make us open connections by the thousand. Whoever it is, we connect to the address the
//! request came from and to no other: all that can be chosen is the port. A connection that ends
//! again is replaced a few times and no more.

use std::net::SocketAddr;

use super::event::{EndpointEvent, ServerTxn};
use super::path::{Path, SipTransport};
use super::{Endpoint, via};
use crate::sip::message::Request;
use crate::sip::method::Method;
use crate::sip::transaction::table::Id;

/// How often the responses to one request move to another connection.
const MOVES: u8 = 3;

/// Where responses can be sent by a new connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResponsePeer {
    /// How the request came.
    pub transport: SipTransport,
    /// The address it came from, with the port of sent-by.
    pub address: SocketAddr,
    /// The host of sent-by, without brackets, in lower case: whom a certificate has to name.
    pub host: String,
}

/// What can be done when the connection of a request is gone.
#[derive(Debug)]
pub(super) struct Recourse {
    peer: ResponsePeer,
    moves: u8,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is a connection.
    Connected,
    /// One was asked for.
    Connecting,
}

impl Recourse {
    /// Whether responses wait for a connection.
    pub(super) fn is_connecting(&self) -> bool {
        self.stage == Stage::Connecting
    }
}

impl Endpoint {
    /// Says that the sender of this INVITE has proved who it is, or comes by a trusted trunk. If its
    /// connection ends before it is answered for good,
    /// [`ConnectionWanted`](EndpointEvent::ConnectionWanted) asks for another one. Anything else,
    /// and what came as a datagram or by a WebSocket, stays as it was.
    pub fn trust(&mut self, txn: ServerTxn, request: &Request) {
        let Some(slot) = self.servers.get_mut(txn.id()) else {
            return;
        };
        if request.method != Method::Invite {
            return;
        }
        let top = request.headers.top_via().ok();
        let peer = top.and_then(|top| via::response_peer(&top, slot.path));
        slot.recourse = peer.map(|peer| {
            Box::new(Recourse {
                peer,
                moves: MOVES,
                stage: Stage::Connected,
            })
        });
    }

    /// The connection that [`ConnectionWanted`](EndpointEvent::ConnectionWanted) asked for stands,
    /// or cannot be had. What was to be said meanwhile goes out by it; without it the request is
    /// over as if nobody had asked for one.
    pub fn handle_connection(&mut self, txn: ServerTxn, path: Option<Path>) {
        let id = txn.id();
        let Some(slot) = self.servers.get_mut(id) else {
            return;
        };
        let Some(recourse) = slot.recourse.as_mut().filter(|it| it.is_connecting()) else {
            return;
        };
        let Some(path) = path else {
            return self.lose_server(id);
        };
        recourse.stage = Stage::Connected;
        slot.path = path;
        let waiting = slot.take_waiting();
        self.servers.move_to(id, path.stream());
        if !waiting.is_empty() {
            self.transmit(path, waiting);
        }
    }

    /// Asks for another connection in the place of the one that is gone; false where there is no
    /// recourse, or nothing more is to be said.
    pub(super) fn seek_connection(&mut self, id: Id) -> bool {
        let Some(slot) = self.servers.get_mut(id).filter(|slot| slot.has_to_answer()) else {
            return false;
        };
        let Some(recourse) = slot.recourse.as_mut().filter(|it| it.moves > 0) else {
            return false;
        };
        recourse.moves -= 1;
        recourse.stage = Stage::Connecting;
        let peer = recourse.peer.clone();
        self.servers.move_to(id, None);
        let txn = ServerTxn(id.0);
        self.events
            .push_back(EndpointEvent::ConnectionWanted { txn, peer });
        true
    }
}
