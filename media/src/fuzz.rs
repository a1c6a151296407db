//! Fuzz bodies: what must hold for any bytes, callable on stable.
//!
//! As in `offhook_core::fuzz`: a body drives one parser, and what stands behind it, with bytes from
//! nowhere in particular, and panics when something does not hold. `cargo test` replays the corpus
//! in `tests/corpus/` with seeded mutations; `tests/fuzz` hands the same bodies to cargo-fuzz.

use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use offhook_core::fuzz::Target;
use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::{CryptoSuite, MasterKey};

use crate::codec::{CodecError, Coding, Decoder, Toc};
use crate::container::audio;
use crate::container::ogg_opus;
use crate::container::sealed::{SealKey, SealedReader};
use crate::container::wav::{self, WavHeader};
use crate::graph::player::Background;
use crate::rtcp::{Compound, NtpClock, RtcpPacket};
use crate::rtp::{Packet, TelephoneEvent};
use crate::session::jitter::{AudioPacket, JitterBuffer, JitterFrame, JitterSettings, Pushed};
use crate::session::{
    DigitInput, DigitReceiver, MediaSession, PACKET_LEN, RemoteMedia, SessionSettings, StreamSeed,
    is_digit,
};
use crate::srtp::{SrtpReceiver, SrtpSender, TRAILER_LEN};
use crate::time::{Rate, RtpTime};

/// Every target of this crate.
pub const TARGETS: &[Target] = &[
    Target {
        name: "rtp_packet",
        corpus: &["rtp_packet"],
        body: rtp_packet,
    },
    Target {
        name: "rtcp_packet",
        corpus: &["rtcp_packet"],
        body: rtcp_packet,
    },
    Target {
        name: "telephone_event",
        corpus: &["telephone_event"],
        body: telephone_event,
    },
    Target {
        name: "jitter_buffer",
        corpus: &["jitter_buffer"],
        body: jitter_buffer,
    },
    Target {
        name: "srtp_packet",
        corpus: &["srtp_packet"],
        body: srtp_packet,
    },
    Target {
        name: "opus_toc",
        corpus: &["opus_toc"],
        body: opus_toc,
    },
    Target {
        name: "codec_payload",
        corpus: &["codec_payload"],
        body: codec_payload,
    },
    Target {
        name: "sealed_recording",
        corpus: &["sealed_recording"],
        body: sealed_recording,
    },
    Target {
        name: "wav_header",
        corpus: &["wav_header"],
        body: wav_header,
    },
    Target {
        name: "audio_file",
        corpus: &["audio_file", "wav_header"],
        body: audio_file,
    },
];

/// Datagrams, each after a byte with its length, arrive at a leg that is bridged to another:
/// whatever goes out has our numbers in order and is no longer than what came in.
pub fn rtp_packet(data: &[u8]) {
    let mut from = session(Codec::Pcmu, 1);
    let mut to = session(Codec::Pcma, 2);
    to.set_background(Background::Bridge);
    let mut now = epoch();
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (datagram, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        now += Duration::from_millis(20);
        relayed(&mut from, &mut to, now, datagram);
        // Whatever came, the wheel goes on.
        to.tick(now, 0, None, &mut [0; PACKET_LEN]);
    }
    from.handle_timeout(now);
    while from.poll_event().is_some() {}
}

fn relayed(from: &mut MediaSession, to: &mut MediaSession, now: Instant, datagram: &[u8]) {
    let mut datagram = datagram.to_vec();
    let Ok(received) = from.receive(now, far_end(), &mut datagram) else {
        return;
    };
    let payload = &datagram[received.payload.clone()];
    let mut out = [0; PACKET_LEN];
    let Ok(Some(length)) = to.relay(now, &received, payload, &mut out) else {
        return;
    };
    let sent = &out[..length];
    assert!(sent.len() <= datagram.len());
    let packet = Packet::parse(sent);
    assert!(packet.is_ok_and(|packet| packet.header.ssrc == 2));
}

