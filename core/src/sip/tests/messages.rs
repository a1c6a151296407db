use super::{options, parse_error, request, response, wire};
use crate::sip::header::{NameAddr, Reason, RetryAfter, Via};
use crate::sip::parse::{MAX_HEAD, MAX_HEADERS, MAX_URI};
use crate::sip::{HeaderErrorKind, HeaderName, Message, Method, ParseErrorKind, Response};

#[test]
fn a_datagram_without_content_length_has_its_rest_as_body() {
    let got = request(&(options("") + "\nhello\n"));
    assert_eq!(got.method, Method::Options);
    assert_eq!(got.body, "hello\r\n");
}

#[test]
fn bytes_behind_the_body_are_dropped() {
    assert_eq!(request(&(options("l: 3") + "\nhello")).body, "hel");
}

#[test]
fn a_lying_content_length_is_an_error_that_can_be_answered() {
    for lie in [
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "1e3",
        "",
        "4294967296",
    ] {
        let error = parse_error(&(options(&format!("Content-Length: {lie}")) + "\nhello"));
        assert_eq!(error.kind, ParseErrorKind::ContentLength, "{lie}");
        assert_eq!(error.status(), 400);
        assert_eq!(
            error.request().unwrap().headers.call_id().unwrap(),
            "a@192.0.2.1"
        );
    }
    let error = parse_error(&(options("Content-Length: 4294967295") + "\nhello"));
    assert_eq!(error.kind, ParseErrorKind::BodyTooShort);
    let error = parse_error(&(options("l: 5\nContent-Length: 4") + "\nhello"));
    assert_eq!(error.kind, ParseErrorKind::ContentLength);
    assert_eq!(
        request(&(options("l: 5\nContent-Length: 5") + "\nhello")).body,
        "hello"
    );
}

#[test]
fn lines_may_end_in_lf_alone_and_breaks_may_come_first() {
    let text = format!("\n\r\n{}\n", options(""));
    assert!(matches!(
        Message::parse(&text.into()),
        Ok(Message::Request(_))
    ));
}

#[test]
fn a_header_line_without_a_colon_is_answered_by_what_else_is_there() {
    let error = parse_error(&(options("Foobar roobar") + "\n"));
    assert_eq!(error.kind, ParseErrorKind::HeaderLine);
    let answer = Response::to(error.request().unwrap(), error.status(), error.reason());
    assert_eq!(answer.headers.len(), 5);
    assert!(
        answer
            .write()
            .starts_with(b"SIP/2.0 400 Malformed Header Line\r\nVia: ")
    );
    for name in ["Foo bar: x", ": x", "F\u{f6}o: x", "\"Foo\": x"] {
        let error = parse_error(&(options(name) + "\n"));
        assert_eq!(error.kind, ParseErrorKind::HeaderLine, "{name}");
    }
}

#[test]
fn limits_have_their_own_statuses() {
    let long = format!("X: {}", "x".repeat(MAX_HEAD));
    let error = parse_error(&(options(&long) + "\n"));
    assert_eq!(
        (error.kind, error.status()),
        (ParseErrorKind::TooLarge, 513)
    );
    let many = "X: y\n".repeat(MAX_HEADERS);
    let error = parse_error(&(options(&many) + "\n"));
    assert_eq!(
        (error.kind, error.status()),
        (ParseErrorKind::TooManyHeaders, 513)
    );
    assert_eq!(error.request().unwrap().headers.len(), MAX_HEADERS);
    let user = "x".repeat(MAX_URI);
    let error = parse_error(
        &(options("") + "\n")
            .replace("bob@example.com SIP", &user)
            .replace(&user, &format!("{user}@example.com SIP")),
    );
    assert_eq!(
        (error.kind, error.status()),
        (ParseErrorKind::UriTooLong, 414)
    );
}

#[test]
fn what_is_not_sip_is_not_answered() {
    for junk in [
        "\n\n",
        "\0\0\0\0",
        "GET / HTTP/1.1\nHost: x\n\n",
        "hello\n\n",
        "a b c\n\n",
    ] {
        assert_eq!(parse_error(junk).request(), None, "{junk:?}");
    }
    assert_eq!(parse_error("\n").kind, ParseErrorKind::Empty);
    for line in [
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/2.0 20 x",
        "SIP/2.0 2000 x",
        "SIP/2.0",
    ] {
        assert_eq!(
            parse_error(&format!("{line}\n\n")).kind,
            ParseErrorKind::StartLine,
            "{line}"
        );
    }
    assert_eq!(
        parse_error("SIP/3.0 200 OK\n\n").kind,
        ParseErrorKind::Version
    );
}

