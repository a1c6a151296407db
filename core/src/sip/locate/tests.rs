//! Zones on paper, and where they lead.

use std::collections::HashMap;
use std::net::IpAddr;

use bytes::Bytes;

use super::*;
use crate::id::IdSource;
use crate::sip::Uri;
use crate::sip::endpoint::SipTransport::{self, Tcp, Tls, Udp, Ws};

#[derive(Default)]
struct Zone {
    naptr: HashMap<&'static str, Vec<Naptr>>,
    srv: HashMap<&'static str, Vec<Srv>>,
    addresses: HashMap<&'static str, Vec<IpAddr>>,
    asked: Vec<Question>,
    broken: bool,
}

impl Zone {
    fn naptr(mut self, name: &'static str, rows: &[(u16, u16, &str, &str)]) -> Self {
        let row = |row: &(u16, u16, &str, &str)| Naptr {
            order: row.0,
            preference: row.1,
            flags: "s".to_owned(),
            service: row.2.to_owned(),
            replacement: row.3.to_owned(),
        };
        self.naptr.insert(name, rows.iter().map(row).collect());
        self
    }

    fn srv(mut self, name: &'static str, rows: &[(u16, u16, u16, &str)]) -> Self {
        let row = |row: &(u16, u16, u16, &str)| Srv {
            priority: row.0,
            weight: row.1,
            port: row.2,
            target: row.3.to_owned(),
        };
        self.srv.insert(name, rows.iter().map(row).collect());
        self
    }

    fn host(mut self, name: &'static str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        self.addresses.insert(name, addresses);
        self
    }

    fn answer(&self, question: &Question) -> Answer {
        if self.broken {
            return Answer::Failed;
        }
        let found = match question {
            Question::Naptr(name) => self.naptr.get(name.as_str()).cloned().map(Answer::Naptr),
            Question::Srv(name) => self.srv.get(name.as_str()).cloned().map(Answer::Srv),
            Question::Address(name, family) => {
                let fits = |ip: &&IpAddr| ip.is_ipv4() == (*family == Family::V4);
                let all = self.addresses.get(name.as_str());
                all.map(|all| Answer::Addresses(all.iter().filter(fits).copied().collect()))
            }
        };
        found.unwrap_or(Answer::Nothing)
    }

    fn locate(&mut self, uri: &str, means: &Means, seed: u64) -> Result<Vec<Target>, LocateError> {
        let uri = Uri::parse(&Bytes::copy_from_slice(uri.as_bytes())).unwrap();
        let mut locate = Locate::start(&uri, means, IdSource::seeded(seed))?;
        loop {
            if let Some(result) = locate.poll_targets() {
                return result;
            }
            let question = locate.poll_question().expect("it waits for nothing");
            let answer = self.answer(&question);
            locate.handle_answer(&question, answer);
            self.asked.push(question);
        }
    }

    /// Targets as text.
    fn finds(&mut self, uri: &str) -> Vec<String> {
        self.finds_with(uri, &means(&[Udp, Tcp, Tls]))
    }

    fn finds_with(&mut self, uri: &str, means: &Means) -> Vec<String> {
        let show = |target: Target| format!("{} {}", target.transport, target.address);
        match self.locate(uri, means, 1) {
            Ok(targets) => targets.into_iter().map(show).collect(),
            Err(error) => vec![format!("{error:?}")],
        }
    }
}

fn means(transports: &[SipTransport]) -> Means {
    Means {
        transports: transports.to_vec(),
        asked_for: Vec::new(),
        families: vec![Family::V4, Family::V6],
    }
}

fn carrier() -> Zone {
    Zone::default()
        .naptr(
            "carrier.example",
            &[
                (20, 10, "SIP+D2U", "_sip._udp.carrier.example."),
                (10, 50, "SIPS+D2T", "_sips._tcp.carrier.example."),
                (10, 60, "SIP+D2T", "_sip._tcp.carrier.example."),
                (1, 1, "E2U+sip", "elsewhere.example."),
            ],
        )
        .srv("_sip._udp.carrier.example", &[(1, 0, 5060, "a.example.")])
        .srv(
            "_sip._tcp.carrier.example",
            &[(2, 0, 5070, "b.example."), (1, 0, 5080, "a.example.")],
        )
        .srv("_sips._tcp.carrier.example", &[(1, 0, 5061, "a.example")])
        .host("a.example", &["192.0.2.1", "2001:db8::1"])
        .host("b.example", &["192.0.2.2"])
        .host("carrier.example", &["192.0.2.9"])
}

