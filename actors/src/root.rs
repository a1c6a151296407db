//! The supervision tree, and how it starts and stops.
//!
//! ```text
//! Root (one-for-one)
//! ├─ Store      carries the journal into the database
//! ├─ Reports    hands the media engine's reports to calls
//! ├─ SipCore    sockets and transactions
//! ├─ Defence    bans: told, written down, ended
//! ├─ Registrar  bindings
//! ├─ Calls      one CallActor per call, menus included
//! ├─ Agents     one AgentActor per agent
//! ├─ Queues     one QueueActor per queue
//! ├─ Subscriptions  who watches whom; text messages
//! └─ Trunks     one TrunkActor per trunk
//! ```
//!
//! Every child keeps what must survive it outside of itself, so that starting it again is all there is to do.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use offhook_core::HangupCause;
use offhook_core::config::{Config, FollowRedirects, OpusFec};
use offhook_media::codec::{EncoderSettings, Silence};
use offhook_media::engine::{Engine, EngineConfig, EngineError};
use offhook_sounds::{Language, UnknownLanguage};
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};

use crate::agent::{AgentPorts, Agents};
use crate::alarm::now;
use crate::call::{CallCommand, Calls, MediaRules, RecordingTimes, Redirects, Rules};
use crate::defence::{Countries, DefenceActor, DefenceArguments};
use crate::directory::Follower;
use crate::edge::{OpenError, SipCore, SipCoreActor, self_signed};
use crate::engine::{BankError, Reports, sound_bank};
use crate::library::{Library, LibraryError};
use crate::live::Live;
use crate::queue::{QueuePorts, Queues};
use crate::quiet::until_quiet;
use crate::recording::{self, RecordingRules};
use crate::registrar::{Registrar, RegistrarActor, RegistrarArguments};
use crate::restart::{Falls, RestartLimit, Verdict};
use crate::store::{Store, StoreActor, StoreError};
use crate::subscribe::{Subscriptions, SubscriptionsActor, SubscriptionsArguments};
use crate::switchboard::Switchboard;
use crate::trunk::{TrunkPorts, Trunks};

/// Falls of one child that are mended at once; one more, and it gets a pause first.
const FORGIVEN: RestartLimit = RestartLimit {
    falls: 5,
    within: Duration::from_secs(10),
};

/// How long a child that falls too often stays down.
const PAUSE: Duration = Duration::from_secs(1);

