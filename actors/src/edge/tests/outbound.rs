//! Requests we send.

use std::net::SocketAddr;

use offhook_core::directory::{SipTransport as TrunkTransport, Trunk};
use offhook_core::sip::endpoint::TxnFailure;
use offhook_core::sip::invite::{
    DialogOptions, InviteUsage, LocalParty, OutgoingInvite, RedirectPolicy, UsageEffect, UsageInput,
};
use offhook_core::sip::{HeaderName, Method};
use offhook_core::{CallId, HangupCause, IdSource, LegId};
use tokio::net::TcpListener;

use super::fixture::{Edge, office, soon};
use super::phone::Phone;
use crate::alarm;
use crate::call::{Alerts, Contact};
use crate::trunk::TrunkSip;

const HOME: [u8; 4] = [127, 0, 0, 2];

/// RFC 3261 section 8.1.1.8: whoever is asked by `sips:`, or by a proxy that is, is told a Contact
/// with it.
#[tokio::test]
async fn a_carrier_behind_sips_is_told_a_contact_with_sips() {
    let edge = Edge::open().await;
    let mut trunk = office(None, TrunkTransport::Tls).trunks.remove(0);
    let told = |trunk: &Trunk| {
        let registrar = edge.core.ways(trunk).registrars.remove(0).contact;
        let called = edge
            .core
            .trunk_contact("0301", trunk)
            .unwrap()
            .local
            .contact;
        [registrar, called].map(|contact| String::from_utf8(contact.to_vec()).unwrap())
    };
    for contact in told(&trunk) {
        assert!(contact.starts_with("<sip:"), "{contact}");
        assert!(contact.ends_with(";transport=tls>"), "{contact}");
    }
    trunk.registration.registrars = vec!["sips:reg.carrier.example".to_owned()];
    let [registrar, called] = told(&trunk);
    assert!(registrar.starts_with("<sips:"), "{registrar}");
    assert!(!registrar.contains("transport"), "{registrar}");
    assert!(called.starts_with("<sip:"), "{called}");
    trunk.registration.registrars.clear();
    trunk.transport = TrunkTransport::Udp;
    trunk.outbound_proxy = Some("sips:proxy.carrier.example".to_owned());
    for contact in told(&trunk) {
        assert!(contact.starts_with("<sips:"), "{contact}");
        let port = format!(":{}>", edge.tcp.port());
        assert!(contact.ends_with(&port), "{contact}: where streams come in");
    }
}

/// A leg that calls a contact.
struct Leg {
    id: LegId,
    usage: InviteUsage,
}

impl Leg {
    fn calls(edge: &Edge, contact: Contact) -> Self {
        let spec = OutgoingInvite {
            request_uri: contact.uri,
            to: contact.to,
            from: "<sip:2000@offhook.local>".into(),
            local: contact.local,
            routes: Vec::new(),
            call_id: None,
            max_forwards: 70,
            headers: Vec::new(),
            credentials: contact.credentials,
            sdp: Some("v=0\r\n".into()),
            redirect: RedirectPolicy::Refuse,
        };
        let usage = InviteUsage::outgoing(spec, &mut IdSource::from_entropy());
        let mut leg = Self {
            id: LegId::new(CallId::random(), 0),
            usage,
        };
        edge.core.bind(leg.id, leg.usage.dialog_key().clone());
        leg.act(edge);
        leg
    }

    fn act(&mut self, edge: &Edge) {
        while let Some(effect) = self.usage.poll_effect() {
            edge.core.perform(self.id, effect);
        }
    }

    async fn hears(&mut self, edge: &mut Edge) -> UsageInput {
        let (to, input) = edge.input().await;
        assert_eq!(to, self.id);
        self.usage.handle(alarm::now(), input.clone());
        self.act(edge);
        input
    }

    fn hangs_up(&mut self, edge: &Edge) {
        self.usage
            .hang_up(alarm::now(), HangupCause::NormalClearing);
        self.act(edge);
    }
}

fn party() -> LocalParty {
    LocalParty {
        contact: "<sip:offhook@127.0.0.1>".into(),
        product: "Offhook".into(),
        flow: None,
        address: None,
        options: DialogOptions::default(),
    }
}

