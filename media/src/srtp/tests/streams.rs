//! Streams that roll over, lose, repeat and reorder; several of them; forged numbers.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_protected_is_unreadable_and_comes_back_as_it_was() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        for sequence in 0..300 {
            let packet = rtp(1, sequence);
            let sealed = protect(&mut sender, &packet);
            assert_eq!(sealed[..12], packet[..12], "the header travels as it is");
            assert_ne!(sealed[12..172], packet[12..]);
            assert!(sealed.len() <= packet.len() + TRAILER_LEN);
            assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet));
            let report = rtcp(1);
            let sealed = protect_rtcp(&mut sender, &report);
            assert_eq!(sealed[..8], report[..8]);
            assert_ne!(sealed[8..report.len()], report[8..]);
            assert!(sealed.len() <= report.len() + TRAILER_LEN);
            assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Ok(report));
        }
    }
}

#[test]
fn two_streams_under_one_key_look_different_and_so_do_two_keys() {
    for &suite in SUITES {
        let (mut sender, _) = pair(suite);
        let body = |sender: &mut SrtpSender, ssrc| protect(sender, &rtp(ssrc, 9))[12..].to_vec();
        let one = body(&mut sender, 1);
        assert_ne!(one, body(&mut sender, 2));
        assert_ne!(one, body(&mut SrtpSender::new(&key(suite, 3)), 1));
    }
}

#[test]
fn a_stream_goes_on_through_many_rollovers() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        // Every 257th packet of three times around.
        let mut sequence = 60_000_u16;
        for _ in 0..800 {
            let packet = rtp(1, sequence);
            let sealed = protect(&mut sender, &packet);
            assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet));
            sequence = sequence.wrapping_add(257);
        }
    }
}

#[test]
fn packets_reordered_at_the_rollover_are_all_heard_once() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let numbers = [65_533, 65_534, 65_535, 0, 1, 2, 3];
        let sealed: Vec<_> = numbers
            .iter()
            .map(|number| protect(&mut sender, &rtp(1, *number)))
            .collect();
        for place in [0, 3, 1, 5, 2, 4, 6] {
            let packet = rtp(1, numbers[place]);
            assert_eq!(unprotect(&mut receiver, &sealed[place]), Ok(packet));
        }
        for packet in &sealed {
            assert_eq!(unprotect(&mut receiver, packet), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn a_stream_that_rolled_over_before_its_first_packet_came_is_heard() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let lost = protect(&mut sender, &rtp(1, 65_535));
        for sequence in 0..5 {
            let sealed = protect(&mut sender, &rtp(1, sequence));
            assert_eq!(unprotect(&mut receiver, &sealed), Ok(rtp(1, sequence)));
        }
        // It was only late.
        assert_eq!(unprotect(&mut receiver, &lost), Ok(rtp(1, 65_535)));
    }
}

#[test]
fn a_packet_is_believed_once_and_not_when_it_is_too_old_to_know() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let sealed: Vec<_> = (0..200).map(|n| protect(&mut sender, &rtp(1, n))).collect();
        let mut hears = |n: usize| unprotect(&mut receiver, &sealed[n]).map(drop);
        assert_eq!(hears(100), Ok(()));
        assert_eq!(hears(100), Err(SrtpError::Replayed));
        assert_eq!(hears(99), Ok(()));
        assert_eq!(hears(199), Ok(()));
        assert_eq!(hears(72), Ok(()), "127 back");
        assert_eq!(hears(71), Err(SrtpError::Replayed), "128 back");
        assert_eq!(hears(99), Err(SrtpError::Replayed));
    }
}

#[test]
fn a_report_is_believed_once() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let reports: Vec<_> = (0..3)
            .map(|_| protect_rtcp(&mut sender, &rtcp(1)))
            .collect();
        for report in [&reports[1], &reports[0], &reports[2]] {
            assert_eq!(unprotect_rtcp(&mut receiver, report), Ok(rtcp(1)));
            let again = unprotect_rtcp(&mut receiver, report);
            assert_eq!(again, Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn forged_numbers_move_nothing() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let mut hears = |packet: &[u8]| unprotect(&mut receiver, packet).map(drop);
        assert_eq!(hears(&protect(&mut sender, &rtp(1, 0))), Ok(()));
        let next = protect(&mut sender, &rtp(1, 1));
        for forged in [2, 127, 128, 129, 32_767, 32_768, 32_769, 65_535] {
            let mut packet = next.clone();
            packet[2..4].copy_from_slice(&u16::to_be_bytes(forged));
            assert!(hears(&packet).is_err(), "{forged}");
        }
        assert_eq!(hears(&next), Ok(()));
    }
}

