//! RFC 4475, every message by name.

use std::path::PathBuf;

use bytes::Bytes;

use crate::sip::header::ContentType;
use crate::sip::uri::Scheme;
use crate::sip::{HeaderName, Message, Method, Request, Response, Uri};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/rfc4475")
}

fn bytes(name: &str) -> Bytes {
    std::fs::read(folder().join(format!("{name}.dat")))
        .unwrap()
        .into()
}

fn request(name: &str) -> Request {
    match Message::parse(&bytes(name)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name} is no request: {other:?}"),
    }
}

fn response(name: &str) -> Response {
    match Message::parse(&bytes(name)) {
        Ok(Message::Response(response)) => response,
        other => panic!("{name} is no response: {other:?}"),
    }
}

fn uri(raw: &Bytes) -> Uri {
    Uri::parse(raw).unwrap()
}

/// What the wire layer makes of a message, in the words of `expected.tsv`.
fn treatment(data: &Bytes) -> String {
    let refuse = |request: &Request, status: u16, reason: &str| {
        let response = Response::to(request, status, reason);
        let written = response.write();
        assert!(
            matches!(Message::parse(&written), Ok(Message::Response(_))),
            "{written:?}"
        );
        format!("{status} {reason}")
    };
    match Message::parse(data) {
        Ok(Message::Request(request)) => match request.check() {
            Ok(()) => "accept".into(),
            Err(error) => refuse(&request, 400, &error.reason()),
        },
        Ok(Message::Response(response)) => match response.check() {
            Ok(()) => "accept".into(),
            Err(_) => "drop".into(),
        },
        Err(error) => match error.request() {
            Some(request) => refuse(request, error.status(), error.reason()),
            None => "drop".into(),
        },
    }
}

/// RFC 4475, RFC 3261 section 7.
#[test]
fn every_torture_message_is_treated_as_the_rfc_says() {
    let table = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(rows.len(), 49);
    let files = std::fs::read_dir(folder()).unwrap();
    let is_message = |name: &str| name.ends_with(".dat");
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| is_message(name)).count(), 49);
    for row in rows {
        assert_eq!(treatment(&bytes(row[0])), row[2], "{}", row[0]);
    }
}

/// RFC 3261 section 7.3.
#[test]
fn what_is_accepted_is_still_accepted_after_writing_it() {
    let table = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let accepted = table.lines().filter(|line| line.contains("\taccept\t"));
    for name in accepted.map(|line| line.split('\t').next().unwrap()) {
        let message = Message::parse(&bytes(name)).unwrap();
        assert_eq!(
            Message::parse(&message.write()).as_ref(),
            Ok(&message),
            "{name}"
        );
    }
}

#[test]
fn wsinv_yields_its_values_through_all_the_folding() {
    let request = request("wsinv");
    assert_eq!(request.method, Method::Invite);
    assert!(uri(&request.uri).has_param("unknownparam"));
    let headers = &request.headers;
    assert_eq!(headers.to_tag().unwrap(), "1918181833n");
    let from = headers.from().unwrap();
    assert_eq!(from.display_name().unwrap(), "J Rosenberg \\\"");
    assert_eq!(from.uri, "sip:jdrosen@example.com");
    assert_eq!(from.tag().unwrap(), "98asjd8");
    assert_eq!(headers.get(&HeaderName::MaxForwards).unwrap(), "0068");
    let cseq = headers.cseq().unwrap();
    assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
    let vias = headers.list(&HeaderName::Via);
    let vias: Vec<_> = vias
        .map(|via| crate::sip::header::Via::parse(&via).unwrap())
        .collect();
    let hops: Vec<_> = vias
        .iter()
        .map(|via| (&via.transport[..], &via.host[..]))
        .collect();
    assert_eq!(
        hops,
        [
            (&b"UDP"[..], &b"192.0.2.2"[..]),
            (b"TCP", b"spindle.example.com"),
            (b"UDP", b"192.168.255.111")
        ]
    );
    assert_eq!(vias[1].branch().unwrap(), "z9hG4bK9ikj8");
    assert_eq!(vias[2].branch().unwrap(), "z9hG4bK30239");
    assert_eq!(vias[0].unique_branch(), None);
    assert_eq!(headers.get(&HeaderName::Subject).unwrap(), "");
    let unusual = HeaderName::Other("unknownheaderwithunusualvalue".into());
    assert_eq!(headers.get(&unusual).unwrap(), ";;,,;;,;");
    let contact = headers.name_addr(HeaderName::Contact).unwrap();
    assert_eq!(contact.display_name().unwrap(), "Quoted string \"\"");
    assert_eq!(contact.params.get("newparam").unwrap(), "newvalue");
    assert!(contact.params.has("secondparam"));
    assert_eq!(contact.params.get("q").unwrap(), "0.33");
    let route = headers.name_addr(HeaderName::Route).unwrap();
    assert!(uri(&route.uri).has_param("lr"));
    assert!(uri(&route.uri).has_param("unknown-no-value"));
    assert_eq!(request.body.len(), 150);
}

