//! Any bytes, and no allocation.

use proptest::prelude::*;

use super::*;

#[test]
fn nothing_is_allocated_per_packet() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        let template = rtp(1, 0);
        let mut buffer = [0; 300];
        let counted = allocation_counter::measure(|| {
            for sequence in 0..500_u16 {
                buffer[..172].copy_from_slice(&template);
                buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
                let length = sender.protect_rtp(&mut buffer, 172).unwrap();
                let opened = receiver.unprotect_rtp(epoch(), &mut buffer[..length]);
                assert_eq!(opened, Ok(172));
                let length = sender.protect_rtcp(&mut buffer, 60).unwrap();
                let opened = receiver.unprotect_rtcp(epoch(), &mut buffer[..length]);
                assert_eq!(opened, Ok(60));
            }
        });
        assert_eq!(counted.count_total, 0, "{suite}");
    }
}

#[test]
fn packets_of_every_length_and_every_lying_header_are_refused() {
    for &suite in SUITES {
        let (mut sender, mut receiver) = pair(suite);
        for length in [0, 1, 7, 8, 11, 12, 13, 16, 22, 28, 1500, 65_507] {
            for first in [0x00, 0x40, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xFF] {
                let mut packet = vec![0xFF; length];
                if let Some(byte) = packet.first_mut() {
                    *byte = first;
                }
                assert!(unprotect(&mut receiver, &packet).is_err());
                assert!(unprotect_rtcp(&mut receiver, &packet).is_err());
            }
        }
        assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(1, 0))).is_ok());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(packet in prop::collection::vec(any::<u8>(), 0..300), plausible: bool) {
        crate::fuzz::srtp_packet(&packet);
        let mut packet = packet;
        if let Some(first) = packet.first_mut().filter(|_| plausible) {
            *first = 0x80 | (*first & 0x1F);
        }
        crate::fuzz::srtp_packet(&packet);
    }
}