/// Reports on keys, each six bytes: when it comes, its timestamp in frames, and the payload. No more
/// keys are told than there were reports, and each that went down goes up once at most.
pub fn telephone_event(data: &[u8]) {
    let mut receiver = DigitReceiver::default();
    let mut now = epoch();
    let (mut reports, mut pressed, mut released) = (0u32, 0u32, 0u32);
    for record in data.chunks_exact(6) {
        now += Duration::from_millis(u64::from(record[0]));
        let time = RtpTime(u32::from(record[1]) * 160);
        let Some(event) = TelephoneEvent::parse(&record[2..]) else {
            continue;
        };
        assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
        reports += 1;
        let number = u32::from(record[0]);
        let told = receiver.receive(now, number, time, event);
        for input in told.into_iter().flatten() {
            match input {
                DigitInput::Pressed(digit) => {
                    assert!(is_digit(digit));
                    pressed += 1;
                }
                DigitInput::Released { .. } => released += 1,
            }
        }
    }
    assert!(pressed <= reports && released <= pressed);
}

/// Packets, each eight bytes: when it comes, its number, timestamp, units and length. Every turn has
/// something to hear, and at most what decodes.
pub fn jitter_buffer(data: &[u8]) {
    let mut buffer = JitterBuffer::new(8000, JitterSettings::default());
    let mut now = epoch();
    let payload = [0; 2048];
    for record in data.chunks_exact(8) {
        now += Duration::from_millis(u64::from(record[0]));
        let number = |at: usize| u16::from_be_bytes([record[at], record[at + 1]]);
        let packet = AudioPacket {
            sequence: 0x1_0000 + u32::from(number(1)),
            time: RtpTime(u32::from(number(3)) << 4),
            units: u32::from(number(5) & 0x7FF),
            coding: Coding::Pcmu,
            copied: u32::from(number(6)),
            payload: &payload[..usize::from(record[7]) * 8],
        };
        if record[7] == 0xFF {
            buffer.skip(packet.sequence);
        } else {
            // Whatever becomes of it, the next turn comes.
            let _: Pushed = buffer.push(now, &packet);
        }
        match buffer.pull(now, u32::from(record[0])) {
            JitterFrame::Packet { payload, .. } => assert!(payload.len() <= 2040),
            JitterFrame::Lost { units, .. } => assert!((20..=480).contains(&units)),
            JitterFrame::Noise(_) | JitterFrame::Silence => {}
        }
    }
    let stats = buffer.stats();
    assert!(stats.delay <= Duration::from_secs(3600) && stats.target <= Duration::from_millis(200));
}

/// A datagram arrives at the RTCP port: a sound one has at most 31 blocks a packet, any other
/// changes nothing, and the leg goes on reporting.
pub fn rtcp_packet(data: &[u8]) {
    if let Ok(compound) = Compound::parse(data) {
        for packet in compound.packets() {
            let blocks = match packet {
                RtcpPacket::SenderReport { blocks, .. }
                | RtcpPacket::ReceiverReport { blocks, .. } => blocks,
                RtcpPacket::SourceDescription { .. }
                | RtcpPacket::ExtendedReport { .. }
                | RtcpPacket::Bye { .. }
                | RtcpPacket::Other { .. } => continue,
            };
            assert!(blocks.iter().count() <= 31);
        }
    }
    let mut leg = session(Codec::Pcmu, 1);
    // Told apart or not, it is harmless.
    leg.receive_rtcp(epoch(), far_end(), &mut data.to_vec())
        .ok();
    let mut report = [0; 128];
    let later = epoch() + Duration::from_secs(60);
    let sent = leg.poll_report(later, &mut report);
    assert!(sent.is_some_and(|(length, _)| Compound::parse(&report[..length]).is_ok()));
}

