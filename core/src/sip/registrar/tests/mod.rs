mod outbound;
mod pulse;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::*;
use crate::sip::endpoint::SipTransport;
use crate::sip::{Message, Method};
use crate::test_time::epoch;

const ALICE: u32 = 1001;
const BOB: u32 = 1002;

fn limits() -> RegistrarConfig {
    RegistrarConfig {
        min_expires: Duration::from_secs(60),
        default_expires: Duration::from_secs(600),
        max_expires: Duration::from_secs(3600),
        max_contacts: 3,
        ..RegistrarConfig::default()
    }
}

struct Office {
    now: Instant,
    registrar: Registrar<u32>,
    cseq: u32,
}

impl Office {
    fn new() -> Self {
        Self::with(limits())
    }

    fn with(limits: RegistrarConfig) -> Self {
        Self {
            now: epoch(),
            registrar: Registrar::new(limits),
            cseq: 0,
        }
    }

    fn send(&mut self, aor: u32, flow: u64, call_id: &str, cseq: u32, rows: &[&str]) -> Response {
        let mut request = Request::new(Method::Register, "sip:example.com");
        request.headers.push(
            HeaderName::CallId,
            Bytes::copy_from_slice(call_id.as_bytes()),
        );
        request
            .headers
            .push(HeaderName::CSeq, format!("{cseq} REGISTER"));
        for row in rows {
            let (name, value) = row.split_once(": ").unwrap();
            let name = HeaderName::parse(&Bytes::copy_from_slice(name.as_bytes())).unwrap();
            request
                .headers
                .push(name, Bytes::copy_from_slice(value.as_bytes()));
        }
        let peer = SocketAddr::from(([192, 0, 2, 1], 5060));
        let transport = if flow == 0 {
            SipTransport::Udp
        } else {
            SipTransport::Tcp
        };
        let path = Path {
            flow: FlowId(flow),
            transport,
            local: peer,
            peer,
        };
        self.registrar
            .handle_register(self.now, &aor, path, &request)
    }

    /// A REGISTER of ALICE's over UDP in its right order.
    fn register(&mut self, rows: &[&str]) -> Response {
        self.cseq += 1;
        self.send(ALICE, 0, "alice", self.cseq, rows)
    }

    fn uris(&self, aor: u32) -> Vec<String> {
        let found = self.registrar.lookup(self.now, &aor);
        found
            .iter()
            .map(|binding| String::from_utf8(binding.uri.to_vec()).unwrap())
            .collect()
    }

    fn changes(&mut self) -> Vec<(ChangeKind, String)> {
        std::iter::from_fn(|| self.registrar.poll_change())
            .map(|change| {
                (
                    change.kind,
                    String::from_utf8(change.contact.to_vec()).unwrap(),
                )
            })
            .collect()
    }
}

