//! A recording survives the death of its process.
#![expect(clippy::unwrap_used, reason = "helpers of a test may panic as it does")]

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::recording::RecordingStyle;
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId, RecordingId};
use offhook_media::codec::Law;
use offhook_media::dsp::goertzel::Goertzel;
use offhook_media::dsp::tone::sine;
use offhook_media::engine::{
    Engine, EngineConfig, Layout, RecordSpec, RemoteMedia, SoundBank, recover_recordings,
};
use offhook_media::rtp::RtpHeader;
use offhook_media::time::RtpTime;

/// Tells the child where to record, and that it is the child.
const FOLDER: &str = "OFFHOOK_TEST_RECORDINGS";

/// Seconds the child speaks if nobody kills it.
const LIFETIME: u32 = 30;

#[test]
fn a_recording_is_playable_after_its_process_was_killed() {
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
    let [recording] = &recovered[..] else {
        panic!("{recovered:?}");
    };
    assert_eq!(recording.file, folder.path().join("call.wav"));
    assert!(
        recording.milliseconds + 1000 >= said,
        "{recording:?} of {said}"
    );
    let mut reader = hound::WavReader::open(&recording.file).unwrap();
    let pcm: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    assert_eq!(pcm.len() as u64 / 8, recording.milliseconds);
    let loud: Vec<i16> = pcm[4000..].to_vec();
    assert!(Goertzel::new(440.0).share(&loud) > 0.8);
    assert!(recover_recordings(folder.path()).unwrap().is_empty());
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
    engine.record(&RecordSpec {
        recording: RecordingId::random(),
        left: leg,
        right: None,
        style: RecordingStyle {
            layout: Layout::Mono,
            ..RecordingStyle::default()
        },
        seal: None,
        file: "call.wav".to_owned(),
    });
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
