//! A frame of the wheel: a prompt, hold music, and what it costs to load one.

use std::error::Error;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use criterion::Criterion;

use offhook_benches::start;
use offhook_core::sdp::Codec;
use offhook_media::dsp::{resample, tone::sine};
use offhook_media::engine::{PlayId, PlayItem, Playlist, RemoteMedia, SoundBank, Source};
use offhook_media::graph::player::{Background, Player};
use offhook_media::rtcp::NtpClock;
use offhook_media::session::{MediaSession, PACKET_LEN, SessionSettings, StreamSeed};
use offhook_media::time::RtpTime;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut bank = SoundBank::new();
    bank.add_pcm("hello", &sine(440.0, 80_000, 8000.0));
    bank.set_music_pcm("default", &sine(440.0, 80_000, 8000.0));
    prompt(&mut criterion, &bank)?;
    music(&mut criterion, &bank);
    loading(&mut criterion);
    criterion.final_summary();
    Ok(())
}

fn prompt(criterion: &mut Criterion, bank: &SoundBank) -> Result<(), Box<dyn Error>> {
    let playlist = Playlist {
        items: vec![PlayItem::Sound("hello".to_owned())],
        barge_in: true,
        repeat: true,
    };
    let mut session = session();
    session.play(Player::new(PlayId(1), &playlist, bank)?);
    frames(criterion, "player/prompt", session);
    Ok(())
}

fn music(criterion: &mut Criterion, bank: &SoundBank) {
    let source = Source::HoldMusic("default".to_owned());
    let mut session = session();
    session.set_background(Background::find(&source, bank).unwrap_or_default());
    frames(criterion, "player/hold music", session);
}

fn frames(criterion: &mut Criterion, name: &str, mut session: MediaSession) {
    let mut packet = [0; PACKET_LEN];
    let (mut now, mut tick) = (start(), 0);
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            tick += 1;
            now += Duration::from_millis(20);
            black_box(session.tick(now, tick, None, &mut packet))
        });
    });
}

fn loading(criterion: &mut Criterion) {
    let second = sine(440.0, 48_000, 8000.0);
    criterion.bench_function("load/a second from 48 kHz", |bencher| {
        bencher.iter(|| resample::to_8k(black_box(&second), 48_000));
    });
}

fn session() -> MediaSession {
    let settings = SessionSettings::new(NtpClock::new(start(), SystemTime::UNIX_EPOCH));
    let seed = StreamSeed {
        ssrc: 1,
        sequence: 1,
        time: RtpTime(1),
    };
    let mut session = MediaSession::new(settings, seed, start());
    let rtp = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
    let remote = RemoteMedia::new(rtp, Codec::Pcmu);
    session.set_remote(start(), remote);
    session
}
