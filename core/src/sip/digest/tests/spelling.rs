//! What others write.

use bytes::Bytes;

use super::*;

/// Builds an answer by hand, for what the client would not write.
fn answer(peers: &mut Peers, username: &str, algorithm: &str, nc: &str) -> Request {
    let rows: Vec<_> = peers.server.challenge(peers.now, PHONE, false).collect();
    let row = &rows[1].1;
    let nonce = Challenge::parse_all(row).remove(0).nonce;
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
        let verdict = peers.server.verify(peers.now, PHONE, &request, lookup);
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
    assert_eq!(peers.verify(&broken), Verdict::Challenge { stale: false });
}

/// RFC 7616 section 5.4: what anybody could send in another's name is asked again and not counted.
#[test]
fn a_broken_answer_counts_only_with_a_nonce_that_was_given_to_its_source() {
    let mut peers = Peers::new(Role::Endpoint, "");
    let current = answer(&mut peers, "\"1001\"", "", "0");
    assert_eq!(peers.verify(&current), refused(Refusal::Malformed));
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
    let verdict = peers
        .server
        .verify(peers.now, elsewhere, &current, password);
    assert_eq!(verdict, Verdict::Challenge { stale: false });
    let whole = "Digest username=\"1001\", realm=\"offhook\", nonce=\"invented\", \
                 uri=\"sip:example.com\", response=\"0\"";
    for invented in [
        "Digest username=\"1001\"".to_owned(),
        format!("{whole}, qop=auth-int, nc=00000001, cnonce=\"c\""),
        format!("{whole}, qop=auth, nc=00000000, cnonce=\"c\""),
        format!("{whole}, qop=auth, nc=000000001, cnonce=\"c\""),
    ] {
        let mut request = register();
        request
            .headers
            .push(HeaderName::Authorization, invented.clone());
        let verdict = peers.verify(&request);
        assert_eq!(verdict, Verdict::Challenge { stale: false }, "{invented}");
    }
}

/// Who has seen a proof of another's knows no password.
#[test]
fn a_right_proof_for_another_uri_counts_only_from_its_own_source() {
    let mut peers = Peers::new(Role::Endpoint, "s3cret");
    peers.challenged(false).unwrap();
    let mut seen = peers.signed();
    seen.uri = "sip:1002@example.com".into();
    let mut other = seen.clone();
    other.uri = "sip:example.org".into();
    assert_eq!(peers.verify(&other), refused(Refusal::WrongUri));
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
    let verdict = peers.server.verify(peers.now, elsewhere, &other, password);
    assert_eq!(verdict, Verdict::Challenge { stale: false });
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
