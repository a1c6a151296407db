//! Who is not listened to.

use std::net::UdpSocket;
use std::time::Duration;

use offhook_core::pii::Secret;
use offhook_core::sip::HeaderName;
use offhook_core::sip::defence::BanReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::fixture::{DID, Edge, soon};
use super::phone::Phone;

const HOME: [u8; 4] = [127, 0, 0, 2];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 3];
const CARRIER: [u8; 4] = [127, 0, 0, 9];

async fn guarded() -> Edge {
    Edge::open_with(|config| config.defence.enabled = true).await
}

async fn register(phone: &mut Phone) -> u16 {
    let request = phone.register(600);
    phone.ask_signed(request).await.status
}

/// Somebody tries a password; a phone gives up after that.
async fn guess(edge: &Edge, number: &str) -> u16 {
    let phone = Phone::udp(HOME, edge.udp, number).await;
    register(&mut phone.with_login(number, Secret::new("guess".to_owned()))).await
}

/// Waits until the guard has banned somebody; what comes from a socket takes its time.
async fn ban(edge: &Edge) -> BanReason {
    let wait = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        loop {
            look.tick().await;
            if let Some(ban) = edge.core.guard().bans().first() {
                return ban.reason;
            }
        }
    };
    soon(wait).await
}

#[tokio::test]
async fn three_wrong_passwords_close_the_door_and_an_operator_opens_it() {
    let edge = guarded().await;
    for _ in 0..3 {
        assert_eq!(guess(&edge, "1000").await, 403);
    }
    assert_eq!(ban(&edge).await, BanReason::WrongPasswords);
    assert_eq!(edge.core.stats().failed_logins, 3);
    // Not even the right password is looked at, and nothing is answered.
    let mut right = Phone::udp(HOME, edge.udp, "1000").await;
    let request = right.register(600);
    right.send(request).await;
    // The neighbours are not concerned.
    let mut other = Phone::udp(ELSEWHERE, edge.udp, "1001").await;
    assert_eq!(register(&mut other).await, 200);
    assert!(edge.core.guard().unban("127.0.0.2/32".parse().unwrap()));
    let mut again = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(register(&mut again).await, 200);
    assert!(edge.core.guard().stats().dropped.banned >= 1);
}

#[tokio::test]
async fn in_an_office_with_phones_one_old_password_locks_its_own_name_only() {
    let edge = guarded().await;
    let mut first = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(register(&mut first).await, 200);
    for _ in 0..3 {
        assert_eq!(guess(&edge, "1001").await, 403);
    }
    // Refused without a look, with the right password as well.
    let mut right = Phone::udp(HOME, edge.udp, "1001").await;
    assert_eq!(register(&mut right).await, 403);
    assert!(edge.core.guard().bans().is_empty());
    let mut again = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(register(&mut again).await, 200);
}

/// RFC 3261 section 22.1.
#[tokio::test]
async fn a_locked_name_is_locked_whatever_stands_before_its_proof() {
    let edge = guarded().await;
    let mut first = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(register(&mut first).await, 200);
    for _ in 0..3 {
        assert_eq!(guess(&edge, "1001").await, 403);
    }
    let mut right = Phone::udp(HOME, edge.udp, "1001").await;
    let request = right.register(600);
    let mut signed = right.signed(request).await;
    let elsewhere = "Digest username=\"1002\", realm=\"elsewhere\", nonce=\"n\", \
                     uri=\"sip:elsewhere\", response=\"00\"";
    for before in [elsewhere, "Basic eDp5"] {
        let row = before.to_owned();
        signed.headers.push_front(HeaderName::Authorization, row);
    }
    assert_eq!(right.ask(signed).await.status, 403);
}

