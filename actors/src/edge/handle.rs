//! The edge, as everybody else holds it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use offhook_core::config::{HepConfig, SipConfig};
use offhook_core::directory::Trunk;
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::endpoint::{FlowId, Path, ServerTxn, SipTransport};
use offhook_core::sip::invite::{LocalParty, NextHop, UsageEffect};
use offhook_core::sip::locate::Means;
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::qualify::QualifyTarget;
use offhook_core::sip::registrar::Ping;
use offhook_core::sip::trace::CallTrace;
use offhook_core::sip::uri;
use offhook_core::{CallId, HangupCause, IdSource, LegId, TrunkId};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::ask::{Ask, Reply};
use super::command::Command;
use super::feeds::Feeds;
use super::legs::Legs;
use super::locate::{self, Names};
use super::net::{INBOUND, Net, OpenError};
use super::observe::{self, Copied, Observer};
use super::stats::SipTraffic;
use super::{CallSide, EdgeStats, LegDialog, RequestSide, accept, udp};
use crate::defence::{Countries, Guard};
use crate::directory::DirectoryHandle;
use crate::registrar::{Registrar, Replies};
use crate::trunk::Trunks;

/// Who we are and which version.
const PRODUCT: &str = concat!("Offhook/", env!("CARGO_PKG_VERSION"));

/// What outlives the signalling task.
pub(crate) struct Shared {
    pub(crate) net: Net,
    /// Where connections are accepted, opened, read and written: what strangers can make us compute
    /// there does not hold up signalling.
    pub(crate) streams: Handle,
    pub(crate) legs: Mutex<Legs>,
    pub(crate) feeds: tokio::sync::Mutex<Feeds>,
    /// The name service, and what we can reach peers with.
    pub(crate) names: Names,
    pub(crate) means: Means,
    pub(crate) directory: DirectoryHandle,
    pub(crate) calls: OnceLock<Arc<dyn CallSide>>,
    pub(crate) registrar: OnceLock<Registrar>,
    pub(crate) requests: OnceLock<Arc<dyn RequestSide>>,
    pub(crate) trunks: OnceLock<Trunks>,
    pub(crate) draining: AtomicBool,
    pub(crate) guard: Guard,
    pub(crate) observer: Observer,
    pub(crate) countries: OnceLock<Countries>,
    pub(crate) transactions: AtomicUsize,
}

impl Shared {
    /// What our `User-Agent` and `Server` say.
    pub(crate) fn product(&self) -> Bytes {
        let hidden = self.net.config.hide_version;
        Bytes::from_static(if hidden { "Offhook" } else { PRODUCT }.as_bytes())
    }

    /// A connection is gone, and with it every registration that used it.
    pub(crate) fn flow_closed(&self, flow: FlowId) {
        if let Some(registrar) = self.registrar.get() {
            registrar.flow_closed(flow);
        }
    }

    /// Whether a trunk has as many calls as it may have, both ways together.
    pub(crate) fn is_full(&self, trunk: &Trunk) -> bool {
        let limit = usize::try_from(trunk.max_calls).unwrap_or(usize::MAX);
        limit > 0 && self.calls_through(trunk.id) >= limit
    }

    /// Why a trunk takes no further call out at this moment.
    ///
    /// # Errors
    /// [`HangupCause::NetworkOutOfOrder`] for a trunk that is down or disabled,
    /// [`HangupCause::Congestion`] for one that has as many calls, or as many in this second, as it
    /// may have.
    pub(crate) fn trunk_takes_call(&self, trunk: &Trunk) -> Result<(), HangupCause> {
        let trunks = self.trunks();
        if !trunks.state(trunk.id).is_usable() {
            return Err(HangupCause::NetworkOutOfOrder);
        }
        if self.is_full(trunk) || !trunks.has_outbound(trunk) {
            return Err(HangupCause::Congestion);
        }
        Ok(())
    }

    /// Calls on a trunk now, both ways.
    pub(crate) fn calls_through(&self, trunk: TrunkId) -> usize {
        self.legs.lock().calls_by(trunk)
    }

    /// The trunks' state; nobody knows of any before [`SipCore::set_trunks`].
    pub(crate) fn trunks(&self) -> Trunks {
        self.trunks.get().cloned().unwrap_or_default()
    }

    /// What we call ourselves on a trunk, to a carrier that sees us at `local`.
    pub(crate) fn party_named(
        &self,
        user: &str,
        local: SocketAddr,
        transport: SipTransport,
    ) -> LocalParty {
        let mut party = self.party(local, transport, None, None);
        let host = party.contact.strip_prefix(b"<sip:offhook");
        let host = host.unwrap_or_default();
        party.contact = [b"<sip:", user.as_bytes(), host].concat().into();
        party
    }

