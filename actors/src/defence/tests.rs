//! Telling, writing down and ending of bans; countries.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use offhook_core::config::DefenceConfig;
use offhook_core::event::EventKind;
use offhook_core::sip::defence::{BanReason, LoginFailure, UnbanReason};
use ractor::{Actor, ActorRef};
use tempfile::TempDir;

use super::countries::News;
use super::*;
use crate::alarm;
use crate::live::{Delivery, Live, Subscription};
use crate::store::{BanRow, BanWrite, Store};

const PATIENCE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_hours(1);

struct Running {
    guard: Guard,
    store: Store,
    events: Subscription,
    actor: ActorRef<DefenceMessage>,
}

impl Running {
    async fn start(folder: &Path) -> Self {
        let store = Store::open(folder).await.unwrap();
        let guard = Guard::new(&DefenceConfig::default());
        guard.load(&store).await;
        Self::serve(guard, store).await
    }

    async fn serve(guard: Guard, store: Store) -> Self {
        let live = Live::detached();
        let events = live.subscribe();
        let arguments = DefenceArguments {
            guard: guard.clone(),
            countries: Countries::of(None),
            store: store.clone(),
            live,
            directory: store.directory().clone(),
        };
        let (actor, _) = Actor::spawn(None, DefenceActor, arguments).await.unwrap();
        Self {
            guard,
            store,
            events,
            actor,
        }
    }