#[test]
fn a_datagram_that_ends_within_its_headers_is_truncated() {
    let error = parse_error("OPTIONS sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP a\nFrom: x");
    assert_eq!(error.kind, ParseErrorKind::Truncated);
    assert_eq!(error.request().unwrap().headers.len(), 1);
    assert_eq!(
        parse_error("OPTIONS sip:bob@example.com SIP/2.0").request(),
        None
    );
}

#[test]
fn a_check_names_the_header_that_is_wrong() {
    let whole = options("") + "\n";
    assert_eq!(request(&whole).check(), Ok(()));
    for (from, to, reason) in [
        (
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\n",
            "",
            "Missing Via",
        ),
        ("Via: SIP/2.0/UDP", "Via: SIP/2.0", "Malformed Via"),
        (
            "192.0.2.1;branch",
            "192.0.2.1:99999;branch",
            "Malformed Via",
        ),
        ("Call-ID: a@192.0.2.1\n", "", "Missing Call-ID"),
        ("Call-ID: a@192.0.2.1", "Call-ID:", "Empty Call-ID"),
        ("CSeq: 1 OPTIONS", "CSeq: OPTIONS", "Malformed CSeq"),
        (
            "CSeq: 1 OPTIONS",
            "CSeq: 2147483648 OPTIONS",
            "Malformed CSeq",
        ),
        ("CSeq: 1 OPTIONS", "CSeq: 1 INVITE", "Mismatched CSeq"),
        (
            "To: <sip:bob@example.com>",
            "To: <sip:bob@example.com",
            "Malformed To",
        ),
        ("To: <sip:bob@example.com>", "To: <>", "Malformed To"),
        (
            "To: <sip:bob@example.com>",
            "To: \"bob\" sip:bob@example.com",
            "Malformed To",
        ),
        ("To: <sip:bob@example.com>", "To: bob", "Malformed To"),
        (
            "CSeq: 1 OPTIONS",
            "CSeq: 1 OPTIONS\nMax-Forwards: 256",
            "Malformed Max-Forwards",
        ),
        (
            "CSeq: 1 OPTIONS",
            "CSeq: 1 OPTIONS\nRoute: <sip:a;lr>, sip",
            "Malformed Route",
        ),
        (
            "CSeq: 1 OPTIONS",
            "CSeq: 1 OPTIONS\nContact: *",
            "Malformed Contact",
        ),
    ] {
        let broken = request(&whole.replace(from, to));
        assert_eq!(broken.check().unwrap_err().reason(), reason, "{to}");
    }
    let repeated = request(&(options("To: <sip:bob@example.com>") + "\n"))
        .check()
        .unwrap_err();
    assert_eq!(
        (repeated.header, repeated.kind),
        (HeaderName::To, HeaderErrorKind::Repeated)
    );
}

#[test]
fn a_response_repeats_the_requests_own_bytes() {
    let text = options("v: SIP/2.0/TCP b ; branch = z9hG4bKb\nX-Extra: 1") + "\n";
    let mut answer = Response::to(&request(&text), 486, "Busy Here");
    answer.headers.add_to_tag("t1");
    answer.headers.add_to_tag("t2");
    let expected = "SIP/2.0 486 Busy Here\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\n\
         From: <sip:alice@example.com>;tag=1\n\
         To: <sip:bob@example.com>;tag=t1\n\
         Call-ID: a@192.0.2.1\n\
         CSeq: 1 OPTIONS\n\
         Via: SIP/2.0/TCP b ; branch = z9hG4bKb\n\
         Content-Length: 0\n\n";
    assert_eq!(answer.write(), wire(expected));
    assert_eq!(response(expected), answer);
}

#[test]
fn a_value_cannot_smuggle_a_header_or_a_body() {
    let mut sent = request(&(options("") + "\n"));
    sent.headers
        .push(HeaderName::Subject, "a\r\nX-Evil: 1\r\n\r\nbody");
    sent.headers
        .push(HeaderName::Organization, "a\r\n folded\r\n\tvalue");
    sent.uri = "sip:bob@example.com SIP/2.0\r\nX-Evil: 2".into();
    let written = sent.write();
    assert!(!written.windows(8).any(|part| part == b"\nX-Evil:"));
    sent.uri = "sip:bob@example.com".into();
    let Ok(Message::Request(read)) = Message::parse(&sent.write()) else {
        panic!("not a request")
    };
    assert_eq!(
        read.headers.get(&HeaderName::Subject).unwrap(),
        "a  X-Evil: 1    body"
    );
    assert_eq!(
        read.headers.get(&HeaderName::Organization).unwrap(),
        "a\r\n folded\r\n\tvalue"
    );
}

