//! Relaying a packet: through the two legs' machines alone, and through a running engine.

use std::error::Error;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, Throughput};

use offhook_benches::start;
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};
use offhook_media::engine::{Engine, EngineConfig, RemoteMedia, SoundBank};
use offhook_media::graph::player::Background;
use offhook_media::rtcp::NtpClock;
use offhook_media::rtp::{Packet, RtpHeader};
use offhook_media::session::{MediaSession, PACKET_LEN, SessionSettings, StreamSeed};
use offhook_media::time::RtpTime;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    parse(&mut criterion);
    machines(&mut criterion, "pcmu to pcmu", Codec::Pcmu);
    machines(&mut criterion, "pcmu to pcma", Codec::Pcma);
    engine(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn parse(criterion: &mut Criterion) {
    let datagram = packet(1);
    criterion.bench_function("rtp/parse", |bencher| {
        bencher.iter(|| Packet::parse(black_box(&datagram)));
    });
}

/// Receive, rewrite, transcode: everything but the sockets.
fn machines(criterion: &mut Criterion, name: &str, to: Codec) {
    let (mut a, mut b) = (session(Codec::Pcmu), session(to));
    b.set_background(Background::Bridge);
    let mut now = start();
    let mut number = 0;
    let mut datagram = packet(0);
    let mut out = [0; PACKET_LEN];
    criterion.bench_function(&format!("relay/{name}"), |bencher| {
        bencher.iter(|| {
            number += 1;
            now += Duration::from_millis(20);
            datagram[..12].copy_from_slice(&header(number).to_bytes());
            let received = a.receive(now, far_end(), &mut datagram).ok()?;
            let payload = &datagram[received.payload.clone()];
            black_box(b.relay(now, &received, payload, &mut out).ok()?)
        });
    });
}

/// From one phone to the other and back through the engine's thread: the delay of an idle one.
fn engine(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let config = EngineConfig {
        shards: 1,
        recordings: std::env::temp_dir().join("offhook-bench"),
        ..EngineConfig::default()
    };
    let (engine, _events) = Engine::start(config, SoundBank::new(), Arc::new(|| {}))?;
    let call = CallId::random();
    let (a, to_a) = phone(&engine, LegId::new(call, 0))?;
    let (b, to_b) = phone(&engine, LegId::new(call, 1))?;
    engine.bridge(LegId::new(call, 0), LegId::new(call, 1));
    // Both are believed from their first packet on; the other's silence is read away.
    let mut number = 0;
    for (phone, to) in [(&a, to_a), (&b, to_b)] {
        phone.send_to(&packet(0), to)?;
    }
    let mut buffer = [0; 256];
    let mut group = criterion.benchmark_group("relay/through sockets");
    group.throughput(Throughput::Elements(2));
    group.bench_function("there and back", |bencher| {
        bencher.iter(|| -> std::io::Result<()> {
            number += 1;
            a.send_to(&packet(number), to_a)?;
            b.recv_from(&mut buffer)?;
            b.send_to(&packet(number), to_b)?;
            a.recv_from(&mut buffer)?;
            Ok(())
        });
    });
    group.finish();
    engine.shutdown();
    Ok(())
}

fn phone(engine: &Engine, leg: LegId) -> Result<(UdpSocket, SocketAddr), Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let port = engine.add_leg(leg)?;
    engine.set_remote(leg, remote(socket.local_addr()?, Codec::Pcmu));
    Ok((socket, port.rtp))
}

fn session(codec: Codec) -> MediaSession {
    let settings = SessionSettings::new(NtpClock::new(start(), SystemTime::UNIX_EPOCH));
    let seed = StreamSeed {
        ssrc: 1,
        sequence: 1,
        time: RtpTime(1),
    };
    let mut session = MediaSession::new(settings, seed, start());
    session.set_remote(start(), remote(far_end(), codec));
    session
}

fn remote(rtp: SocketAddr, codec: Codec) -> RemoteMedia {
    RemoteMedia {
        rtcp: SocketAddr::new(rtp.ip(), 9),
        ..RemoteMedia::new(rtp, codec).with_events(101)
    }
}

fn packet(number: u32) -> Vec<u8> {
    let mut datagram = header(number).to_bytes().to_vec();
    datagram.resize(172, 0x55);
    datagram
}

fn header(number: u32) -> RtpHeader {
    RtpHeader {
        marker: false,
        payload_type: 0,
        sequence: u16::try_from(number & 0xFFFF).unwrap_or(0),
        time: RtpTime(number.wrapping_mul(160)),
        ssrc: 2,
    }
}

fn far_end() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 4000))
}
