use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::directory::{Directory, Office, Trunk, TrunkMode, TrunkQualify};
use offhook_core::event::EventKind;
use offhook_core::sip::HeaderName;
use offhook_core::sip::endpoint::TxnFailure;
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::method::Method;
use offhook_core::sip::register_client::Registrar;
use offhook_core::{IdSource, TrunkId};
use tokio::sync::mpsc;

use super::*;
use crate::alarm;
use crate::edge::Reply;
use crate::queue::Publish;

fn trunk() -> Trunk {
    Trunk {
        host: Some("carrier.example".to_owned()),
        username: Some("office".to_owned()),
        mode: TrunkMode::Register,
        ..Trunk::new(TrunkId::new(&mut IdSource::seeded(3)), "carrier")
    }
}

fn ways(trunk: &Trunk) -> TrunkWays {
    let registrar = |uri: &'static str| Registrar {
        uri: uri.into(),
        contact: format!("<sip:{}@192.0.2.1>", trunk.contact_user()).into(),
    };
    TrunkWays {
        registrars: vec![registrar("sip:carrier.example")],
        carrier: Some(registrar("sip:carrier.example")),
        domain: "carrier.example".to_owned(),
        product: "Offhook".into(),
    }
}

/// A trunk machine in virtual time.
struct Driven {
    machine: TrunkMachine,
    now: Instant,
    asked: Vec<(AskTag, Request)>,
    events: Vec<&'static str>,
}

impl Driven {
    fn new(trunk: Trunk) -> Self {
        let now = alarm::now();
        let ways = ways(&trunk);
        let machine = TrunkMachine::new(now, Arc::new(trunk), &ways, IdSource::seeded(9));
        let mut driven = Self {
            machine,
            now,
            asked: Vec::new(),
            events: Vec::new(),
        };
        driven.collect();
        driven
    }

    fn collect(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                TrunkEffect::Ask { tag, request, .. } => self.asked.push((tag, *request)),
                TrunkEffect::Publish(kind) => self.events.push(kind.name()),
            }
        }
    }

    fn told(&mut self, input: TrunkInput) {
        self.machine.handle(self.now, input);
        self.collect();
    }

    fn becomes(&mut self, trunk: &Trunk) {
        let ways = ways(trunk);
        self.told(TrunkInput::Reconfigure(Arc::new(trunk.clone()), ways));
    }

    /// Answers the oldest request that waits.
    fn answer(&mut self, status: u16) -> Request {
        let (tag, request) = self.asked.remove(0);
        let response = Response::to(&request, status, "");
        self.told(TrunkInput::Answer(tag, Ok(response)));
        request
    }

    fn expires(&self, at: usize) -> &[u8] {
        let value = self.asked[at].1.headers.get(&HeaderName::Expires);
        value.expect("an Expires")
    }
}

#[test]
fn a_trunk_that_has_to_register_is_down_until_it_has() {
    let mut driven = Driven::new(trunk());
    assert_eq!(driven.machine.state(), TrunkState::Down);
    driven.answer(200);
    assert_eq!(driven.machine.state(), TrunkState::Up);
    assert_eq!(driven.events, ["trunk_registered"]);
    let mut both = trunk();
    both.mode = TrunkMode::PeerAndRegister;
    assert_eq!(Driven::new(both).machine.state(), TrunkState::Up);
}

#[test]
fn a_peer_and_a_disabled_trunk_register_nowhere() {
    let mut peer = trunk();
    peer.mode = TrunkMode::Peer;
    let driven = Driven::new(peer);
    assert!(driven.asked.is_empty());
    assert_eq!(driven.machine.state(), TrunkState::Up);
    let mut disabled = trunk();
    disabled.enabled = false;
    let driven = Driven::new(disabled);
    assert!(driven.asked.is_empty());
    assert_eq!(driven.machine.state(), TrunkState::Disabled);
}

#[test]
fn a_change_that_concerns_nobody_outside_sends_nothing() {
    let mut driven = Driven::new(trunk());
    driven.answer(200);
    let mut renamed = trunk();
    renamed.name = "other".to_owned();
    renamed.max_calls = 5;
    driven.becomes(&renamed);
    assert!(driven.asked.is_empty());
    assert_eq!(driven.machine.state(), TrunkState::Up);
}

