//! Keys that a far end sings: looked for in its sound where that is asked for.

use crate::codec::{Coding, Law};
use crate::dsp::dtmf::KeyTone;
use crate::session::digit_receiver::DigitInput;
use crate::session::media_session::{KeySource, MediaSession, Remote, SessionEvent};
use crate::session::remote::KeysInBand;
use crate::time::FRAME_SAMPLES;

impl MediaSession {
    /// Looks for keys in a payload of G.711. Other codecs do not keep tones well enough, and phones
    /// that speak them know telephone events.
    pub(super) fn listen_for_keys(&mut self, coding: Coding, payload: &[u8]) {
        let law = match coding {
            Coding::Pcmu => Law::Mu,
            Coding::Pcma => Law::A,
            Coding::G722 | Coding::L16(_) | Coding::Opus => return,
        };
        let remote = self.remote.as_ref();
        let ignored = |remote: &Remote| remote.media.keys_in_band == KeysInBand::Ignored;
        // In the data of a fax there are no keys, whatever it sounds like.
        if remote.is_none_or(ignored) || self.passes_through() {
            return;
        }
        // Made for the first packet, and kept.
        let mut detector = self.tones.take().unwrap_or_default();
        for piece in payload.chunks(FRAME_SAMPLES) {
            let mut pcm = [0; FRAME_SAMPLES];
            let count = law.decode_frame(piece, &mut pcm);
            let told = detector.push(&pcm[..count]).map(|told| match told {
                KeyTone::Pressed(digit) => DigitInput::Pressed(digit),
                KeyTone::Released(digit, held) => DigitInput::Released { digit, held },
            });
            self.take_key(told, KeySource::Tone);
        }
        self.tones = Some(detector);
    }

    /// What the far end sang is over: a key that is still down is let go.
    pub(super) fn stop_listening_for_keys(&mut self) {
        let detector = self.tones.take();
        if detector.is_some_and(|detector| detector.is_pressed()) {
            self.events
                .push_back(SessionEvent::Released(KeySource::Tone));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::{Duration, SystemTime};

    use offhook_core::sdp::Codec;

    use super::*;
    use crate::codec::alaw_encode;
    use crate::dsp::dtmf::{DtmfTone, USUAL_LEVELS};
    use crate::rtcp::NtpClock;
    use crate::rtp::RtpHeader;
    use crate::session::{RemoteMedia, SessionSettings, StreamSeed};
    use crate::test_time::epoch;
    use crate::time::RtpTime;

    /// What a leg tells of its keys while its far end sings them.
    fn sung(keys: &str, keys_in_band: KeysInBand) -> Vec<SessionEvent> {
        let settings = SessionSettings::new(NtpClock::new(epoch(), SystemTime::UNIX_EPOCH));
        let seed = StreamSeed {
            ssrc: 1,
            sequence: 1,
            time: RtpTime(0),
        };
        let mut leg = MediaSession::new(settings, seed, epoch());
        let far_end = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
        let mut remote = RemoteMedia::new(far_end, Codec::Pcma);
        remote.keys_in_band = keys_in_band;
        assert_eq!(leg.set_remote(epoch(), remote), Some(false));
        let mut pcm = vec![0; 333];
        for key in keys.chars() {
            let mut tone = vec![0; 640];
            DtmfTone::new(key, 8000, USUAL_LEVELS)
                .unwrap()
                .fill(&mut tone);
            pcm.extend(tone);
            pcm.extend([0; 800]);
        }
        let mut told = Vec::new();
        for (n, frame) in (0u16..).zip(pcm.chunks(160)) {
            let header = RtpHeader {
                marker: false,
                payload_type: 8,
                sequence: n,
                time: RtpTime(u32::from(n) * 160),
                ssrc: 7,
            };
            let mut packet = header.to_bytes().to_vec();
            packet.extend(frame.iter().map(|&sample| alaw_encode(sample)));
            let now = epoch() + Duration::from_millis(20) * u32::from(n);
            leg.receive(now, far_end, &mut packet).unwrap();
            told.extend(std::iter::from_fn(|| leg.poll_event()));
        }
        told.retain(|event| matches!(event, SessionEvent::Pressed(..) | SessionEvent::Released(_)));
        told
    }

    #[test]
    fn keys_of_a_far_end_that_sings_them_are_pressed() {
        let tone = KeySource::Tone;
        assert_eq!(
            sung("4#", KeysInBand::Detected),
            [
                SessionEvent::Pressed('4', tone),
                SessionEvent::Released(tone),
                SessionEvent::Pressed('#', tone),
                SessionEvent::Released(tone)
            ]
        );
    }

    #[test]
    fn a_far_end_that_tells_them_otherwise_is_not_listened_to() {
        assert_eq!(sung("4#", KeysInBand::Ignored), []);
    }
}
