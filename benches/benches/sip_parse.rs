//! Reading and writing SIP: what every message costs before anybody thinks about it.

use std::error::Error;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use criterion::{Criterion, Throughput};

use offhook_core::sdp::{LocalMedia, MediaNegotiation, MediaWish};
use offhook_core::sip::{Message, Request, Response, Uri};

const SDP: &str = "v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n\
    m=audio 54400 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

const INVITE: &str = "INVITE sip:1002@office.example SIP/2.0\r\n\
    Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK74bf9.7;rport\r\nMax-Forwards: 70\r\n\
    From: \"Ada Lovelace\" <sip:1001@office.example>;tag=9fxced76sl\r\n\
    To: <sip:1002@office.example>\r\nCall-ID: 3848276298220188511@203.0.113.1\r\n\
    CSeq: 1 INVITE\r\nContact: <sip:1001@203.0.113.1:5060;transport=udp>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\nSupported: timer, replaces\r\n\
    User-Agent: a phone 1.0\r\nContent-Type: application/sdp\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let datagram = Bytes::from(format!(
        "{INVITE}Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    ));
    let Message::Request(invite) = Message::parse(&datagram)? else {
        return Err("an INVITE is a request".into());
    };
    requests(&mut criterion, &datagram, &invite);
    responses(&mut criterion, &invite);
    bodies(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn requests(criterion: &mut Criterion, datagram: &Bytes, invite: &Request) {
    let mut group = criterion.benchmark_group("sip");
    group.throughput(Throughput::Bytes(datagram.len() as u64));
    group.bench_function("parse INVITE", |bencher| {
        bencher.iter(|| Message::parse(black_box(datagram)));
    });
    group.bench_function("check INVITE", |bencher| {
        bencher.iter(|| black_box(invite).check());
    });
    group.bench_function("write INVITE", |bencher| {
        bencher.iter(|| black_box(invite).write());
    });
    group.finish();
    let uri = Bytes::from_static(b"sip:1001@203.0.113.1:5060;transport=udp");
    criterion.bench_function("sip/parse URI", |bencher| {
        bencher.iter(|| Uri::parse(black_box(&uri)));
    });
}

fn responses(criterion: &mut Criterion, invite: &Request) {
    criterion.bench_function("sip/build and write 200", |bencher| {
        bencher.iter(|| {
            let mut response = Response::to(black_box(invite), 200, "OK");
            response.headers.add_to_tag("a6c85cf");
            response.body = Bytes::from_static(SDP.as_bytes());
            response.write()
        });
    });
    let ok = Response::to(invite, 200, "OK").write();
    criterion.bench_function("sip/parse 200", |bencher| {
        bencher.iter(|| Message::parse(black_box(&ok)));
    });
}

fn bodies(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let local = LocalMedia::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 30_000)), 1);
    let mut negotiation = MediaNegotiation::new(local.clone());
    negotiation.receive_offer(SDP.as_bytes())?;
    negotiation.create_answer(MediaWish::default())?;
    criterion.bench_function("sdp/offer to answer", |bencher| {
        bencher.iter(|| {
            let mut negotiation = MediaNegotiation::new(local.clone());
            negotiation.receive_offer(black_box(SDP.as_bytes())).ok()?;
            negotiation.create_answer(MediaWish::default()).ok()
        });
    });
    Ok(())
}
