//! Legs with keys, their far ends, and those who have none.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::{CryptoSuite, MasterKey, SrtpKeys};

use crate::graph::player::Background;
use crate::rtcp::{Compound, CompoundWriter, NtpClock};
use crate::rtp::{Packet, RtpHeader};
use crate::session::*;
use crate::srtp::{SrtpReceiver, SrtpSender, TRAILER_LEN};
use crate::test_time::epoch;
use crate::time::RtpTime;

const FRAME: Duration = Duration::from_millis(20);

fn at(frame: u32) -> Instant {
    epoch() + FRAME * frame
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 4000))
}

/// The far end of a leg: it sends with one key and receives with another, if it has any.
struct FarEnd {
    keys: Option<(SrtpSender, SrtpReceiver)>,
    number: u16,
    ssrc: u32,
}

impl FarEnd {
    /// A packet that says `said`.
    fn says(&mut self, said: u8) -> Vec<u8> {
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence: self.number,
            time: RtpTime(u32::from(self.number) * 160),
            ssrc: self.ssrc,
        };
        self.number = self.number.wrapping_add(1);
        let mut packet = [&header.to_bytes()[..], &[said; 160]].concat();
        if let Some((sender, _)) = &mut self.keys {
            packet.resize(172 + TRAILER_LEN, 0);
            let length = sender.protect_rtp(&mut packet, 172).unwrap();
            packet.truncate(length);
        }
        packet
    }

    /// What a packet of ours says to it.
    fn hears(&mut self, packet: &[u8]) -> (RtpHeader, Vec<u8>) {
        let mut packet = packet.to_vec();
        if let Some((_, receiver)) = &mut self.keys {
            let length = receiver.unprotect_rtp(epoch(), &mut packet).unwrap();
            packet.truncate(length);
        }
        let parsed = Packet::parse(&packet).unwrap();
        (parsed.header, packet[parsed.payload].to_vec())
    }

    /// A report of its own.
    fn reports(&mut self) -> Vec<u8> {
        let mut report = vec![0; 100];
        let mut writer = CompoundWriter::new(&mut report);
        writer.report(self.ssrc, None, None);
        let mut length = writer.finish();
        if let Some((sender, _)) = &mut self.keys {
            length = sender.protect_rtcp(&mut report, length).unwrap();
        }
        report.truncate(length);
        report
    }

    fn reads(&mut self, report: &[u8]) {
        let mut report = report.to_vec();
        if let Some((_, receiver)) = &mut self.keys {
            assert!(Compound::parse(&report).is_err(), "it can be read");
            let length = receiver.unprotect_rtcp(epoch(), &mut report).unwrap();
            report.truncate(length);
        }
        Compound::parse(&report).unwrap();
    }
}

/// Keys as our side has them, and the far end's view of them.
fn keys(suite: CryptoSuite) -> (SrtpKeys, FarEnd) {
    let keys = SrtpKeys {
        send: MasterKey::random(suite),
        receive: MasterKey::random(suite),
    };
    let far_end = far_end(Some(&keys));
    (keys, far_end)
}

fn far_end(keys: Option<&SrtpKeys>) -> FarEnd {
    let pair = |keys: &SrtpKeys| {
        (
            SrtpSender::new(&keys.receive),
            SrtpReceiver::new(&keys.send),
        )
    };
    FarEnd {
        keys: keys.map(pair),
        number: 100,
        ssrc: 0xBBBB,
    }
}

fn remote(keys: Option<&SrtpKeys>) -> RemoteMedia {
    RemoteMedia {
        srtp: keys.cloned(),
        ..RemoteMedia::new(address(7), Codec::Pcmu).with_events(96)
    }
}

/// A leg that hears the one it is bridged to.
fn leg(keys: Option<&SrtpKeys>) -> MediaSession {
    let clock = NtpClock::new(epoch(), SystemTime::UNIX_EPOCH);
    let seed = StreamSeed {
        ssrc: 0xAAAA,
        sequence: 1000,
        time: RtpTime(90_000),
    };
    let mut leg = MediaSession::new(SessionSettings::new(clock), seed, epoch());
    assert_eq!(leg.set_remote(epoch(), remote(keys)), Some(false));
    leg.set_background(Background::Bridge);
    leg
}

