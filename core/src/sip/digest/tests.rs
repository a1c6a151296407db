use std::time::{Duration, Instant};

use bytes::Bytes;

use super::nonce::Nonces;
use super::*;
use crate::id::IdSource;
use crate::pii::Secret;
use crate::sip::{Method, Request, Response};
use crate::test_time::epoch;

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
        self.server.challenge_response(self.now, &register(), stale)
    }

    /// A request signed with what the client knows.
    fn signed(&mut self) -> Request {
        let mut request = register();
        self.client.authorize(&mut request, &mut self.ids);
        request
    }

    fn verify(&mut self, request: &Request) -> Verdict {
        self.server.verify(self.now, request, password)
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
    let mut signed = peers.signed();
    signed.uri = "sip:900123@example.com".into();
    assert_eq!(peers.verify(&signed), refused(Refusal::WrongUri));
    let mut signed = peers.signed();
    signed.method = Method::Invite;
    assert_eq!(peers.verify(&signed), refused(Refusal::WrongPassword));
}

/// Builds an answer by hand, for what the client would not write.
fn answer(peers: &mut Peers, username: &str, algorithm: &str, nc: &str) -> Request {
    let row = peers.server.challenge(peers.now, false)[1].1.clone();
    let nonce = Challenge::parse_all(&row).remove(0).nonce;
    let digested = Digested {
        algorithm: Algorithm::Md5,
        username: &crate::sip::lex::unquote(username.as_bytes()),
        realm: b"offhook",
        method: b"REGISTER",
        uri: URI.as_bytes(),
        nonce: &nonce,
        auth: Some((nc.as_bytes(), b"c")),
    };
    let nonce = String::from_utf8(nonce.to_vec()).unwrap();
    let response = digested.response(b"s3cret").to_uppercase();
    let mut request = register();
    request.headers.push(
        HeaderName::Authorization,
        format!(
            "digest response=\"{response}\",username={username} ,\r\n nc={nc},qop=\"auth\",\
             cnonce=c,uri=\"{URI}\",nonce=\"{nonce}\",REALM=\"offhook\"{algorithm}"
        ),
    );
    request
}

#[test]
fn the_many_ways_phones_write_an_answer_are_understood() {
    let mut peers = Peers::new(Role::Endpoint, "");
    for nc in ["0a", "0000000A", "0000000a", "1", "ffffffff"] {
        let request = answer(&mut peers, "\"1001\"", ",algorithm=md5", nc);
        assert_eq!(peers.verify(&request), accepted(), "{nc}");
    }
    for nc in ["", "0", "g1", "123456789", "-1"] {
        let request = answer(&mut peers, "\"1001\"", "", nc);
        assert_eq!(peers.verify(&request), refused(Refusal::Malformed), "{nc}");
    }
    let request = answer(&mut peers, "\"1001\"", ",algorithm=SHA-512-256", "1");
    assert_eq!(peers.verify(&request), Verdict::Challenge { stale: false });
    let request = answer(&mut peers, "\"1001\"", ",algorithm=MD5-sess", "1");
    assert_eq!(peers.verify(&request), Verdict::Challenge { stale: false });
    let request = answer(&mut peers, "\"1001\"", ",algorithm=SHA-256", "1");
    assert_eq!(peers.verify(&request), refused(Refusal::WrongPassword));
}

#[test]
fn a_name_may_have_escapes_and_any_letters() {
    let mut peers = Peers::new(Role::Endpoint, "");
    for (written, name) in [
        ("\"a\\\"b\\\\c\"", "a\"b\\c"),
        ("\"Jäsøn Doe\"", "Jäsøn Doe"),
    ] {
        let request = answer(&mut peers, written, "", "1");
        let lookup = |asked: &str| (asked == name).then(|| Secret::new("s3cret".into()));
        let verdict = peers.server.verify(peers.now, &request, lookup);
        assert_eq!(
            verdict,
            Verdict::Accepted {
                username: name.into()
            }
        );
    }
    let extended = "Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, realm=\"x\", nonce=\"n\", \
                    uri=\"sip:x\", response=\"0\"";
    let read = Authorization::parse(&extended.into()).unwrap();
    assert_eq!(read.username, "Jäsøn Doe");
}

