//! Bodies for the SIP wire layer.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::RegistrarConfig;
use crate::sip::digest::{Authorization, Challenge};
use crate::sip::endpoint::{FlowId, Path, SipTransport};
use crate::sip::header::{ContentType, MaxForwards, NameAddr, Reason, RetryAfter, Via};
use crate::sip::registrar::Registrar;
use crate::sip::stream::{Frame, StreamParser};
use crate::sip::{HeaderName, Headers, Message, ParseErrorKind, Response, Uri};

/// A message is read or refused; what is read can be written and then reads back the same, and what
/// is refused can be answered if it was a request.
pub fn sip_message(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let message = match Message::parse(&data) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.at <= data.len());
            if let Some(request) = error.request() {
                let answer = Response::to(request, error.status(), error.reason()).write();
                assert_readable(&answer);
            }
            return;
        }
    };
    touch(message.headers());
    match &message {
        Message::Request(request) => {
            let reason = request
                .check()
                .map_or_else(|error| error.reason(), |()| "OK".into());
            assert_readable(&Response::to(request, 400, &reason).write());
        }
        Message::Response(response) => drop(response.check()),
    }
    // Stray line breaks become spaces on the way out; after that nothing changes any more.
    if let Ok(second) = Message::parse(&message.write()) {
        assert_eq!(Message::parse(&second.write()).as_ref(), Ok(&second));
    } else {
        assert_readable(&message.write());
    }
}

/// What we write can be read, unless spelling names out made it too long.
pub(super) fn assert_readable(written: &Bytes) {
    if let Err(error) = Message::parse(written) {
        assert_eq!(error.kind, ParseErrorKind::TooLarge, "{written:?}");
    }
}

/// Reads every header every way.
fn touch(headers: &Headers) {
    for (name, value) in headers.iter() {
        let list: Vec<Bytes> = headers.list(name).collect();
        assert!(list.iter().all(|item| !item.is_empty()));
        for item in &list {
            assert!(NameAddr::parse(item, name).is_ok_and(|_| true) || !item.is_empty());
            let _parsed = (
                Via::parse(item),
                Reason::parse(item),
                RetryAfter::parse(item),
            );
        }
        let _parsed = (ContentType::parse(value), MaxForwards::parse(value));
        let _answers = (Challenge::parse_all(value), Authorization::parse(value));
    }
    let _typed = (
        headers.top_via(),
        headers.from(),
        headers.to(),
        headers.cseq(),
    );
    let mut changed = headers.clone();
    while changed.remove_first(&HeaderName::Via).is_some() {}
    assert!(!changed.has(&HeaderName::Via));
    changed.add_to_tag("t");
    changed.replace_first(&HeaderName::Contact, b"<sip:x>");
}

/// A stream is cut the same way whether it arrives at once or byte by byte, and never held back
/// without bound.
pub fn sip_stream(data: &[u8]) {
    let cut = |size: usize| {
        let mut parser = StreamParser::new();
        let mut frames = Vec::new();
        for chunk in data.chunks(size) {
            parser.push(chunk);
            loop {
                match parser.poll_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return (frames, Some(error)),
                }
            }
            assert!(parser.pending() <= crate::sip::parse::MAX_MESSAGE + size);
        }
        (frames, None)
    };
    let (frames, error) = cut(1);
    let (at_once, same) = cut(data.len().max(1));
    assert_eq!(frames, at_once);
    assert_eq!(error, same);
    for frame in frames {
        match frame {
            Frame::Message(bytes) => drop(Message::parse(&bytes)),
            Frame::KeepAlive => {}
        }
    }
}

/// A URI equals itself, and its parts are parts of it.
pub fn sip_uri(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let Ok(uri) = Uri::parse(&data) else {
        return;
    };
    assert_eq!(uri.raw(), &data);
    assert!(uri.is_equivalent(&uri));
    let length = uri.user().map_or(0, Bytes::len) + uri.host().len() + uri.headers().len();
    assert!(length < data.len());
    for (name, _) in uri.params() {
        assert!(!name.is_empty());
    }
    let _text = (uri.user_text(), uri.param("transport"), uri.to_string());
    if let Some(user) = uri.user_text() {
        let built = crate::sip::uri::sip(Some(&user), "h", None);
        let built = Uri::parse(&built).ok().and_then(|built| built.user_text());
        assert_eq!(built, Some(user));
    }
}

/// An address that is read can be written and reads back the same.
pub fn name_addr(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let Ok(address) = NameAddr::parse(&data, &HeaderName::From) else {
        return;
    };
    let again = NameAddr::parse(&address.write(), &HeaderName::From);
    assert_eq!(again.as_ref(), Ok(&address));
    let mut tagged = address.with_tag("t");
    assert_eq!(tagged.tag().as_deref(), Some(&b"t"[..]));
    tagged.params.remove("tag");
    assert_eq!(tagged.tag(), None);
    let _name = (tagged.display_name(), tagged.typed_uri(&HeaderName::From));
}

/// A hop that is read can be written and reads back the same.
pub fn via(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let Ok(mut hop) = Via::parse(&data) else {
        return;
    };
    assert_eq!(Via::parse(&hop.write()).as_ref(), Ok(&hop));
    hop.params.set("received", Some("192.0.2.1"));
    let again = Via::parse(&hop.write());
    assert!(again.is_ok_and(|again| again.params.has("received")));
    let _branch = (hop.branch(), hop.unique_branch());
}

/// Challenges and answers that are read can be written and read back the same.
pub fn digest_header(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    for challenge in Challenge::parse_all(&data) {
        // Quoting turns line breaks into spaces, once.
        let written = challenge.write();
        let second = Challenge::parse_all(&written);
        assert_eq!(second.len(), 1, "{written:?}");
        assert_eq!(Challenge::parse_all(&second[0].write()), second);
    }
    if let Ok(authorization) = Authorization::parse(&data) {
        let _count = authorization.count();
        if let Ok(second) = Authorization::parse(&authorization.write()) {
            assert_eq!(Authorization::parse(&second.write()).as_ref(), Ok(&second));
        }
    }
}

/// Whatever is registered, the bounds hold and the registrar's ledgers agree.
pub fn register(data: &[u8]) {
    let Ok(Message::Request(request)) = Message::parse(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let limits = RegistrarConfig {
        max_contacts: 3,
        ..RegistrarConfig::default()
    };
    let mut registrar = Registrar::new(limits);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
    let now = start();
    for flow in 0..3 {
        let transport = SipTransport::Tcp;
        let path = Path {
            flow: FlowId(flow),
            transport,
            local: peer,
            peer,
        };
        let response = registrar.handle_register(now, &(flow / 2), path, &request);
        assert_readable(&response.write());
        assert!(registrar.lookup(now, &(flow / 2)).len() <= 3);
        assert_eq!(registrar.iter().count(), registrar.len());
    }
    registrar.flow_closed(FlowId(0));
    registrar.expire(now + Duration::from_secs(100_000));
    assert!(registrar.is_empty());
    assert_eq!(registrar.next_expiry(), None);
    while registrar.poll_change().is_some() {}
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only be had from the clock"
)]
pub(super) fn start() -> Instant {
    Instant::now()
}