/// RFC 3261 section 22.1: a challenge and a refusal tell nothing of who is there.
#[tokio::test]
async fn known_and_unknown_names_are_answered_alike() {
    let edge = guarded().await;
    for (known, unknown) in [("1000", "4711"), ("1000", "1009")] {
        let mut answers = Vec::new();
        for (number, home) in [(known, HOME), (unknown, ELSEWHERE)] {
            let mut phone = Phone::udp(home, edge.udp, number).await;
            let request = phone.invite("1001");
            let challenged = phone.ask(request).await;
            assert_eq!(challenged.status, 401);
            let mut phone = phone.with_login(number, Secret::new("guess".to_owned()));
            let request = phone.invite("1001");
            let refused = phone.ask_signed(request).await;
            assert_eq!(refused.status, 403);
            answers.push([challenged, refused].map(|response| {
                let names = response.headers.iter().map(|(name, _)| name.to_string());
                (response.reason.clone(), names.collect::<Vec<_>>())
            }));
        }
        assert_eq!(answers[0], answers[1], "{known} and {unknown}");
    }
}

#[tokio::test]
async fn a_scanner_is_banned_by_its_first_word_and_never_answered() {
    let edge = guarded().await;
    let mut scanner = Phone::udp(HOME, edge.udp, "100").await;
    let mut request = scanner.register(600);
    request
        .headers
        .push(HeaderName::UserAgent, "friendly-scanner");
    scanner.send(request).await;
    assert_eq!(ban(&edge).await, BanReason::Scanner);
    assert_eq!(edge.core.guard().stats().dropped.scanners, 1);
}

#[tokio::test]
async fn a_flood_of_junk_bans_its_sender_and_calls_of_others_go_on() {
    let mut edge = guarded().await;
    let junk = UdpSocket::bind("127.0.0.2:0").unwrap();
    for number in 0..400_u32 {
        let mut bytes = vec![0x80; 200];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        junk.send_to(&bytes, edge.udp).unwrap();
    }
    assert_eq!(ban(&edge).await, BanReason::Garbage);
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let invite = carrier.invite(DID);
    carrier.send(invite).await;
    edge.call().await;
}

#[tokio::test]
async fn what_begins_like_sip_and_is_none_counts_as_garbage() {
    let edge = guarded().await;
    let junk = UdpSocket::bind("127.0.0.2:0").unwrap();
    for _ in 0..400 {
        junk.send_to(b"BYE is what we say to each other", edge.udp)
            .unwrap();
    }
    assert_eq!(ban(&edge).await, BanReason::Garbage);
}

/// RFC 3261 section 26.1.
#[tokio::test]
async fn responses_to_nothing_we_asked_count_as_garbage() {
    let edge = guarded().await;
    let junk = UdpSocket::bind("127.0.0.2:0").unwrap();
    for number in 0..400 {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{number}\r\n\
             From: <sip:us@offhook.local>;tag=a\r\nTo: <sip:us@offhook.local>;tag=b\r\n\
             Call-ID: {number}@junk\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        junk.send_to(text.as_bytes(), edge.udp).unwrap();
    }
    assert_eq!(ban(&edge).await, BanReason::Garbage);
}

#[tokio::test]
async fn a_trusted_trunk_sends_what_it_wants() {
    let edge = guarded().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    for _ in 0..300 {
        assert_eq!(carrier.options().await.status, 200);
    }
    let junk = UdpSocket::bind("127.0.0.9:0").unwrap();
    for _ in 0..400 {
        junk.send_to(b"junk", edge.udp).unwrap();
    }
    assert_eq!(carrier.options().await.status, 200);
    assert!(edge.core.guard().bans().is_empty());
    assert_eq!(edge.core.guard().stats().dropped.limited, 0);
}

#[tokio::test]
async fn a_banned_peer_is_hung_up_on_at_its_next_keep_alive() {
    let edge = guarded().await;
    let mut stream = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(stream.options().await.status, 200);
    let network = format!("{}/32", stream.local.ip()).parse().unwrap();
    let guard = edge.core.guard();
    let _ban = guard.ban(network, Duration::from_secs(60), String::new());
    stream.write(b"\r\n\r\n").await;
    assert!(stream.read().await.is_empty());
}