/// A datagram arrives at a leg with keys, as RTP and as RTCP: nobody who has no key is believed, and
/// what is refused is left as it is. As a packet of ours it is protected or refused, and what is
/// protected comes back as it was.
pub fn srtp_packet(data: &[u8]) {
    for &suite in CryptoSuite::ALL {
        let Some(key) = MasterKey::new(suite, &[7; 44][..suite.key_len() + suite.salt_len()])
        else {
            continue;
        };
        let mut receiver = SrtpReceiver::new(&key);
        let mut sender = SrtpSender::new(&key);
        let mut buffer = data.to_vec();
        assert!(receiver.unprotect_rtp(epoch(), &mut buffer).is_err());
        assert!(receiver.unprotect_rtcp(epoch(), &mut buffer).is_err());
        assert_eq!(buffer, data);
        buffer.resize(data.len() + TRAILER_LEN, 0);
        if let Ok(length) = sender.protect_rtp(&mut buffer, data.len()) {
            let opened = receiver.unprotect_rtp(epoch(), &mut buffer[..length]);
            assert_eq!(opened, Ok(data.len()));
            assert_eq!(&buffer[..data.len()], data);
        }
        if let Ok(length) = sender.protect_rtcp(&mut buffer, data.len()) {
            let opened = receiver.unprotect_rtcp(epoch(), &mut buffer[..length]);
            assert_eq!(opened, Ok(data.len()));
            assert_eq!(&buffer[..data.len()], data);
        }
    }
}

/// Bytes claim to be an Opus packet: one that is legal lasts at most 120 ms and is decoded to just
/// that, at every rate; any other is refused by all alike.
pub fn opus_toc(data: &[u8]) {
    let toc = Toc::parse(data);
    let units = Coding::Opus.duration(data);
    assert_eq!(units.ok(), toc.ok().map(|toc| toc.packet_units()));
    assert!(units.is_ok_and(|units| (120..=5760).contains(&units)) || toc.is_err());
    for rate in Rate::ALL {
        let mut pcm = vec![0; 120 * rate.per_millisecond()];
        let Ok(mut decoder) = Decoder::new(Coding::Opus, rate) else {
            return;
        };
        match (toc, decoder.decode(data, &mut pcm)) {
            (Ok(toc), Ok(length)) => assert_eq!(length, toc.samples(rate)),
            (Ok(_), Err(refused)) => assert_eq!(refused, CodecError::Refused),
            (Err(_), decoded) => assert!(decoded.is_err()),
        }
        let recovered = decoder.recover(data, &mut pcm[..rate.frame_samples()]);
        assert!(!recovered || toc.is_ok_and(|toc| toc.has_fec()));
    }
}

/// Payloads, each after a byte with its length, reach a decoder that the first byte chooses; some
/// are lost, and some are comfort noise. What is decoded lasts as long as was said before.
pub fn codec_payload(data: &[u8]) {
    let Some((&choice, mut rest)) = data.split_first() else {
        return;
    };
    let rate = Rate::ALL[usize::from(choice & 0x0F) % 3];
    let coding = match choice >> 4 {
        0..=2 => Coding::Pcmu,
        3..=5 => Coding::Pcma,
        6..=8 => Coding::G722,
        9 => Coding::L16(Rate::Narrow),
        10 => Coding::L16(Rate::Wide),
        11 => Coding::L16(Rate::Full),
        _ => Coding::Opus,
    };
    let Ok(mut decoder) = Decoder::new(coding, rate) else {
        return;
    };
    let mut pcm = vec![0; 120 * rate.per_millisecond()];
    while let Some((&length, after)) = rest.split_first() {
        let (payload, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        if let Ok(count) = decoder.decode(payload, &mut pcm) {
            let units = coding.duration(payload).unwrap_or(0) as usize;
            let exact = units * rate.hertz() as usize / coding.clock_rate() as usize;
            assert!(count.abs_diff(exact) <= 1);
        }
        if length & 1 == 1 {
            let frame = &mut pcm[..rate.frame_samples()];
            if !decoder.recover(payload, frame) {
                decoder.conceal(frame);
            }
            decoder.take_comfort_noise(payload);
            decoder.rest(frame);
        }
    }
}

/// A file claims to be a WAV file: a header of ours survives being written again, and what is
/// decoded is no longer than the file allows.
pub fn wav_header(data: &[u8]) {
    if let Ok(header) = WavHeader::parse(data) {
        assert_eq!(WavHeader::parse(&header.to_bytes()), Ok(header));
        assert!(header.milliseconds() <= u64::from(header.data_bytes) * 1000);
    }
    if let Ok(pcm) = wav::decode_to_8k(data) {
        // A sample takes a byte or more, and at the lowest rate becomes two of ours.
        assert!(pcm.len() <= data.len() * 2);
    }
}

fn session(codec: Codec, ssrc: u32) -> MediaSession {
    let settings = SessionSettings::new(NtpClock::new(epoch(), SystemTime::UNIX_EPOCH));
    let seed = StreamSeed {
        ssrc,
        sequence: 65_530,
        time: RtpTime(u32::MAX - 800),
    };
    let mut session = MediaSession::new(settings, seed, epoch());
    let remote = RemoteMedia {
        rtcp: far_end(),
        ..RemoteMedia::new(far_end(), codec).with_events(101)
    };
    assert_eq!(session.set_remote(epoch(), remote), Some(false));
    session
}

fn far_end() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 4000))
}

