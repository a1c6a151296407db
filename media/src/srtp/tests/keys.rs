//! Keys that change under a running stream, run out, or carry an identifier.

use std::time::Duration;

use offhook_core::sdp::crypto::Mki;

use super::*;

/// Two keys, their sender, and the receiver of the first.
fn rig(suite: CryptoSuite) -> (MasterKey, MasterKey, SrtpSender, SrtpReceiver) {
    let (old, new) = (key(suite, 1), key(suite, 2));
    let (sender, receiver) = (SrtpSender::new(&old), SrtpReceiver::new(&old));
    (old, new, sender, receiver)
}

#[test]
fn a_new_key_is_taken_while_packets_of_the_old_one_are_under_way() {
    for &suite in SUITES {
        let (_, new, mut sender, mut receiver) = rig(suite);
        let hears =
            |receiver: &mut SrtpReceiver, packet: &[u8]| unprotect(receiver, packet).is_ok();
        assert!(hears(&mut receiver, &protect(&mut sender, &rtp(1, 0))));
        receiver.rekey(epoch(), &new);
        // The far end has not read the answer yet.
        let under_way = protect(&mut sender, &rtp(1, 1));
        let late = protect(&mut sender, &rtp(1, 2));
        assert!(hears(&mut receiver, &under_way));
        assert!(
            !hears(&mut receiver, &under_way),
            "replays are replays under any key"
        );
        sender.rekey(&new);
        assert!(hears(&mut receiver, &protect(&mut sender, &rtp(1, 3))));
        assert!(
            !hears(&mut receiver, &late),
            "the old key went with the first packet of the new one"
        );
        assert!(hears(&mut receiver, &protect(&mut sender, &rtp(1, 4))));
    }
}

#[test]
fn the_old_key_is_good_for_five_seconds_and_no_longer() {
    for &suite in SUITES {
        let (_, new, mut sender, mut receiver) = rig(suite);
        unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 0))).unwrap();
        receiver.rekey(epoch(), &new);
        let in_time = protect(&mut sender, &rtp(1, 1));
        assert!(unprotect_at(&mut receiver, epoch() + OVERLAP, &in_time).is_ok());
        let too_late = protect(&mut sender, &rtp(1, 2));
        let after = epoch() + OVERLAP + Duration::from_millis(1);
        assert!(unprotect_at(&mut receiver, after, &too_late).is_err());
    }
}

#[test]
fn of_two_new_keys_in_a_row_the_one_in_use_stays_good() {
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    let (_, new, mut sender, mut receiver) = rig(suite);
    unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 0))).unwrap();
    receiver.rekey(epoch(), &new);
    receiver.rekey(epoch(), &key(suite, 3));
    assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 1))).is_ok());
}

#[test]
fn a_rollover_counter_goes_on_under_a_new_key_or_begins_anew() {
    for &suite in SUITES {
        for begins_anew in [false, true] {
            let (_, new, mut sender, mut receiver) = rig(suite);
            for sequence in [65_535, 0, 30_000] {
                unprotect(&mut receiver, &protect(&mut sender, &rtp(1, sequence))).unwrap();
            }
            receiver.rekey(epoch(), &new);
            // RFC 3711 has it go on; phones that make a new context begin anew.
            if begins_anew {
                sender = SrtpSender::new(&new);
            } else {
                sender.rekey(&new);
            }
            for sequence in [30_001, 60_000, 3] {
                let packet = protect(&mut sender, &rtp(1, sequence));
                assert_eq!(unprotect(&mut receiver, &packet), Ok(rtp(1, sequence)));
            }
        }
    }
}

#[test]
fn reports_go_on_counting_under_a_new_key() {
    for &suite in SUITES {
        let (_, new, mut sender, mut receiver) = rig(suite);
        unprotect_rtcp(&mut receiver, &protect_rtcp(&mut sender, &rtcp(1))).unwrap();
        sender.rekey(&new);
        receiver.rekey(epoch(), &new);
        let report = protect_rtcp(&mut sender, &rtcp(1));
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Ok(rtcp(1)));
    }
}

#[test]
fn the_suite_may_change_with_the_key() {
    let old = key(CryptoSuite::AesCm128HmacSha1_32, 1);
    let new = key(CryptoSuite::AeadAes256Gcm, 1);
    let (mut sender, mut receiver) = (SrtpSender::new(&old), SrtpReceiver::new(&old));
    unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 0))).unwrap();
    receiver.rekey(epoch(), &new);
    unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 1))).unwrap();
    sender.rekey(&new);
    unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 2))).unwrap();
}

#[test]
fn packets_carry_the_identifier_of_their_key() {
    for &suite in SUITES {
        let mki = Mki::new(0x0102_0304, 4).unwrap();
        let plain = key(suite, 1);
        let named = plain.clone().with_mki(mki);
        let (mut sender, mut receiver) = (SrtpSender::new(&named), SrtpReceiver::new(&named));
        let packet = protect(&mut sender, &rtp(1, 0));
        let without = protect(&mut SrtpSender::new(&plain), &rtp(1, 0));
        assert_eq!(packet.len(), without.len() + 4);
        assert!(packet.windows(4).any(|bytes| bytes == [1, 2, 3, 4]));
        let mut other = packet.clone();
        let at = packet
            .windows(4)
            .position(|bytes| bytes == [1, 2, 3, 4])
            .unwrap();
        other[at + 3] = 5;
        assert_eq!(unprotect(&mut receiver, &other), Err(SrtpError::Forged));
        assert_eq!(unprotect(&mut receiver, &without), Err(SrtpError::Forged));
        assert_eq!(unprotect(&mut receiver, &packet), Ok(rtp(1, 0)));
        let report = protect_rtcp(&mut sender, &rtcp(1));
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Ok(rtcp(1)));
    }
}

#[test]
fn the_wrong_key_opens_nothing() {
    for &suite in SUITES {
        let mut sender = SrtpSender::new(&key(suite, 1));
        let mut receiver = SrtpReceiver::new(&key(suite, 2));
        let packet = protect(&mut sender, &rtp(1, 0));
        assert_eq!(unprotect(&mut receiver, &packet), Err(SrtpError::Forged));
        let report = protect_rtcp(&mut sender, &rtcp(1));
        assert_eq!(
            unprotect_rtcp(&mut receiver, &report),
            Err(SrtpError::Forged)
        );
        let plain = unprotect(&mut receiver, &rtp(1, 0));
        assert_eq!(
            plain,
            Err(SrtpError::Forged),
            "what is not protected is not believed"
        );
    }
}