/// RFC 3263 sections 4.1 and 4.2.
#[test]
fn an_address_needs_no_question() {
    let mut zone = carrier();
    assert_eq!(zone.finds("sip:1@192.0.2.7"), ["UDP 192.0.2.7:5060"]);
    assert_eq!(
        zone.finds("sip:1@[2001:db8::7]:5066"),
        ["UDP [2001:db8::7]:5066"]
    );
    assert_eq!(zone.finds("sips:1@192.0.2.7"), ["TLS 192.0.2.7:5061"]);
    assert_eq!(
        zone.finds("sip:1@192.0.2.7;transport=tcp"),
        ["TCP 192.0.2.7:5060"]
    );
    assert_eq!(
        zone.finds("sip:1@carrier.example;maddr=192.0.2.8"),
        ["UDP 192.0.2.8:5060"]
    );
    assert_eq!(zone.asked, []);
}

/// RFC 3263 section 4.1: the domain's own preference among the services we speak.
#[test]
fn naptr_records_choose_the_transport() {
    let mut zone = carrier();
    let tls = ["TLS 192.0.2.1:5061", "TLS [2001:db8::1]:5061"];
    assert_eq!(zone.finds("sip:1@carrier.example"), tls);
    let plain = means(&[Udp, Tcp]);
    assert_eq!(
        zone.finds_with("sip:1@carrier.example", &plain),
        [
            "TCP 192.0.2.1:5080",
            "TCP [2001:db8::1]:5080",
            "TCP 192.0.2.2:5070"
        ]
    );
    let found = zone.locate("sip:1@carrier.example", &plain, 1).unwrap();
    assert!(found.iter().all(|target| target.host == "carrier.example"));
}

/// RFC 3263 section 4.1: a sips URI goes over TLS or nowhere.
#[test]
fn sips_is_never_weakened() {
    let mut zone = carrier();
    let tls = ["TLS 192.0.2.1:5061", "TLS [2001:db8::1]:5061"];
    assert_eq!(zone.finds("sips:1@carrier.example"), tls);
    assert_eq!(zone.finds("sips:1@carrier.example;transport=tcp"), tls);
    assert_eq!(
        zone.finds("sips:1@carrier.example;transport=udp"),
        ["Transport"]
    );
    let plain = means(&[Udp, Tcp]);
    for uri in ["sips:1@carrier.example", "sips:1@192.0.2.1"] {
        assert_eq!(zone.finds_with(uri, &plain), ["Transport"]);
    }
}

/// RFC 3263 section 4.1: with a port given there is no SRV, and with a transport no NAPTR.
#[test]
fn what_the_uri_says_is_not_asked() {
    let mut zone = carrier();
    assert_eq!(
        zone.finds("sip:1@carrier.example:5099"),
        ["UDP 192.0.2.9:5099"]
    );
    assert_eq!(
        zone.finds("sip:1@carrier.example;transport=udp"),
        ["UDP 192.0.2.1:5060", "UDP [2001:db8::1]:5060"]
    );
    let naptr = |question: &Question| matches!(question, Question::Naptr(_));
    assert!(!zone.asked.iter().any(naptr));
    let services = zone.asked.iter().filter_map(|question| match question {
        Question::Srv(name) => Some(name.as_str()),
        Question::Naptr(_) | Question::Address(..) => None,
    });
    assert_eq!(services.collect::<Vec<_>>(), ["_sip._udp.carrier.example"]);
}

/// RFC 3263 sections 4.1 and 4.2: without NAPTR the SRV records of what we speak, in our order;
/// without those the domain's own addresses and UDP.
#[test]
fn less_and_less_is_enough() {
    let mut zone = carrier();
    zone.naptr.clear();
    assert_eq!(zone.finds("sip:1@carrier.example")[0], "UDP 192.0.2.1:5060");
    let streams_first = means(&[Tcp, Udp]);
    assert_eq!(
        zone.finds_with("sip:1@carrier.example", &streams_first)[0],
        "TCP 192.0.2.1:5080"
    );
    zone.srv.clear();
    assert_eq!(zone.finds("sip:1@carrier.example"), ["UDP 192.0.2.9:5060"]);
    assert_eq!(
        zone.finds_with("sip:1@carrier.example", &means(&[Tcp])),
        ["TCP 192.0.2.9:5060"]
    );
    zone.addresses.clear();
    assert_eq!(zone.finds("sip:1@carrier.example"), ["NoAddress"]);
    zone.broken = true;
    assert_eq!(zone.finds("sip:1@carrier.example"), ["Unanswered"]);
}

/// RFC 2782: a target of "." says that there is no such service.
#[test]
fn a_service_that_is_not_offered_is_not_used() {
    let mut zone = carrier().srv("_sip._udp.carrier.example", &[(0, 0, 0, ".")]);
    zone.naptr.clear();
    assert_eq!(zone.finds("sip:1@carrier.example")[0], "TCP 192.0.2.1:5080");
}

