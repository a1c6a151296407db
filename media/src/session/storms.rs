//! Storms of bad packets at a leg, from ten thousand seeds: whatever comes, the far end is still heard.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::{CryptoSuite, MasterKey, SrtpKeys};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::graph::player::Background;
use crate::rtcp::{CompoundWriter, NtpClock, ReportBlock};
use crate::rtp::RtpHeader;
use crate::session::*;
use crate::srtp::{SrtpSender, TRAILER_LEN};
use crate::test_time::epoch;
use crate::time::{Rate, RtpTime};

/// How many storms.
const SEEDS: u64 = 10_000;

/// Packets of each.
const PACKETS: usize = 12;

/// Lengths that are off by one somewhere, or as long as a datagram can be.
const LENGTHS: [usize; 12] = [0, 1, 11, 12, 13, 21, 28, 172, 182, 1500, 2047, 65_507];

fn far_end() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 4000))
}

/// A leg under fire, its true far end, and the leg that hears it.
struct Storm {
    random: SmallRng,
    leg: MediaSession,
    listener: MediaSession,
    sender: Option<SrtpSender>,
    number: u16,
    now: Instant,
    /// What the far end sent so far.
    sent: Vec<Vec<u8>>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let suites = CryptoSuite::ALL;
        let suite = suites.get(random.random_range(0..=suites.len())).copied();
        let keys = suite.map(|suite| SrtpKeys {
            send: MasterKey::random(suite),
            receive: MasterKey::random(suite),
        });
        let sender = keys.as_ref().map(|keys| SrtpSender::new(&keys.receive));
        let mut leg = session(keys);
        if seed.is_multiple_of(2) {
            leg.start_decoding(Rate::Narrow);
        }
        Self {
            leg,
            listener: session(None),
            sender,
            number: random.random(),
            random,
            now: epoch(),
            sent: Vec::new(),
        }
    }

    /// The far end's next packet, as it travels.
    fn next(&mut self) -> Vec<u8> {
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence: self.number,
            time: RtpTime(u32::from(self.number) * 160),
            ssrc: 7,
        };
        self.number = self.number.wrapping_add(1);
        let mut packet = [&header.to_bytes()[..], &[0xD5; 160]].concat();
        if let Some(sender) = &mut self.sender {
            packet.resize(172 + TRAILER_LEN, 0);
            let length = sender.protect_rtp(&mut packet, 172).unwrap();
            packet.truncate(length);
        }
        self.sent.push(packet.clone());
        packet
    }

    /// Something nobody should send.
    fn bad(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let mut packet = match random.random_range(0..5) {
            0 => {
                let mut packet = vec![0; LENGTHS[random.random_range(0..LENGTHS.len())]];
                random.fill_bytes(&mut packet);
                packet
            }
            // A replay, whole or changed.
            _ => self.sent[random.random_range(0..self.sent.len())].clone(),
        };
        let changes = random.random_range(0..4);
        for _ in 0..changes {
            if packet.is_empty() {
                break;
            }
            // Where headers lie: version, padding, extension, sources, type, numbers; or anywhere.
            let reach = if random.random() { 16 } else { packet.len() };
            let at = random.random_range(0..reach.min(packet.len()));
            packet[at] = random.random();
        }
        if random.random_range(0..6) == 0 {
            let length = random.random_range(0..=packet.len());
            packet.truncate(length);
        }
        packet
    }

    /// A report nobody should send: what the far end might have, changed.
    fn bad_report(&mut self) -> Vec<u8> {
        let mut report = vec![0; 200];
        let mut writer = CompoundWriter::new(&mut report);
        let block = ReportBlock {
            ssrc: 1,
            fraction_lost: self.random.random(),
            lost: 0,
            highest: self.random.random(),
            jitter: self.random.random(),
            last_report: self.random.random(),
            delay: self.random.random(),
        };
        writer.report(7, None, Some(block));
        writer.source_description(7, "somebody");
        let mut length = writer.finish();
        for _ in 0..self.random.random_range(0..4) {
            let at = self.random.random_range(0..length);
            report[at] = self.random.random();
        }
        report.resize(length + TRAILER_LEN, 0);
        if let Some(sender) = &mut self.sender {
            length = sender.protect_rtcp(&mut report, length).unwrap_or(length);
        }
        if self.random.random_range(0..6) == 0 {
            length = self.random.random_range(0..=length);
        }
        report.truncate(length);
        report
    }

    fn arrives(&mut self, packet: &mut [u8]) -> Result<(), DropReason> {
        self.now += Duration::from_millis(20);
        let received = self.leg.receive(self.now, far_end(), packet)?;
        let mut out = [0; PACKET_LEN];
        let payload = &packet[received.payload.clone()];
        let relayed = self.listener.relay(self.now, &received, payload, &mut out);
        if let Ok(Some(length)) = relayed {
            assert!(length <= out.len());
        }
        // Half of them are decoded.
        self.leg.pull(self.now, &mut [0; 160]);
        Ok(())
    }

    /// Takes what the leg tells; it is never more than a few things a packet.
    fn events(&mut self) {
        let told = std::iter::from_fn(|| self.leg.poll_event()).count();
        assert!(told <= 3 * PACKETS, "{told} events");
    }
}

