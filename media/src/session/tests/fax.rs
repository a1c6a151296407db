//! A fax between two legs: how it is recognised, and that its sound is left alone.

use offhook_core::config::FaxMode;
use offhook_core::fax::FaxTone;

use super::*;
use crate::dsp::tone::sine;

/// Two bridged legs on made-up time, told what their far ends send in packets of these lengths.
struct Line {
    legs: [MediaSession; 2],
    codecs: [Codec; 2],
    sent: [u32; 2],
    time: [u32; 2],
    /// What each far end was sent.
    heard: [Vec<(RtpHeader, Vec<u8>)>; 2],
    told: Vec<(usize, SessionEvent)>,
}

impl Line {
    fn new(sides: [(Codec, u64); 2], mode: FaxMode) -> Self {
        let codecs = sides.map(|(codec, _)| codec);
        let legs = sides.map(|(codec, milliseconds)| {
            let mut leg = session();
            leg.settings.fax = mode;
            let remote = RemoteMedia {
                ptime: Duration::from_millis(milliseconds),
                comfort_noise: Some(13),
                keys_in_band: KeysInBand::Detected,
                ..remote(codec)
            };
            leg.set_remote(epoch(), remote).unwrap();
            leg.set_background(Background::Bridge);
            leg
        });
        let mut line = Self {
            legs,
            codecs,
            sent: [0; 2],
            time: [0; 2],
            heard: [Vec::new(), Vec::new()],
            told: Vec::new(),
        };
        line.fit();
        line
    }

    fn fit(&mut self) {
        let [a, b] = &mut self.legs;
        b.hear(a);
        a.hear(b);
    }

    /// A far end sends its next packet.
    fn says(&mut self, which: usize, payload: &[u8]) {
        let units = u32::try_from(payload.len()).unwrap();
        let header = RtpHeader {
            marker: false,
            payload_type: self.codecs[which].payload_type(),
            sequence: u16::try_from(self.sent[which] % 65_536).unwrap(),
            time: RtpTime(self.time[which]),
            ssrc: 0xB000 + u32::try_from(which).unwrap(),
        };
        self.skips(which, units);
        let now = epoch() + Duration::from_millis(u64::from(self.time[which] / 8));
        let mut packet = [&header.to_bytes()[..], payload].concat();
        let [a, b] = &mut self.legs;
        let (leg, other) = if which == 0 { (a, b) } else { (b, a) };
        let received = leg.receive(now, far_end(), &mut packet).unwrap();
        let mut out = [0; PACKET_LEN];
        let payload = &packet[received.payload.clone()];
        let mut length = other
            .relay(now, &received, payload, &mut out)
            .unwrap_or(None);
        while let Some(packet) = length {
            self.heard[1 - which].push(parsed(&out[..packet]));
            length = other.relay_more(now, &mut out);
        }
        while let Some(event) = self.legs[which].poll_event() {
            match event {
                SessionEvent::FaxHeard(_) => {
                    self.legs[1 - which].pass_through();
                    self.fit();
                }
                SessionEvent::Repacked => self.fit(),
                _ => {}
            }
            self.told.push((which, event));
        }
    }

    /// A packet of a far end is lost on its way.
    fn skips(&mut self, which: usize, units: u32) {
        self.sent[which] += 1;
        self.time[which] += units;
    }

    fn faxes(&self) -> Vec<(usize, FaxTone)> {
        let told = self.told.iter().filter_map(|(which, event)| match event {
            SessionEvent::FaxHeard(tone) => Some((*which, *tone)),
            _ => None,
        });
        told.collect()
    }
}

/// Payloads of so many bytes with a tone in them.
fn tone(law: Law, hertz: f64, seconds: usize, bytes: usize) -> Vec<Vec<u8>> {
    let pcm = sine(hertz, seconds * 8000, 6000.0);
    let encoded: Vec<u8> = pcm.iter().map(|&sample| law.encode(sample)).collect();
    encoded.chunks_exact(bytes).map(<[u8]>::to_vec).collect()
}

/// Payloads as a modem's data may look.
fn data(count: u32, bytes: usize) -> Vec<Vec<u8>> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let mut payload = |_| (0..bytes).map(|_| next()).collect();
    (0..count).map(&mut payload).collect()
}