    async fn event(&mut self) -> EventKind {
        let next = tokio::time::timeout(PATIENCE, self.events.next());
        match next.await.unwrap() {
            Some(Delivery::Event(event)) => event.kind.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The networks the database holds, once everything told so far is written.
    async fn written(&self, count: usize) -> Vec<String> {
        let wait = async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            loop {
                look.tick().await;
                let rows = self.store.bans().all().await.unwrap();
                if rows.len() == count {
                    return rows.iter().map(|row| row.network.to_string()).collect();
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    async fn stop(self) {
        self.actor
            .stop_and_wait(None, Some(PATIENCE))
            .await
            .unwrap();
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_ban_is_told_written_down_and_outlives_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut first = Running::start(folder.path()).await;
    for _ in 0..3 {
        let failure = LoginFailure::WrongPassword;
        first.guard.login_failed(ip("192.0.2.7"), "1000", failure);
    }
    let told = first.event().await;
    assert!(
        matches!(&told, EventKind::LoginFailed { address, user, .. }
            if address == "192.0.2.7" && user == "1000"),
        "{told:?}"
    );
    let told = first.event().await;
    assert!(
        matches!(&told, EventKind::SourceBanned { address, reason: BanReason::WrongPasswords, .. }
            if address == "192.0.2.7"),
        "{told:?}"
    );
    assert_eq!(first.written(1).await, ["192.0.2.7/32"]);
    first.stop().await;

    let folder_path = folder.path().to_owned();
    let mut second = Running::start(&folder_path).await;
    assert!(second.guard.is_barred(ip("192.0.2.7")));
    let held = second.guard.bans();
    assert_eq!((held.len(), held[0].count), (1, 1));
    assert!(second.guard.unban("192.0.2.7/32".parse().unwrap()));
    let told = second.event().await;
    assert!(
        matches!(
            &told,
            EventKind::SourceUnbanned {
                reason: UnbanReason::Operator,
                ..
            }
        ),
        "{told:?}"
    );
    assert!(second.written(0).await.is_empty());
    assert!(!second.guard.is_barred(ip("192.0.2.7")));
    second.stop().await;
}

#[tokio::test]
async fn bans_made_while_the_actor_is_down_are_told_and_written_by_its_successor() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let (guard, store) = (running.guard.clone(), running.store.clone());
    running.stop().await;
    let ban = guard.ban("198.51.100.0/24".parse().unwrap(), HOUR, "abuse".to_owned());
    assert_eq!(ban.reason, BanReason::Operator);
    assert!(guard.is_barred(ip("198.51.100.9")), "at once");
    let live = Live::detached();
    let mut events = live.subscribe();
    let arguments = DefenceArguments {
        guard,
        countries: Countries::of(None),
        directory: store.directory().clone(),
        store: store.clone(),
        live,
    };
    let (actor, _) = Actor::spawn(None, DefenceActor, arguments).await.unwrap();
    let next = tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
    assert!(
        matches!(&next, Some(Delivery::Event(event))
            if matches!(&event.kind, EventKind::SourceBanned { address, .. }
                if address == "198.51.100.0/24")),
        "{next:?}"
    );
    actor.stop(None);
}

#[tokio::test]
async fn a_ban_whose_time_was_over_while_the_server_was_down_is_forgotten() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let now = alarm::wall();
    let row = |network: &str, until| BanRow {
        network: network.parse().unwrap(),
        reason: BanReason::Probing,
        note: String::new(),
        since: now - HOUR,
        until,
        count: 1,
    };
    let rows = [
        row("192.0.2.7/32", now - Duration::from_secs(1)),
        row("192.0.2.8/32", now + HOUR),
    ];
    store.bans().write(&rows.map(BanWrite::Keep)).await.unwrap();
    let guard = Guard::new(&DefenceConfig::default());
    guard.load(&store).await;
    assert!(!guard.is_barred(ip("192.0.2.7")));
    assert!(guard.is_barred(ip("192.0.2.8")));
    let rows = store.bans().all().await.unwrap();
    let networks: Vec<_> = rows.iter().map(|row| row.network.to_string()).collect();
    assert_eq!(networks, ["192.0.2.8/32"]);
}

/// The database is away while the ban is made, and the actor falls before it is back.
#[tokio::test]
async fn what_the_database_did_not_take_is_written_by_the_successor_of_an_actor() {
    let folder = TempDir::new().unwrap();
    let mut running = Running::start(folder.path()).await;
    let (guard, store) = (running.guard.clone(), running.store.clone());
    let (file, away) = (folder.path().join("offhook.db"), folder.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    let _ban = guard.ban("192.0.2.7/32".parse().unwrap(), HOUR, String::new());
    let told = running.event().await;
    assert!(matches!(told, EventKind::SourceBanned { .. }), "{told:?}");
    running.stop().await;
    std::fs::rename(&away, &file).unwrap();
    let successor = Running::serve(guard, store).await;
    assert_eq!(successor.written(1).await, ["192.0.2.7/32"]);
    successor.stop().await;
}

#[test]
fn messages_of_the_denied_and_the_banned_are_dropped_and_counted() {
    let config = DefenceConfig {
        deny: vec!["203.0.113.0/24".parse().unwrap()],
        ..DefenceConfig::default()
    };
    let guard = Guard::new(&config);
    let invite = b"INVITE sip:1@h SIP/2.0\r\n";
    assert!(!guard.admits(ip("203.0.113.5"), invite));
    assert!(!guard.admits_connection(ip("203.0.113.5")));
    assert!(guard.admits(ip("192.0.2.7"), invite));
    assert!(!guard.admits_agent(ip("192.0.2.7"), b"friendly-scanner"));
    assert!(!guard.admits(ip("192.0.2.7"), invite));
    for _ in 0..100 {
        guard.admits(ip("192.0.2.8"), b"junk");
    }
    let stats = guard.stats();
    assert_eq!(stats.dropped.denied, 2);
    assert_eq!(stats.dropped.scanners, 1);
    assert_eq!(stats.dropped.banned, 1);
    assert_eq!(stats.dropped.limited, 40);
    assert_eq!((stats.bans, stats.banned), (1, 1));
}

#[tokio::test]
async fn networks_of_disabled_trunks_are_not_trusted() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    crate::store::seed_demo(&store, any, any).await.unwrap();
    let mut office = store.office().await.unwrap();
    let guard = Guard::new(&DefenceConfig::default());
    guard.trust(&offhook_core::Directory::new(office.clone()));
    for _ in 0..1000 {
        assert!(guard.admits(ip("127.0.0.9"), b"junk"));
    }
    office.trunks[0].enabled = false;
    guard.trust(&offhook_core::Directory::new(office));
    let passed = (0..1000).filter(|_| guard.admits(ip("127.0.0.9"), b"junk"));
    assert_eq!(passed.count(), 60);
}

/// RFC 5922 section 7.1: who has proved a trunk's name is that trunk, wherever it is.
#[tokio::test]
async fn a_trunk_that_proves_its_name_is_neither_limited_nor_banned() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    crate::store::seed_demo(&store, any, any).await.unwrap();
    let mut office = store.office().await.unwrap();
    office.trunks[0].inbound.tls_names = vec!["SBC.carrier.example".to_owned()];
    let guard = Guard::new(&DefenceConfig::default());
    guard.trust(&offhook_core::Directory::new(office.clone()));
    let (carrier, invite) = (ip("198.51.100.7"), b"INVITE sip:1@h SIP/2.0\r\n");
    let own = ["sbc.carrier.example".to_owned()];
    let others = ["sbc.example.org".to_owned()];
    for _ in 0..5_000 {
        assert!(guard.admits_named(carrier, &own, invite));
    }
    // Others in its name are dropped, and that is all.
    let forged = (0..5_000).filter(|_| guard.admits(carrier, invite)).count();
    assert!(forged < 5_000);
    assert!(guard.bans().is_empty());
    assert!(guard.admits_named(carrier, &own, invite));
    let passed = (0..5_000).filter(|_| guard.admits_named(ip("198.51.100.8"), &others, invite));
    assert!(passed.count() < 1_000);
    assert!(guard.is_barred(ip("198.51.100.8")));
    let ban = guard.ban("198.51.100.7/32".parse().unwrap(), HOUR, String::new());
    assert!(!guard.admits_named(carrier, &own, invite), "{ban:?}");
    assert!(guard.unban(ban.network));
    office.trunks[0].enabled = false;
    guard.trust(&offhook_core::Directory::new(office));
    let passed = (0..5_000).filter(|_| guard.admits_named(carrier, &own, invite));
    assert!(passed.count() < 5_000);
}

/// A MaxMind database that knows one IPv4 /8.
fn database(first_octet: u8, code: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        [&[0x40 | length][..], text.as_bytes()].concat()
    };
    let record = |value: u32| value.to_be_bytes()[1..].to_vec();
    let (nodes, found) = (8_u32, 8 + 16);
    let mut file = Vec::new();
    for depth in 0..8_u32 {
        let next = if depth == 7 { found } else { depth + 1 };
        let bit = first_octet >> (7 - depth) & 1;
        let (left, right) = if bit == 0 {
            (next, nodes)
        } else {
            (nodes, next)
        };
        file.extend(record(left));
        file.extend(record(right));
    }
    file.extend([0; 16]);
    // A map of one entry in a map of one entry.
    file.push(0xe1);
    file.extend(text("country"));
    file.push(0xe1);
    file.extend(text("iso_code"));
    file.extend(text(code));
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.push(0xe9);
    for (name, value) in [
        ("node_count", vec![0xc1, 8]),
        ("record_size", vec![0xa1, 24]),
        ("ip_version", vec![0xa1, 4]),
        ("database_type", text("Test")),
        ("languages", vec![0x00, 0x04]),
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x01, 0x02, 1]),
        ("description", vec![0xe0]),
    ] {
        file.extend(text(name));
        file.extend(value);
    }
    file
}