    /// What we call ourselves to a peer that sees us at `local`.
    pub(crate) fn party(
        &self,
        local: SocketAddr,
        transport: SipTransport,
        flow: Option<FlowId>,
        address: Option<SocketAddr>,
    ) -> LocalParty {
        let parameter = match transport {
            SipTransport::Udp => "",
            SipTransport::Tcp => ";transport=tcp",
            SipTransport::Tls => ";transport=tls",
            SipTransport::Ws | SipTransport::Wss => ";transport=ws",
        };
        LocalParty {
            contact: format!("<sip:offhook@{local}{parameter}>").into(),
            product: self.product(),
            flow,
            address,
            options: self.net.config.dialog_options(),
        }
    }
}

/// The edge: cheap to clone, and the same for as long as the process lives, however often the
/// signalling task falls. No method waits.
#[derive(Clone)]
pub struct SipCore {
    pub(crate) shared: Arc<Shared>,
}

/// What [`SipCoreActor`](super::SipCoreActor) is started with, the first time and again.
#[derive(Clone)]
pub struct SipCoreArguments {
    pub(crate) shared: Arc<Shared>,
}

impl SipCore {
    /// Binds every address the configuration names and begins to receive. Nothing is answered until
    /// a [`SipCoreActor`](super::SipCoreActor) is spawned with [`arguments`](Self::arguments). Must
    /// be called within a tokio runtime.
    ///
    /// # Errors
    /// The address that cannot be bound or the certificate that cannot be used, and why.
    pub fn open(config: &SipConfig, directory: DirectoryHandle) -> Result<Self, OpenError> {
        Self::open_with(config, directory, Handle::current())
    }