/// How long calls that were told to end have for saying good-bye, and the store for its last batch.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why Offhook cannot start. One sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A SIP address cannot be bound, or a certificate cannot be used.
    #[error(transparent)]
    Sip(#[from] OpenError),
    /// The media engine cannot start.
    #[error("cannot start the media engine: {0}")]
    Engine(#[from] EngineError),
    /// The built-in sounds are broken, or there are no tones for the country.
    #[error("cannot load the sounds: {0}")]
    Sounds(#[from] BankError),
    /// There are no prompts in the office's language.
    #[error("office.language: {0}")]
    Language(#[from] UnknownLanguage),
    /// The folder of uploaded sounds cannot be used.
    #[error("cannot use the folder of sounds: {0}")]
    Library(#[from] LibraryError),
    /// The database does not say what phones are to be told.
    #[error("cannot read the database: {0}")]
    Store(#[from] StoreError),
    /// An actor cannot be spawned.
    #[error("cannot start: {0}")]
    Spawn(#[from] SpawnErr),
}

/// A running Offhook, as the API holds it.
#[derive(Debug, Clone)]
pub struct Offhook {
    /// What survives a restart.
    pub store: Store,
    /// Everybody's handle.
    pub switchboard: Switchboard,
    root: ActorRef<RootMsg>,
}

/// Starts everything. Sockets are bound before this returns, and calls are taken from then on.
/// What decides stays on the runtime this runs on; what takes long is on that of the store.
///
/// # Errors
/// One sentence for the operator. Nothing is listened on then, except after [`StartError::Spawn`].
pub async fn start(config: &Config, store: Store) -> Result<Offhook, StartError> {
    let language = language(config)?;
    let bank = sound_bank(&config.office.tones)?;
    let reports = Reports::default();
    let live = Live::new(&store);
    let unlisted = recording::announce_recovered(&store, &live).await;
    let waiting = store.waiting_messages().all().await?;
    let lists = store.blf_lists().all().await?;
    let countries = Countries::of(config.geo.database.clone());
    countries.refresh().await;
    let (engine, events) = Engine::start(engine_config(config, &store), bank, reports.waker())?;
    reports.fill(events);
    let library = Library::new(store.clone(), engine.clone(), &config.limits)?;
    library.sync().await;
    let directory = store.directory().clone();
    let mut sip = config.sip.clone();
    self_signed(&mut sip, &store.folder().join("tls")).map_err(OpenError::from)?;
    // Ports stay bound from here on, so nothing after it may fail.
    let sip = SipCore::open_with(&sip, directory.clone(), store.runtime().clone())?;
    let registrar = Registrar::new(config.sip.registrar.clone());
    let office = SubscriptionsArguments {
        wire: Arc::new(sip.clone()),
        live: live.clone(),
        directory: directory.clone(),
        registrar: registrar.clone(),
    };
    sip.set_countries(countries.clone());
    sip.guard().load(&store).await;
    let switchboard = Switchboard {
        registrar,
        subscriptions: Subscriptions::new(&config.sip, office, waiting, lists),
        calls: Calls::new(
            config.limits.calls,
            MediaRules::of(&config.media),
            call_rules(config, language),
        ),
        queues: Queues::default(),
        agents: Agents::default(),
        trunks: Trunks::default(),
        recording: RecordingRules::new(&config.recording, &store),
        live,
        directory,
        engine: engine.gathering(),
        sip,
        library,
    };
    let tree = Tree {
        store: store.clone(),
        switchboard: switchboard.clone(),
        reports,
        countries,
    };
    recording::look_after(&store, &switchboard.live, config.recording.keep, unlisted);
    let (root, _) = Actor::spawn(None, Root, tree).await?;
    Ok(Offhook {
        store,
        switchboard,
        root,
    })
}

fn language(config: &Config) -> Result<Language, StartError> {
    Ok(config.office.language.parse::<Language>()?)
}

fn call_rules(config: &Config, language: Language) -> Rules {
    Rules {
        language,
        lost_transfer: config.sip.lost_transfer,
        redirects: match config.sip.follow_redirects {
            FollowRedirects::Inside => Redirects::Inside(config.sip.own_hosts().into()),
            FollowRedirects::Never => Redirects::Refused,
        },
        recording: RecordingTimes {
            start: config.recording.start,
            beep: config.recording.beep,
        },
    }
}

fn engine_config(config: &Config, store: &Store) -> EngineConfig {
    let media = &config.media;
    EngineConfig {
        shards: media.shards,
        ip: media.address,
        advertised_ip: media.external_address,
        ports: media.rtp_ports.inclusive(),
        recordings: store.recordings_folder(),
        min_free: config.recording.min_free as u64,
        rtp_timeout: media.rtp_timeout,
        rtp_keepalive: Some(media.rtp_keepalive).filter(|every| !every.is_zero()),
        encoder: EncoderSettings {
            complexity: media.opus.complexity,
            bit_rate: Some(media.opus.bitrate),
            carries_twice: media.opus.fec != OpusFec::Off,
            silence: if media.opus.dtx {
                Silence::Suppressed
            } else {
                Silence::Sent
            },
            ..EncoderSettings::default()
        },
        fec: media.opus.fec,
        fax: media.fax,
        ..EngineConfig::default()
    }
}

impl Offhook {
    /// Takes no new calls, lets the present ones finish for up to `limit`, ends the others, closes
    /// recordings and writes everything down.
    pub async fn drain(&self, limit: Duration) {
        let calls = &self.switchboard.calls;
        calls.drain();
        self.switchboard.sip.drain(true);
        self.switchboard.trunks.leave(FAREWELL).await;
        self.until_quiet(limit).await;
        for call in calls.live() {
            let end = CallCommand::HangUp(HangupCause::Administrative);
            // It may have ended by itself meanwhile.
            calls.command(call, end).await.ok();
        }
        self.until_quiet(FAREWELL).await;
        self.stop().await;
    }

    /// Stops at once: recordings are closed and everything is written down, calls are left alone.
    pub async fn stop(&self) {
        self.switchboard.subscriptions.close();
        let engine = self.switchboard.engine.clone();
        if tokio::task::spawn_blocking(move || engine.shutdown())
            .await
            .is_err()
        {
            tracing::error!("the media engine did not stop cleanly");
        }
        if !self.store.settle(FAREWELL).await {
            tracing::warn!("the journal is not empty: it is applied at the next start");
        }
        self.root.stop(None);
    }

    async fn until_quiet(&self, limit: Duration) {
        let events = self.switchboard.live.subscribe();
        let calls = &self.switchboard.calls;
        until_quiet(events, now() + limit, || calls.live().is_empty()).await;
    }
}

/// What the root starts its children with.
struct Tree {
    store: Store,
    switchboard: Switchboard,
    reports: Reports,
    countries: Countries,
}

/// The root's messages.
#[derive(Debug)]
enum RootMsg {
    /// The office changed.
    OfficeChanged,
    /// A child that fell too often has had its pause.
    Revive(Child),
}

/// The children, in the order they start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Child {
    Store,
    Reports,
    Calls,
    Agents,
    Queues,
    Registrar,
    Subscriptions,
    Trunks,
    Defence,
    SipCore,
}

const CHILDREN: [Child; 10] = [
    Child::Store,
    Child::Reports,
    Child::Calls,
    Child::Agents,
    Child::Queues,
    Child::Registrar,
    Child::Subscriptions,
    Child::Trunks,
    Child::Defence,
    // Last: from here on somebody may call.
    Child::SipCore,
];

#[derive(Debug)]
struct Root;

struct RootState {
    tree: Tree,
    children: AHashMap<ActorId, Child>,
    falls: AHashMap<Child, Falls>,
    /// Tells of changes of the office while this lives.
    _follower: Follower,
}

impl Actor for Root {
    type Msg = RootMsg;
    type State = RootState;
    type Arguments = Tree;

    async fn pre_start(
        &self,
        me: ActorRef<RootMsg>,
        tree: Tree,
    ) -> Result<RootState, ActorProcessingErr> {
        let directory = tree.switchboard.directory.clone();
        let mut state = RootState {
            _follower: directory.tell(me.clone(), || RootMsg::OfficeChanged),
            tree,
            children: AHashMap::new(),
            falls: AHashMap::new(),
        };
        for child in CHILDREN {
            state.start(&me, child).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<RootMsg>,
        message: RootMsg,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMsg::OfficeChanged => {
                let directory = state.tree.switchboard.directory.load();
                state
                    .tree
                    .switchboard
                    .agents
                    .reconfigure(Arc::clone(&directory))
                    .await;
                let board = &state.tree.switchboard;
                board.queues.reconfigure(Arc::clone(&directory)).await;
                board.trunks.reconfigure(directory).await;
            }
            RootMsg::Revive(child) => state.revive(&me, child).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<RootMsg>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let (actor, why) = match event {
            SupervisionEvent::ActorTerminated(actor, ..) => (actor, "it stopped".to_owned()),
            SupervisionEvent::ActorFailed(actor, error) => (actor, error.to_string()),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        if let Some(child) = state.children.remove(&actor.get_id()) {
            tracing::error!(?child, why, "a part of Offhook fell and is started again");
            state.fell(&me, child).await;
        }
        Ok(())
    }
}

impl RootState {
    async fn fell(&mut self, me: &ActorRef<RootMsg>, child: Child) {
        let falls = self
            .falls
            .entry(child)
            .or_insert_with(|| Falls::new(FORGIVEN));
        match falls.record(now()) {
            Verdict::Restart => self.revive(me, child).await,
            Verdict::GiveUp => {
                me.send_after(PAUSE, move || RootMsg::Revive(child));
            }
        }
    }

    async fn revive(&mut self, me: &ActorRef<RootMsg>, child: Child) {
        if let Err(error) = self.start(me, child).await {
            tracing::error!(?child, %error, "a part of Offhook cannot be started again");
            me.send_after(PAUSE, move || RootMsg::Revive(child));
        }
    }

    async fn start(&mut self, me: &ActorRef<RootMsg>, child: Child) -> Result<(), SpawnErr> {
        let cell = self.tree.start(child, me.get_cell()).await?;
        self.children.insert(cell.get_id(), child);
        Ok(())
    }
}

impl Tree {
    async fn start(&self, child: Child, above: ActorCell) -> Result<ActorCell, SpawnErr> {
        let board = &self.switchboard;
        let everybody = || Arc::new(board.clone());
        match child {
            Child::Store => {
                // It waits for disks, so it stays where the store was opened.
                let store = self.store.clone();
                let started = self
                    .store
                    .runtime()
                    .spawn(Actor::spawn_linked(None, StoreActor, store, above));
                let gone = |_| SpawnErr::StartupFailed("its runtime is ending".into());
                Ok(started.await.map_err(gone)??.0.get_cell())
            }
            Child::Reports => {
                self.reports
                    .start(board.calls.clone(), board.live.clone(), above)
                    .await
            }
            Child::Calls => board.calls.start(everybody(), above).await,
            Child::Agents => {
                let ports = AgentPorts {
                    queues: Arc::new(board.queues.clone()),
                    events: everybody(),
                };
                let directory = board.directory.load();
                Ok(board.agents.start(ports, directory, Some(above)).await?.0)
            }
            Child::Queues => {
                let agents = Arc::new(board.agents.clone());
                let ports = QueuePorts {
                    calls: everybody(),
                    agents,
                    events: everybody(),
                };
                let directory = board.directory.load();
                Ok(board.queues.start(ports, directory, Some(above)).await?.0)
            }
            Child::Registrar => {
                let arguments = RegistrarArguments {
                    registrar: board.registrar.clone(),
                    replies: Arc::new(board.sip.clone()),
                    live: board.live.clone(),
                    directory: board.directory.clone(),
                    watch: everybody(),
                };
                let (actor, _) =
                    Actor::spawn_linked(None, RegistrarActor, arguments, above).await?;
                Ok(actor.get_cell())
            }
            Child::Subscriptions => {
                let subscriptions = board.subscriptions.clone();
                let (actor, _) =
                    Actor::spawn_linked(None, SubscriptionsActor, subscriptions, above).await?;
                Ok(actor.get_cell())
            }
            Child::Trunks => {
                let ports = TrunkPorts {
                    sip: Arc::new(board.sip.clone()),
                    events: everybody(),
                };
                let directory = board.directory.load();
                board.trunks.start(ports, directory, Some(above)).await
            }
            Child::Defence => self.start_defence(above).await,
            Child::SipCore => {
                board
                    .sip
                    .set_requests(Arc::new(board.subscriptions.clone()));
                board.sip.set_calls(everybody());
                board.sip.set_registrar(board.registrar.clone());
                board.sip.set_trunks(board.trunks.clone());
                let arguments = board.sip.arguments();
                let (actor, _) = Actor::spawn_linked(None, SipCoreActor, arguments, above).await?;
                Ok(actor.get_cell())
            }
        }
    }

    async fn start_defence(&self, above: ActorCell) -> Result<ActorCell, SpawnErr> {
        let board = &self.switchboard;
        let arguments = DefenceArguments {
            guard: board.sip.guard().clone(),
            countries: self.countries.clone(),
            store: self.store.clone(),
            live: board.live.clone(),
            directory: board.directory.clone(),
        };
        let (actor, _) = Actor::spawn_linked(None, DefenceActor, arguments, above).await?;
        Ok(actor.get_cell())
    }
}
