use proptest::prelude::*;

use super::*;
use crate::time::Rate;

#[test]
fn the_length_of_frames_is_read_from_the_first_byte() {
    // RFC 6716 table 2: configurations in groups by mode, lengths in units of 48 kHz.
    let silk = [480, 960, 1920, 2880];
    let hybrid = [480, 960];
    let celt = [120, 240, 480, 960];
    let all = silk
        .repeat(3)
        .into_iter()
        .chain(hybrid.repeat(2))
        .chain(celt.repeat(4));
    for (config, units) in (0u8..32).zip(all) {
        let toc = Toc::parse(&[config << 3, 1, 2]).unwrap();
        assert_eq!(toc.frame_units(), units, "{config}");
        let mode = match config {
            0..=11 => OpusMode::Silk,
            12..=15 => OpusMode::Hybrid,
            _ => OpusMode::Celt,
        };
        assert_eq!(toc.mode(), mode);
        assert_eq!((toc.frames(), toc.is_stereo()), (1, false));
        assert!(Toc::parse(&[config << 3 | 4]).unwrap().is_stereo());
    }
    assert_eq!(Toc::parse(&[1 << 3]).unwrap().samples(Rate::Narrow), 160);
    assert_eq!(Toc::parse(&[1 << 3]).unwrap().samples(Rate::Full), 960);
}

/// A SILK packet of frames of 20 ms.
fn packet(code: u8, rest: &[u8]) -> Result<u8, TocError> {
    Toc::parse(&[&[1 << 3 | code], rest].concat()).map(|toc| toc.frames())
}

#[test]
fn every_rule_of_the_rfc_is_held_to() {
    let long = vec![0; 1276];
    assert_eq!(Toc::parse(&[]), Err(TocError::Empty));
    // R2, in all codes.
    assert_eq!(packet(0, &long[..1275]), Ok(1));
    assert_eq!(packet(0, &long), Err(TocError::FrameTooLong));
    assert_eq!(packet(1, &vec![0; 2550]), Ok(2));
    assert_eq!(packet(1, &vec![0; 2552]), Err(TocError::FrameTooLong));
    assert_eq!(
        packet(2, &[&[0], &long[..]].concat()),
        Err(TocError::FrameTooLong)
    );
    assert_eq!(
        packet(3, &[&[1], &long[..]].concat()),
        Err(TocError::FrameTooLong)
    );
    // R3.
    assert_eq!(packet(1, &[1, 2, 3]), Err(TocError::Uneven));
    assert_eq!(packet(1, &[1, 2, 3, 4]), Ok(2));
    // R4.
    assert_eq!(packet(2, &[]), Err(TocError::FirstFrame));
    assert_eq!(packet(2, &[252]), Err(TocError::FirstFrame));
    assert_eq!(packet(2, &[2, 0]), Err(TocError::FirstFrame));
    assert_eq!(packet(2, &[2, 0, 0]), Ok(2));
    assert_eq!(
        packet(2, &[&[252, 0][..], &[0; 251]].concat()),
        Err(TocError::FirstFrame)
    );
    assert_eq!(packet(2, &[&[252, 0][..], &[0; 252]].concat()), Ok(2));
    // R5.
    assert_eq!(packet(3, &[]), Err(TocError::NoFrames));
    assert_eq!(packet(3, &[0]), Err(TocError::NoFrames));
    assert_eq!(packet(3, &[6, 1, 2, 3, 4, 5, 6]), Ok(6));
    assert_eq!(
        packet(3, &[7, 1, 2, 3, 4, 5, 6, 7]),
        Err(TocError::Duration)
    );
    // R6.
    assert_eq!(packet(3, &[2, 1, 2, 3]), Err(TocError::Unshared));
    assert_eq!(packet(3, &[0x42, 3, 1, 2, 0, 0, 0]), Ok(2));
    assert_eq!(packet(3, &[0x42, 6, 1, 2, 0, 0, 0]), Err(TocError::Padding));
    assert_eq!(packet(3, &[0x42]), Err(TocError::Padding));
    assert_eq!(packet(3, &[0x42, 255]), Err(TocError::Padding));
    assert_eq!(packet(3, &[&[0x42, 255, 1][..], &[0; 255]].concat()), Ok(2));
    assert_eq!(
        packet(3, &[&[0x42, 255, 1][..], &[0; 254]].concat()),
        Err(TocError::Padding)
    );
    // R7.
    assert_eq!(packet(3, &[0x83, 1, 2, 9, 8, 8, 7]), Ok(3));
    assert_eq!(packet(3, &[0x83, 1, 4, 9, 8, 8]), Err(TocError::Frames));
    assert_eq!(packet(3, &[0x83, 1]), Err(TocError::Frames));
    assert_eq!(packet(3, &[0x83, 1, 253]), Err(TocError::Frames));
    assert_eq!(
        packet(3, &[&[0x82, 255, 255], &vec![0; 1275][..]].concat()),
        Ok(2)
    );
    assert_eq!(
        packet(3, &[&[0x82, 0], &long[..]].concat()),
        Err(TocError::FrameTooLong)
    );
}

#[test]
fn the_flag_of_a_frame_carried_twice_is_found_in_every_length() {
    // SILK of 10, 20, 40 and 60 ms: one flag of activity per 20 ms comes first.
    for (config, flag) in [
        (0, 0x40),
        (1, 0x40),
        (2, 0x20),
        (3, 0x10),
        (12, 0x40),
        (13, 0x40),
    ] {
        let has_fec = |stereo: u8, first: u8| {
            Toc::parse(&[config << 3 | stereo, first, 0])
                .unwrap()
                .has_fec()
        };
        assert!(has_fec(0, flag) && !has_fec(0, !flag), "{config}");
        assert!(has_fec(4, flag), "{config}");
    }
    // The second channel's flag, behind its own flags of activity.
    assert!(Toc::parse(&[1 << 3 | 4, 0x10, 0]).unwrap().has_fec());
    // A transform has no such thing, nor has an empty frame.
    assert!(!Toc::parse(&[31 << 3, 0xFF, 0]).unwrap().has_fec());
    assert!(!Toc::parse(&[1 << 3]).unwrap().has_fec());
}

proptest! {
    #[test]
    fn our_reading_of_a_packet_is_that_of_libopus(
        toc in any::<u8>(),
        mut rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        // Small counts and lengths, so that many packets are legal.
        if let Some(first) = rest.first_mut() {
            *first &= 0xC7;
        }
        let packet = [&[toc], &rest[..]].concat();
        let ours = Toc::parse(&packet).ok().map(|toc| toc.samples(Rate::Full));
        let theirs = opus::packet::parse(&packet).ok().map(|parsed| {
            parsed.frames.len() * opus::packet::get_samples_per_frame(&packet, 48_000).unwrap()
        });
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..8),
    ) {
        for rate in Rate::ALL {
            let mut decoder = OpusDecoder::new(rate).unwrap();
            let mut pcm = vec![0; 120 * rate.per_millisecond()];
            for packet in &packets {
                if let Ok(length) = decoder.decode(packet, &mut pcm) {
                    prop_assert_eq!(length, Toc::parse(packet).unwrap().samples(rate));
                }
                decoder.recover(packet, &mut pcm[..rate.frame_samples()]);
                decoder.conceal(&mut pcm[..rate.frame_samples()]);
            }
        }
    }
}
