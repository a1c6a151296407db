//! An office at the edge: sockets, actors that are kept alive, and a switchboard that writes down
//! what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use offhook_core::config::SipConfig;
use offhook_core::directory::{
    Destination, Did, Extension, ExtensionKind, Office, Permission, SipTransport as TrunkTransport,
    Trunk,
};
use offhook_core::pii::Secret;
use offhook_core::sip::endpoint::SipTransport;
use offhook_core::sip::invite::{UsageEffect, UsageInput};
use offhook_core::sip::message::{Request, Response};
use offhook_core::{CallId, DidId, ExtensionId, HangupCause, LegId, TrunkId};
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::net::SocketAddr;
use tokio::sync::mpsc;

use crate::call::IncomingCall;
use crate::directory::DirectoryHandle;
use crate::edge::{CallSide, SipCore, SipCoreActor, SipCoreArguments};
use crate::live::Live;
use crate::registrar::{PhoneWatch, Registrar, RegistrarActor, RegistrarArguments};

/// Longer than anything here takes; a test that waits so long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What `event` comes to, in time.
pub(super) async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event)
        .await
        .expect("it never happened")
}

/// Writes down what it is told.
pub(super) struct Switchboard {
    calls: mpsc::UnboundedSender<(LegId, IncomingCall)>,
    inputs: mpsc::UnboundedSender<(LegId, UsageInput)>,
    pub(super) refuses: Mutex<Option<HangupCause>>,
    /// The next call that asks to be let in makes the signalling task panic.
    pub(super) trips: AtomicBool,
    legs: AtomicU32,
}

impl CallSide for Switchboard {
    fn incoming(&self, call: IncomingCall) -> Result<LegId, HangupCause> {
        let leg = LegId::new(CallId::random(), self.legs.fetch_add(1, Ordering::Relaxed));
        self.calls.send((leg, call)).unwrap();
        Ok(leg)
    }

    fn sip_input(&self, leg: LegId, input: UsageInput) {
        self.inputs.send((leg, input)).unwrap();
    }

    fn admits(&self) -> Result<(), HangupCause> {
        assert!(!self.trips.swap(false, Ordering::Relaxed), "as told");
        self.refuses.lock().map_or(Ok(()), Err)
    }
}

impl PhoneWatch for mpsc::UnboundedSender<(String, bool)> {
    fn reachable(&self, extension: &str, reachable: bool) {
        self.send((extension.to_owned(), reachable)).unwrap();
    }
}

/// An office that is open.
pub(super) struct Edge {
    pub(super) core: SipCore,
    pub(super) registrar: Registrar,
    pub(super) directory: DirectoryHandle,
    pub(super) live: Live,
    pub(super) switchboard: Arc<Switchboard>,
    pub(super) calls: mpsc::UnboundedReceiver<(LegId, IncomingCall)>,
    pub(super) inputs: mpsc::UnboundedReceiver<(LegId, UsageInput)>,
    pub(super) reachable: mpsc::UnboundedReceiver<(String, bool)>,
    pub(super) keeper: ActorRef<KeeperMessage>,
    pub(super) udp: SocketAddr,
    pub(super) tcp: SocketAddr,
}

/// The password of an extension.
pub(super) fn password(number: &str) -> Secret {
    Secret::new(format!("secret-{number}"))
}

fn extension(number: &str) -> Extension {
    Extension {
        id: ExtensionId::random(),
        number: number.to_owned(),
        name: format!("Phone {number}"),
        user: None,
        kind: ExtensionKind::Standard,
        enabled: true,
        password: password(number),
        ring_timeout: Duration::from_secs(20),
        incoming_limit: 0,
        permissions: Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: false,
        record_style: offhook_core::recording::OwnStyle::default(),
    }
}

/// The number that leads in.
pub(super) const DID: &str = "+4934556643378";

/// Extensions 1000 to 1002, 1009 disabled; a trunk that trusts 127.0.0.9 alone and takes numbers
/// beginning with 0 to `host`.
pub(super) fn office(host: Option<SocketAddr>, transport: TrunkTransport) -> Office {
    let mut disabled = extension("1009");
    disabled.enabled = false;
    Office {
        extensions: vec![
            extension("1000"),
            extension("1001"),
            extension("1002"),
            disabled,
        ],
        dids: vec![Did {
            id: DidId::random(),
            number: DID.to_owned(),
            name: String::new(),
            trunk: None,
            destination: Destination::Echo,
        }],
        trunks: vec![Trunk {
            host: Some(host.map_or("127.0.0.9".to_owned(), |host| host.ip().to_string())),
            port: host.map(|host| host.port()),
            transport,
            trusted: vec!["127.0.0.9/32".parse().unwrap()],
            username: Some("us".to_owned()),
            password: Some(Secret::new("pw".to_owned())),
            caller_id: Some(DID.to_owned()),
            outbound_prefix: Some("0".to_owned()),
            max_calls: 2,
            ..Trunk::new(TrunkId::random(), "carrier")
        }],
        ..Office::default()
    }
}

