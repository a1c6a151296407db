//! Real files, made by the programs people make them with.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy knows helpers of integration tests not as tests"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use offhook_media::container::audio::{Audio, AudioError, AudioFormat, TARGET_LUFS, load};
use offhook_media::dsp::goertzel::Goertzel;

const HOUR: Duration = Duration::from_secs(3600);

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    let status = status.unwrap_or_else(|error| panic!("{program}: {error}; see tests/tools.sh"));
    assert!(status.success(), "{program} {arguments:?}");
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Three seconds of 440 Hz, made by sox in the format its name says.
fn by_sox(folder: &Path, file: &str, rate: &str, channels: &str) -> PathBuf {
    lasting(folder, file, "3", rate, channels)
}

fn lasting(folder: &Path, file: &str, seconds: &str, rate: &str, channels: &str) -> PathBuf {
    let path = folder.join(file);
    let tone = ["synth", seconds, "sine", "440", "gain", "-12"];
    let options = ["-R", "-n", "-r", rate, "-c", channels];
    let width: &[&str] = if file.ends_with("ogg") {
        &[]
    } else {
        &["-b", "16"]
    };
    run(
        "sox",
        &[&options[..], width, &[name(&path)], &tone[..]].concat(),
    );
    path
}

fn read(path: &Path) -> Result<Audio, AudioError> {
    load(Box::new(File::open(path).unwrap()), HOUR)
}

fn holds_the_tone(path: &Path, format: AudioFormat) {
    let audio = read(path).unwrap();
    assert_eq!(audio.survey.format, format);
    let off = audio.pcm.len().abs_diff(48_000);
    assert!(off <= 320, "{}: {off} samples off", path.display());
    let middle = &audio.pcm[3200..44_800];
    // The detector counts in 8 kHz.
    assert!(
        Goertzel::new(220.0).share(middle) > 0.99,
        "{}",
        path.display()
    );
    let power: f64 = middle.iter().map(|s| f64::from(*s).powi(2)).sum();
    let level = 10.0 * (power / middle.len() as f64 / 32_768f64.powi(2)).log10();
    // R 128 hears 440 Hz about 0.7 dB less than 1 kHz.
    assert!(
        (level - TARGET_LUFS).abs() < 1.0,
        "{}: {level:.2}",
        path.display()
    );
    assert_eq!(audio.survey.damaged_packets, 0, "{}", path.display());
}

#[test]
fn a_tone_in_every_format_is_the_same_tone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (rate, channels) in [
        ("8000", "1"),
        ("22050", "2"),
        ("44100", "2"),
        ("48000", "1"),
    ] {
        let wav = by_sox(folder, "tone.wav", rate, channels);
        holds_the_tone(&wav, AudioFormat::Wav);
        holds_the_tone(
            &by_sox(folder, "tone.flac", rate, channels),
            AudioFormat::Flac,
        );
        holds_the_tone(
            &by_sox(folder, "tone.ogg", rate, channels),
            AudioFormat::Vorbis,
        );
        let mp3 = folder.join("tone.mp3");
        run("lame", &["--quiet", "-b", "64", name(&wav), name(&mp3)]);
        holds_the_tone(&mp3, AudioFormat::Mp3);
        let opus = folder.join("tone.opus");
        run(
            "opusenc",
            &["--quiet", "--bitrate", "48", name(&wav), name(&opus)],
        );
        holds_the_tone(&opus, AudioFormat::Opus);
    }
}

#[test]
fn wide_samples_floats_and_companded_wavs_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    for (index, options) in [
        &["-b", "24"][..],
        &["-b", "8"],
        &["-b", "32"],
        &["-e", "floating-point", "-b", "32"],
        &["-e", "a-law"],
        &["-e", "u-law"],
    ]
    .iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{index}.wav"));
        let tone = ["synth", "3", "sine", "440", "gain", "-12"];
        let first = ["-R", "-n", "-r", "16000", "-c", "1"];
        run(
            "sox",
            &[&first[..], options, &[name(&path)], &tone[..]].concat(),
        );
        holds_the_tone(&path, AudioFormat::Wav);
    }
}

#[test]
fn a_file_cut_off_in_the_middle_gives_its_first_half() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let wav = lasting(folder, "tone.wav", "30", "44100", "2");
    let (mp3, opus) = (folder.join("tone.mp3"), folder.join("tone.opus"));
    run("lame", &["--quiet", "-b", "64", name(&wav), name(&mp3)]);
    run("opusenc", &["--quiet", name(&wav), name(&opus)]);
    let others = ["tone.flac", "tone.ogg"].map(|file| lasting(folder, file, "30", "44100", "2"));
    for path in [wav, mp3, opus].iter().chain(&others) {
        let bytes = std::fs::read(path).unwrap();
        let half = folder.join("half");
        std::fs::write(&half, &bytes[..bytes.len() * 6 / 10]).unwrap();
        let audio = read(&half).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let seconds = audio.pcm.len() as f64 / 16_000.0;
        assert!(
            (10.0..25.0).contains(&seconds),
            "{}: {seconds}",
            path.display()
        );
    }
}

#[test]
fn garbage_in_the_middle_of_an_mp3_costs_what_it_covers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let wav = by_sox(folder, "tone.wav", "44100", "1");
    let mp3 = folder.join("tone.mp3");
    run("lame", &["--quiet", "-b", "64", name(&wav), name(&mp3)]);
    let mut bytes = std::fs::read(&mp3).unwrap();
    let middle = bytes.len() / 2;
    for (index, byte) in bytes[middle..middle + 2000].iter_mut().enumerate() {
        *byte = (index * 37 % 251).to_le_bytes()[0];
    }
    std::fs::write(&mp3, &bytes).unwrap();
    let audio = read(&mp3).unwrap();
    let seconds = audio.pcm.len() as f64 / 16_000.0;
    assert!((2.4..3.1).contains(&seconds), "{seconds}");
    assert!(Goertzel::new(220.0).share(&audio.pcm[1600..16_000]) > 0.99);
}
