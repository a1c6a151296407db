use proptest::prelude::*;

use super::*;
use crate::codec::CodecError;

#[test]
fn what_is_wrong_with_a_payload_is_told_and_the_stream_goes_on() {
    for coding in CODINGS {
        let mut decoder = Decoder::new(coding, Rate::Wide).unwrap();
        let mut room = [7; 1920];
        assert_eq!(decoder.decode(&[], &mut room), Err(CodecError::Empty));
        assert_eq!(coding.duration(&[]), Err(CodecError::Empty));
        let long = vec![0; 65_507];
        assert!(decoder.decode(&long, &mut room).is_err(), "{coding:?}");
        assert_eq!(room, [7; 1920]);
        let packet = &encoded(&mut encoder(coding, Rate::Wide), &[900; 320], 20)[0];
        assert_eq!(
            decoder.decode(packet, &mut room[..319]),
            Err(CodecError::TooLong)
        );
        assert_eq!(decoder.decode(packet, &mut room), Ok(320));
    }
    let half = Coding::L16(Rate::Narrow).duration(&[1, 2, 3]);
    assert_eq!(half, Err(CodecError::HalfSample));
    assert!(matches!(
        Coding::Opus.duration(&[3]),
        Err(CodecError::Packet(_))
    ));
    assert_eq!(Coding::Pcmu.duration(&[0; 961]), Err(CodecError::TooLong));
    assert_eq!(Coding::Pcmu.duration(&[0; 960]), Ok(960));
}

#[test]
fn a_frame_of_another_length_is_not_encoded() {
    let mut out = [0; 6000];
    for coding in CODINGS {
        for rate in Rate::ALL {
            let mut encoder = encoder(coding, rate);
            let ten = 10 * rate.per_millisecond();
            for wrong in [0, 1, ten - 1, ten + 1, 7 * ten] {
                let refused = encoder.encode(&vec![0; wrong], &mut out);
                assert_eq!(refused, Err(CodecError::FrameLength), "{coding:?} {wrong}");
            }
            assert_eq!(
                encoder.encode(&vec![0; ten], &mut out[..1]),
                Err(CodecError::NoRoom)
            );
        }
    }
    assert_eq!(
        encoder(Coding::Opus, Rate::Narrow).encode(&[0; 240], &mut out),
        Err(CodecError::FrameLength)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_become_as_many_samples_as_their_duration_says(
        packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 1..6),
        lost in any::<u8>(),
    ) {
        for coding in CODINGS {
            for rate in Rate::ALL {
                let mut decoder = Decoder::new(coding, rate).unwrap();
                let mut room = vec![0; 120 * rate.per_millisecond()];
                for (n, packet) in packets.iter().enumerate() {
                    match decoder.decode(packet, &mut room) {
                        Ok(length) => {
                            let units = coding.duration(packet).unwrap() as usize;
                            let exact = units * rate.hertz() as usize / coding.clock_rate() as usize;
                            // A resampler may be one sample ahead when packets are of odd length.
                            prop_assert!(length.abs_diff(exact) <= 1, "{:?} {} {}", coding, length, exact);
                        }
                        // What has a length that its coding allows is decoded; what it holds is refused
                        // by nobody but libopus.
                        Err(error) => prop_assert!(
                            coding.duration(packet).is_err()
                                || (coding == Coding::Opus && error == CodecError::Refused),
                            "{:?} {} {:?}", coding, packet.len(), error
                        ),
                    }
                    if lost >> (n % 8) & 1 == 1 {
                        decoder.recover(packet, &mut room[..rate.frame_samples()]);
                        decoder.take_comfort_noise(packet);
                        decoder.conceal(&mut room[..rate.frame_samples()]);
                        decoder.rest(&mut room[..rate.frame_samples()]);
                    }
                }
            }
        }
    }

    #[test]
    fn any_samples_are_encoded(pcm in proptest::collection::vec(any::<i16>(), 960)) {
        let mut out = [0; 6000];
        for coding in CODINGS {
            for rate in Rate::ALL {
                let mut encoder = encoder(coding, rate);
                let frame = &pcm[..rate.frame_samples()];
                prop_assert!(encoder.encode(frame, &mut out).is_ok_and(|length| length > 0));
            }
        }
    }
}
