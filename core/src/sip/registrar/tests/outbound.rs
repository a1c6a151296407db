//! Paths (RFC 3327) and flows (RFC 5626).

use super::*;

fn header(response: &Response, name: &HeaderName) -> Vec<String> {
    let values = response.headers.list(name);
    values
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
        .collect()
}

fn routes(office: &Office, aor: u32) -> Vec<Vec<String>> {
    let found = office.registrar.lookup(office.now, &aor);
    let text = |route: &Bytes| String::from_utf8(route.to_vec()).unwrap();
    found
        .iter()
        .map(|binding| binding.routes.iter().map(text).collect())
        .collect()
}

/// RFC 3327 section 5.3.
#[test]
fn the_path_is_kept_in_its_order_and_told_to_who_knows_it() {
    let mut office = Office::new();
    let rows = [
        "Contact: <sip:a@10.0.0.1>",
        "Path: <sip:p2@edge2.example;lr>, <sip:p1@edge1.example;lr>",
        "Path: <sip:[2001:db8::1]:5062;lr>",
        "Supported: path",
    ];
    let expected = [
        "<sip:p2@edge2.example;lr>",
        "<sip:p1@edge1.example;lr>",
        "<sip:[2001:db8::1]:5062;lr>",
    ];
    let response = office.register(&rows);
    assert_eq!(header(&response, &HeaderName::Path), expected);
    assert_eq!(routes(&office, ALICE), [expected]);
    let response = office.register(&rows[..3]);
    assert!(header(&response, &HeaderName::Path).is_empty());
    assert_eq!(routes(&office, ALICE), [expected]);
    office.register(&rows[..1]);
    assert_eq!(routes(&office, ALICE), [[""; 0]]);
}

/// RFC 3327 section 5.3.
#[test]
fn a_path_that_cannot_be_followed_changes_nothing() {
    let mut office = Office::new();
    let long = format!("Path: <sip:{}@edge.example;lr>", "x".repeat(3000));
    let many = format!("Path: {}", ["<sip:edge.example;lr>"; 9].join(", "));
    for path in ["Path: <tel:123>", "Path: <sip:>", &long, &many] {
        let response = office.register(&["Contact: <sip:a@h>", path]);
        assert_eq!(response.status, 400, "{path}");
        assert!(office.uris(ALICE).is_empty());
    }
}

/// RFC 3327 section 5.3: the nearest proxy's connection is not the phone's.
#[test]
fn a_phone_behind_proxies_outlives_the_connection_its_register_came_by() {
    let mut office = Office::new();
    let rows = ["Contact: <sip:a@h>", "Path: <sip:edge.example;lr>"];
    office.send(ALICE, 7, "a", 1, &rows);
    office.send(BOB, 7, "b", 1, &rows[..1]);
    office.registrar.flow_closed(FlowId(7));
    assert_eq!(office.uris(ALICE), ["sip:a@h"]);
    assert!(office.uris(BOB).is_empty());
}

const FLOW: &str = "Contact: <sip:a@10.0.0.1:4711>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
const OTHER_FLOW: &str = "Contact: <sip:a@10.0.0.1:4712>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";

/// RFC 5626 section 6.
#[test]
fn a_phone_that_wants_its_flow_kept_is_told_so_and_how_often_to_call() {
    let mut office = Office::new();
    let response = office.send(ALICE, 7, "a", 1, &[FLOW, "Supported: path, outbound"]);
    assert_eq!(header(&response, &HeaderName::Require), ["outbound"]);
    assert_eq!(header(&response, &HeaderName::FlowTimer), ["120"]);
    let supported = header(&response, &HeaderName::Supported);
    assert_eq!(supported, ["outbound", "path"]);
    // Without all three there is nothing to keep.
    let without = FLOW.split_once(";reg-id").unwrap().0;
    for rows in [[FLOW, "Supported: path"], [without, "Supported: outbound"]] {
        let response = office.send(BOB, 8, "b", 1, &rows);
        assert_eq!(response.status, 200);
        assert!(header(&response, &HeaderName::Require).is_empty());
        assert!(header(&response, &HeaderName::FlowTimer).is_empty());
        office.send(BOB, 8, "b", 2, &["Contact: *", "Expires: 0"]);
    }
}