#[test]
fn every_bit_of_a_packet_is_authenticated() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let sealed = protect(&mut sender, &rtp(1, 7));
        let report = protect_rtcp(&mut sender, &rtcp(1));
        for bit in 0..sealed.len() * 8 {
            let mut packet = sealed.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(
                unprotect(&mut receiver, &packet).is_err(),
                "{suite} bit {bit}"
            );
        }
        for bit in 0..report.len() * 8 {
            let mut packet = report.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(
                unprotect_rtcp(&mut receiver, &packet).is_err(),
                "{suite} bit {bit}"
            );
        }
        assert_eq!(unprotect(&mut receiver, &sealed), Ok(rtp(1, 7)));
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Ok(rtcp(1)));
    }
}

#[test]
fn rtp_and_rtcp_keys_are_not_the_same() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let sealed = protect(&mut sender, &rtp(1, 7));
        assert!(unprotect_rtcp(&mut receiver, &sealed).is_err());
        let sealed = protect_rtcp(&mut sender, &rtcp(1));
        assert!(unprotect(&mut receiver, &sealed).is_err());
    }
}

#[test]
fn a_stream_may_give_way_to_another_but_a_forgotten_one_stays_forgotten() {
    for &suite in SUITES {
        let key = key(suite, 1);
        let mut receiver = SrtpReceiver::new(&key);
        // A stream each, as from a device that changes its source at every transfer.
        let sealed: Vec<_> = (0..30)
            .map(|ssrc| protect(&mut SrtpSender::new(&key), &rtp(ssrc, 0)))
            .collect();
        for packet in &sealed {
            assert!(unprotect(&mut receiver, packet).is_ok());
        }
        // None can be played again: neither those still known nor those that gave way.
        for packet in &sealed {
            assert_eq!(unprotect(&mut receiver, packet), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn a_stream_that_is_heard_now_and_then_is_not_forgotten() {
    let suite = CryptoSuite::AeadAes128Gcm;
    let key = key(suite, 1);
    let mut receiver = SrtpReceiver::new(&key);
    let mut first = SrtpSender::new(&key);
    for other in 0..20_u16 {
        let packet = protect(&mut first, &rtp(1000, other));
        assert!(unprotect(&mut receiver, &packet).is_ok());
        let packet = protect(&mut SrtpSender::new(&key), &rtp(u32::from(other), 0));
        assert!(unprotect(&mut receiver, &packet).is_ok());
    }
}

#[test]
fn a_forger_does_not_push_the_real_stream_out() {
    let (mut sender, mut receiver) = pair(CryptoSuite::AesCm128HmacSha1_80);
    assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 0))).is_ok());
    for ssrc in 2..1000 {
        let forged = [rtp(ssrc, 0), vec![0; 10]].concat();
        assert_eq!(unprotect(&mut receiver, &forged), Err(SrtpError::Forged));
    }
    assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 1))).is_ok());
    let replayed = unprotect(
        &mut receiver,
        &protect(&mut pair(CryptoSuite::AesCm128HmacSha1_80).0, &rtp(1, 1)),
    );
    assert_eq!(replayed, Err(SrtpError::Replayed));
}

#[test]
fn a_sender_gives_no_number_twice() {
    for &suite in SUITES {
        let (mut sender, _) = pair(suite);
        let mut sends = |sequence| {
            let mut buffer = rtp(1, sequence);
            buffer.resize(300, 0);
            let before = buffer.clone();
            let sent = sender.protect_rtp(&mut buffer, 172).map(drop);
            assert_eq!(sent.is_err(), buffer == before);
            sent
        };
        assert_eq!(sends(500), Ok(()));
        assert_eq!(sends(500), Err(SrtpError::Reused));
        assert_eq!(sends(499), Ok(()));
        assert_eq!(sends(499), Err(SrtpError::Reused));
        assert_eq!(sends(372), Err(SrtpError::Reused), "too old to know");
        assert_eq!(
            sends(40_000),
            Err(SrtpError::Reused),
            "from before the first rollover"
        );
    }
}

