//! What is refused before anybody sees it, and what is let through.

use super::*;

/// The answer to a request, which nobody else hears of.
fn refused(text: &str) -> Response {
    let mut bench = Bench::udp();
    bench.receives(text);
    assert_eq!(bench.events(), []);
    let response = bench.answer();
    assert!(response.headers.to_tag().is_some());
    assert!(response.headers.has(&HeaderName::Server));
    assert!(bench.endpoint.is_idle(), "a refusal is not remembered");
    response
}

fn accepted(text: &str) -> Request {
    let mut bench = Bench::udp();
    bench.receives(text);
    bench.request().1
}

/// RFC 3261 section 21.4.1.
#[test]
fn a_malformed_header_is_named() {
    for (broken, reason) in [
        (invite().replace("Call-ID: c1\n", ""), "Missing Call-ID"),
        (invite().replace("1 INVITE", "1 BYE"), "Mismatched CSeq"),
        (invite().replace("1 INVITE", "x INVITE"), "Malformed CSeq"),
        (invite().replace("From: <", "From: \"<"), "Malformed From"),
        (
            invite().replace("Forwards: 70", "Forwards: 700"),
            "Malformed Max-Forwards",
        ),
        (invite().replace(CONTACT, ""), "Missing Contact"),
        (
            invite().replace(CONTACT, "Contact: *\n"),
            "Malformed Contact",
        ),
        (invite() + "To: <sip:x@y>\n", ""),
    ] {
        let response = refused(&broken);
        assert_eq!(response.status, 400, "{broken}");
        if !reason.is_empty() {
            assert_eq!(String::from_utf8_lossy(&response.reason), reason);
        }
    }
}

#[test]
fn a_request_without_any_via_is_ignored() {
    let mut bench = Bench::udp();
    let text = invite().replace("Via: SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1\n", "");
    bench.receives(&text);
    assert_eq!(bench.sent(), []);
    assert!(bench.endpoint.is_idle());
}

/// RFC 3261 sections 8.2.1, 8.2.2.1 and 21.5.6.
#[test]
fn wrong_version_scheme_and_method_have_their_statuses() {
    let version = invite().replace("192.0.2.1 SIP/2.0", "192.0.2.1 SIP/7.0");
    assert_eq!(refused(&version).status, 505);
    let scheme = invite().replace("sip:bob@192.0.2.1", "mailto:bob@192.0.2.1");
    assert_eq!(refused(&scheme).status, 416);
    for method in ["PUBLISH", "FROBNICATE"] {
        let response = refused(&request(method, "z9hG4bK1", ""));
        assert_eq!(response.status, 405);
        assert_eq!(
            value(&response, &HeaderName::Allow),
            crate::sip::endpoint::ALLOW
        );
    }
    accepted(&invite().replace("sip:bob@192.0.2.1", "tel:+4930123"));
}

/// RFC 3261 section 8.2.2.3.
#[test]
fn an_extension_we_lack_is_listed_in_420() {
    let config = EndpointConfig {
        supported: Vec::new(),
        ..EndpointConfig::default()
    };
    let mut bench = Bench::with(SipTransport::Udp, config);
    bench.receives(&request(
        "INVITE",
        "z9hG4bK1",
        &format!("{CONTACT}Require: 100rel, timer\nRequire: replaces\n"),
    ));
    let response = bench.answer();
    assert_eq!(response.status, 420);
    assert_eq!(
        value(&response, &HeaderName::Unsupported),
        "100rel, timer, replaces"
    );
    let config = EndpointConfig {
        supported: vec!["timer".into()],
        ..EndpointConfig::default()
    };
    let mut bench = Bench::with(SipTransport::Udp, config);
    bench.receives(&(invite().replace(CONTACT, &format!("{CONTACT}Require: timer\n"))));
    bench.request();
}

/// RFC 3262 section 7.2.
#[test]
fn a_prack_that_names_no_response_is_malformed() {
    let prack = |rows: &str| {
        let text = request("PRACK", "z9hG4bK1", rows);
        refused(&text.replace("To: <sip:bob@example.com>", "To: <sip:b@x>;tag=t"))
    };
    for (rows, reason) in [
        ("", "Missing RAck"),
        ("RAck: 0 1 INVITE\n", "Malformed RAck"),
        ("RAck: 1 2147483648 INVITE\n", "Malformed RAck"),
        ("RAck: 1\n", "Malformed RAck"),
    ] {
        let response = prack(rows);
        assert_eq!(
            (response.status, &response.reason[..]),
            (400, reason.as_bytes())
        );
    }
}

