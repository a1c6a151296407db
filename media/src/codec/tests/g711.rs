use crate::codec::*;

const BOTH: [Law; 2] = [Law::Mu, Law::A];

#[test]
fn known_bytes_have_their_values_of_g711() {
    // ITU-T G.711: extremes and the smallest steps, scaled to 16 bits.
    assert_eq!(Law::Mu.decode(0x00), -32_124);
    assert_eq!(Law::Mu.decode(0x80), 32_124);
    assert_eq!(Law::Mu.decode(0xFF), 0);
    assert_eq!(Law::A.decode(0x2A), -32_256);
    assert_eq!(Law::A.decode(0xAA), 32_256);
    assert_eq!(Law::A.decode(0xD5), 8);
    assert_eq!(Law::A.decode(0x55), -8);
}

#[test]
fn every_byte_survives_decode_and_encode() {
    for law in BOTH {
        for byte in 0..=255u8 {
            // µ-law has two zeros; the negative one comes back as the positive.
            let expected = if law == Law::Mu && byte == 0x7F {
                0xFF
            } else {
                byte
            };
            assert_eq!(law.encode(law.decode(byte)), expected, "{law:?}");
        }
    }
}

#[test]
fn the_error_of_every_sample_stays_within_half_a_step() {
    for law in BOTH {
        for sample in i16::MIN..=i16::MAX {
            let heard = i32::from(law.decode(law.encode(sample)));
            let error = (heard - i32::from(sample)).abs();
            // A step is at most 1/16 of the magnitude; clipping takes a little more at the top.
            let bound = (i32::from(sample).abs() / 32).max(16) + 132;
            assert!(error <= bound, "{law:?} {sample} {heard}");
        }
    }
}

#[test]
fn transcoding_equals_decoding_and_encoding() {
    for byte in 0..=255u8 {
        let mut payload = [byte];
        Law::Mu.transcode(Law::A, &mut payload);
        assert_eq!(payload[0], alaw_encode(ulaw_decode(byte)));
        let mut payload = [byte];
        Law::A.transcode(Law::Mu, &mut payload);
        assert_eq!(payload[0], ulaw_encode(alaw_decode(byte)));
        Law::Mu.transcode(Law::Mu, &mut payload);
    }
}

#[test]
fn silence_is_silent() {
    for law in BOTH {
        assert!(law.decode(law.silence()).abs() <= 8);
    }
}