fn contact(uri: String) -> Contact {
    Contact {
        to: format!("<{uri}>").into(),
        uri: uri.into(),
        credentials: None,
        local: party(),
        trunk: None,
        domain: "offhook.local".to_owned(),
        routes: Vec::new(),
        alerts: Alerts::default(),
        headers: Vec::new(),
        turn: 0,
    }
}

async fn registered(edge: &mut Edge, phone: &mut Phone, nat: bool) -> Contact {
    let mut request = phone.register(600);
    if nat {
        request
            .headers
            .set(HeaderName::Contact, "<sip:1000@10.255.255.1:5062>");
    }
    assert_eq!(phone.ask_signed(request).await.status, 200);
    let extension = edge.directory.load().extension_numbered("1000").unwrap().id;
    edge.core.contacts_of(extension).unwrap().remove(0)
}

#[tokio::test]
async fn a_phone_behind_a_nat_is_rung_where_it_registered_from() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let contact = registered(&mut edge, &mut phone, true).await;
    let mut leg = Leg::calls(&edge, contact);
    let invite = phone.hears().await;
    assert_eq!(invite.uri, "sip:1000@10.255.255.1:5062");
    assert_eq!(invite.headers.to().unwrap().uri, "sip:1000@offhook.local");
    phone.answer(&invite, 180).await;
    assert!(
        matches!(leg.hears(&mut edge).await, UsageInput::Response { response, .. }
        if response.status == 180)
    );
    leg.hangs_up(&edge);
    let cancel = phone.hears().await;
    assert_eq!(cancel.method, Method::Cancel);
}

#[tokio::test]
async fn a_phone_on_a_stream_is_rung_on_its_stream() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let contact = registered(&mut edge, &mut phone, true).await;
    assert!(String::from_utf8_lossy(&contact.local.contact).contains(";transport=tcp"));
    let mut leg = Leg::calls(&edge, contact.clone());
    let invite = phone.hears().await;
    phone.answer(&invite, 486).await;
    assert!(
        matches!(leg.hears(&mut edge).await, UsageInput::Response { response, .. }
        if response.status == 486)
    );
    assert_eq!(phone.hears().await.method, Method::Ack);

    // When the connection goes while it rings, the leg hears of it at once.
    let mut leg = Leg::calls(&edge, contact.clone());
    phone.hears().await;
    drop(phone);
    let lost = leg.hears(&mut edge).await;
    assert!(matches!(
        lost,
        UsageInput::RequestFailed {
            failure: TxnFailure::Transport,
            ..
        }
    ));
    let mut late = Leg::calls(&edge, contact);
    let lost = late.hears(&mut edge).await;
    assert!(matches!(
        lost,
        UsageInput::RequestFailed {
            failure: TxnFailure::Transport,
            ..
        }
    ));
}

#[tokio::test]
async fn nobody_can_be_rung_without_a_phone() {
    let edge = Edge::open().await;
    let directory = edge.directory.load();
    let at = |number: &str| {
        let extension = directory.extension_numbered(number).unwrap().id;
        edge.core.contacts_of(extension).unwrap_err()
    };
    assert_eq!(at("1000"), HangupCause::SubscriberAbsent);
    assert_eq!(at("1009"), HangupCause::UnallocatedNumber);
    assert_eq!(
        edge.core.contacts_outside("99").unwrap_err(),
        HangupCause::UnallocatedNumber
    );
}