/// RFC 5626 section 6.
#[test]
fn a_new_flow_of_a_phone_takes_the_place_of_its_old_one() {
    let mut office = Office::new();
    office.send(ALICE, 7, "a", 1, &[FLOW, "Supported: outbound"]);
    office.send(ALICE, 8, "b", 1, &[OTHER_FLOW, "Supported: outbound"]);
    assert_eq!(office.uris(ALICE), ["sip:a@10.0.0.1:4712"]);
    office.registrar.flow_closed(FlowId(7));
    assert_eq!(office.uris(ALICE), ["sip:a@10.0.0.1:4712"]);
    let second = OTHER_FLOW
        .replace("reg-id=1", "reg-id=2")
        .replace("4712", "4713");
    office.send(ALICE, 9, "c", 1, &[&second, "Supported: outbound"]);
    assert_eq!(office.uris(ALICE).len(), 2);
    office.registrar.flow_closed(FlowId(8));
    assert_eq!(office.uris(ALICE), ["sip:a@10.0.0.1:4713"]);
}

/// RFC 5626 section 6: 439.
#[test]
fn a_flow_behind_a_proxy_that_keeps_none_is_refused() {
    let mut office = Office::new();
    let vias =
        "Via: SIP/2.0/TCP edge.example;branch=z9hG4bKa, SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKb";
    let outbound = "Supported: outbound, path";
    let response = office.send(ALICE, 7, "a", 1, &[vias, FLOW, outbound]);
    assert_eq!(response.status, 439);
    let deaf = "Path: <sip:edge.example;lr>";
    let response = office.send(ALICE, 7, "a", 2, &[vias, FLOW, outbound, deaf]);
    assert_eq!(response.status, 439);
    assert!(office.uris(ALICE).is_empty());
    let keeps = "Path: <sip:edge.example;lr;ob>";
    let response = office.send(ALICE, 7, "a", 3, &[vias, FLOW, outbound, keeps]);
    assert_eq!(response.status, 200);
    assert_eq!(header(&response, &HeaderName::Require), ["outbound"]);
    // The proxy tells the phone when to call.
    assert!(header(&response, &HeaderName::FlowTimer).is_empty());
}

#[test]
fn a_phone_is_known_again_by_its_name_or_else_by_its_contact() {
    let mut office = Office::new();
    office.send(ALICE, 7, "a", 1, &[FLOW]);
    office.send(BOB, 17, "b", 1, &["Contact: <sip:b@10.0.0.2>"]);
    let name = |flow| {
        let (aor, phone) = office.registrar.on_flow(FlowId(flow)).unwrap();
        (*aor, phone)
    };
    let (alice, bob) = (name(7), name(17));
    assert_eq!((alice.0, bob.0), (ALICE, BOB));
    for flow in [7, 17] {
        office.registrar.flow_closed(FlowId(flow));
        assert_eq!(office.registrar.on_flow(FlowId(flow)), None);
    }
    let way = |office: &Office, (aor, phone): &(u32, PhoneName)| {
        let path = office.registrar.way_to(office.now, aor, phone);
        path.map(|path| path.flow.0)
    };
    assert_eq!(way(&office, &alice), None);
    office.send(ALICE, 8, "c", 1, &[OTHER_FLOW]);
    office.send(ALICE, 9, "d", 1, &["Contact: <sip:a@10.0.0.9>"]);
    office.send(BOB, 18, "e", 1, &["Contact: <sip:b@10.0.0.2:5060>"]);
    office.send(BOB, 19, "f", 1, &["Contact: <sip:b@10.0.0.2>;q=0.5"]);
    assert_eq!(way(&office, &alice), Some(8));
    assert_eq!(way(&office, &bob), Some(19));
    office.now += seconds(100_000);
    assert_eq!(way(&office, &alice), None);
}
