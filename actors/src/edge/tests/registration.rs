//! Who may register, and what comes of it.

use std::time::Duration;

use offhook_core::EventKind;
use offhook_core::directory::SipTransport as TrunkTransport;
use offhook_core::pii::Secret;
use offhook_core::sip::registrar::PhoneHealth;
use offhook_core::sip::{HeaderName, Method};

use super::fixture::{Edge, KeeperMessage, office, soon};
use super::phone::Phone;
use crate::live::Delivery;

const HOME: [u8; 4] = [127, 0, 0, 2];

#[tokio::test]
async fn a_phone_registers_and_says_good_bye() {
    let mut edge = Edge::open().await;
    let mut events = edge.live.subscribe();
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let request = phone.register(600);
    let granted = phone.ask_signed(request.clone()).await;
    assert_eq!(granted.status, 200);
    let contact = granted.headers.get(&HeaderName::Contact).unwrap();
    let contact = String::from_utf8(contact.to_vec()).unwrap();
    assert!(contact.contains(&phone.local.to_string()), "{contact}");
    assert!(
        contact.contains(";expires=600") || contact.contains(";expires=599"),
        "{contact}"
    );
    let phones = edge.registrar.phones("1000");
    assert_eq!(phones.len(), 1);
    assert_eq!(phones[0].path.peer, phone.local);
    assert_eq!(edge.registrar.list()[0].source, phone.local);
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), true)
    );

    let mut leave = phone.register(0);
    leave.headers.set(HeaderName::Contact, "*");
    let leave = phone.sign(leave);
    assert_eq!(phone.ask(leave).await.status, 200);
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), false)
    );
    assert!(!edge.registrar.is_reachable("1000"));
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        if let Some(Delivery::Event(event)) = soon(events.next()).await {
            kinds.push(event.kind.clone());
        }
    }
    assert!(
        matches!(&kinds[0], EventKind::PhoneRegistered { extension, .. } if extension == "1000")
    );
    assert!(
        matches!(&kinds[1], EventKind::PhoneUnregistered { extension, .. } if extension == "1000")
    );
}

#[tokio::test]
async fn strangers_and_wrong_passwords_look_the_same() {
    let edge = Edge::open().await;
    for (number, login) in [("1000", "1000"), ("4711", "4711"), ("1009", "1009")] {
        let phone = Phone::udp(HOME, edge.udp, number).await;
        let mut phone = phone.with_login(login, Secret::new("wrong".to_owned()));
        let request = phone.register(600);
        assert_eq!(phone.ask_signed(request).await.status, 403, "{number}");
    }
    // A disabled extension is no extension, even with its password.
    let mut phone = Phone::udp(HOME, edge.udp, "1009").await;
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 403);
    assert!(edge.registrar.list().is_empty());
    assert_eq!(edge.core.stats().failed_logins, 4);
}

#[tokio::test]
async fn nobody_registers_for_somebody_else() {
    let edge = Edge::open().await;
    let phone = Phone::udp(HOME, edge.udp, "1001").await;
    let mut phone = phone.with_login("1000", super::fixture::password("1000"));
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 403);
    assert!(edge.registrar.list().is_empty());
}

#[tokio::test]
async fn a_proof_that_is_shown_twice_is_stale() {
    let edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let request = phone.register(600);
    let signed = phone.signed(request).await;
    assert_eq!(phone.ask(signed.clone()).await.status, 200);
    let mut replay = phone.register(600);
    let proof = signed
        .headers
        .get(&HeaderName::Authorization)
        .unwrap()
        .clone();
    replay.headers.push(HeaderName::Authorization, proof);
    let replayed = phone.ask(replay).await;
    assert_eq!(replayed.status, 401);
    let challenge = replayed.headers.get(&HeaderName::WwwAuthenticate).unwrap();
    assert!(
        String::from_utf8_lossy(challenge).contains("stale=true"),
        "{challenge:?}"
    );
}

#[tokio::test]
async fn asking_without_credentials_bans_nobody() {
    let edge = Edge::open_with(|config| config.defence.enabled = true).await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    for _ in 0..50 {
        let request = phone.register(600);
        assert_eq!(phone.ask(request).await.status, 401);
    }
    assert_eq!(edge.core.stats().bans, 0);
}

