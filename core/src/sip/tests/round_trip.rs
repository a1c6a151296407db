//! Writing undoes parsing, for messages nobody wrote by hand.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sip::header::{CSeq, NameAddr, Params, Via};
use crate::sip::{HeaderName, Headers, Message, Method, Request, Response, Uri};

/// A value as a header can have it: no line breaks, no white space at its ends.
fn value() -> impl Strategy<Value = Bytes> {
    let bytes = vec(
        prop_oneof![8 => 0x20u8..0x7f, 1 => 0x80u8..=0xff, 1 => Just(b'\t')],
        0..60,
    );
    bytes.prop_map(|bytes| bytes.trim_ascii().to_vec().into())
}

fn name() -> impl Strategy<Value = HeaderName> {
    prop_oneof![
        Just(HeaderName::Via),
        Just(HeaderName::Contact),
        Just(HeaderName::Subject),
        "[a-zA-Z0-9.!%*_+`'~-]{3,20}"
            .prop_filter_map("a length is no row", |name| HeaderName::parse(&name.into()))
            .prop_filter("a length is no row", |name| *name
                != HeaderName::ContentLength),
    ]
}

fn headers() -> impl Strategy<Value = Headers> {
    vec((name(), value()), 0..30).prop_map(Headers::from_iter)
}

fn uri() -> impl Strategy<Value = Bytes> {
    "sips?:([a-z0-9.%&=+$,;?/-]{1,10}(:[a-z0-9]{0,5})?@)?([a-z0-9.-]{1,12}|\\[::1\\])(:[0-9]{1,4})?(;[a-z]{1,5}(=[a-z0-9%]{0,5})?){0,3}"
        .prop_filter_map("an escape may be broken", |text| {
            let raw = Bytes::from(text);
            Uri::parse(&raw).is_ok_and(|uri| uri.headers().is_empty()).then_some(raw)
        })
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Invite),
        Just(Method::Register),
        "[A-Z%.!*]{1,12}".prop_map(|name| Method::parse(&name.into()).unwrap()),
    ]
}

fn body() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn message() -> impl Strategy<Value = Message> {
    let request = (method(), uri(), headers(), body()).prop_map(|(method, uri, headers, body)| {
        Message::Request(Request {
            method,
            uri,
            headers,
            body,
        })
    });
    let response = (100u16..700, value(), headers(), body());
    let response = response.prop_map(|(status, reason, headers, body)| {
        Message::Response(Response {
            status,
            reason,
            headers,
            body,
        })
    });
    prop_oneof![request, response]
}

fn params() -> impl Strategy<Value = Params> {
    let value = prop_oneof![
        Just(None),
        "[a-z0-9.]{1,8}".prop_map(Some),
        "[ -!#-\\[\\]-~]{0,8}".prop_map(|text| Some(format!("\"{text}\""))),
    ];
    vec(("[a-z]{1,6}", value), 0..4).prop_map(|pairs| {
        let mut params = Params::new();
        for (name, value) in pairs {
            params.set(&name, value.as_deref());
        }
        params
    })
}

proptest! {
    #[test]
    fn a_written_message_reads_back_as_itself(message in message()) {
        let written = message.write();
        let read = Message::parse(&written);
        prop_assert_eq!(read.as_ref(), Ok(&message));
        prop_assert_eq!(read.unwrap().write(), written);
    }

    #[test]
    fn a_written_address_reads_back_as_itself(
        display in proptest::option::of("\\PC{1,20}"),
        uri in uri(),
        params in params(),
    ) {
        let mut address = NameAddr::new(uri);
        if let Some(display) = &display {
            address = address.with_display(display);
        }
        address.params = params;
        let read = NameAddr::parse(&address.write(), &HeaderName::Contact).unwrap();
        prop_assert_eq!(&read, &address);
        prop_assert_eq!(read.display_name(), display);
    }

    #[test]
    fn a_written_via_reads_back_as_itself(
        transport in "[A-Z]{2,4}",
        host in "[a-z0-9]{1,8}|\\[::1\\]",
        port in proptest::option::of(any::<u16>()),
        params in params(),
    ) {
        let via = Via { transport: transport.into(), host: host.into(), port, params };
        prop_assert_eq!(Via::parse(&via.write()), Ok(via));
    }

    #[test]
    fn a_written_cseq_reads_back_as_itself(number in 0u32..1 << 31, method in method()) {
        let cseq = CSeq { number, method };
        prop_assert_eq!(CSeq::parse(&cseq.write()), Ok(cseq));
    }
}