#[test]
fn a_sender_has_no_memory_of_more_than_sixteen_streams_and_says_so() {
    let (mut sender, _) = pair(CryptoSuite::AeadAes256Gcm);
    for ssrc in 0..16 {
        assert!(sender.takes_another());
        protect(&mut sender, &rtp(ssrc, 0));
    }
    assert!(!sender.takes_another());
    let mut buffer = [rtp(16, 0), vec![0; 20]].concat();
    let error = sender.protect_rtp(&mut buffer, 172);
    assert_eq!(error, Err(SrtpError::TooManySources));
    protect(&mut sender, &rtp(7, 1));
}

#[test]
fn a_buffer_without_room_is_left_alone() {
    for &suite in SUITES {
        let (mut sender, _) = pair(suite);
        let mut packet = rtp(1, 0);
        assert_eq!(sender.protect_rtp(&mut packet, 172), Err(SrtpError::NoRoom));
        assert_eq!(packet, rtp(1, 0));
        assert_eq!(
            sender.protect_rtp(&mut packet, 173),
            Err(SrtpError::Malformed)
        );
        let mut report = rtcp(1);
        let length = report.len();
        assert_eq!(
            sender.protect_rtcp(&mut report, length),
            Err(SrtpError::NoRoom)
        );
        // Its number was not used up.
        protect(&mut sender, &packet);
    }
}

#[test]
fn a_window_knows_what_it_saw() {
    let mut window = ReplayWindow::starting_at(5);
    assert_eq!(
        window.guess(65_535),
        None,
        "before the first packet there is none"
    );
    assert_eq!(window.guess(4), Some(4));
    window.accept(200_000);
    assert_eq!(window.highest(), 200_000);
    assert!(!window.is_fresh(200_000) && window.is_fresh(199_999) && window.is_fresh(200_001));
    assert!(!window.is_fresh(5), "too old");
    window.accept(5);
    assert_eq!(window.highest(), 200_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the network loses, repeats and holds back by less than the window: what comes is
    /// the packet that was sent, and it comes once.
    #[test]
    fn a_disordered_stream_is_heard_as_it_was_sent(
        start in 65_300_u64..65_700,
        fates in prop::collection::vec((0u8..10, 0u64..60), 50..400),
    ) {
        let (mut sender, mut receiver) = pair(CryptoSuite::AesCm128HmacSha1_32);
        let mut under_way = Vec::new();
        for (index, (fate, delay)) in (start..).zip(fates) {
            let sequence = u16::try_from(index % 65_536).unwrap();
            let sealed = protect(&mut sender, &rtp(1, sequence));
            if fate == 0 {
                continue;
            }
            under_way.push((index + delay, index, sealed.clone()));
            if fate == 1 {
                under_way.push((index + 2 * delay, index, sealed));
            }
        }
        under_way.sort_by_key(|(at, ..)| *at);
        let number = |index: u64| u16::try_from(index % 65_536).unwrap();
        let first = under_way.first().map(|(_, index, _)| *index);
        let mut heard = std::collections::HashSet::new();
        for (_, index, sealed) in under_way {
            let sequence = number(index);
            match unprotect(&mut receiver, &sealed) {
                Ok(packet) => {
                    prop_assert_eq!(packet, rtp(1, sequence));
                    prop_assert!(heard.insert(sequence));
                }
                Err(error) => {
                    prop_assert_eq!(error, SrtpError::Replayed);
                    // Sent before the first one that came, it may be one rollover too early.
                    let before_first = first.is_some_and(|first| index < first);
                    prop_assert!(heard.contains(&sequence) || before_first, "{} {:?}", index, first);
                }
            }
        }
    }

    /// The guess is the true index while less than half the numbers are lost (RFC 3711 section 3.3.1).
    #[test]
    fn a_guess_is_right_within_half_the_numbers(highest in 65_536u64..1 << 47, off in -32_767i64..=32_767) {
        let index = highest.checked_add_signed(off).unwrap();
        let sequence = u16::try_from(index % 65_536).unwrap();
        prop_assert_eq!(ReplayWindow::starting_at(highest).guess(sequence), Some(index));
    }
}
