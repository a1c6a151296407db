//! A server and a client that know each other.

mod nonce;
mod spelling;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::*;
use crate::id::IdSource;
use crate::pii::Secret;
use crate::sip::{Method, Request, Response};
use crate::test_time::epoch;

/// Where requests come from.
const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

const URI: &str = "sip:example.com";

fn register() -> Request {
    Request::new(Method::Register, URI)
}

fn credentials(password: &str) -> Credentials {
    Credentials {
        username: "1001".into(),
        password: Secret::new(password.into()),
    }
}

fn password(name: &str) -> Option<Secret> {
    (name == "1001").then(|| Secret::new("s3cret".into()))
}

struct Peers {
    now: Instant,
    server: Authenticator,
    client: DigestClient,
    ids: IdSource,
}

impl Peers {
    fn new(role: Role, given: &str) -> Self {
        let now = epoch();
        Self {
            now,
            server: Authenticator::new(now, "offhook", role, [7; 32]),
            client: DigestClient::new(credentials(given)),
            ids: IdSource::seeded(1),
        }
    }

    fn challenge(&mut self, stale: bool) -> Response {
        self.server
            .challenge_response(self.now, PHONE, &register(), stale)
    }

    /// A request signed with what the client knows.
    fn signed(&mut self) -> Request {
        self.signed_for("sip:example.com")
    }

    /// A request to `uri`, signed with what the client knows.
    fn signed_for(&mut self, uri: &'static str) -> Request {
        let mut request = register();
        request.uri = uri.into();
        self.client.authorize(&mut request, &mut self.ids);
        request
    }

    fn verify(&mut self, request: &Request) -> Verdict {
        self.server.verify(self.now, PHONE, request, password)
    }

    fn challenged(&mut self, stale: bool) -> Result<(), ClientError> {
        let response = self.challenge(stale);
        self.client.challenged(&response)
    }
}

fn accepted() -> Verdict {
    Verdict::Accepted {
        username: "1001".into(),
    }
}

fn refused(reason: Refusal) -> Verdict {
    Verdict::Refused {
        username: "1001".into(),
        reason,
    }
}

/// RFC 7616 section 3.9.1, both algorithms; RFC 2617 section 3.5; RFC 2069's without qop.
#[test]
fn the_rfcs_examples_come_out_the_same() {
    let digested = Digested {
        algorithm: Algorithm::Sha256,
        username: b"Mufasa",
        realm: b"http-auth@example.org",
        method: b"GET",
        uri: b"/dir/index.html",
        nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        auth: Some((b"00000001", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
    };
    assert_eq!(
        digested.response(b"Circle of Life"),
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    );
    let md5 = Digested {
        algorithm: Algorithm::Md5,
        ..digested
    };
    assert_eq!(
        md5.response(b"Circle of Life"),
        "8ca523f5e9506fed4657c9700eebdbec"
    );
    let old = Digested {
        algorithm: Algorithm::Md5,
        realm: b"testrealm@host.com",
        nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
        auth: Some((b"00000001", b"0a4f113b")),
        ..digested
    };
    assert_eq!(
        old.response(b"Circle Of Life"),
        "6629fae49393a05397450978507c4ef1"
    );
    let oldest = Digested { auth: None, ..old };
    assert_eq!(
        oldest.response(b"Circle Of Life"),
        "670fd8c2df070c60b045671b8b24ff02"
    );
}

#[test]
fn an_algorithm_that_is_not_offered_is_neither_asked_for_nor_taken() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    let strong = peers.challenge(false);
    peers.client.challenged(&strong).unwrap();
    peers.server = peers.server.offering(&[Algorithm::Md5]);
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), Verdict::Challenge { stale: false });
    let challenge = peers.challenge(false);
    let rows: Vec<_> = challenge
        .headers
        .all(&HeaderName::WwwAuthenticate)
        .collect();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].ends_with(b"algorithm=MD5, qop=\"auth\""));
    peers.client = DigestClient::new(credentials("s3cret"));
    peers.client.challenged(&challenge).unwrap();
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), accepted());
}

#[test]
fn both_algorithms_are_offered_and_the_better_one_is_answered() {
    for role in [Role::Endpoint, Role::Proxy] {
        let mut peers = Peers::new(role, "s3cret");
        let challenge = peers.challenge(false);
        assert_eq!(challenge.status, role.status());
        let header = role.challenge_header();
        let rows: Vec<_> = challenge.headers.all(&header).collect();
        assert!(rows[0].ends_with(b"algorithm=SHA-256, qop=\"auth\""));
        assert!(rows[1].ends_with(b"algorithm=MD5, qop=\"auth\""));
        assert_eq!(
            peers.verify(&register()),
            Verdict::Challenge { stale: false }
        );
        peers.client.challenged(&challenge).unwrap();
        for _ in 0..3 {
            let signed = peers.signed();
            let value = signed.headers.get(&role.credentials_header()).unwrap();
            let sent = Authorization::parse(value).unwrap();
            assert_eq!(sent.algorithm, Some(Algorithm::Sha256));
            assert_eq!(peers.verify(&signed), accepted());
        }
    }
}