fn contacts(response: &Response) -> Vec<&str> {
    let rows = response.headers.all(&HeaderName::Contact);
    rows.map(|row| std::str::from_utf8(row).unwrap()).collect()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

use ChangeKind::{Registered, Renewed, Unregistered};

#[test]
fn a_contact_is_listed_as_it_was_sent_with_the_seconds_it_has() {
    let mut office = Office::new();
    let row = "Contact: \"Al\" <sip:al%20ice@192.0.2.1:5062;ob;x=Y>;+u.x=\"a,b\";q=0.5";
    let response = office.register(&[row]);
    let expected = "\"Al\" <sip:al%20ice@192.0.2.1:5062;ob;x=Y>;+u.x=\"a,b\";q=0.5;expires=600";
    assert_eq!(
        (response.status, contacts(&response)),
        (200, vec![expected])
    );
    office.now += seconds(100);
    let query = office.register(&[]);
    assert_eq!(contacts(&query), [expected.replace("600", "500")]);
    assert!(matches!(
        Message::parse(&query.write()),
        Ok(Message::Response(_))
    ));
}

#[test]
fn the_parameter_counts_before_the_header_and_both_have_bounds() {
    let mut office = Office::new();
    let granted = |office: &mut Office, rows: &[&str]| {
        let response = office.register(rows);
        let row = contacts(&response)[0].to_owned();
        row.rsplit_once("expires=")
            .unwrap()
            .1
            .parse::<u64>()
            .unwrap()
    };
    let contact = "Contact: <sip:a@h>";
    assert_eq!(granted(&mut office, &[contact, "Expires: 120"]), 120);
    assert_eq!(
        granted(
            &mut office,
            &["Contact: <sip:a@h>;expires=90", "Expires: 120"]
        ),
        90
    );
    assert_eq!(granted(&mut office, &[contact, "Expires: 9999"]), 3600);
    assert_eq!(
        granted(&mut office, &[contact, "Expires: 99999999999999"]),
        600
    );
    assert_eq!(
        granted(
            &mut office,
            &["Contact: <sip:a@h>;expires=soon", "Expires: 120"]
        ),
        600
    );
    office.changes();
    let brief = office.register(&["Contact: <sip:b@h>", "Contact: <sip:a@h>;expires=59"]);
    assert_eq!(brief.status, 423);
    assert_eq!(brief.headers.get(&HeaderName::MinExpires).unwrap(), "60");
    assert_eq!(office.uris(ALICE), ["sip:a@h"]);
    assert_eq!(office.changes(), []);
}

#[test]
fn a_binding_runs_out_when_it_said() {
    let mut office = Office::new();
    office.register(&["Contact: <sip:a@h>;expires=60, <sip:b@h>;expires=120"]);
    assert_eq!(
        office.registrar.next_expiry(),
        Some(office.now + seconds(60))
    );
    office.now += seconds(60);
    assert_eq!(office.uris(ALICE), ["sip:b@h"]);
    office.registrar.expire(office.now);
    assert_eq!(
        office.registrar.next_expiry(),
        Some(office.now + seconds(60))
    );
    office.now += seconds(1000);
    office.registrar.expire(office.now);
    assert_eq!(
        (office.registrar.next_expiry(), office.registrar.len()),
        (None, 0)
    );
    let expected = [
        (Registered, "sip:a@h".to_owned()),
        (Registered, "sip:b@h".to_owned()),
        (Unregistered, "sip:a@h".to_owned()),
        (Unregistered, "sip:b@h".to_owned()),
    ];
    assert_eq!(office.changes(), expected);
}

#[test]
fn the_same_contact_is_renewed_and_not_added() {
    let mut office = Office::new();
    office.register(&["Contact: <sip:alice@Host.Example.com>;expires=60"]);
    office.now += seconds(50);
    office.register(&["Contact: <sip:%61lice@host.example.COM>;expires=60"]);
    office.now += seconds(50);
    office.registrar.expire(office.now);
    assert_eq!(office.registrar.len(), 1);
    office.register(&["Contact: <sip:%61lice@host.example.COM>;expires=60"]);
    assert_eq!(office.changes().last().unwrap().0, Renewed);
}

/// RFC 3261 section 10.3.
#[test]
fn zero_takes_back_one_contact_and_a_star_all() {
    let mut office = Office::new();
    office.register(&["Contact: <sip:a@h>, <sip:b@h>"]);
    let response = office.register(&["Contact: <sip:a@h>", "Expires: 0"]);
    assert_eq!((response.status, contacts(&response).len()), (200, 1));
    office.register(&["Contact: <sip:c@h>;expires=0"]);
    assert_eq!(office.uris(ALICE), ["sip:b@h"]);
    for rows in [
        &["Contact: *"][..],
        &["Contact: *", "Expires: 60"],
        &["Contact: *", "Expires: none"],
        &["Contact: *, <sip:b@h>", "Expires: 0"],
        &["Contact: *", "Contact: *", "Expires: 0"],
        &["Contact: *;expires=0", "Expires: 0"],
    ] {
        assert_eq!(office.register(rows).status, 400, "{rows:?}");
    }
    assert_eq!(office.uris(ALICE), ["sip:b@h"]);
    let response = office.register(&["Contact: *", "Expires: 0"]);
    assert_eq!((response.status, contacts(&response).len()), (200, 0));
    assert!(office.registrar.is_empty());
    assert_eq!(office.register(&["Contact: *", "Expires: 0"]).status, 200);
}

/// RFC 3261 section 10.3, step 7.
#[test]
fn an_overtaken_request_changes_nothing() {
    let mut office = Office::new();
    office.send(ALICE, 0, "phone", 5, &["Contact: <sip:a@h>"]);
    for cseq in [4, 5] {
        let rows = ["Contact: <sip:b@h>", "Contact: <sip:a@h>"];
        assert_eq!(office.send(ALICE, 0, "phone", cseq, &rows).status, 500);
        let star = ["Contact: *", "Expires: 0"];
        assert_eq!(office.send(ALICE, 0, "phone", cseq, &star).status, 500);
    }
    assert_eq!(office.uris(ALICE), ["sip:a@h"]);
    // After a reboot the phone begins a new Call-ID with a low number.
    assert_eq!(
        office
            .send(ALICE, 0, "rebooted", 1, &["Contact: <sip:a@h>"])
            .status,
        200
    );
    assert_eq!(
        office
            .send(ALICE, 0, "rebooted", 2, &["Contact: <sip:a@h>"])
            .status,
        200
    );
}

#[test]
fn broken_contacts_are_refused_as_a_whole() {
    let mut office = Office::new();
    for contact in [
        "name:John_Smith",
        "<sip:a@h",
        "\"x",
        "sip:a@h?Route=x",
        "<tel:+1555>",
        "a",
    ] {
        let row = format!("Contact: <sip:good@h>, {contact}");
        assert_eq!(office.register(&[&row]).status, 400, "{contact}");
    }
    assert!(office.registrar.is_empty());
    let response = office.send(ALICE, 0, "x", u32::MAX, &["Contact: <sip:a@h>"]);
    assert_eq!(response.status, 400);
}

/// RFC 3261 section 10.2.1.2.
#[test]
fn the_most_wanted_contact_comes_first_and_of_equal_ones_the_latest() {
    let mut office = Office::new();
    office.register(&["Contact: <sip:half@h>;q=0.5"]);
    office.register(&["Contact: <sip:old@h>"]);
    office.register(&["Contact: <sip:new@h>;q=1.000"]);
    assert_eq!(office.uris(ALICE), ["sip:new@h", "sip:old@h", "sip:half@h"]);
    office.register(&["Contact: <sip:old@h>;q=.25, <sip:half@h>;q=0.251"]);
    assert_eq!(office.uris(ALICE), ["sip:new@h", "sip:half@h", "sip:old@h"]);
}

#[test]
fn too_many_contacts_push_the_oldest_out() {
    let mut office = Office::new();
    for name in ["a", "b", "c"] {
        office.register(&[&format!("Contact: <sip:{name}@h>")]);
    }
    office.register(&["Contact: <sip:a@h>"]);
    office.register(&["Contact: <sip:d@h>"]);
    assert_eq!(office.uris(ALICE), ["sip:d@h", "sip:a@h", "sip:c@h"]);
    assert!(
        office
            .changes()
            .contains(&(Unregistered, "sip:b@h".to_owned()))
    );
    let row = "Contact: <sip:1@h>, <sip:2@h>, <sip:3@h>, <sip:4@h>";
    assert_eq!(office.register(&[row]).status, 403);
    assert_eq!(office.registrar.len(), 3);
}

#[test]
fn a_closed_connection_takes_its_bindings_along_and_no_others() {
    let mut office = Office::new();
    office.send(ALICE, 7, "a", 1, &["Contact: <sip:a@h>"]);
    office.send(ALICE, 8, "b", 1, &["Contact: <sip:b@h>"]);
    office.send(BOB, 7, "c", 1, &["Contact: <sip:c@h>"]);
    office.send(BOB, 0, "d", 1, &["Contact: <sip:d@h>"]);
    office.registrar.flow_closed(FlowId(0));
    office.registrar.flow_closed(FlowId(7));
    assert_eq!(office.uris(ALICE), ["sip:b@h"]);
    assert_eq!(office.uris(BOB), ["sip:d@h"]);
    // A phone that came back over another connection stays when the old one closes.
    office.send(ALICE, 9, "b", 2, &["Contact: <sip:b@h>"]);
    office.registrar.flow_closed(FlowId(8));
    assert_eq!(office.uris(ALICE), ["sip:b@h"]);
    assert_eq!(
        office.registrar.lookup(office.now, &ALICE)[0].path.flow,
        FlowId(9)
    );
}

#[test]
fn a_phone_with_an_instance_replaces_its_own_contact() {
    let mut office = Office::new();
    let instance = "+sip.instance=\"<urn:uuid:0c3a>\"";
    office.register(&[&format!("Contact: <sip:x1@a.invalid>;{instance};reg-id=1")]);
    office.register(&[&format!("Contact: <sip:x2@a.invalid>;{instance};reg-id=1")]);
    assert_eq!(office.uris(ALICE), ["sip:x2@a.invalid"]);
    let expected = [
        (Registered, "sip:x1@a.invalid".to_owned()),
        (Unregistered, "sip:x1@a.invalid".to_owned()),
        (Registered, "sip:x2@a.invalid".to_owned()),
    ];
    assert_eq!(office.changes(), expected);
    office.register(&[&format!("Contact: <sip:x3@a.invalid>;{instance};reg-id=2")]);
    assert_eq!(office.registrar.len(), 2);
    office.registrar.remove(&ALICE);
    assert!(office.registrar.is_empty());
    assert_eq!(office.registrar.next_expiry(), None);
}

#[test]
fn one_request_may_name_a_contact_twice() {
    let mut office = Office::new();
    let response = office.register(&["Contact: <sip:a@h>;expires=60, <sip:a@h>;expires=90"]);
    assert_eq!(contacts(&response), ["<sip:a@h>;expires=90"]);
    let response = office.register(&["Contact: <sip:a@h>;expires=60, <sip:a@h>;expires=0"]);
    assert_eq!((response.status, contacts(&response).len()), (200, 0));
}

#[test]
fn a_binding_does_not_keep_the_datagram_alive() {
    let text = "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 REGISTER\r\n\
                Call-ID: c\r\nUser-Agent: phone\r\nContact: <sip:a@h>\r\n\r\n";
    let data = Bytes::copy_from_slice(text.as_bytes());
    let Ok(Message::Request(request)) = Message::parse(&data) else {
        panic!("no request")
    };
    let mut office = Office::new();
    let peer = SocketAddr::from(([192, 0, 2, 1], 5060));
    let path = Path {
        flow: FlowId(0),
        transport: SipTransport::Udp,
        local: peer,
        peer,
    };
    office
        .registrar
        .register(office.now, &ALICE, path, &request)
        .unwrap();
    drop(request);
    assert!(data.is_unique());
    let agent = office.registrar.lookup(office.now, &ALICE)[0]
        .user_agent
        .clone();
    assert_eq!(agent.unwrap(), "phone");
}
