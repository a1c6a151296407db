use super::*;
use crate::codec::Silence;

#[test]
fn no_frame_allocates_in_any_coding_at_any_rate() {
    let pcm = crate::dsp::tone::sine(440.0, 960, 8000.0);
    for coding in CODINGS {
        for rate in Rate::ALL {
            for silence in [Silence::Sent, Silence::Suppressed] {
                let settings = EncoderSettings {
                    carries_twice: true,
                    expected_loss: 10,
                    silence,
                    ..EncoderSettings::default()
                };
                let mut encoder = Encoder::new(coding, rate, &settings).unwrap();
                let mut decoder = Decoder::new(coding, rate).unwrap();
                // Comfort noise is made room for when it first comes.
                decoder.take_comfort_noise(&[60, 127]);
                let mut payload = [0; 2000];
                let mut heard = vec![0; rate.frame_samples()];
                let counted = allocation_counter::measure(|| {
                    for n in 0..50 {
                        encoder.set_expected_loss(n % 30);
                        let frame = &pcm[..rate.frame_samples()];
                        let length = encoder.encode(frame, &mut payload).unwrap();
                        encoder.comfort_noise(&mut payload[length..]);
                        if n % 7 == 0 {
                            decoder.conceal(&mut heard);
                            decoder.recover(&payload[..length], &mut heard);
                            decoder.take_comfort_noise(&[40, 100, 100]);
                            decoder.rest(&mut heard);
                        }
                        if length > 0 {
                            decoder.decode(&payload[..length], &mut heard).unwrap();
                        }
                        assert!(decoder.decode(&[], &mut heard).is_err());
                    }
                });
                assert_eq!(counted.count_total, 0, "{coding:?} {rate:?}");
            }
        }
    }
}