#[test]
fn other_realms_schemes_and_broken_answers_are_told_apart() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    let mut other = register();
    other.headers.push(
        HeaderName::Authorization,
        "NoOneKnowsThisScheme opaque-data=here",
    );
    other.headers.push(
        HeaderName::Authorization,
        "Digest username=\"1001\", realm=\"else\", nonce=\"n\", uri=\"sip:x\", response=\"0\"",
    );
    assert_eq!(peers.verify(&other), Verdict::Challenge { stale: false });
    peers.challenged(false).unwrap();
    let signed = peers.signed();
    let own = signed
        .headers
        .get(&HeaderName::Authorization)
        .unwrap()
        .clone();
    other.headers.push(HeaderName::Authorization, own);
    assert_eq!(peers.verify(&other), accepted());
    let mut broken = register();
    broken.headers.push(
        HeaderName::Authorization,
        "Digest username=\"1001\", realm=\"offhook",
    );
    let malformed = Verdict::Refused {
        username: String::new(),
        reason: Refusal::Malformed,
    };
    assert_eq!(peers.verify(&broken), malformed);
}

#[test]
fn every_realm_that_asks_is_answered() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    let mut proxy = Authenticator::new(peers.now, "hop", Role::Proxy, [1; 32]);
    let mut response = peers.challenge(false);
    for (name, value) in proxy.challenge(peers.now, false) {
        response.headers.push(name, value);
    }
    peers.client.challenged(&response).unwrap();
    let signed = peers.signed();
    assert_eq!(peers.verify(&signed), accepted());
    assert_eq!(proxy.verify(peers.now, &signed, password), accepted());
}

#[test]
fn challenges_nobody_can_answer_are_told() {
    let mut client = DigestClient::new(credentials("x"));
    for row in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\", nonce=\"n\", algorithm=SHA-512-256",
        "Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"",
        "Digest realm=\"x\"",
        "",
    ] {
        let mut response = Response::to(&register(), 401, "Unauthorized");
        response
            .headers
            .push(HeaderName::WwwAuthenticate, Bytes::from(row));
        assert_eq!(
            client.challenged(&response),
            Err(ClientError::NoChallenge),
            "{row}"
        );
    }
    assert!(!client.is_challenged());
    let list = "Digest realm=\"a, b\", nonce=\"n\", Basic realm=\"c\", Digest realm=\"d\", \
                qop=\"auth-int, auth\", nonce=\"m\", opaque=\"o\\\"\"";
    let read = Challenge::parse_all(&list.into());
    assert_eq!(read.len(), 2);
    assert_eq!(
        (&read[0].realm[..], read[0].qop_auth),
        (&b"a, b"[..], false)
    );
    assert_eq!((&read[1].nonce[..], read[1].qop_auth), (&b"m"[..], true));
    assert_eq!(read[1].opaque.as_ref().unwrap(), "o\"");
}

#[test]
fn a_flood_of_challenges_is_not_remembered_and_used_nonces_are_bounded() {
    let now = epoch();
    let mut nonces = Nonces::new(now, [3; 32], Duration::from_mins(5)).with_capacity(100);
    let issued: Vec<String> = (0..1000).map(|_| nonces.issue(now)).collect();
    assert_eq!(nonces.remembered(), 0);
    for nonce in &issued {
        assert!(nonces.use_up(now, nonce.as_bytes(), 1));
        assert!(nonces.remembered() <= 100);
    }
    // The forgotten ones are not good a second time either.
    assert!(
        issued
            .iter()
            .all(|nonce| !nonces.use_up(now, nonce.as_bytes(), 1))
    );
    assert!(nonces.use_up(now, issued[999].as_bytes(), 2));
    let later = now + Duration::from_secs(301);
    let fresh = nonces.issue(later);
    assert!(nonces.use_up(later, fresh.as_bytes(), 1));
    assert_eq!(nonces.remembered(), 1);
}

#[test]
fn a_forged_nonce_is_not_ours() {
    let now = epoch();
    let mut nonces = Nonces::new(now, [3; 32], Duration::from_mins(5));
    let nonce = nonces.issue(now);
    for forged in [
        "",
        "AAAA",
        "!!",
        &nonce[1..],
        &format!("A{nonce}"),
        &nonce.replace('A', "B"),
    ] {
        assert!(!nonces.use_up(now, forged.as_bytes(), 1), "{forged}");
    }
    assert!(nonces.use_up(now, nonce.as_bytes(), 1));
}