    /// As [`open`](Self::open), with another runtime for connections.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        config: &SipConfig,
        directory: DirectoryHandle,
        streams: Handle,
    ) -> Result<Self, OpenError> {
        let (inbound, inbound_feed) = mpsc::channel(INBOUND);
        let (commands, command_feed) = mpsc::unbounded_channel();
        let net = Net::bind(config.clone(), inbound, commands)?;
        let guard = Guard::new(&config.defence);
        guard.trust(&directory.load());
        let (observer, copies) = Observer::new(config);
        let shared = Arc::new(Shared {
            streams,
            names: Names::open(&config.dns),
            means: locate::means(&net),
            net,
            legs: Mutex::default(),
            feeds: tokio::sync::Mutex::new(Feeds::new(inbound_feed, command_feed)),
            directory,
            calls: OnceLock::new(),
            registrar: OnceLock::new(),
            requests: OnceLock::new(),
            trunks: OnceLock::new(),
            draining: AtomicBool::new(false),
            guard,
            observer,
            countries: OnceLock::new(),
            transactions: AtomicUsize::new(0),
        });
        listen(&shared);
        if let Some(copies) = copies {
            start_copying(config.hep.clone(), copies);
        }
        Ok(Self { shared })
    }

    /// What to spawn the actor with.
    #[must_use]
    pub fn arguments(&self) -> SipCoreArguments {
        SipCoreArguments {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Says who takes calls. Until then INVITEs are refused with 503; only the first one counts.
    pub fn set_calls(&self, calls: Arc<dyn CallSide>) {
        self.shared.calls.set(calls).ok();
    }

    /// Who is kept out.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.shared.guard
    }

    /// Says where countries are looked up. Until then any phone may be anywhere; only the first one
    /// counts.
    pub fn set_countries(&self, countries: Countries) {
        self.shared.countries.set(countries).ok();
    }

    /// Says who keeps registrations. Until then REGISTER is refused with 503; only the first one
    /// counts.
    pub fn set_registrar(&self, registrar: Registrar) {
        self.shared.registrar.set(registrar).ok();
    }

    /// Says who takes requests outside of calls. Until then SUBSCRIBE and MESSAGE are refused with
    /// 503; only the first one counts.
    pub fn set_requests(&self, requests: Arc<dyn RequestSide>) {
        self.shared.requests.set(requests).ok();
    }

    /// The dialog of a leg, for those who want to take it over.
    pub(crate) fn dialog_of(&self, leg: LegId) -> Option<LegDialog> {
        self.shared.legs.lock().dialog_of(leg)
    }

    /// Says who knows how trunks do. Until then all count as up; only the first one counts.
    pub fn set_trunks(&self, trunks: Trunks) {
        self.shared.trunks.set(trunks).ok();
    }

    /// This leg is a call that goes out by a trunk.
    pub fn uses_trunk(&self, leg: LegId, trunk: TrunkId) {
        self.shared.legs.lock().use_trunk(leg, trunk);
        if let Some(trunk) = self.shared.directory.load().trunk(trunk) {
            self.shared.trunks().count_outbound(trunk);
        }
    }

    /// Calls on this trunk now, both ways.
    #[must_use]
    pub fn calls_through(&self, trunk: TrunkId) -> usize {
        self.shared.calls_through(trunk)
    }

    /// Does what a leg's usage wants. A response or a CANCEL for a transaction that is not this
    /// leg's, or is over, is dropped.
    pub fn perform(&self, leg: LegId, effect: UsageEffect) {
        self.tell(Command::Perform(leg, effect));
    }

    /// Requests of the dialog `key` are for `leg` from now on.
    pub fn bind(&self, leg: LegId, key: DialogKey) {
        self.shared.legs.lock().bind(leg, key);
    }

    /// Forgets a leg, after everything it asked for before.
    pub fn close(&self, leg: LegId) {
        self.tell(Command::Close(leg));
    }

    /// A leg has another name, after everything it asked for before: it went to another call.
    pub fn rename(&self, from: LegId, to: LegId) {
        self.tell(Command::Rename(from, to));
    }

    /// The leg with this dialog.
    #[must_use]
    pub fn leg_of(&self, key: &DialogKey) -> Option<LegId> {
        self.shared.legs.lock().of_dialog(key)
    }

    /// Sends a request that belongs to no leg and is no INVITE; `Via` is added. `reply` is told its
    /// final response, or that none comes.
    pub fn ask(&self, request: Request, next_hop: NextHop, reply: Reply) {
        self.tell(Command::Ask(Box::new(Ask {
            request,
            next_hop,
            reply,
        })));
    }

    /// What we call ourselves to the peer of this path. A stream's connection is named, because the
    /// peer may be reached no other way.
    #[must_use]
    pub fn local_party(&self, path: &Path) -> LocalParty {
        let flow = path.transport.is_reliable().then_some(path.flow);
        self.shared.party(path.local, path.transport, flow, None)
    }

    /// What is bound, with the ports that were chosen.
    #[must_use]
    pub fn listening(&self) -> Vec<(SipTransport, SocketAddr)> {
        self.shared.net.listening()
    }

    /// Reads certificates again, as their files are now. While those are broken the old ones stay.
    pub fn reload_certificates(&self) {
        self.shared.net.tls.reload();
    }

    /// While draining, INVITEs that would begin a call get 503; everything else goes on.
    pub fn drain(&self, draining: bool) {
        self.shared.draining.store(draining, Ordering::Relaxed);
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> EdgeStats {
        let net = &self.shared.net;
        let counters = &net.counters;
        let (legs, dialogs) = self.shared.legs.lock().counts();
        EdgeStats {
            received: counters.received.load(Ordering::Relaxed),
            dropped: counters.dropped.load(Ordering::Relaxed),
            unsent: counters.unsent.load(Ordering::Relaxed),
            waiting: net.inbound.max_capacity() - net.inbound.capacity(),
            connections: net.seats.taken(),
            refused_connections: counters.refused_connections.load(Ordering::Relaxed),
            transactions: self.shared.transactions.load(Ordering::Relaxed),
            legs,
            dialogs,
            failed_logins: counters.failed_logins.load(Ordering::Relaxed),
            bans: self.shared.guard.stats().bans,
            refused_calls: counters.refused_calls.load(Ordering::Relaxed),
            falls: counters.falls.load(Ordering::Relaxed),
        }
    }

    /// Messages by what they are.
    #[must_use]
    pub fn traffic(&self) -> SipTraffic {
        self.shared.observer.traffic()
    }

    /// The messages of a call, if any are kept.
    #[must_use]
    pub fn trace(&self, call: CallId) -> Option<CallTrace> {
        self.shared.observer.trace().lock().call(call)
    }

    /// Makes the signalling task panic, for tests of supervision.
    #[doc(hidden)]
    pub fn inject_fault(&self) {
        self.tell(Command::Fault);
    }

    pub(crate) fn tell(&self, command: Command) {
        // The receiver lives as long as `shared`, so there is always somebody to read it.
        self.shared.net.commands.send(command).ok();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "readers outlive the signalling task so that its fall loses nothing; each ends with \
              its socket's channel"
)]
fn listen(shared: &Arc<Shared>) {
    for index in 0..shared.net.udp.len() {
        tokio::spawn(udp::read(Arc::clone(shared), index));
    }
    for port in &shared.net.streams {
        let listener = Arc::clone(&port.listener);
        let accept = accept::accept(Arc::clone(shared), port.transport, listener);
        shared.streams.spawn(accept);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "copies go out beside signalling, whoever runs it; it ends with the process"
)]
fn start_copying(config: HepConfig, copies: mpsc::Receiver<Copied>) {
    tokio::spawn(observe::copy(config, copies));
}

impl Replies for SipCore {
    fn respond(&self, txn: ServerTxn, response: Response) {
        self.tell(Command::Respond(txn, response));
    }

    fn ping(&self, ping: Ping, reply: Reply) {
        let path = ping.path;
        let shared = &self.shared;
        let (uri, address) = (ping.uri.clone(), Some(path.peer));
        let party = shared.party(path.local, path.transport, None, None);
        let target = QualifyTarget {
            uri: ping.uri,
            from: uri::sip(None, &shared.net.config.domain, None),
            contact: party.contact,
            routes: Vec::new(),
            product: party.product,
        };
        let request = target.options(1, &mut IdSource::from_entropy());
        let flow = Some(path.flow);
        self.ask(request, NextHop { uri, flow, address }, reply);
    }
}

impl std::fmt::Debug for SipCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SipCore")
            .field("listening", &self.listening())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SipCoreArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SipCoreArguments").finish_non_exhaustive()
    }
}