fn plain_leg() -> MediaSession {
    leg(None)
}

fn secure_leg(suite: CryptoSuite) -> (MediaSession, FarEnd) {
    let (keys, far_end) = keys(suite);
    (leg(Some(&keys)), far_end)
}

fn receive(leg: &mut MediaSession, from: SocketAddr, packet: &[u8]) -> Result<(), DropReason> {
    leg.receive(at(0), from, &mut packet.to_vec()).map(drop)
}

/// Passes a packet on; what goes out to the other far end.
fn pass(from: &mut MediaSession, to: &mut MediaSession, now: Instant, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let received = from.receive(now, address(7), &mut packet).unwrap();
    let mut out = [0; PACKET_LEN];
    let payload = &packet[received.payload.clone()];
    let length = to.relay(now, &received, payload, &mut out).unwrap();
    out[..length.unwrap()].to_vec()
}

#[test]
fn audio_passes_between_secure_and_plain_legs_in_every_combination() {
    let suites = CryptoSuite::ALL.iter().copied().map(Some);
    let kinds: Vec<_> = suites.chain([None]).collect();
    for &one in &kinds {
        for &other in &kinds {
            let side = |kind: Option<CryptoSuite>| match kind {
                Some(suite) => secure_leg(suite),
                None => (leg(None), far_end(None)),
            };
            let ((mut a, mut alice), (mut b, mut bob)) = (side(one), side(other));
            for n in 0..200_u8 {
                let out = pass(&mut a, &mut b, at(n.into()), &alice.says(n));
                assert_eq!(
                    other.is_some(),
                    out[12..172] != [n; 160],
                    "{one:?} {other:?}"
                );
                let (header, payload) = bob.hears(&out);
                assert_eq!(payload, [n; 160]);
                assert_eq!(header.sequence, 1000 + u16::from(n));
            }
        }
    }
}

#[test]
fn everything_a_secure_leg_sends_is_protected() {
    for &suite in CryptoSuite::ALL {
        let (mut leg, mut phone) = secure_leg(suite);
        let mut out = [0; PACKET_LEN];
        leg.set_background(Background::Silence);
        let mut heard = 0;
        for n in 0..5 {
            let length = leg.tick(at(n), n.into(), None, &mut out).unwrap();
            assert_eq!(phone.hears(&out[..length]).1.len(), 160);
            heard += 1;
        }
        leg.send_digits("5".chars());
        for n in 5..20 {
            if let Some(length) = leg.tick(at(n), n.into(), None, &mut out) {
                phone.hears(&out[..length]);
                heard += 1;
            }
        }
        assert!(heard > 15, "{heard}");
        let (length, _) = leg.poll_report(at(1000), &mut out).unwrap();
        phone.reads(&out[..length]);
        let length = leg.poll_keep_alive(at(5000), &mut out).unwrap();
        assert_eq!(phone.hears(&out[..length]).1, []);
        let (length, _) = leg.end(at(5001), &mut out).unwrap();
        phone.reads(&out[..length]);
    }
}

#[test]
fn what_is_not_protected_or_by_somebody_else_or_again_is_dropped_by_its_reason() {
    for &suite in CryptoSuite::ALL {
        let (mut leg, mut phone) = secure_leg(suite);
        let (_, mut stranger) = keys(suite);
        stranger.number = 110;
        let first = phone.says(1);
        assert_eq!(receive(&mut leg, address(7), &first), Ok(()));
        let mut plain = far_end(None);
        plain.number = 110;
        let plain = plain.says(1);
        assert_eq!(
            receive(&mut leg, address(7), &plain),
            Err(DropReason::NotSecured)
        );
        let forged = stranger.says(1);
        assert_eq!(
            receive(&mut leg, address(7), &forged),
            Err(DropReason::Forged)
        );
        assert_eq!(
            receive(&mut leg, address(7), &first),
            Err(DropReason::Replayed)
        );
        assert_eq!(
            receive(&mut leg, address(7), &first[..11]),
            Err(DropReason::Malformed)
        );
        assert_eq!(
            receive(&mut leg, address(8), &phone.says(1)),
            Err(DropReason::Stranger)
        );
        assert_eq!(receive(&mut leg, address(7), &phone.says(1)), Ok(()));
    }
}