#[tokio::test]
async fn an_extension_may_be_used_from_its_countries_and_from_private_networks() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("countries.mmdb");
    std::fs::write(&file, database(81, "DE")).unwrap();
    let countries = Countries::of(Some(file));
    countries.refresh().await;
    let list = |codes: &[&str]| codes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (german, austrian) = (list(&["AT", "DE"]), list(&["AT"]));
    let (here, nowhere) = (ip("81.2.3.4"), ip("9.9.9.9"));
    assert!(countries.admit(&german, here));
    assert!(!countries.admit(&austrian, here));
    assert!(!countries.admit(&german, nowhere));
    assert!(countries.admit(&[], nowhere));
    for private in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "100.64.0.1"] {
        assert!(countries.admit(&austrian, ip(private)), "{private}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_file_of_countries_is_told_once_until_it_changes() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("countries.mmdb");
    let countries = Countries::of(Some(file.clone()));
    assert!(matches!(countries.look().await, News::Unreadable(_)));
    assert!(matches!(countries.look().await, News::None));
    std::fs::write(&file, b"no database").unwrap();
    assert!(matches!(countries.look().await, News::Broken(_)));
    assert!(matches!(countries.look().await, News::None));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(countries.look().await, News::Unreadable(_)));
    std::fs::write(&file, database(81, "DE")).unwrap();
    assert!(matches!(countries.look().await, News::Loaded));
    assert!(matches!(countries.look().await, News::None));
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_anew_and_a_broken_one_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("countries.mmdb");
    let countries = Countries::of(Some(file.clone()));
    countries.refresh().await;
    let german = vec!["DE".to_owned()];
    assert!(
        countries.admit(&german, ip("9.9.9.9")),
        "nothing is known yet"
    );
    std::fs::write(&file, database(81, "DE")).unwrap();
    countries.refresh().await;
    assert!(!countries.admit(&german, ip("9.9.9.9")));
    let modified = |seconds| {
        let later = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        std::fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(later)
            .unwrap();
    };
    std::fs::write(&file, b"no database").unwrap();
    modified(1000);
    countries.refresh().await;
    assert!(countries.admit(&german, ip("81.2.3.4")));
    std::fs::write(&file, database(9, "DE")).unwrap();
    modified(2000);
    countries.refresh().await;
    assert!(countries.admit(&german, ip("9.9.9.9")));
}
