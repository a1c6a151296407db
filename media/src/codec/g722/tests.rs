//! The reference is another implementation: ffmpeg 5.1, which encoded [`signal`] to
//! `reference.g722` and decoded that to `reference.pcm`.

use super::*;

const ENCODED: &[u8] = include_bytes!("reference.g722");
const DECODED: &[u8] = include_bytes!("reference.pcm");

/// 200 ms that go through all levels and frequencies, full scale and noise, in integers alone.
fn signal() -> Vec<i16> {
    let (mut seed, mut phase) = (1u32, 0u32);
    (0..3200u32)
        .map(|n| {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
            let noise = ((seed >> 16) & 0x7FFF).cast_signed() - 16_384;
            let part = n / 400;
            phase = (phase + 1500 + 700 * part + n) & 0xFFFF;
            let ramp = if phase < 0x8000 {
                phase
            } else {
                0xFFFF - phase
            };
            let triangle = ramp.cast_signed() * 2 - 32_768;
            let sample = (triangle >> (part % 4)) + (noise >> (1 + part * 3 % 5));
            i16::try_from(sample.clamp(-32_768, 32_767)).unwrap()
        })
        .collect()
}

#[test]
fn encoding_gives_the_bits_of_another_implementation() {
    let mut bytes = vec![0; ENCODED.len()];
    assert_eq!(G722Encoder::new().encode(&signal(), &mut bytes), 1600);
    let differs = (0..1600).find(|&n| bytes[n] != ENCODED[n]);
    assert_eq!(differs, None);
}

#[test]
fn decoding_gives_the_samples_of_another_implementation() {
    let mut pcm = vec![0; 2 * ENCODED.len()];
    assert_eq!(G722Decoder::new().decode(ENCODED, &mut pcm), 3200);
    let reference = DECODED
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]));
    let differs = pcm
        .iter()
        .copied()
        .zip(reference)
        .position(|(ours, theirs)| ours != theirs);
    assert_eq!(differs, None);
}

#[test]
fn a_stream_in_pieces_is_the_stream_in_one() {
    let (mut encoder, mut decoder) = (G722Encoder::new(), G722Decoder::new());
    let (mut bytes, mut pcm) = (Vec::new(), Vec::new());
    for piece in signal().chunks(322) {
        let mut payload = [0; 161];
        let count = encoder.encode(piece, &mut payload);
        bytes.extend_from_slice(&payload[..count]);
        let mut heard = [0; 322];
        let length = decoder.decode(&payload[..count], &mut heard);
        pcm.extend_from_slice(&heard[..length]);
    }
    assert!(bytes == ENCODED);
    assert_eq!(pcm.len(), 3200);
    let reference: Vec<_> = DECODED
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect();
    assert!(pcm == reference);
}

#[test]
fn any_bytes_decode_and_any_samples_encode() {
    let mut pcm = vec![0; 512];
    for byte in 0..=255 {
        let payload = vec![byte; 256];
        assert_eq!(G722Decoder::new().decode(&payload, &mut pcm), 512);
    }
    // Short of room, only what fits is written.
    assert_eq!(G722Decoder::new().decode(&[0; 256], &mut pcm[..7]), 6);
    for sample in [i16::MIN, -1, 0, 1, i16::MAX] {
        assert_eq!(
            G722Encoder::new().encode(&[sample; 512], &mut [0; 256]),
            256
        );
        assert_eq!(G722Encoder::new().encode(&[sample; 512], &mut [0; 5]), 5);
    }
}
