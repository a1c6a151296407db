//! Responses that wait for a new connection, because the one their request came by is gone (RFC 3261
//! section 18.2.2).
//!
//! Who is connected to is core's rule: whoever sent an INVITE that was admitted, at the address it
//! came from, a few times and no more. The connections count like all others.

use std::sync::Arc;

use ahash::AHashMap;
use offhook_core::sip::endpoint::{Path, ResponsePeer, ServerTxn, SipTransport};

use super::connect::connect;
use super::connections::Remote;
use super::handle::Shared;
use super::outbox::CONNECT;

/// Requests that wait at once; more would mean that a whole office lost its connections and its
/// phones.
const MOST_WAITING: usize = 4096;

/// Requests whose responses wait.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    waiting: AHashMap<Remote, Vec<ServerTxn>>,
    count: usize,
}

/// Whether a connection is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    /// It is.
    Here(Path),
    /// [`Answers::connected`] will tell.
    Waiting,
    /// It will not be.
    Nowhere,
}

impl Answers {
    /// Takes the connection to the peer of a request, and opens one where there is none.
    pub(crate) fn seek(
        &mut self,
        shared: &Arc<Shared>,
        txn: ServerTxn,
        peer: ResponsePeer,
    ) -> Sought {
        let remote = Remote {
            transport: peer.transport,
            address: peer.address,
            name: (peer.transport == SipTransport::Tls).then(|| peer.host.into()),
        };
        if let Some(path) = shared.net.connection_to(&remote) {
            return Sought::Here(path);
        }
        if self.count >= MOST_WAITING {
            return Sought::Nowhere;
        }
        self.count += 1;
        let first = !self.waiting.contains_key(&remote);
        let waiting = self.waiting.entry(remote.clone()).or_default();
        waiting.push(txn);
        if first {
            let connect = connect(Arc::clone(shared), remote, CONNECT);
            shared.streams.spawn(connect);
        }
        Sought::Waiting
    }

    /// A connection stands, or cannot be had: the requests that waited for it.
    pub(crate) fn connected(&mut self, remote: &Remote) -> Vec<ServerTxn> {
        let waiting = self.waiting.remove(remote).unwrap_or_default();
        self.count -= waiting.len();
        waiting
    }
}