fn session(srtp: Option<SrtpKeys>) -> MediaSession {
    let clock = NtpClock::new(epoch(), SystemTime::UNIX_EPOCH);
    let seed = StreamSeed {
        ssrc: 1,
        sequence: 0,
        time: RtpTime(0),
    };
    let mut session = MediaSession::new(SessionSettings::new(clock), seed, epoch());
    let remote = RemoteMedia {
        srtp,
        ..RemoteMedia::new(far_end(), Codec::Pcmu).with_events(101)
    };
    session.set_remote(epoch(), remote);
    session.set_background(Background::Bridge);
    session
}

#[test]
fn ten_thousand_storms_of_bad_packets_leave_every_leg_hearing_its_far_end() {
    let (mut dropped, mut reports) = (0, 0);
    for seed in 0..SEEDS {
        let mut storm = Storm::new(seed);
        let mut first = storm.next();
        assert_eq!(storm.arrives(&mut first), Ok(()), "seed {seed}");
        for _ in 0..PACKETS {
            let mut packet = storm.bad();
            dropped += u64::from(storm.arrives(&mut packet).is_err());
            // The same at the other port, and what looks like reports.
            for mut report in [storm.bad(), storm.bad_report()] {
                let now = storm.now;
                let read = storm.leg.receive_rtcp(now, far_end(), &mut report);
                reports += u64::from(read.is_ok());
            }
        }
        storm.events();
        // A leg with keys hears the very next packet. A plain one believes whoever has the far end's
        // address, so that after a forged number the true ones may seem too old: for less than a
        // second, until they have caught up or proved to be another stream.
        let patience = if storm.sender.is_some() { 1 } else { 40 };
        let heard = (0..patience).any(|_| {
            let mut packet = storm.next();
            storm.arrives(&mut packet).is_ok()
        });
        assert!(heard, "seed {seed}");
    }
    assert!(dropped > SEEDS * 6, "most is of no use: {dropped}");
    assert!(reports > SEEDS * 3, "many are read: {reports}");
}

#[test]
fn a_storm_makes_a_leg_remember_nothing() {
    let mut storm = Storm::new(3);
    let mut first = storm.next();
    storm.arrives(&mut first).unwrap();
    let bad: Vec<_> = (0..2000).map(|_| storm.bad()).collect();
    let fire = |storm: &mut Storm, bad: &mut [Vec<u8>]| {
        for packet in bad {
            storm.arrives(packet).ok();
            while storm.leg.poll_event().is_some() {}
        }
    };
    fire(&mut storm, &mut bad[..100].to_vec());
    let mut rest = bad[100..].to_vec();
    let counted = allocation_counter::measure(|| fire(&mut storm, &mut rest));
    assert_eq!(counted.count_current, 0, "{counted:?}");
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