/// An uploaded file is read or refused: whatever it claims, its length is limited, and what is read
/// is at the loudness that all files have, or below.
///
/// Pages of OGG have checksums that hide from chance what stands behind them: they are mended, too.
pub fn audio_file(data: &[u8]) {
    audio_read(data);
    let mut mended = data.to_vec();
    if ogg_opus::mend_checksums(&mut mended) > 0 {
        audio_read(&mended);
    }
}

fn audio_read(data: &[u8]) {
    let longest = Duration::from_secs(20);
    let source = Box::new(Cursor::new(data.to_vec()));
    let Ok(audio) = audio::load(source, longest) else {
        return;
    };
    let most = 20 * audio::FILE_RATE as usize;
    assert!(!audio.pcm.is_empty() && audio.pcm.len() <= most);
    assert!(audio.survey.gain_db.is_finite() && audio.survey.dc.is_finite());
    assert!((0.0..=100.0).contains(&audio.survey.clipped_percent));
}

/// Where the time of all bodies starts.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only be had from the clock"
)]
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// A file is opened as a sealed recording, with a key that is as good as any: what can be read of it
/// is no longer than what it says, and never more than there is.
pub fn sealed_recording(data: &[u8]) {
    let key = SealKey::from_bytes([7; 32]);
    let Ok(mut reader) = SealedReader::open(Cursor::new(data), &key) else {
        return;
    };
    let index = reader.index().clone();
    assert!(index.end() <= data.len() as u64);
    assert!(index.audio_len() <= 44 + data.len() as u64);
    let mut read = 0;
    while let Ok(piece) = reader.next(1 << 16)
        && !piece.is_empty()
    {
        read += piece.len() as u64;
    }
    assert!(read <= index.audio_len());
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use offhook_core::IdSource;
    use offhook_core::fuzz::mutate;

    use super::*;

    fn corpus(target: &Target) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
        let files = |name: &&str| {
            let entries = fs::read_dir(folder.join(name)).unwrap();
            entries.map(|entry| entry.unwrap().path())
        };
        let mut files: Vec<PathBuf> = target.corpus.iter().flat_map(files).collect();
        files.sort();
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    #[test]
    fn the_corpus_and_mutations_of_it_pass_every_body() {
        for target in TARGETS {
            let seeds = corpus(target);
            assert!(!seeds.is_empty(), "{} has no seeds", target.name);
            let mut source = IdSource::seeded(20_261_121);
            for seed in &seeds {
                (target.body)(seed);
                for _ in 0..100 {
                    (target.body)(&mutate(&mut source, seed));
                }
            }
        }
    }

    #[test]
    fn every_target_has_its_shim() {
        for target in TARGETS {
            let shim = format!("../tests/fuzz/fuzz_targets/{}.rs", target.name);
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(shim);
            let text = fs::read_to_string(&path).unwrap();
            let body = format!("offhook_media::fuzz::{}(data)", target.name);
            assert!(text.contains(&body), "{}", path.display());
        }
    }
}
