use std::f64::consts::TAU;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::dsp::goertzel::Goertzel;

const MINUTE: Duration = Duration::from_secs(60);

fn sine(rate: u32, hertz: f64, seconds: f64, peak: f64) -> Vec<f64> {
    let count = (f64::from(rate) * seconds).round();
    (0..)
        .map(f64::from)
        .take_while(|n| *n < count)
        .map(|n| (TAU * hertz * n / f64::from(rate)).sin() * peak)
        .collect()
}

/// A WAV file with the same samples in every channel.
fn wav(rate: u32, channels: u16, samples: &[f64]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for sample in samples {
        for _ in 0..channels {
            let whole = crate::dsp::tone::clamp(sample * 32_767.0);
            writer.write_sample(whole).unwrap();
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn read(bytes: Vec<u8>) -> Result<Audio, AudioError> {
    load(Box::new(Cursor::new(bytes)), MINUTE)
}

/// The share of `hertz` in 16 kHz samples.
fn share(pcm: &[i16], hertz: f64) -> f64 {
    // The detector counts in 8 kHz.
    Goertzel::new(hertz / 2.0).share(pcm)
}

fn rms_dbfs(pcm: &[i16]) -> f64 {
    let power: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
    10.0 * (power / pcm.len() as f64 / 32_768f64.powi(2)).log10()
}

#[test]
fn a_tone_from_any_rate_and_any_channels_is_found_at_the_one_loudness() {
    for rate in [
        8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000,
    ] {
        for channels in [1, 2, 8] {
            let audio = read(wav(rate, channels, &sine(rate, 1000.0, 2.0, 0.05))).unwrap();
            let (length, expected) = (audio.pcm.len(), 32_000);
            assert_eq!(length, expected, "{rate}");
            assert!(share(&audio.pcm[1600..30_400], 1000.0) > 0.999, "{rate}");
            // 997 Hz at 0 dBFS are -3 LUFS, so its mean power is what R 128 says here.
            let level = rms_dbfs(&audio.pcm[1600..30_400]);
            assert!((level - TARGET_LUFS).abs() < 0.3, "{rate}: {level}");
            assert_eq!(audio.survey.rate, rate);
        }
    }
}

#[test]
fn what_is_above_the_new_band_does_not_fold_into_it() {
    let mut both = sine(48_000, 1000.0, 1.0, 0.1);
    for (sample, high) in both.iter_mut().zip(sine(48_000, 11_000.0, 1.0, 0.4)) {
        *sample += high;
    }
    let audio = read(wav(48_000, 1, &both)).unwrap();
    assert!(share(&audio.pcm[1600..14_400], 1000.0) > 0.999);
}

#[test]
fn a_file_keeps_its_beginning_and_its_end_where_they_are() {
    let mut pulse = vec![0.0; 44_100];
    pulse[441] = 0.9;
    pulse[43_659] = 0.9;
    let audio = read(wav(44_100, 1, &pulse)).unwrap();
    for (from, at) in [(0, 160), (8000, 15_840 - 8000)] {
        let part = &audio.pcm[from..(from + 8000).min(audio.pcm.len())];
        let loudest = part
            .iter()
            .enumerate()
            .max_by_key(|(_, s)| s.unsigned_abs());
        assert_eq!(loudest.map(|(n, _)| n), Some(at));
    }
}

#[test]
fn silence_dc_and_clipping_are_seen() {
    assert!(matches!(
        read(wav(8000, 1, &[0.0; 8000])),
        Err(AudioError::Silent { .. })
    ));
    // Only an offset is silence too.
    assert!(matches!(
        read(wav(16_000, 1, &[0.25; 16_000])),
        Err(AudioError::Silent { .. })
    ));
    let cut: Vec<f64> = sine(16_000, 500.0, 1.0, 2.0)
        .iter()
        .map(|s| s.clamp(-1.0, 1.0))
        .collect();
    let error = read(wav(16_000, 1, &cut)).unwrap_err();
    assert!(
        matches!(error, AudioError::Clipped { percent, .. } if percent > 50.0),
        "{error}"
    );
    let off: Vec<f64> = sine(16_000, 500.0, 1.0, 0.1)
        .iter()
        .map(|s| s + 0.1)
        .collect();
    let audio = read(wav(16_000, 1, &off)).unwrap();
    assert!((audio.survey.dc - 0.1).abs() < 0.001);
    let mean = audio.pcm.iter().map(|s| i64::from(*s)).sum::<i64>() / 16_000;
    assert!(mean.abs() <= 1, "{mean}");
}

#[test]
fn a_loud_file_is_lowered_and_a_whisper_is_not_blown_up() {
    let loud = read(wav(16_000, 1, &sine(16_000, 1000.0, 2.0, 0.9))).unwrap();
    assert!(loud.survey.gain_db < -15.0);
    let whisper = read(wav(16_000, 1, &sine(16_000, 1000.0, 2.0, 0.002))).unwrap();
    assert!((whisper.survey.gain_db - 20.0).abs() < 0.01);
}

#[test]
fn a_file_longer_than_allowed_is_refused() {
    let bytes = wav(8000, 1, &sine(8000, 400.0, 2.0, 0.1));
    let error = load(Box::new(Cursor::new(bytes)), Duration::from_secs(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it is longer than the 1 s that are allowed"
    );
}

#[test]
fn headers_that_lie_are_refused_or_give_what_is_really_there() {
    let honest = wav(8000, 1, &sine(8000, 400.0, 1.0, 0.1));
    let with = |at: usize, field: &[u8]| {
        let mut bytes = honest.clone();
        bytes[at..at + field.len()].copy_from_slice(field);
        read(bytes)
    };
    assert!(with(24, &0u32.to_le_bytes()).is_err(), "0 Hz");
    assert!(with(24, &u32::MAX.to_le_bytes()).is_err(), "4 GHz");
    assert!(with(22, &255u16.to_le_bytes()).is_err(), "255 channels");
    assert!(with(22, &0u16.to_le_bytes()).is_err(), "no channel");
    assert!(with(20, &0x4242u16.to_le_bytes()).is_err(), "unknown codec");
    let mut huge = honest.clone();
    huge[4..8].copy_from_slice(&0x7FFF_FFFFu32.to_le_bytes());
    huge[40..44].copy_from_slice(&0x7FFF_FFDBu32.to_le_bytes());
    let audio = read(huge).unwrap();
    assert!(audio.pcm.len() <= 16_100, "{}", audio.pcm.len());
    assert!(matches!(
        read(honest[..44].to_vec()),
        Err(AudioError::Empty | AudioError::Unrecognised)
    ));
    let half = read(honest[..44 + 8000].to_vec()).unwrap();
    assert!(half.pcm.len().abs_diff(8000) < 200, "{}", half.pcm.len());
}

#[test]
fn what_is_no_audio_is_said_to_be_none() {
    for bytes in [
        &b""[..],
        b"RIFF",
        b"hello, this is a text file",
        &[0xFF; 4000],
    ] {
        assert!(read(bytes.to_vec()).is_err());
    }
    assert_eq!(
        read(b"%PDF-1.7 not music".to_vec()).unwrap_err(),
        AudioError::Unrecognised
    );
}

/// Bits from the lowest of each byte on, as Vorbis packs them.
#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    bits: usize,
}

impl Packed {
    fn put(&mut self, count: usize, value: u32) {
        for n in 0..count {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from((value >> n) & 1 == 1);
            *self.bytes.last_mut().unwrap() |= bit << (self.bits % 8);
            self.bits += 1;
        }
    }
}

/// An OGG file whose Vorbis codebooks, `count` of them, are a full tree of 2 to the power of
/// `depth` entries each, with vectors of 17 values.
fn vorbis_with_codebooks(count: u32, depth: u32) -> Vec<u8> {
    let mut head = b"\x01vorbis\0\0\0\0\x01".to_vec();
    head.extend(8000u32.to_le_bytes());
    head.extend([0; 12]);
    head.extend([0x88, 1]);
    let comment = [&b"\x03vorbis"[..], &[0; 8], &[1]].concat();
    let mut books = Packed::default();
    books.put(8, count - 1);
    for _ in 0..count {
        books.put(24, 0x56_4342);
        books.put(16, 17);
        books.put(24, 1 << depth);
        books.put(1, 1);
        books.put(5, depth - 1);
        books.put(usize::try_from(depth).unwrap() + 1, 1 << depth);
        books.put(4, 1);
        books.put(32, 0);
        books.put(32, 0);
        books.put(4, 0);
        books.put(1, 0);
        // So many values are the 17th root of the entries.
        books.put(if depth == 17 { 2 } else { 1 }, 0);
    }
    let setup = [&b"\x05vorbis"[..], &books.bytes, &[0; 64]].concat();
    let mut writer = ogg::PacketWriter::new(Vec::new());
    for packet in [head, comment, setup, vec![0; 40]] {
        let end = ogg::PacketWriteEndInfo::EndPage;
        writer.write_packet(packet, 1, end, 0).unwrap();
    }
    writer.into_inner()
}

#[test]
fn a_header_of_kilobytes_that_stands_for_gigabytes_of_codebooks_is_refused() {
    // A thousandth of it would still be music; so large it must be before a table is made of it.
    for (count, depth) in [(256, 17), (64, 13), (5, 17), (32, 12)] {
        let bytes = vorbis_with_codebooks(count, depth);
        assert!(bytes.len() < 8000);
        let mut opened = None;
        let memory = allocation_counter::measure(|| opened = Some(read(bytes)));
        let most = 32 << 20;
        assert!(memory.bytes_max < most, "{count}: {}", memory.bytes_max);
        let refused = opened.unwrap().unwrap_err();
        assert!(matches!(refused, AudioError::Unsupported(_)), "{refused}");
    }
}

/// An OGG/Opus file with this tone.
fn opus(hertz: f64, seconds: f64, channels: u16) -> Vec<u8> {
    let serial = u32::from(channels);
    let mut file = crate::container::ogg_opus::OggOpus::new(1, 16_000, 32_000, serial).unwrap();
    let pcm: Vec<i16> = sine(16_000, hertz, seconds, 0.1)
        .iter()
        .map(|sample| crate::dsp::tone::clamp(sample * 32_767.0))
        .collect();
    let mut bytes = Vec::new();
    file.head(16_000, &mut bytes);
    file.encode(&pcm, &mut bytes).unwrap();
    file.finish(&mut bytes).unwrap();
    bytes
}

/// One that cannot be sought in, as it comes from a radio station.
struct Endless(Cursor<Vec<u8>>);

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl std::io::Seek for Endless {
    fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl MediaSource for Endless {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

#[test]
fn streams_chained_to_one_are_heard_to_the_last() {
    let vorbis = include_bytes!("../../../../tests/corpus/audio_file/tone.ogg");
    let alone = read(vorbis.to_vec()).unwrap().pcm.len();
    let chained = [opus(600.0, 1.0, 1), vorbis.to_vec(), opus(900.0, 1.0, 2)].concat();
    let file = read(chained.clone()).unwrap();
    assert_eq!(file.survey.format, AudioFormat::Opus);
    let station = load(Box::new(Endless(Cursor::new(chained))), MINUTE).unwrap();
    for audio in [file, station] {
        let pcm = &audio.pcm;
        // What comes out of a filter's delay may differ by a frame.
        let expected = 32_000 + alone;
        assert!(pcm.len().abs_diff(expected) <= 320, "{} {alone}", pcm.len());
        assert!(share(&pcm[1600..14_400], 600.0) > 0.99);
        assert!(share(&pcm[pcm.len() - 14_400..pcm.len() - 1600], 900.0) > 0.99);
    }
}

/// Beginnings that let the formats' own parsers run.
fn beginning() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec()),
        Just(b"fLaC\0\0\0\x22\x10\0\x10\0".to_vec()),
        Just(b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec()),
        Just(b"ID3\x04\0\0\0\0\0\x0a".to_vec()),
        Just(vec![0xFF, 0xFB, 0x90, 0x64]),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(start in beginning(), rest in prop::collection::vec(any::<u8>(), 0..3000)) {
        crate::fuzz::audio_file(&[start, rest].concat());
    }

    #[test]
    fn a_damaged_file_never_grows(at in 0usize..2000, byte: u8, cut in 0usize..2000) {
        let mut bytes = wav(8000, 2, &sine(8000, 400.0, 0.05, 0.1));
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        crate::fuzz::audio_file(&bytes);
    }
}