fn bytes(heard: &[(RtpHeader, Vec<u8>)]) -> Vec<u8> {
    heard
        .iter()
        .flat_map(|(_, payload)| payload.clone())
        .collect()
}

#[test]
fn a_fax_is_recognised_by_its_call_and_by_its_answer() {
    for (hertz, told) in [(1100.0, FaxTone::Calling), (2100.0, FaxTone::Answering)] {
        for (codec, law) in [(Codec::Pcmu, Law::Mu), (Codec::Pcma, Law::A)] {
            let mut line = Line::new([(codec, 20), (Codec::Pcmu, 20)], FaxMode::Detect);
            for payload in tone(law, hertz, 1, 160) {
                line.says(0, &payload);
            }
            assert_eq!(line.faxes(), [(0, told)], "{hertz}");
            assert!(line.legs.iter().all(MediaSession::passes_through));
        }
    }
}

#[test]
fn packets_of_unlike_length_go_through_byte_for_byte_once_a_fax_was_heard() {
    for (a, b) in [(20, 30), (30, 20), (10, 60), (60, 20), (20, 50)] {
        let mut line = Line::new([(Codec::Pcmu, a), (Codec::Pcmu, b)], FaxMode::Detect);
        let length = |ms: u64| usize::try_from(ms * 8).unwrap();
        for payload in tone(Law::Mu, 2100.0, 2, length(a)) {
            line.says(0, &payload);
        }
        for payload in data(4, length(b)) {
            line.says(1, &payload);
        }
        let linked = line.legs.each_ref().map(MediaSession::linked);
        assert_eq!(linked, [Link::Recut; 2], "{a} {b}");
        assert!(
            line.legs
                .iter()
                .all(|leg| leg.coders() == Coders::default())
        );
        line.heard = [Vec::new(), Vec::new()];
        for (which, milliseconds, other) in [(0, a, b), (1, b, a)] {
            let sent = data(60, length(milliseconds));
            for payload in &sent {
                line.says(which, payload);
            }
            let heard = &line.heard[1 - which];
            let all = sent.concat();
            let got = bytes(heard);
            // The tail of what was before may come first, and what is left of it wait for more.
            let from = got
                .windows(400)
                .position(|part| part == &all[..400])
                .unwrap();
            assert!(from < length(other), "{a} {b}: {from}");
            assert_eq!(got[from..], all[..got.len() - from]);
            assert!(all.len() - (got.len() - from) < length(other));
            assert!(
                heard
                    .iter()
                    .all(|(_, payload)| payload.len() == length(other))
            );
            for two in heard.windows(2) {
                assert_eq!(two[1].0.sequence, two[0].0.sequence.wrapping_add(1));
                assert_eq!(
                    two[1].0.time,
                    two[0].0.time.plus(u32::try_from(length(other)).unwrap())
                );
                assert_eq!(two[1].0.ssrc, two[0].0.ssrc);
            }
        }
    }
}

#[test]
fn what_a_fax_loses_on_the_way_is_not_made_up() {
    let mut line = Line::new([(Codec::Pcmu, 20), (Codec::Pcmu, 30)], FaxMode::Detect);
    for payload in tone(Law::Mu, 1100.0, 2, 160) {
        line.says(0, &payload);
    }
    line.heard[1].clear();
    let sent = data(40, 160);
    for (n, payload) in sent.iter().enumerate() {
        if n % 10 == 5 {
            line.skips(0, 160);
        } else {
            line.says(0, payload);
        }
    }
    let kept: Vec<u8> = (0..)
        .zip(&sent)
        .filter(|(n, _)| n % 10 != 5)
        .flat_map(|(_, p)| p.clone())
        .collect();
    let got = bytes(&line.heard[1]);
    let from = got
        .windows(400)
        .position(|part| part == &kept[..400])
        .unwrap();
    assert_eq!(got[from..], kept[..got.len() - from]);
    // Where it was, time passed.
    let jumps = line.heard[1].windows(2).filter(|two| {
        let length = u32::try_from(two[0].1.len()).unwrap();
        two[1].0.time.since(two[0].0.time).unsigned_abs() == length + 160
    });
    assert_eq!(jumps.count(), 4);
}