#[test]
fn only_the_far_end_is_latched_to_and_its_first_packet_is_enough() {
    let (mut leg, mut phone) = secure_leg(CryptoSuite::AesCm128HmacSha1_80);
    let mut stranger = far_end(None);
    // The agreed address itself, which anybody can write as a sender, is not enough.
    for from in [address(7), address(8)] {
        for _ in 0..10 {
            let dropped = receive(&mut leg, from, &stranger.says(1));
            assert_eq!(dropped, Err(DropReason::NotSecured));
        }
    }
    let behind_nat = address(99);
    let mut packet = phone.says(1);
    let received = leg.receive(at(0), behind_nat, &mut packet).unwrap();
    assert!(received.latched);
    assert_eq!(leg.destination(), Some(behind_nat));
}

#[test]
fn reports_are_believed_from_anywhere_if_they_are_authentic() {
    for &suite in CryptoSuite::ALL {
        let (mut leg, mut phone) = secure_leg(suite);
        let (_, mut stranger) = keys(suite);
        let mut hears = |report: &[u8]| leg.receive_rtcp(at(0), address(50), &mut report.to_vec());
        assert!(hears(&far_end(None).reports()).is_err());
        assert_eq!(hears(&stranger.reports()), Err(DropReason::Forged));
        let report = phone.reports();
        assert_eq!(hears(&report), Ok(()));
        assert_eq!(hears(&report), Err(DropReason::Replayed));
    }
}

#[test]
fn a_far_end_that_talks_on_through_a_long_hold_is_heard_after_it() {
    let (keys, mut phone) = keys(CryptoSuite::AeadAes128Gcm);
    let mut leg = leg(Some(&keys));
    assert_eq!(receive(&mut leg, address(7), &phone.says(1)), Ok(()));
    let held = RemoteMedia {
        receive: false,
        ..remote(Some(&keys))
    };
    leg.set_remote(at(1), held);
    // More than 65,536 packets: half an hour.
    for _ in 0..100_000 {
        let dropped = receive(&mut leg, address(7), &phone.says(1));
        assert_eq!(dropped, Err(DropReason::NotWanted));
    }
    leg.set_remote(at(2), remote(Some(&keys)));
    assert_eq!(receive(&mut leg, address(7), &phone.says(1)), Ok(()));
}

#[test]
fn a_new_key_of_either_side_takes_over_without_a_gap() {
    for &suite in CryptoSuite::ALL {
        let (old, mut phone) = keys(suite);
        let mut leg = leg(Some(&old));
        let mut other = plain_leg();
        let mut bob = far_end(None);
        assert_eq!(receive(&mut leg, address(7), &phone.says(1)), Ok(()));
        phone.hears(&pass(&mut other, &mut leg, at(1), &bob.says(2)));
        let new = keys(suite).0;
        leg.set_remote(at(2), remote(Some(&new)));
        // The far end sends with its old key until it has read our answer.
        assert_eq!(receive(&mut leg, address(7), &phone.says(1)), Ok(()));
        let mut renewed = far_end(Some(&new));
        let late = phone.says(1);
        renewed.number = phone.number;
        assert_eq!(receive(&mut leg, address(7), &renewed.says(1)), Ok(()));
        assert_eq!(
            receive(&mut leg, address(7), &late),
            Err(DropReason::Forged)
        );
        let out = pass(&mut other, &mut leg, at(3), &bob.says(3));
        assert_eq!(renewed.hears(&out).1, [3; 160]);
    }
}

#[test]
fn the_same_keys_again_change_nothing() {
    let (keys, mut phone) = keys(CryptoSuite::AesCm128HmacSha1_32);
    let mut leg = leg(Some(&keys));
    let first = phone.says(1);
    assert_eq!(receive(&mut leg, address(7), &first), Ok(()));
    leg.set_remote(at(1), remote(Some(&keys)));
    assert_eq!(
        receive(&mut leg, address(7), &first),
        Err(DropReason::Replayed)
    );
    assert_eq!(receive(&mut leg, address(7), &phone.says(1)), Ok(()));
}