/// RFC 4028 sections 5 and 9.
#[test]
fn a_session_timer_that_is_too_short_or_none_is_refused() {
    let asks = |rows: &str| invite().replace(CONTACT, &format!("{CONTACT}{rows}"));
    for short in ["0", "1", "89;refresher=uac"] {
        let rows = format!("Supported: timer\nSession-Expires: {short}\n");
        let response = refused(&asks(&rows));
        assert_eq!(response.status, 422, "{short}");
        assert_eq!(value(&response, &HeaderName::MinSe), "90");
    }
    for broken in [
        "Session-Expires: 4294967296\n",
        "x: soon\n",
        "Session-Expires: -1\n",
        "Min-SE: 1e3\n",
    ] {
        assert_eq!(refused(&asks(broken)).status, 400, "{broken}");
    }
    // Who does not know the extension would not understand the refusal.
    accepted(&asks("Session-Expires: 30\n"));
    accepted(&asks(
        "Require: timer\nSupported: timer\nx: 90\nMin-SE: 4294967295\n",
    ));
}

/// RFC 3261 section 8.1.1.5.
#[test]
fn a_number_that_is_too_large_is_refused() {
    for number in ["2147483648", "4294967296", "-1"] {
        let text = invite().replace("1 INVITE", &format!("{number} INVITE"));
        assert_eq!(refused(&text).status, 400, "{number}");
    }
}

#[test]
fn ten_thousand_hops_cost_nobody_anything() {
    let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\n";
    let top = invite().find("Via:").unwrap();
    for hops in [900, 10_000] {
        let mut text = invite();
        text.insert_str(top, &via.repeat(hops));
        let mut bench = Bench::udp();
        bench.receives(&text);
        assert_eq!(bench.events(), []);
        // What is too long to be read has nobody to be answered to.
        if let Some(answer) = bench.endpoint.poll_transmit() {
            assert!(answer.data.starts_with(b"SIP/2.0 513"), "{hops}");
        }
        assert!(bench.endpoint.is_idle());
    }
}

/// RFC 3261 section 16.3.
#[test]
fn no_hops_left_ends_a_call_but_nothing_else() {
    let ended = |text: String| text.replace("Forwards: 70", "Forwards: 0");
    assert_eq!(refused(&ended(invite())).status, 483);
    assert_eq!(
        refused(&ended(request("OPTIONS", "z9hG4bK1", ""))).status,
        200
    );
    accepted(&ended(request("REGISTER", "z9hG4bK1", "")));
    accepted(&ended(invite()).replace("To: <sip:bob@example.com>", "To: <sip:b@x>;tag=t"));
}

/// RFC 3428 section 5: a MESSAGE is passed on, so it may run out of hops.
#[test]
fn no_hops_left_ends_a_message() {
    let text = request("MESSAGE", "z9hG4bK1", "").replace("Forwards: 70", "Forwards: 0");
    assert_eq!(refused(&text).status, 483);
}

/// RFC 3261 section 11.2.
#[test]
fn options_outside_a_dialog_tells_what_we_can_do() {
    let response = refused(&request("OPTIONS", "z9hG4bK1", ""));
    assert_eq!(response.status, 200);
    assert!(response.headers.has_token(&HeaderName::Allow, "INVITE"));
    assert_eq!(value(&response, &HeaderName::Accept), "application/sdp");
    for extension in ["100rel", "timer", "replaces"] {
        assert!(
            response
                .headers
                .has_token(&HeaderName::Supported, extension)
        );
    }
    assert_eq!(value(&response, &HeaderName::AcceptEncoding), "identity");
    assert_eq!(value(&response, &HeaderName::AcceptLanguage), "en");
    assert!(
        response
            .headers
            .has_token(&HeaderName::AllowEvents, "dialog")
    );
}

#[test]
fn requests_that_need_a_dialog_and_name_none_get_481() {
    for method in ["BYE", "INFO", "UPDATE", "CANCEL", "PRACK"] {
        assert_eq!(refused_or_forgotten(method), 481, "{method}");
    }
}

/// CANCEL is answered in a transaction of its own, so it is remembered for a while.
fn refused_or_forgotten(method: &str) -> u16 {
    let mut bench = Bench::udp();
    bench.receives(&request(method, "z9hG4bK1", "RAck: 1 1 INVITE\n"));
    assert_eq!(bench.events(), []);
    let status = bench.answer().status;
    bench.pass(Duration::from_secs(32));
    assert!(bench.endpoint.is_idle());
    status
}