#[test]
fn a_fax_presses_no_keys() {
    let mut line = Line::new([(Codec::Pcmu, 20), (Codec::Pcmu, 20)], FaxMode::Detect);
    for payload in tone(Law::Mu, 2100.0, 1, 160) {
        line.says(0, &payload);
    }
    let five: Vec<i16> = sine(770.0, 8000, 6000.0)
        .iter()
        .zip(sine(1336.0, 8000, 6000.0))
        .map(|(a, b)| a + b)
        .collect();
    for frame in five.chunks_exact(160) {
        let payload: Vec<u8> = frame.iter().map(|&sample| Law::Mu.encode(sample)).collect();
        line.says(0, &payload);
    }
    let pressed = |(_, event): &(usize, SessionEvent)| matches!(event, SessionEvent::Pressed(..));
    assert!(!line.told.iter().any(pressed), "{:?}", line.told);
}

#[test]
fn nobody_listens_for_a_fax_for_longer_than_a_minute_or_unasked() {
    for (mode, seconds, heard) in [
        (FaxMode::Detect, 58, true),
        (FaxMode::Detect, 61, false),
        (FaxMode::Off, 0, false),
    ] {
        let mut line = Line::new([(Codec::Pcmu, 20), (Codec::Pcma, 20)], mode);
        for _ in 0..seconds * 50 {
            line.says(0, &[0xFF; 160]);
        }
        for payload in tone(Law::Mu, 1100.0, 1, 160) {
            line.says(0, &payload);
        }
        assert_eq!(!line.faxes().is_empty(), heard, "{mode:?} {seconds}");
    }
    // Nor where the other side speaks something else.
    let mut line = Line::new([(Codec::Pcmu, 20), (Codec::Opus, 20)], FaxMode::Detect);
    for payload in tone(Law::Mu, 1100.0, 1, 160) {
        line.says(0, &payload);
    }
    assert_eq!(line.faxes(), []);
}

#[test]
fn who_is_connected_next_is_listened_to_anew() {
    let mut line = Line::new([(Codec::Pcmu, 20), (Codec::Pcmu, 30)], FaxMode::Detect);
    for _ in 0..2 {
        for payload in tone(Law::Mu, 1100.0, 1, 160) {
            line.says(0, &payload);
        }
        for leg in &mut line.legs {
            leg.set_background(Background::Bridge);
            assert!(!leg.passes_through());
        }
        line.fit();
        assert!(line.legs.iter().all(|leg| leg.linked() != Link::Recut));
    }
    assert_eq!(line.faxes(), [(0, FaxTone::Calling); 2]);
}

#[test]
fn listening_for_a_fax_and_cutting_its_packets_allocates_nothing() {
    for payloads in [vec![vec![0x55; 160]; 400], tone(Law::Mu, 1100.0, 8, 160)] {
        let mut line = Line::new([(Codec::Pcmu, 20), (Codec::Pcmu, 30)], FaxMode::Detect);
        for payload in &payloads[..100] {
            line.says(0, payload);
        }
        let [a, b] = &mut line.legs;
        let is_fax = a.passes_through();
        // Where it is none its sound is decoded, which is measured elsewhere.
        b.set_link(if is_fax { Link::Recut } else { Link::Relay });
        let mut datagrams: Vec<_> = (100..300u16)
            .map(|n| {
                let header = RtpHeader {
                    marker: false,
                    payload_type: 0,
                    sequence: n,
                    time: RtpTime(u32::from(n) * 160),
                    ssrc: 0xB000,
                };
                [&header.to_bytes()[..], &payloads[usize::from(n)]].concat()
            })
            .collect();
        let mut out = [0; PACKET_LEN];
        let mut pass = |datagrams: &mut [Vec<u8>], from: u32| {
            for (n, packet) in (from..).zip(datagrams) {
                let now = epoch() + FRAME * n;
                let received = a.receive(now, far_end(), packet).unwrap();
                let payload = &packet[received.payload.clone()];
                let mut length = b.relay(now, &received, payload, &mut out).unwrap();
                while length.is_some() {
                    length = b.relay_more(now, &mut out);
                }
                while a.poll_event().is_some() {}
            }
        };
        let (first, rest) = datagrams.split_at_mut(10);
        pass(first, 100);
        let counted = allocation_counter::measure(|| pass(rest, 110));
        assert_eq!(counted.count_total, 0, "{is_fax} {counted:?}");
    }
}
