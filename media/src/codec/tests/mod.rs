//! Tones in, tones found: every coding at every rate, with and without losses.

mod allocation;
mod bad_input;
mod g711;
mod loss;
mod noise;
mod tones;

use std::fs;
use std::path::Path;

use crate::codec::{Coding, Decoder, Encoder, EncoderSettings};
use crate::dsp::resample;
use crate::time::Rate;

/// Every coding.
const CODINGS: [Coding; 7] = [
    Coding::Pcmu,
    Coding::Pcma,
    Coding::G722,
    Coding::L16(Rate::Narrow),
    Coding::L16(Rate::Wide),
    Coding::L16(Rate::Full),
    Coding::Opus,
];

fn power(pcm: &[i16]) -> f64 {
    pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len().max(1) as f64
}

/// The level of samples in dBov.
fn dbov(pcm: &[i16]) -> f64 {
    10.0 * (power(pcm).max(1e-3) / 32_768f64.powi(2)).log10()
}

/// Speech: the prompts of one folder, one after the other.
pub(crate) fn speech(rate: Rate) -> Vec<i16> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sounds/en/queue");
    let files = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut wide: Vec<i16> = Vec::new();
    for file in files {
        let mut reader = hound::WavReader::open(file).unwrap();
        wide.extend(reader.samples::<i16>().map(Result::unwrap));
    }
    resample::convert(&wide, 16_000, rate)
}

/// Encodes all of `pcm` in packets of so many milliseconds.
pub(crate) fn encoded(encoder: &mut Encoder, pcm: &[i16], milliseconds: usize) -> Vec<Vec<u8>> {
    let frame = milliseconds * encoder.rate().per_millisecond();
    let mut payload = [0; 6000];
    pcm.chunks_exact(frame)
        .map(|frame| {
            let length = encoder.encode(frame, &mut payload).unwrap();
            payload[..length].to_vec()
        })
        .collect()
}

/// Decodes every packet.
fn decoded(decoder: &mut Decoder, packets: &[Vec<u8>]) -> Vec<i16> {
    let mut room = [0; 5760];
    let mut heard = Vec::new();
    for packet in packets {
        let length = decoder.decode(packet, &mut room).unwrap();
        heard.extend_from_slice(&room[..length]);
    }
    heard
}

fn encoder(coding: Coding, rate: Rate) -> Encoder {
    Encoder::new(coding, rate, &EncoderSettings::default()).unwrap()
}