#[test]
fn an_old_phone_may_answer_with_md5_and_without_qop() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    let mut challenge = peers.challenge(false);
    let row = challenge
        .headers
        .all(&HeaderName::WwwAuthenticate)
        .nth(1)
        .unwrap()
        .clone();
    let without_qop = String::from_utf8(row.to_vec())
        .unwrap()
        .replace(", qop=\"auth\"", "");
    let without_algorithm = without_qop.replace(", algorithm=MD5", "");
    challenge
        .headers
        .set(HeaderName::WwwAuthenticate, without_algorithm);
    peers.client.challenged(&challenge).unwrap();
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), accepted());
    // Nothing counts without qop, so the nonce is good for one request.
    let again = peers.signed();
    assert_eq!(peers.verify(&again), Verdict::Challenge { stale: true });
}

#[test]
fn a_request_cannot_be_replayed() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    let (first, second) = (peers.signed(), peers.signed());
    assert_eq!(peers.verify(&second), accepted());
    assert_eq!(peers.verify(&first), accepted());
    assert_eq!(peers.verify(&first), Verdict::Challenge { stale: true });
    assert_eq!(peers.verify(&second), Verdict::Challenge { stale: true });
}

#[test]
fn an_aged_nonce_is_stale_and_the_client_goes_on_with_a_new_one() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    peers.now += Authenticator::NONCE_LIFETIME + Duration::from_millis(1);
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), Verdict::Challenge { stale: true });
    peers.challenged(true).unwrap();
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), accepted());
}

#[test]
fn a_nonce_of_another_process_is_stale_when_the_password_is_right() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    peers.server = Authenticator::new(peers.now, "offhook", Role::Endpoint, [8; 32]);
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), Verdict::Challenge { stale: true });
}

#[test]
fn a_wrong_password_is_refused_and_not_tried_again() {
    let mut peers = Peers::new(Role::Endpoint, "guess");
    peers.challenged(false).unwrap();
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), refused(Refusal::WrongPassword));
    assert_eq!(peers.challenged(false), Err(ClientError::Rejected));
    let mut stranger = DigestClient::new(Credentials {
        username: "1002".into(),
        password: Secret::new("s3cret".into()),
    });
    stranger.challenged(&peers.challenge(false)).unwrap();
    let mut request = register();
    stranger.authorize(&mut request, &mut peers.ids);
    let verdict = peers.verify(&request);
    let expected = Verdict::Refused {
        username: "1002".into(),
        reason: Refusal::UnknownUser,
    };
    assert_eq!(verdict, expected);
}

#[test]
fn a_peer_that_always_says_stale_is_given_up() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    let tries = std::iter::repeat_with(|| {
        peers.signed();
        peers.challenged(true)
    });
    assert_eq!(tries.take(10).position(|tried| tried.is_err()), Some(3));
}

#[test]
fn a_nonce_that_ends_without_a_word_is_replaced() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    peers.signed();
    peers.signed();
    assert_eq!(peers.challenged(false), Ok(()));
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), accepted());
}

#[test]
fn a_proof_is_good_for_its_own_target_only() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    let mut signed = peers.signed();
    signed.uri = "sip:example.com:5060;transport=tcp".into();
    assert_eq!(peers.verify(&signed), accepted());
    let mut signed = peers.signed_for("sip:1002@example.com");
    for other in [
        "sip:900123@example.com",
        "sip:1002@example.net",
        "sip:example.com",
    ] {
        signed.uri = other.into();
        assert_eq!(peers.verify(&signed), refused(Refusal::WrongUri), "{other}");
    }
    let mut signed = peers.signed();
    signed.method = Method::Invite;
    assert_eq!(peers.verify(&signed), refused(Refusal::WrongPassword));
}

#[test]
fn a_proof_for_the_host_alone_is_good_for_everybody_there() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    let mut signed = peers.signed_for("sip:example.com:5060");
    signed.uri = "sip:*43@example.com:5060".into();
    assert_eq!(peers.verify(&signed), accepted());
    let mut signed = peers.signed_for("sip:example.net");
    signed.uri = "sip:*43@example.com".into();
    assert_eq!(peers.verify(&signed), refused(Refusal::WrongUri));
}

#[test]
fn every_realm_that_asks_is_answered() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    let mut proxy = Authenticator::new(peers.now, "hop", Role::Proxy, [1; 32]);
    let mut response = peers.challenge(false);
    for (name, value) in proxy.challenge(peers.now, PHONE, false) {
        response.headers.push(name, value);
    }
    peers.client.challenged(&response).unwrap();
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), accepted());
    assert_eq!(
        proxy.verify(peers.now, PHONE, &signed, password),
        accepted()
    );
}
