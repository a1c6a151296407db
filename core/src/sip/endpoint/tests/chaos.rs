//! Anything at all, at any moment.

use proptest::prelude::*;

use super::*;
use crate::sip::Method;

#[derive(Debug, Clone)]
enum Act {
    /// A well-formed request with one of a few branches.
    Request(usize, u8),
    /// A request with some of its bytes changed.
    Mutated(usize, u8, Vec<(u16, u8)>),
    Bytes(Vec<u8>),
    /// The user answers its n-th open request.
    Respond(u8, u16),
    /// The sender of its n-th open request is known.
    Trust(u8),
    /// A connection for its n-th open request stands, or cannot be had.
    Connect(u8, bool),
    Ask(bool),
    /// A peer answers our n-th request.
    Answer(u8, u16, u8),
    Cancel(u8),
    Pass(u32),
    Close,
    Overload(bool),
}

const METHODS: [&str; 9] = [
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "REGISTER",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
];

fn act() -> impl Strategy<Value = Act> {
    let status = prop_oneof![
        Just(100u16),
        Just(180),
        Just(200),
        Just(401),
        Just(487),
        100..700u16
    ];
    let changes = prop::collection::vec((any::<u16>(), any::<u8>()), 1..6);
    prop_oneof![
        4 => (0..METHODS.len(), 0..4u8).prop_map(|(method, branch)| Act::Request(method, branch)),
        2 => (0..METHODS.len(), 0..4u8, changes).prop_map(|(m, b, c)| Act::Mutated(m, b, c)),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Act::Bytes),
        3 => (any::<u8>(), status.clone()).prop_map(|(n, status)| Act::Respond(n, status)),
        1 => any::<u8>().prop_map(Act::Trust),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(n, stands)| Act::Connect(n, stands)),
        2 => any::<bool>().prop_map(Act::Ask),
        3 => (any::<u8>(), status, 0..3u8).prop_map(|(n, status, tag)| Act::Answer(n, status, tag)),
        1 => any::<u8>().prop_map(Act::Cancel),
        2 => (0..40_000u32).prop_map(Act::Pass),
        1 => Just(Act::Close),
        1 => any::<bool>().prop_map(Act::Overload),
    ]
}

fn play(transport: SipTransport, acts: Vec<Act>) {
    let mut bench = Bench::new(transport);
    let mut open: Vec<(ServerTxn, Request)> = Vec::new();
    let mut asked: Vec<(ClientTxn, Request)> = Vec::new();
    for act in acts {
        let pick = |n: u8, len: usize| (len > 0).then(|| usize::from(n) % len.max(1));
        match act {
            Act::Request(method, branch) => bench.receives(&text(method, branch)),
            Act::Mutated(method, branch, changes) => {
                let mut data = text(method, branch).replace('\n', "\r\n").into_bytes();
                for (at, byte) in changes {
                    let at = usize::from(at) % data.len();
                    data[at] = byte;
                }
                bench
                    .endpoint
                    .handle_message(bench.now, bench.path, &data.into());
            }
            Act::Bytes(data) => {
                bench
                    .endpoint
                    .handle_message(bench.now, bench.path, &data.into());
            }
            Act::Respond(n, status) => {
                if let Some(at) = pick(n, open.len()) {
                    let response = Response::to(&open[at].1, status, "");
                    bench.endpoint.respond(bench.now, open[at].0, response).ok();
                }
            }
            Act::Trust(n) => {
                if let Some((txn, request)) = pick(n, open.len()).map(|at| &open[at]) {
                    bench.endpoint.trust(*txn, request);
                }
            }
            Act::Connect(n, stands) => {
                let path = stands.then_some(bench.path);
                if let Some((txn, _)) = pick(n, open.len()).map(|at| &open[at]) {
                    bench.endpoint.handle_connection(*txn, path);
                }
            }
            Act::Ask(invite) => {
                let txn = bench.asks(question(invite));
                for (_, message) in bench.sent() {
                    if let Message::Request(request) = message {
                        asked.push((txn, request));
                    }
                }
            }
            Act::Answer(n, status, tag) => {
                if let Some(at) = pick(n, asked.len()) {
                    let request = asked[at].1.clone();
                    bench.peer_answers(&request, status, &tag.to_string());
                }
            }
            Act::Cancel(n) => {
                if let Some(at) = pick(n, asked.len()) {
                    bench.endpoint.cancel(bench.now, asked[at].0, None);
                }
            }
            Act::Pass(ms) => bench.pass(Duration::from_millis(ms.into())),
            Act::Close => bench.endpoint.handle_flow_closed(FlowId(1)),
            Act::Overload(overloaded) => bench.endpoint.set_overloaded(overloaded),
        }
        for event in bench.events() {
            if let EndpointEvent::Request { txn, request, .. } = event {
                open.push((txn, request));
            }
        }
        bench.sent();
    }
    bench.pass(Duration::from_secs(4_000));
    bench.sent();
    bench.events();
    assert!(bench.endpoint.is_idle());
}

fn question(invite: bool) -> Request {
    let method = if invite { Method::Invite } else { Method::Bye };
    let Ok(Message::Request(mut request)) =
        Message::parse(&text(0, 9).replace('\n', "\r\n").into())
    else {
        panic!("unreadable");
    };
    request.headers.remove(&HeaderName::Via);
    request.headers.set(HeaderName::CSeq, format!("1 {method}"));
    request.method = method;
    request
}

fn text(method: usize, branch: u8) -> String {
    let text = request(METHODS[method], &format!("z9hG4bK{branch}"), CONTACT);
    text.replace("CSeq: 1", &format!("CSeq: {branch}"))
}

proptest! {
    #[test]
    fn whatever_comes_nothing_panics_and_nothing_stays(
        acts in prop::collection::vec(act(), 0..60),
        stream in any::<bool>(),
    ) {
        let transport = if stream { SipTransport::Tcp } else { SipTransport::Udp };
        play(transport, acts);
    }
}