#[test]
fn a_leg_may_become_secure_and_plain_again() {
    let (keys, mut phone) = keys(CryptoSuite::AeadAes256Gcm);
    let (mut leg, mut plain) = (leg(None), far_end(None));
    assert_eq!(receive(&mut leg, address(7), &plain.says(1)), Ok(()));
    leg.set_remote(at(1), remote(Some(&keys)));
    assert!(leg.is_secure());
    assert_eq!(
        receive(&mut leg, address(7), &plain.says(1)),
        Err(DropReason::NotSecured)
    );
    phone.number = plain.number;
    assert_eq!(receive(&mut leg, address(7), &phone.says(1)), Ok(()));
    leg.set_remote(at(2), remote(None));
    plain.number = phone.number;
    assert_eq!(receive(&mut leg, address(7), &plain.says(1)), Ok(()));
}

/// RFC 4568 section 7.1.4: another address may be another device, which knows nothing of what was.
#[test]
fn a_far_end_that_moves_or_has_another_key_need_not_know_how_often_our_numbers_rolled_over() {
    let suite = CryptoSuite::AeadAes128Gcm;
    let mut out = [0; PACKET_LEN];
    for (moves, rekeys) in [(true, true), (false, true), (true, false)] {
        let (old, mut phone) = keys(suite);
        let mut leg = leg(Some(&old));
        leg.set_background(Background::Silence);
        for n in 0..100_000 {
            let length = leg.tick(at(n), n.into(), None, &mut out).unwrap();
            phone.hears(&out[..length]);
        }
        let length = leg.tick(at(100_000), 100_000, None, &mut out).unwrap();
        let before = phone.hears(&out[..length]).0;
        assert!(before.sequence >= 32_768, "{}", before.sequence);
        let new = if rekeys { keys(suite).0 } else { old };
        let mut changed = remote(Some(&new));
        if moves {
            changed.rtp = address(8);
        }
        leg.set_remote(at(100_001), changed);
        let mut device = far_end(Some(&new));
        for n in 100_001..100_010 {
            let length = leg.tick(at(n), n.into(), None, &mut out).unwrap();
            let header = device.hears(&out[..length]).0;
            assert_ne!(header.ssrc, before.ssrc);
        }
    }
}

#[test]
fn a_far_end_that_moves_often_is_sent_to_all_the_same() {
    let (keys, mut phone) = keys(CryptoSuite::AesCm128HmacSha1_80);
    let mut leg = leg(Some(&keys));
    leg.set_background(Background::Silence);
    let mut out = [0; PACKET_LEN];
    let mut sources = Vec::new();
    for n in 0..100_u32 {
        let mut moved = remote(Some(&keys));
        moved.rtp = address(7 + u8::try_from(n % 2).unwrap());
        leg.set_remote(at(n), moved.clone());
        // What only says it again is no move, nor is hold by an address that is none.
        leg.set_remote(at(n), moved.clone());
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 4000));
        let held = RemoteMedia {
            rtp: nowhere,
            ..moved.clone()
        };
        leg.set_remote(at(n), held);
        leg.set_remote(at(n), moved);
        let length = leg.tick(at(n), n.into(), None, &mut out).unwrap();
        sources.push(phone.hears(&out[..length]).0.ssrc);
    }
    sources.dedup();
    assert_eq!(sources.len(), 16);
}

#[test]
fn passing_on_between_secure_legs_allocates_nothing() {
    let (mut a, mut alice) = secure_leg(CryptoSuite::AesCm128HmacSha1_80);
    let (mut b, _) = secure_leg(CryptoSuite::AeadAes256Gcm);
    let packets: Vec<_> = (0..300).map(|_| alice.says(9)).collect();
    let mut out = [0; PACKET_LEN];
    let mut pass = |packets: &mut [Vec<u8>]| {
        for (n, packet) in (0..).zip(packets) {
            let received = a.receive(at(n), address(7), packet).unwrap();
            let payload = &packet[received.payload.clone()];
            assert!(
                b.relay(at(n), &received, payload, &mut out)
                    .unwrap()
                    .is_some()
            );
            while a.poll_event().is_some() {}
        }
    };
    let (mut first, mut rest) = (packets[..10].to_vec(), packets[10..].to_vec());
    pass(&mut first);
    let counted = allocation_counter::measure(|| pass(&mut rest));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