#[test]
fn rows_and_lists_are_the_same_thing() {
    let read = request(
        &(options("Route: <sip:a;lr>, \"x, y\" <sip:b,c;lr>\nm: <sip:d>\nRoute: <sip:e>") + "\n"),
    );
    let routes: Vec<_> = read.headers.list(&HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:a;lr>", "\"x, y\" <sip:b,c;lr>", "<sip:e>"]);
    let mut headers = read.headers.clone();
    assert_eq!(
        headers.remove_first(&HeaderName::Route).unwrap(),
        "<sip:a;lr>"
    );
    assert_eq!(
        headers.get(&HeaderName::Route).unwrap(),
        "\"x, y\" <sip:b,c;lr>"
    );
    headers.replace_first(&HeaderName::Route, b"<sip:z>");
    let routes: Vec<_> = headers.list(&HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:z>", "<sip:e>"]);
    headers.set(HeaderName::Route, "<sip:only>");
    assert_eq!(headers.all(&HeaderName::Route).count(), 1);
    assert!(headers.remove(&HeaderName::Route));
    assert_eq!(headers.remove_first(&HeaderName::Route), None);
}

#[test]
fn parameters_are_edited_where_they_stand() {
    let mut via =
        Via::parse(&"SIP/2.0/UDP [2001:db8::9]:5061;rport;branch=z9hG4bKx;x=\"a;b\"".into())
            .unwrap();
    assert_eq!(
        (&via.host[..], via.port),
        (&b"[2001:db8::9]"[..], Some(5061))
    );
    via.params.set("rport", Some("4321"));
    via.params.set("received", Some("192.0.2.7"));
    assert_eq!(
        via.write(),
        "SIP/2.0/UDP [2001:db8::9]:5061;rport=4321;branch=z9hG4bKx;x=\"a;b\";received=192.0.2.7"
    );
    via.params.remove("X");
    assert!(!via.params.has("x"));
    assert_eq!(via.unique_branch().unwrap(), "z9hG4bKx");
}

#[test]
fn names_are_quoted_on_the_way_out_and_unquoted_on_the_way_in() {
    let name = "Ann \"the\\boss\" Müller\r\nX: 1";
    let sent = NameAddr::new("sip:ann@example.com")
        .with_display(name)
        .with_tag("9");
    let read = NameAddr::parse(&sent.write(), &HeaderName::From).unwrap();
    assert_eq!(
        read.display_name().unwrap(),
        "Ann \"the\\boss\" Müller  X: 1"
    );
    assert_eq!(read.tag().unwrap(), "9");
    let latin1 = NameAddr::parse(
        &b"\"M\xfcller\" <sip:m@example.com>"[..].into(),
        &HeaderName::From,
    );
    assert_eq!(latin1.unwrap().display_name().unwrap(), "M\u{fffd}ller");
    let bare = NameAddr::parse(&"tel:+15551234567;tag=a".into(), &HeaderName::From).unwrap();
    assert_eq!(
        (&bare.uri[..], bare.tag().unwrap()),
        (&b"tel:+15551234567"[..], "a".into())
    );
}

#[test]
fn small_headers_read_what_they_write() {
    let reason = Reason::new("Q.850", 16, "Normal \"call\" clearing");
    let read = Reason::parse(&reason.write()).unwrap();
    assert_eq!(read, reason);
    assert_eq!(read.cause(), Some(16));
    assert_eq!(read.text().unwrap(), "Normal \"call\" clearing");
    let sip = Reason::parse(&"SIP ;cause=200 ;text=\"Call completed elsewhere\"".into()).unwrap();
    assert_eq!((&sip.protocol[..], sip.cause()), (&b"SIP"[..], Some(200)));
    let wait = RetryAfter::parse(&"120 (I'm in a meeting);duration=3600".into());
    assert_eq!(wait, Ok(RetryAfter(120)));
    assert!(RetryAfter::parse(&"soon".into()).is_err());
}