#[tokio::test]
async fn a_trunk_on_streams_is_connected_to_once() {
    let mut edge = Edge::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    edge.directory
        .replace(office(Some(host), TrunkTransport::Tcp));
    let contact = edge.core.contacts_outside("0123").unwrap().remove(0);
    assert_eq!(contact.uri, format!("sip:0123@{host};transport=tcp"));
    assert!(contact.credentials.is_some() && contact.trunk.is_some());
    let mut one = Leg::calls(&edge, contact.clone());
    let mut two = Leg::calls(&edge, contact);
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut carrier = Phone::accepted(stream, edge.tcp);
    for _ in 0..2 {
        let invite = carrier.hears().await;
        let via = invite.headers.get(&HeaderName::Via).unwrap();
        let sent_by = format!("TCP {};", edge.tcp);
        assert!(String::from_utf8_lossy(via).contains(&sent_by), "{via:?}");
        carrier.answer(&invite, 503).await;
    }
    let mut refusals = 0;
    while refusals < 2 {
        let (leg, input) = edge.input().await;
        assert!(leg == one.id || leg == two.id);
        refusals += usize::from(matches!(input, UsageInput::Response { .. }));
    }
    one.act(&edge);
    two.act(&edge);
    assert_eq!(edge.core.stats().connections, 1);
}

#[tokio::test]
async fn what_cannot_be_reached_fails_and_does_not_hang() {
    let mut edge = Edge::open().await;
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    for uri in [
        format!("sip:1@{closed};transport=tcp"),
        "sip:1@127.0.0.1;transport=tls".to_owned(),
        "sips:1@127.0.0.1".to_owned(),
        "tel:+1".to_owned(),
        "sip:1@[::1]".to_owned(),
        "sip:1@no-such-host.invalid".to_owned(),
    ] {
        let mut leg = Leg::calls(&edge, contact(uri.clone()));
        let failed = leg.hears(&mut edge).await;
        assert!(
            matches!(
                failed,
                UsageInput::RequestFailed {
                    failure: TxnFailure::Transport,
                    ..
                }
            ),
            "{uri}: {failed:?}"
        );
    }
}

#[tokio::test]
async fn a_name_is_looked_up() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp([127, 0, 0, 1], edge.udp, "1000").await;
    let port = SocketAddr::port(&phone.local);
    let mut leg = Leg::calls(&edge, contact(format!("sip:1@localhost:{port}")));
    let invite = phone.hears().await;
    phone.answer(&invite, 404).await;
    assert!(matches!(
        leg.hears(&mut edge).await,
        UsageInput::Response { .. }
    ));
}

#[tokio::test]
async fn a_call_taken_back_before_its_connection_stands_fails_at_once() {
    let mut edge = Edge::open().await;
    // An address that swallows everything: connecting to it takes until the time-out.
    let mut leg = Leg::calls(&edge, contact("sip:1@192.0.2.1;transport=tcp".to_owned()));
    leg.hangs_up(&edge);
    let failed = leg.hears(&mut edge).await;
    assert!(matches!(failed, UsageInput::RequestFailed { .. }));
    edge.core.perform(
        leg.id,
        UsageEffect::Cancel {
            tag: offhook_core::sip::invite::RequestTag(99),
            reason: None,
        },
    );
    edge.core.close(leg.id);
}

/// RFC 3261 section 26.1.4: of a phone that was called it is known where it was rung.
#[tokio::test]
async fn a_called_phone_is_heard_from_where_it_was_rung() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let contact = registered(&mut edge, &mut phone, true).await;
    let mut leg = Leg::calls(&edge, contact);
    let invite = phone.hears().await;
    phone.answer(&invite, 200).await;
    leg.hears(&mut edge).await;
    assert_eq!(phone.hears().await.method, Method::Ack);
    let bye = |phone: &mut Phone| {
        let mut bye = phone.request(Method::Bye, "sip:offhook@127.0.0.1");
        let headers = &mut bye.headers;
        headers.set(
            HeaderName::CallId,
            invite.headers.call_id().unwrap().clone(),
        );
        headers.set(HeaderName::From, "<sip:1000@offhook.local>;tag=callee");
        let us = invite.headers.get(&HeaderName::From).unwrap().clone();
        headers.set(HeaderName::To, us);
        bye
    };
    let mut stranger = Phone::udp([127, 0, 0, 3], edge.udp, "1000").await;
    let asked = bye(&mut stranger);
    assert_eq!(stranger.ask(asked).await.status, 401);
    let asked = bye(&mut phone);
    phone.send(asked).await;
    leg.hears(&mut edge).await;
    assert_eq!(phone.response().await.status, 200);
}