#[tokio::test]
async fn proofs_with_an_invented_nonce_ban_nobody() {
    // Anybody could send them in another's name.
    let edge = Edge::open_with(|config| config.defence.enabled = true).await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    for _ in 0..50 {
        let mut request = phone.register(600);
        request.headers.push(
            HeaderName::Authorization,
            "Digest username=\"1000\", realm=\"offhook\", nonce=\"invented\", \
             uri=\"sip:offhook.local\", response=\"00000000000000000000000000000000\"",
        );
        assert_eq!(phone.ask(request).await.status, 401);
    }
    assert_eq!(edge.core.stats().bans, 0);
}

/// RFC 3261 section 10.3, step 7.
#[tokio::test]
async fn broken_proofs_in_anothers_name_ban_nobody() {
    let edge = Edge::open_with(|config| config.defence.enabled = true).await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
    let whole = "Digest username=\"1000\", realm=\"offhook\", nonce=\"invented\", \
                 uri=\"sip:offhook.local\", response=\"0\", cnonce=\"c\", qop=auth, nc=00000000";
    for broken in ["Digest username=\"1000\"", whole] {
        for _ in 0..25 {
            let mut request = phone.register(600);
            request.headers.push(HeaderName::Authorization, broken);
            assert_eq!(phone.ask(request).await.status, 401);
        }
    }
    assert!(edge.core.guard().bans().is_empty());
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
}

#[tokio::test]
async fn too_short_a_registration_is_told_the_shortest() {
    let edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let request = phone.register(5);
    let refused = phone.ask_signed(request).await;
    assert_eq!(refused.status, 423);
    assert_eq!(refused.headers.get(&HeaderName::MinExpires).unwrap(), "30");
}

#[tokio::test]
async fn a_registration_ends_with_its_connection() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), true)
    );
    drop(phone);
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), false)
    );
    assert_eq!(edge.core.stats().connections, 0);
}

#[tokio::test]
async fn an_extension_that_is_removed_is_no_longer_registered() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), true)
    );
    let mut changed = office(None, TrunkTransport::Udp);
    changed
        .extensions
        .retain(|extension| extension.number != "1000");
    edge.directory.replace(changed);
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), false)
    );
}

#[tokio::test]
async fn registrations_outlive_the_registrars_fall() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), true)
    );
    edge.keeper.cast(KeeperMessage::FailRegistrar).unwrap();
    // The successor tells who can be reached, as nobody may have heard its predecessor.
    assert_eq!(
        soon(edge.reachable.recv()).await.unwrap(),
        ("1000".to_owned(), true)
    );
    assert_eq!(edge.registrar.phones("1000").len(), 1);
    let again = phone.register(600);
    let again = phone.sign(again);
    assert_eq!(phone.ask(again).await.status, 200);
}

/// RFC 3261 section 11.
#[tokio::test]
async fn a_phone_behind_a_nat_is_asked_where_it_is_seen_and_known_to_be_there() {
    let often = Duration::from_secs(1);
    let mut edge = Edge::open_with(|config| config.registrar.ping_interval = often).await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let mut request = phone.register(600);
    let private = "<sip:1000@10.0.0.5:5062>";
    request.headers.set(HeaderName::Contact, private);
    assert_eq!(phone.ask_signed(request).await.status, 200);
    assert_eq!(edge.registrar.list()[0].health, PhoneHealth::Unknown);
    let asked = phone.hears().await;
    assert_eq!(
        (&asked.method, &asked.uri[..]),
        (&Method::Options, &b"sip:1000@10.0.0.5:5062"[..])
    );
    phone.answer(&asked, 200).await;
    // The next question comes when the answer to this one has been heard.
    let again = phone.hears().await;
    assert_ne!(again.headers.call_id(), asked.headers.call_id());
    let health = edge.registrar.list()[0].health;
    assert!(matches!(health, PhoneHealth::There(_)), "{health:?}");
    drop(soon(edge.reachable.recv()).await);
}