#[test]
fn what_we_do_not_listen_for_is_used_where_it_is_asked_for() {
    let mut zone = carrier();
    let mut mine = means(&[Udp]);
    mine.asked_for = vec![Tcp, Tls];
    let of = |zone: &mut Zone, uri: &str| zone.finds_with(uri, &mine)[0].clone();
    assert_eq!(of(&mut zone, "sip:1@carrier.example"), "UDP 192.0.2.1:5060");
    assert_eq!(
        of(&mut zone, "sips:1@carrier.example"),
        "TLS 192.0.2.1:5061"
    );
    zone.naptr.clear();
    assert_eq!(
        of(&mut zone, "sips:1@carrier.example"),
        "TLS 192.0.2.1:5061"
    );
    let streams = "sip:1@carrier.example;transport=tcp";
    assert_eq!(of(&mut zone, streams), "TCP 192.0.2.1:5080");
}

#[test]
fn only_addresses_we_have_a_socket_for_are_used_in_our_order() {
    let mut zone = carrier();
    let mut mine = means(&[Udp]);
    mine.families = vec![Family::V6, Family::V4];
    let uri = "sip:1@a.example:5060";
    assert_eq!(
        zone.finds_with(uri, &mine),
        ["UDP [2001:db8::1]:5060", "UDP 192.0.2.1:5060"]
    );
    mine.families = vec![Family::V6];
    assert_eq!(zone.finds_with(uri, &mine), ["UDP [2001:db8::1]:5060"]);
    assert_eq!(
        zone.finds_with("sip:1@b.example:5060", &mine),
        ["NoAddress"]
    );
}

#[test]
fn what_we_do_not_speak_and_what_has_no_host_is_refused() {
    let mut zone = carrier();
    assert_eq!(zone.finds("tel:+4930"), ["NoHost"]);
    assert_eq!(zone.finds("sip:1@a.example;transport=sctp"), ["Transport"]);
    assert_eq!(zone.finds("sip:1@a.example;transport=ws"), ["Transport"]);
    let sockets = means(&[Ws]);
    assert_eq!(
        zone.finds_with("sip:1@a.example;transport=udp", &sockets),
        ["Transport"]
    );
}

#[test]
fn a_zone_full_of_records_is_cut_short() {
    let many: Vec<(u16, u16, u16, &str)> = (0..500).map(|n| (1, n, n + 1, "a.example.")).collect();
    let mut zone = carrier().srv("_sip._udp.carrier.example", &many);
    let all: Vec<String> = (0..200).map(|n| format!("192.0.2.{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    zone = zone.host("a.example", &all);
    let found = zone.finds("sip:1@carrier.example;transport=udp");
    assert_eq!(found.len(), MOST_TARGETS);
    assert!(zone.asked.len() < 8, "each host is asked for once");
}

/// RFC 2782: each record comes first as often as its weight says.
#[test]
fn weights_share_the_calls() {
    let rows = [
        (1, 70, 1, "a.example."),
        (1, 20, 2, "a.example."),
        (1, 10, 3, "a.example."),
        (1, 0, 4, "a.example."),
        (9, 1000, 5, "a.example."),
    ];
    let mut zone = Zone::default()
        .srv("_sip._udp.x.example", &rows)
        .host("a.example", &["192.0.2.1"]);
    let (mut firsts, mut lasts) = ([0_u32; 6], [0_u32; 6]);
    for seed in 0..10_000 {
        let found = zone
            .locate("sip:1@x.example;transport=udp", &means(&[Udp]), seed)
            .unwrap();
        let port = |at: usize| usize::from(found[at].address.port());
        assert_eq!(found.len(), 5);
        firsts[port(0)] += 1;
        lasts[port(4)] += 1;
    }
    let near = |count: u32, share: f64| (f64::from(count) / 10_000.0 - share).abs() < 0.015;
    // 101 draws, from 0 to the sum.
    assert!(near(firsts[1], 70.0 / 101.0), "{firsts:?}");
    assert!(near(firsts[2], 20.0 / 101.0), "{firsts:?}");
    assert!(near(firsts[3], 10.0 / 101.0), "{firsts:?}");
    assert!(firsts[4] > 0 && near(firsts[4], 1.0 / 101.0), "{firsts:?}");
    assert_eq!((firsts[5], lasts[5]), (0, 10_000), "a later priority waits");
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let uri = Uri::parse(&Bytes::from_static(b"sip:1@x.example:5060")).unwrap();
    let mut mine = means(&[Udp]);
    mine.families = vec![Family::V4];
    let mut locate = Locate::start(&uri, &mine, IdSource::seeded(1)).unwrap();
    let question = locate.poll_question().unwrap();
    locate.handle_answer(&question, Answer::Srv(Vec::new()));
    locate.handle_answer(&question, Answer::Nothing);
    assert_eq!(locate.poll_targets(), Some(Err(LocateError::NoAddress)));
    locate.handle_answer(
        &question,
        Answer::Addresses(vec!["192.0.2.1".parse().unwrap()]),
    );
    assert_eq!(locate.poll_targets(), Some(Err(LocateError::NoAddress)));
    assert_eq!(locate.poll_question(), None);
}