fn with_content(kind: &str, extra: &str, body: &str) -> String {
    let headers = format!("{CONTACT}Content-Type: {kind}\n{extra}");
    with_body("INVITE", "z9hG4bK1", &headers, body)
}

/// RFC 3261 section 8.2.3.
#[test]
fn a_body_we_cannot_read_gets_415_with_what_we_can() {
    let response = refused(&with_content("application/isup", "", "x"));
    assert_eq!(response.status, 415);
    assert_eq!(value(&response, &HeaderName::Accept), "application/sdp");
    let smime = refused(&with_content("application/pkcs7-mime", "", "x"));
    assert_eq!(smime.status, 415);
    let packed = refused(&with_content(
        "application/sdp",
        "Content-Encoding: gzip\n",
        "x",
    ));
    assert_eq!(packed.status, 415);
    assert_eq!(value(&packed, &HeaderName::AcceptEncoding), "identity");
    let nameless = refused(&with_body("INVITE", "z9hG4bK1", CONTACT, "v=0"));
    assert_eq!(nameless.status, 400);
    let blind = format!("{CONTACT}Accept: text/plain\n");
    assert_eq!(refused(&request("INVITE", "z9hG4bK1", &blind)).status, 406);
}

#[test]
fn an_optional_body_is_dropped_instead() {
    let text = with_content(
        "application/isup",
        "Content-Disposition: signal;handling=optional\n",
        "x",
    );
    let request = accepted(&text);
    assert!(request.body.is_empty());
    assert!(!request.headers.has(&HeaderName::ContentType));
}

#[test]
fn the_sdp_part_of_a_multipart_body_is_taken_out() {
    let body = "preamble\n--x y\nContent-Type: application/isup\n\nISUP\n--x y\n\
                Content-Disposition: session\ncontent-type: Application/SDP\n\nv=0\no=1\n--x y--\n";
    let request = accepted(&with_content("multipart/mixed;boundary=\"x y\"", "", body));
    assert_eq!(request.body, "v=0\r\no=1");
    assert_eq!(
        request.headers.get(&HeaderName::ContentType).unwrap(),
        "application/sdp"
    );
    let without = "--x\nContent-Type: text/plain\n\nhello\n--x--\n";
    let kind = "multipart/mixed;boundary=x";
    assert_eq!(refused(&with_content(kind, "", without)).status, 415);
    for broken in [
        "",
        "--x",
        "--x\n",
        "--x\nContent-Type: application/sdp\n--x--",
    ] {
        if !broken.is_empty() {
            assert_eq!(refused(&with_content(kind, "", broken)).status, 415);
        }
    }
}

/// RFC 3261 section 8.2.2.2.
#[test]
fn a_request_that_came_two_ways_is_a_merged_one() {
    let mut bench = Bench::udp();
    bench.receives(&invite());
    let (txn, request) = bench.request();
    bench.receives(&invite().replace("z9hG4bK1", "z9hG4bK2"));
    assert_eq!(bench.answer().status, 482);
    assert_eq!(bench.events(), []);
    // The next request of the same call is another one.
    bench.receives(
        &invite()
            .replace("z9hG4bK1", "z9hG4bK3")
            .replace("CSeq: 1", "CSeq: 2"),
    );
    bench.request();
    bench.responds(txn, &request, 486);
    bench.pass(Duration::from_secs(40));
    bench.sent();
    bench.receives(&invite().replace("z9hG4bK1", "z9hG4bK4"));
    bench.request();
}

#[test]
fn an_overloaded_endpoint_refuses_new_calls_only() {
    let mut bench = Bench::udp();
    bench.endpoint.set_overloaded(true);
    bench.receives(&invite());
    let response = bench.answer();
    assert_eq!(response.status, 503);
    assert_eq!(value(&response, &HeaderName::RetryAfter), "5");
    bench.receives(&invite().replace("To: <sip:bob@example.com>", "To: <sip:b@x>;tag=t"));
    bench.request();
    bench.receives(&request("REGISTER", "z9hG4bK5", ""));
    bench.request();
    bench.endpoint.set_overloaded(false);
    bench.receives(&invite().replace("z9hG4bK1", "z9hG4bK6"));
    bench.request();
}

#[test]
fn a_refusal_that_is_asked_for_again_is_the_same() {
    let mut bench = Bench::udp();
    let text = request("PUBLISH", "z9hG4bK1", "");
    bench.receives(&text);
    let first = bench.answer();
    bench.receives(&text);
    assert_eq!(bench.answer(), first);
    bench.receives(&text.replace("z9hG4bK1", "z9hG4bK2"));
    assert_ne!(bench.answer().headers.to_tag(), first.headers.to_tag());
}