/// A registration that is taken back could otherwise arrive after the new one and undo it.
#[test]
fn the_same_address_is_registered_anew_and_never_taken_back() {
    let mut driven = Driven::new(trunk());
    driven.answer(200);
    let mut longer = trunk();
    longer.registration.expires = Duration::from_secs(900);
    driven.becomes(&longer);
    assert_eq!(driven.asked.len(), 1);
    assert_eq!(driven.expires(0), b"900");
}

#[test]
fn another_address_is_registered_and_the_old_one_taken_back() {
    let mut driven = Driven::new(trunk());
    driven.answer(200);
    let mut other = trunk();
    other.username = Some("branch".to_owned());
    driven.becomes(&other);
    assert_eq!(driven.asked.len(), 2);
    let zero = (0..2).find(|at| driven.expires(*at) == b"0").unwrap();
    let (tag, request) = driven.asked.remove(zero);
    let to = request.headers.get(&HeaderName::To).unwrap();
    assert_eq!(to, "<sip:office@carrier.example>");
    driven.told(TrunkInput::Answer(tag, Err(TxnFailure::TimedOut)));
    driven.answer(200);
    assert_eq!(
        driven.events,
        ["trunk_registered", "trunk_unregistered", "trunk_registered"]
    );
}

/// RFC 3261 section 10.2.2: a registrar that is left would else send calls for as long as it granted.
#[test]
fn another_registrar_for_the_same_address_gets_it_and_the_old_one_is_told() {
    let mut driven = Driven::new(trunk());
    driven.answer(200);
    let mut moved = ways(&trunk());
    moved.registrars[0].uri = "sip:other.example".into();
    driven.told(TrunkInput::Reconfigure(Arc::new(trunk()), moved.clone()));
    let asked: Vec<_> = (0..driven.asked.len())
        .map(|at| (driven.asked[at].1.uri.clone(), driven.expires(at) == b"0"))
        .collect();
    assert!(
        asked.contains(&("sip:carrier.example".into(), true)),
        "{asked:?}"
    );
    assert!(
        asked.contains(&("sip:other.example".into(), false)),
        "{asked:?}"
    );
    driven.answer(200);
    driven.answer(200);
    // One more to fall back on changes nothing at the one that has it.
    moved.registrars.push(ways(&trunk()).registrars[0].clone());
    driven.told(TrunkInput::Reconfigure(Arc::new(trunk()), moved));
    assert_eq!(driven.asked.len(), 1);
    assert_ne!(driven.expires(0), b"0");
}

#[test]
fn a_trunk_that_leaves_takes_its_registration_back_and_is_finished() {
    let mut driven = Driven::new(trunk());
    driven.answer(200);
    driven.told(TrunkInput::Leave);
    assert_eq!(driven.machine.state(), TrunkState::Disabled);
    assert!(!driven.machine.is_finished());
    assert_eq!(driven.expires(0), b"0");
    driven.answer(200);
    assert!(driven.machine.is_finished());
    assert_eq!(driven.machine.poll_timeout(), None);
    driven.becomes(&trunk());
    assert!(driven.asked.is_empty(), "it does not come back");
}

#[test]
fn a_carrier_that_does_not_answer_options_is_down() {
    let mut peer = trunk();
    peer.mode = TrunkMode::Peer;
    peer.qualify = TrunkQualify {
        interval: Some(Duration::from_secs(30)),
        ..TrunkQualify::default()
    };
    let mut driven = Driven::new(peer.clone());
    let mut asked = 0;
    while driven.machine.state() != TrunkState::Down {
        driven.now = driven.machine.poll_timeout().unwrap();
        driven.machine.handle_timeout(driven.now);
        driven.collect();
        for (tag, request) in std::mem::take(&mut driven.asked) {
            assert_eq!(request.method, Method::Options);
            asked += 1;
            driven.told(TrunkInput::Answer(tag, Err(TxnFailure::Transport)));
        }
    }
    assert_eq!((asked, driven.events.as_slice()), (3, &["trunk_down"][..]));
    assert!(driven.machine.last_error().is_some());
    peer.qualify.interval = None;
    driven.becomes(&peer);
    assert_eq!(driven.machine.state(), TrunkState::Up);
    assert_eq!(driven.machine.qualify_state(), QualifyState::Off);
}

