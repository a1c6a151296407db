//! Files of every style, read by programs that others wrote.

use std::path::Path;
use std::process::Command;

use offhook_core::recording::{Layout, RecordingRate};

use super::*;
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::sine;

/// What a file holds, as ffmpeg reads it: a channel each.
fn heard(file: &Path, style: RecordingStyle) -> Vec<Vec<i16>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-ar", &style.rate.hertz().to_string(), "-f", "s16le", "-"])
        .output()
        .expect("ffmpeg; tests/tools.sh installs it");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
    let (pairs, _) = output.stdout.as_chunks();
    let samples: Vec<i16> = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    let channels = usize::from(style.layout.channels());
    let of = |channel| {
        samples
            .iter()
            .copied()
            .skip(channel)
            .step_by(channels)
            .collect()
    };
    (0..channels).map(of).collect()
}

/// A file of these samples, given in pieces of odd lengths.
fn encoded(style: RecordingStyle, pcm: &[i16]) -> Vec<u8> {
    let mut encoder = RecordingEncoder::new(style, 7).unwrap();
    let mut file = Vec::new();
    encoder.head(&mut file);
    for piece in pcm.chunks(1234 * usize::from(style.layout.channels())) {
        encoder.encode(piece, &mut file).unwrap();
    }
    encoder.finish(&mut file).unwrap();
    if let Some(head) = encoder.head_again(file.len() as u64) {
        file[..head.len()].copy_from_slice(&head);
    }
    assert_eq!(encoder.milliseconds(), 3000);
    file
}

fn styles() -> impl Iterator<Item = RecordingStyle> {
    AudioFormat::ALL
        .into_iter()
        .filter(|format| can_encode(*format))
        .flat_map(|format| {
            [RecordingRate::Narrow, RecordingRate::Wide]
                .into_iter()
                .flat_map(move |rate| {
                    [Layout::Mono, Layout::Stereo].map(move |layout| RecordingStyle {
                        format,
                        rate,
                        layout,
                    })
                })
        })
}

/// A second of silence, then two of a tone of a quarter of full scale.
fn late_tone(hertz: f64, rate: RecordingRate) -> Vec<i16> {
    let second = rate.hertz() as usize;
    // The generator is for 8 kHz: at 16 kHz a tone is made half as high.
    let tone = sine(hertz * 8000.0 / f64::from(rate.hertz()), 2 * second, 8192.0);
    std::iter::repeat_n(0, second).chain(tone).collect()
}

fn level(pcm: &[i16]) -> f64 {
    let power: f64 = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (power / pcm.len() as f64 / 32_768f64.powi(2))
        .max(1e-12)
        .log10()
}

/// How loud a tone is in a second of samples, against all that is in it, in dB.
fn share_of(hertz: f64, rate: RecordingRate, pcm: &[i16]) -> f64 {
    // The detector is for 8 kHz: at 16 kHz a tone looks half as high.
    let seen = hertz * 8000.0 / f64::from(rate.hertz());
    10.0 * Goertzel::new(seen).share(pcm).max(1e-12).log10()
}

#[test]
fn every_style_is_played_by_others_at_its_length_and_with_each_party_on_its_side() {
    let folder = tempfile::tempdir().unwrap();
    for style in styles() {
        let second = style.rate.hertz() as usize;
        let (left, right) = (late_tone(440.0, style.rate), late_tone(1000.0, style.rate));
        let pcm: Vec<i16> = match style.layout {
            Layout::Stereo => left
                .iter()
                .zip(&right)
                .flat_map(|(l, r)| [*l, *r])
                .collect(),
            Layout::Mono => left
                .iter()
                .zip(&right)
                .map(|(l, r)| l.saturating_add(*r))
                .collect(),
        };
        let path = folder
            .path()
            .join("a")
            .with_extension(style.format.extension());
        std::fs::write(&path, encoded(style, &pcm)).unwrap();
        let channels = heard(&path, style);
        assert_eq!(
            channels.len(),
            usize::from(style.layout.channels()),
            "{style:?}"
        );
        for (channel, hertz) in channels.iter().zip([440.0, 1000.0]) {
            let off = channel.len().abs_diff(3 * second) * 1000 / second;
            assert!(off <= 20, "{style:?}: {off} ms off in length");
            let loud = |sample: &i16| sample.unsigned_abs() > 2000;
            let onset = channel.iter().position(loud).unwrap();
            let off = onset.abs_diff(second) * 1000 / second;
            assert!(off <= 20, "{style:?}: the tone is {off} ms off");
            let body = &channel[second + second / 2..2 * second + second / 2];
            let expected = level(&pcm[2 * second..]);
            match style.layout {
                Layout::Stereo => {
                    let purity = share_of(hertz, style.rate, body);
                    assert!(purity > -0.2, "{style:?}: {purity} dB");
                    let other = if hertz < 500.0 { 1000.0 } else { 440.0 };
                    let leak = share_of(other, style.rate, body);
                    assert!(leak < -40.0, "{style:?}: {leak} dB of the other party");
                    assert!((level(body) - expected).abs() < 1.5, "{style:?}");
                }
                Layout::Mono => {
                    for hertz in [440.0, 1000.0] {
                        let share = share_of(hertz, style.rate, body);
                        assert!((-4.0..-2.0).contains(&share), "{style:?}: {share} dB");
                    }
                }
            }
        }
    }
}

#[test]
fn files_are_as_large_as_their_bit_rate_says() {
    for style in styles() {
        let channels = usize::from(style.layout.channels());
        let pcm = sine(300.0, 3 * style.rate.hertz() as usize * channels, 8000.0);
        let bits = encoded(style, &pcm).len() as f64 * 8.0 / 3.0;
        let expected = f64::from(style.bit_rate());
        let allowed = match style.format {
            AudioFormat::Wav => 0.99..1.01,
            AudioFormat::Mp3 => 0.9..1.1,
            // Opus spends no more than it needs, and a tone needs little.
            AudioFormat::Opus => 0.2..1.2,
        };
        assert!(
            allowed.contains(&(bits / expected)),
            "{style:?}: {bits} of {expected}"
        );
    }
}

#[test]
fn opusinfo_finds_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for style in styles().filter(|style| style.format == AudioFormat::Opus) {
        let path = folder.path().join("a.opus");
        let count = 3 * style.rate.hertz() as usize * usize::from(style.layout.channels());
        std::fs::write(&path, encoded(style, &sine(440.0, count, 8000.0))).unwrap();
        let output = Command::new("opusinfo").arg(&path).output();
        let said = output.expect("opusinfo; tests/tools.sh installs it").stdout;
        let said = String::from_utf8_lossy(&said).to_lowercase();
        assert!(
            !said.contains("warning") && !said.contains("error"),
            "{said}"
        );
        assert!(said.contains("playback length: 0m:03.000s"), "{said}");
        let rate = format!("original sample rate: {} hz", style.rate.hertz());
        assert!(said.contains(&rate), "{said}");
    }
}

#[cfg(not(feature = "mp3"))]
#[test]
fn a_build_without_mp3_says_so() {
    let style = RecordingStyle {
        format: AudioFormat::Mp3,
        ..RecordingStyle::default()
    };
    assert_eq!(
        RecordingEncoder::new(style, 0).unwrap_err(),
        EncoderError::Mp3Missing
    );
}