#[test]
fn intmeth_keeps_every_unusual_character() {
    let request = request("intmeth");
    assert_eq!(
        request.method.as_bytes(),
        b"!interesting-Method0123456789_*+`.%indeed'~"
    );
    let uri = uri(&request.uri);
    assert_eq!(
        uri.user().unwrap(),
        "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    );
    assert_eq!(uri.host(), "example.com");
    let headers = &request.headers;
    assert_eq!(
        headers.to().unwrap().display_name().unwrap(),
        "BEL:\x07 NUL:\x00 DEL:\x7f"
    );
    let from = headers.from().unwrap();
    assert_eq!(
        from.display_name().unwrap(),
        "token1~` token2'+_ token3*%!.-"
    );
    let param = from.params.text("fromParam''~+*_!.-%").unwrap();
    assert_eq!(param.as_ref(), "работающий".as_bytes());
    assert_eq!(from.tag().unwrap(), "_token~1'+`*%!-.");
    assert_eq!(
        headers.call_id().unwrap(),
        "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    );
    let extension = HeaderName::Other("extensionHeader-!.%*+_`'~".into());
    assert_eq!(
        headers.get(&extension).unwrap(),
        "\u{feff}大停電".as_bytes()
    );
}

#[test]
fn escapes_are_undone_in_uris_and_nowhere_else() {
    let esc01 = request("esc01");
    assert_eq!(
        uri(&esc01.uri).user_text().unwrap(),
        "sips:user@example.com"
    );
    assert_eq!(uri(&esc01.uri).scheme(), Scheme::Sip);
    assert_eq!(
        uri(&esc01.headers.to().unwrap().uri).user_text().unwrap(),
        "user"
    );
    let contact = uri(&esc01.headers.name_addr(HeaderName::Contact).unwrap().uri);
    assert_eq!(contact.user_text().unwrap(), "caller");
    assert!(contact.has_param("lr"));
    assert_eq!(contact.param("name").unwrap().as_ref(), b"value%41");

    let escnull = request("escnull");
    let contacts = escnull.headers.name_addrs(&HeaderName::Contact).unwrap();
    let users: Vec<_> = contacts
        .iter()
        .map(|contact| uri(&contact.uri).user_text())
        .collect();
    assert_eq!(users, [Some("\0".to_owned()), Some("\0\0".to_owned())]);

    let esc02 = request("esc02");
    assert_eq!(esc02.method.as_bytes(), b"RE%47IST%45R");
    assert_eq!(esc02.headers.to().unwrap().display_name().unwrap(), "%Z%45");
    assert_eq!(
        esc02
            .headers
            .name_addrs(&HeaderName::Contact)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn long_and_short_messages_have_their_parts() {
    let longreq = request("longreq");
    assert_eq!(longreq.headers.list(&HeaderName::Via).count(), 34);
    assert_eq!(longreq.headers.from_tag().unwrap().len(), 155);

    let lwsdisp = request("lwsdisp");
    assert_eq!(
        lwsdisp.headers.from().unwrap().display_name().unwrap(),
        "caller"
    );

    let dblreq = request("dblreq");
    assert_eq!(dblreq.method, Method::Register);
    assert!(dblreq.body.is_empty());

    let semiuri = request("semiuri");
    assert_eq!(
        uri(&semiuri.uri).user_text().unwrap(),
        "user;par=u@example.net"
    );
    assert_eq!(semiuri.headers.list(&HeaderName::Accept).count(), 6);

    let transports = request("transports");
    let vias = transports.headers.list(&HeaderName::Via);
    let names = vias.map(|via| crate::sip::header::Via::parse(&via).unwrap().transport);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]
    );

    let mpart01 = request("mpart01");
    assert_eq!(mpart01.body.len(), 553);
    assert!(mpart01.body.contains(&0));
    let kind = mpart01.headers.get(&HeaderName::ContentType).unwrap();
    let kind = ContentType::parse(kind).unwrap();
    assert!(kind.is("multipart", "mixed"));
    assert_eq!(kind.params.get("boundary").unwrap(), "7a9cbec02ceef655");
}

#[test]
fn a_reason_phrase_may_be_anything_or_nothing() {
    let unreason = response("unreason");
    assert_eq!(unreason.status, 200);
    let phrase = "= 2**3 * 5**2 но сто девяносто девять - простое";
    assert_eq!(unreason.reason, phrase.as_bytes());
    let noreason = response("noreason");
    assert_eq!((noreason.status, &noreason.reason[..]), (100, &b""[..]));
}

#[test]
fn parameters_belong_to_whom_the_brackets_say() {
    let outside = request("cparam01")
        .headers
        .name_addr(HeaderName::Contact)
        .unwrap();
    assert!(outside.params.has("unknownparam"));
    assert!(!uri(&outside.uri).has_param("unknownparam"));
    let inside = request("cparam02")
        .headers
        .name_addr(HeaderName::Contact)
        .unwrap();
    assert!(!inside.params.has("unknownparam"));
    assert!(uri(&inside.uri).has_param("unknownparam"));
    let escaped = request("regescrt")
        .headers
        .name_addr(HeaderName::Contact)
        .unwrap();
    assert_eq!(
        uri(&escaped.uri).headers(),
        "Route=%3Csip:sip.example.com%3E"
    );
}

#[test]
fn odd_but_usable_messages_yield_what_is_needed_to_go_on() {
    let branch = request("badbranch").headers.top_via().unwrap();
    assert_eq!(branch.branch().unwrap(), "z9hG4bK");
    assert_eq!(branch.unique_branch(), None);
    let inv2543 = request("inv2543");
    assert_eq!(inv2543.headers.from_tag(), None);
    assert_eq!(inv2543.body.len(), 105);
    let to = request("badaspec").headers.to().unwrap();
    assert_eq!(to.uri, "sip:t.watson@example.org");
    let from = request("baddn").headers.from().unwrap();
    assert_eq!(from.display_name().unwrap(), "Bell, Alexander");
    assert_eq!(from.tag().unwrap(), "43");
    assert_eq!(uri(&request("unkscm").uri).scheme(), Scheme::Other);
    assert_eq!(uri(&request("novelsc").uri).scheme(), Scheme::Other);
    assert_eq!(
        request("unksm2").headers.to().unwrap().uri,
        "isbn:2983792873"
    );
    assert!(
        request("bext01")
            .headers
            .has_token(&HeaderName::Require, "nothingSupportsThis")
    );
    assert_eq!(
        request("sdp01").headers.get(&HeaderName::Accept).unwrap(),
        "text/nobodyKnowsThis"
    );
    let via = response("bcast")
        .headers
        .list(&HeaderName::Via)
        .nth(1)
        .unwrap();
    assert_eq!(
        crate::sip::header::Via::parse(&via).unwrap().host,
        "255.255.255.255"
    );
}
