//! From where the peer of a leg is heard.
//!
//! Whoever knows Call-ID and tags of a dialog could act in it: hang up, have the audio sent to
//! themselves, send the call on (RFC 3261 sections 26.1.3 and 26.1.4). So a request in the dialog of
//! a leg counts only from where its peer is known to be; a phone that is somewhere else by now is
//! asked for its password, a carrier has to be one of the trunk's.

use offhook_core::directory::{Directory, Trunk};
use offhook_core::sip::Uri;
use offhook_core::sip::endpoint::Path;
use offhook_core::sip::message::Request;
use offhook_core::{ExtensionId, TrunkId};

/// Who is at the other end of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A phone of this extension.
    Extension(ExtensionId),
    /// A carrier.
    Trunk(TrunkId),
}

/// What a request in a leg's dialog is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credit {
    /// It is the peer's.
    Peers,
    /// It is, if whoever sends it knows the password of the extension with this number.
    ToProve(String),
    /// It is not.
    Nobodys,
}

/// The ways on which a leg's peer was written to or heard from, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Path>);

/// A call goes to several servers and moves at most a few times.
const MOST: usize = 8;

impl Places {
    /// The peer is here as well.
    pub(crate) fn note(&mut self, path: Path) {
        if self.0.contains(&path) {
            return;
        }
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(path);
    }

    /// Whether this is one of them: for datagrams the same address and port, for streams the same
    /// connection or host, because phones close connections and open others.
    pub(crate) fn know(&self, path: &Path) -> bool {
        self.0.iter().any(|known| {
            if path.transport.is_reliable() {
                known.peer.ip() == path.peer.ip()
            } else {
                known.peer == path.peer
            }
        })
    }

    /// Whether one of them is on the same host.
    pub(crate) fn know_host(&self, path: &Path) -> bool {
        let mut places = self.0.iter();
        places.any(|known| known.peer.ip() == path.peer.ip())
    }
}

/// What a request is worth that came this way in the dialog of a leg with this peer; `named` is the
/// trunk that whoever sent it has a certificate of. Of a leg whose peer is nobody's phone and no
/// trunk nothing is known.
pub(crate) fn credit(
    directory: &Directory,
    peer: Option<Peer>,
    places: &Places,
    path: &Path,
    named: impl FnOnce() -> Option<TrunkId>,
) -> Credit {
    match peer {
        None => Credit::Peers,
        Some(Peer::Extension(_)) if places.know(path) => Credit::Peers,
        Some(Peer::Extension(id)) => match directory.extension(id) {
            Some(extension) => Credit::ToProve(extension.number.clone()),
            None => Credit::Nobodys,
        },
        Some(Peer::Trunk(_)) if places.know_host(path) => Credit::Peers,
        Some(Peer::Trunk(id)) => {
            let trusts = |trunk: &Trunk| trusts(trunk, path);
            if directory.trunk(id).is_some_and(trusts) || named() == Some(id) {
                Credit::Peers
            } else {
                Credit::Nobodys
            }
        }
    }
}

/// A trunk that says of no address that it is its carrier's takes calls from anywhere too, by
/// whom they are for.
fn trusts(trunk: &Trunk, path: &Path) -> bool {
    let source = path.peer.ip();
    trunk.trusted.is_empty() || trunk.trusted.iter().any(|known| known.contains(&source))
}

/// The extension that an INVITE of ours rings, if it is no call by a trunk.
pub(crate) fn rung(directory: &Directory, invite: &Request) -> Option<ExtensionId> {
    let to = invite.headers.to().ok()?;
    let number = Uri::parse(&to.uri).ok()?.user_text()?;
    Some(directory.extension_numbered(&number)?.id)
}