impl Edge {
    /// Opens the usual office.
    pub(super) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// Opens it with other settings.
    pub(super) async fn open_with(change: impl FnOnce(&mut SipConfig)) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = SipConfig {
            udp: vec![any],
            tcp: vec![any],
            ..SipConfig::default()
        };
        // Tests send more in a second than a stranger may in a minute.
        config.defence.enabled = false;
        change(&mut config);
        let directory = DirectoryHandle::new(office(None, TrunkTransport::Udp));
        let core = SipCore::open(&config, directory.clone()).unwrap();
        let (call_sender, calls) = mpsc::unbounded_channel();
        let (input_sender, inputs) = mpsc::unbounded_channel();
        let (watch, reachable) = mpsc::unbounded_channel();
        let switchboard = Arc::new(Switchboard {
            calls: call_sender,
            inputs: input_sender,
            refuses: Mutex::new(None),
            trips: AtomicBool::new(false),
            legs: AtomicU32::new(0),
        });
        core.set_calls(Arc::<Switchboard>::clone(&switchboard));
        let registrar = Registrar::new(config.registrar.clone());
        core.set_registrar(registrar.clone());
        let live = Live::detached();
        let arguments = RegistrarArguments {
            registrar: registrar.clone(),
            replies: Arc::new(core.clone()),
            live: live.clone(),
            directory: directory.clone(),
            watch: Arc::new(watch),
        };
        let (keeper, _) = Actor::spawn(None, Keeper, (core.arguments(), arguments))
            .await
            .unwrap();
        let listening = core.listening();
        let at = |wanted| listening.iter().find(|entry| entry.0 == wanted).unwrap().1;
        let (udp, tcp) = (at(SipTransport::Udp), at(SipTransport::Tcp));
        Self {
            core,
            registrar,
            directory,
            live,
            switchboard,
            calls,
            inputs,
            reachable,
            keeper,
            udp,
            tcp,
        }
    }

    /// The next call that came in.
    pub(super) async fn call(&mut self) -> (LegId, IncomingCall) {
        soon(self.calls.recv()).await.unwrap()
    }

    /// The next thing a leg was told.
    pub(super) async fn input(&mut self) -> (LegId, UsageInput) {
        soon(self.inputs.recv()).await.unwrap()
    }

    /// Answers a call with this status, as its leg would.
    pub(super) fn answer(&self, leg: LegId, call: &IncomingCall, status: u16, tag: &str) {
        let mut response = Response::to(&call.request, status, "As Told");
        response.headers.add_to_tag(tag);
        self.core.perform(
            leg,
            UsageEffect::Respond {
                txn: call.txn,
                response,
            },
        );
    }

    /// Answers an in-dialog request with 200.
    pub(super) fn grant(&self, leg: LegId, input: &UsageInput) -> Request {
        let UsageInput::Request { txn, request } = input else {
            panic!("no request: {input:?}")
        };
        let response = Response::to(request, 200, "OK");
        self.core.perform(
            leg,
            UsageEffect::Respond {
                txn: *txn,
                response,
            },
        );
        request.clone()
    }
}

/// Keeps both actors alive, as the root does.
pub(super) struct Keeper;

/// What the keeper is asked.
pub(super) enum KeeperMessage {
    /// Kill the signalling actor.
    Kill,
    /// Make the registrar panic.
    FailRegistrar,
}

pub(super) struct Kept {
    core: (ActorRef<crate::edge::SipCoreMessage>, SipCoreArguments),
    registrar: (
        ActorRef<crate::registrar::RegistrarMessage>,
        RegistrarArguments,
    ),
}

impl Actor for Keeper {
    type Msg = KeeperMessage;
    type State = Kept;
    type Arguments = (SipCoreArguments, RegistrarArguments);

    async fn pre_start(
        &self,
        me: ActorRef<KeeperMessage>,
        (core, registrar): Self::Arguments,
    ) -> Result<Kept, ActorProcessingErr> {
        let (actor, _) =
            Actor::spawn_linked(None, SipCoreActor, core.clone(), me.get_cell()).await?;
        let core = (actor, core);
        let (actor, _) =
            Actor::spawn_linked(None, RegistrarActor, registrar.clone(), me.get_cell()).await?;
        Ok(Kept {
            core,
            registrar: (actor, registrar),
        })
    }

    async fn handle(
        &self,
        _: ActorRef<KeeperMessage>,
        message: KeeperMessage,
        kept: &mut Kept,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            KeeperMessage::Kill => kept.core.0.kill(),
            KeeperMessage::FailRegistrar => {
                kept.registrar
                    .0
                    .cast(crate::registrar::RegistrarMessage::Fault)?;
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<KeeperMessage>,
        event: SupervisionEvent,
        kept: &mut Kept,
    ) -> Result<(), ActorProcessingErr> {
        let (SupervisionEvent::ActorFailed(who, _) | SupervisionEvent::ActorTerminated(who, _, _)) =
            event
        else {
            return Ok(());
        };
        let me = me.get_cell();
        if who.get_id() == kept.core.0.get_id() {
            let arguments = kept.core.1.clone();
            kept.core.0 = Actor::spawn_linked(None, SipCoreActor, arguments, me)
                .await?
                .0;
        } else {
            let arguments = kept.registrar.1.clone();
            kept.registrar.0 = Actor::spawn_linked(None, RegistrarActor, arguments, me)
                .await?
                .0;
        }
        Ok(())
    }
}