/// Takes seats from this address until there are no more.
async fn takes_seats(edge: &Edge, from: [u8; 4]) -> Vec<TcpStream> {
    let mut held = Vec::new();
    let before = edge.core.stats().refused_connections;
    while edge.core.stats().refused_connections == before {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut stream = soon(socket.connect(edge.tcp)).await.unwrap();
        stream.write_all(b"\r\n\r\n").await.unwrap();
        // It is served, or closed, when something or nothing can be read.
        let mut answer = [0; 2];
        if soon(stream.read_exact(&mut answer)).await.is_ok() {
            held.push(stream);
        }
    }
    held
}

#[tokio::test]
async fn strangers_on_streams_leave_room_for_those_we_know() {
    let edge = Edge::open_with(|config| {
        config.defence.enabled = true;
        config.limits.max_connections = 8;
        config.limits.max_connections_per_source = Some(8);
    })
    .await;
    let held = takes_seats(&edge, ELSEWHERE).await;
    assert_eq!(held.len(), 6);
    let mut phone = Phone::udp([127, 0, 0, 1], edge.udp, "1000").await;
    assert_eq!(register(&mut phone).await, 200);
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
}

#[tokio::test]
async fn a_banned_peer_loses_its_connection_and_gets_no_other() {
    let edge = guarded().await;
    let mut stream = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(stream.options().await.status, 200);
    let network = format!("{}/32", stream.local.ip()).parse().unwrap();
    let _ban = edge
        .core
        .guard()
        .ban(network, Duration::from_secs(60), String::new());
    let options = b"OPTIONS sip:offhook.local SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    stream.write(options).await;
    let gone = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while edge.core.stats().connections > 0 {
            look.tick().await;
        }
    };
    soon(gone).await;
    let mut other = TcpStream::connect(edge.tcp).await.unwrap();
    // It may be closed before anything can be written.
    other.write_all(options).await.ok();
    let mut answer = Vec::new();
    soon(other.read_to_end(&mut answer)).await.ok();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn one_source_has_so_many_connections_and_no_more() {
    let edge = Edge::open_with(|config| config.limits.max_connections_per_source = Some(3)).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(TcpStream::connect(edge.tcp).await.unwrap());
    }
    let refused = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while edge.core.stats().refused_connections < 2 {
            look.tick().await;
        }
    };
    soon(refused).await;
    assert_eq!(edge.core.stats().connections, 3);
}

#[tokio::test]
async fn new_connections_of_a_stranger_come_at_a_rate() {
    let edge = Edge::open_with(|config| {
        config.defence.enabled = true;
        config.defence.limits.connections.burst = 4;
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(TcpStream::connect(edge.tcp).await.unwrap());
    }
    let refused = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while edge.core.guard().stats().dropped.connections < 6 {
            look.tick().await;
        }
    };
    soon(refused).await;
    assert!(edge.core.guard().bans().is_empty());
}

#[tokio::test]
async fn denied_networks_are_not_heard_and_allowed_ones_never_banned() {
    let edge = Edge::open_with(|config| {
        config.defence.enabled = true;
        config.defence.deny = vec!["127.0.0.3/32".parse().unwrap()];
        config.defence.allow = vec!["127.0.0.2/32".parse().unwrap()];
    })
    .await;
    let mut denied = Phone::udp(ELSEWHERE, edge.udp, "1000").await;
    let request = denied.register(600);
    denied.send(request).await;
    for _ in 0..30 {
        assert_eq!(guess(&edge, "1000").await, 403);
    }
    assert!(edge.core.guard().bans().is_empty());
    assert!(edge.core.guard().stats().dropped.denied >= 1);
}

/// RFC 3261 section 21.5.7 has 513 for what is too large.
#[tokio::test]
async fn a_header_beyond_all_measure_is_refused() {
    let edge = guarded().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let mut request = phone.register(600);
    request.headers.push(HeaderName::Subject, "x".repeat(9000));
    assert_eq!(phone.ask(request).await.status, 513);
    let mut request = phone.register(600);
    for number in 0..300 {
        request
            .headers
            .push(HeaderName::Subject, format!("row {number}"));
    }
    assert_eq!(phone.ask(request).await.status, 513);
    assert_eq!(phone.options().await.status, 200);
}
