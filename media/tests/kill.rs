//! Recordings survive the death of their process.
#![expect(clippy::unwrap_used, reason = "helpers of a test may panic as it does")]

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::recording::{AudioFormat, Keys, RecordingStyle};
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId, RecordingId};
use offhook_media::codec::Law;
use offhook_media::container::encoder::can_encode;
use offhook_media::container::sealed::{SealKey, SealedReader};
use offhook_media::dsp::goertzel::Goertzel;
use offhook_media::dsp::tone::sine;
use offhook_media::engine::{
    Engine, EngineConfig, Layout, RecordSpec, RemoteMedia, Seal, SoundBank, file_name, key_path,
    recover_recordings,
};
use offhook_media::rtp::RtpHeader;
use offhook_media::time::RtpTime;

/// Tells the child where to record, and that it is the child.
const FOLDER: &str = "OFFHOOK_TEST_RECORDINGS";

/// Seconds the child speaks if nobody kills it.
const LIFETIME: u32 = 30;

#[test]
fn fifty_recordings_are_playable_after_their_process_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_process_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("said ")?.parse::<u64>().ok())
        .filter(|milliseconds| *milliseconds >= 3000);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = said.expect("the child said how long it had spoken");
    let recovered = recover_recordings(folder.path()).unwrap();
    assert_eq!(recovered.len(), RECORDINGS);
    for recording in &recovered {
        let late = said.saturating_sub(recording.milliseconds);
        assert!(late < 1000, "{recording:?} of {said}");
        let pcm = heard(&recording.file, folder.path());
        let heard = pcm.len() as u64 / 8;
        assert!(
            heard.abs_diff(recording.milliseconds) < 150,
            "{recording:?} plays for {heard} ms"
        );
        assert!(
            Goertzel::new(440.0).share(&pcm[6000..]) > 0.8,
            "{recording:?}"
        );
    }
    assert!(recover_recordings(folder.path()).unwrap().is_empty());
}

/// What a recording plays, at 8 kHz; a sealed one is opened first, with the key beside it.
fn heard(file: &Path, folder: &Path) -> Vec<i16> {
    let mut plain = file.to_owned();
    if file
        .extension()
        .is_some_and(|extension| extension == "sealed")
    {
        let bytes = std::fs::read(key_path(file)).unwrap();
        let key = SealKey::from_bytes(bytes.try_into().unwrap());
        let sealed = std::fs::File::open(file).unwrap();
        let mut reader = SealedReader::open(sealed, &key).unwrap();
        let mut audio = Vec::new();
        loop {
            let piece = reader.next(1 << 16).unwrap();
            if piece.is_empty() {
                break;
            }
            audio.extend(piece);
        }
        plain = folder.join("plain").join(file.file_stem().unwrap());
        std::fs::create_dir_all(plain.parent().unwrap()).unwrap();
        std::fs::write(&plain, audio).unwrap();
    }
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "fatal", "-i"]).arg(&plain);
    ffmpeg.args(["-af", "pan=mono|c0=c0", "-ar", "8000", "-f", "s16le", "-"]);
    let output = ffmpeg.output().unwrap();
    assert!(output.status.success(), "{plain:?}");
    let (pairs, _) = output.stdout.as_chunks();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// How many recordings run when the process is killed.
const RECORDINGS: usize = 50;

/// Every format and rate, in mono and stereo, sealed and not, over and over.
fn specs(leg: LegId) -> impl Iterator<Item = RecordSpec> {
    let formats = AudioFormat::ALL
        .into_iter()
        .filter(|format| can_encode(*format));
    let styles: Vec<_> = formats
        .flat_map(|format| {
            [Layout::Mono, Layout::Stereo].map(|layout| RecordingStyle {
                format,
                layout,
                ..RecordingStyle::default()
            })
        })
        .collect();
    (0..RECORDINGS).map(move |n| {
        let recording = RecordingId::random();
        let style = styles[n / 2 % styles.len()];
        let seal = (n % 2 == 1).then(|| {
            let bytes: [u8; 32] = [65 + u8::try_from(n % 26).unwrap(); 32];
            Seal {
                key: SealKey::from_bytes(bytes),
                wrapped: String::from_utf8(bytes.to_vec()).unwrap(),
            }
        });
        RecordSpec {
            recording,
            left: leg,
            right: None,
            style,
            keys: Keys::Kept,
            file: file_name(recording, style, seal.as_ref()),
            seal,
        }
    })
}

#[test]
#[ignore = "not a test: the process that the other test kills"]
fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let config = EngineConfig {
        recordings: folder.into(),
        ..EngineConfig::default()
    };
    let (engine, _events) = Engine::start(config, SoundBank::new(), Arc::new(|| {})).unwrap();
    let leg = LegId::new(CallId::random(), 0);
    let port = engine.add_leg(leg).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    engine.set_remote(leg, remote(&socket));
    for spec in specs(leg) {
        engine.record(&spec);
    }
    let start = now();
    for frame in 0..LIFETIME * 50 {
        socket.send_to(&packet(frame), port.rtp).unwrap();
        if frame == 200 {
            // Whatever is written after this line would be more than was promised.
            writeln!(std::io::stdout(), "\nsaid {}", frame * 20).unwrap();
        }
        wait_until(start + Duration::from_millis(20) * (frame + 1), &socket);
    }
    assert!(
        Path::new("/nonexistent").exists(),
        "nobody killed this process"
    );
}

fn remote(socket: &UdpSocket) -> RemoteMedia {
    let rtp = socket.local_addr().unwrap();
    RemoteMedia {
        rtcp: rtp,
        send: false,
        ..RemoteMedia::new(rtp, Codec::Pcmu)
    }
}

/// A frame of 440 Hz.
fn packet(frame: u32) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: 0,
        sequence: u16::try_from(frame).unwrap(),
        time: RtpTime(frame * 160),
        ssrc: 7,
    };
    // A tone of 440 Hz fits whole into a second, so every second is the same.
    let pcm = sine(440.0, 8000, 8000.0);
    let at = (frame as usize % 50) * 160;
    let mut payload = [0; 160];
    Law::Mu.encode_frame(&pcm[at..at + 160], &mut payload);
    [&header.to_bytes()[..], &payload].concat()
}

/// Waits by listening to somebody who says nothing of interest.
fn wait_until(due: Instant, socket: &UdpSocket) {
    loop {
        let left = due.saturating_duration_since(now());
        if left.is_zero() {
            return;
        }
        socket.set_read_timeout(Some(left)).unwrap();
        socket.recv(&mut [0; 512]).ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "phones keep real time")]
fn now() -> Instant {
    Instant::now()
}