/// A carrier that grants everything, and counts what it is asked.
struct Carrier {
    asked: mpsc::UnboundedSender<Request>,
}

impl TrunkSip for Carrier {
    fn ask(&self, request: Request, _: NextHop, reply: Reply) {
        reply.tell(Ok(Response::to(&request, 200, "OK")));
        self.asked.send(request).ok();
    }

    fn ways(&self, trunk: &Trunk) -> TrunkWays {
        ways(trunk)
    }
}

struct Events(mpsc::UnboundedSender<EventKind>);

impl Publish for Events {
    fn publish(&self, kind: EventKind) {
        self.0.send(kind).ok();
    }
}

fn directory(trunks: Vec<Trunk>) -> Arc<Directory> {
    Arc::new(Directory::new(Office {
        trunks,
        ..Office::default()
    }))
}

async fn started() -> (
    Trunks,
    mpsc::UnboundedReceiver<Request>,
    mpsc::UnboundedReceiver<EventKind>,
) {
    let trunks = Trunks::default();
    assert_eq!(trunks.state(trunk().id), TrunkState::Up, "nobody knows yet");
    let (asked, requests) = mpsc::unbounded_channel();
    let (published, events) = mpsc::unbounded_channel();
    let ports = TrunkPorts {
        sip: Arc::new(Carrier { asked }),
        events: Arc::new(Events(published)),
    };
    trunks
        .start(ports, directory(vec![trunk()]), None)
        .await
        .unwrap();
    (trunks, requests, events)
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_kept_up_also_when_the_actor_falls() {
    let (trunks, mut requests, mut events) = started().await;
    let id = trunk().id;
    assert_eq!(requests.recv().await.unwrap().method, Method::Register);
    assert_eq!(events.recv().await.unwrap().name(), "trunk_registered");
    assert_eq!(trunks.state(id), TrunkState::Up);
    let status = trunks.status(id);
    assert_eq!(status.registration, RegistrationState::Registered);
    assert!(status.expires_at > status.since);
    trunks.crash(id);
    let renewed = requests.recv().await.unwrap();
    assert_eq!(renewed.headers.cseq().unwrap().number, 2, "it goes on");
    assert_eq!(trunks.state(id), TrunkState::Up);
}

#[tokio::test(start_paused = true)]
async fn a_trunk_that_is_removed_leaves_and_is_forgotten() {
    let (trunks, mut requests, mut events) = started().await;
    requests.recv().await.unwrap();
    events.recv().await.unwrap();
    trunks.reconfigure(directory(Vec::new())).await;
    let back = requests.recv().await.unwrap();
    assert_eq!(back.headers.get(&HeaderName::Expires).unwrap(), "0");
    assert_eq!(events.recv().await.unwrap().name(), "trunk_unregistered");
    tokio::time::timeout(Duration::from_secs(1), async {
        while trunks.state(trunk().id) != TrunkState::Disabled {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_the_server_waits_for_the_carriers_word() {
    let (trunks, mut requests, _events) = started().await;
    requests.recv().await.unwrap();
    trunks.leave(Duration::from_secs(3)).await;
    let back = requests.try_recv().unwrap();
    assert_eq!(back.headers.get(&HeaderName::Expires).unwrap(), "0");
    trunks.reconfigure(directory(vec![trunk()])).await;
    assert!(requests.try_recv().is_err(), "nobody registers any more");
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_against_the_rate_each_way() {
    let (trunks, ..) = started().await;
    let slow = Trunk {
        calls_per_second: 2,
        ..trunk()
    };
    assert!(trunks.take_inbound(&slow).is_ok() && trunks.take_inbound(&slow).is_ok());
    assert!(trunks.take_inbound(&slow).is_err());
    assert!(trunks.has_outbound(&slow), "the other way is free");
    trunks.count_outbound(&slow);
    trunks.count_outbound(&slow);
    assert!(!trunks.has_outbound(&slow));
    assert!(trunks.has_outbound(&trunk()), "without a limit");
}
