//! Far ends that mix the two laws of G.711.

use super::*;
use crate::dsp::tone::sine;
use crate::session::jitter::Heard;
use crate::time::Rate;

/// Packets of a tone by one law and the other in turn.
fn mixed(count: usize) -> Vec<Vec<u8>> {
    let pcm = sine(400.0, count * 160, 8000.0);
    let packet = |(n, frame): (u16, &[i16])| {
        let law = if n % 2 == 0 { Law::Mu } else { Law::A };
        let header = RtpHeader {
            marker: false,
            payload_type: if n % 2 == 0 { 0 } else { 8 },
            sequence: n,
            time: RtpTime(u32::from(n) * 160),
            ssrc: 7,
        };
        let mut payload = [0; 160];
        law.encode_frame(frame, &mut payload);
        [&header.to_bytes()[..], &payload].concat()
    };
    (0..).zip(pcm.chunks_exact(160)).map(packet).collect()
}

#[test]
fn packets_of_both_laws_in_turn_are_heard_and_cost_no_memory() {
    let mut leg = started(Codec::Pcmu);
    leg.start_decoding(Rate::Narrow);
    let mut packets = mixed(150);
    let mut heard = vec![0; 150 * 160];
    let mut run = |packets: &mut [Vec<u8>], from: u32| {
        for (n, packet) in (from..).zip(packets) {
            let now = epoch() + FRAME * n;
            leg.receive(now, far_end(), packet).unwrap();
            let at = n as usize * 160;
            let frame = &mut heard[at..at + 160];
            let what = leg.pull(now + Duration::from_millis(5), frame);
            assert!(n < 10 || what == Heard::Audio, "{n}");
            while leg.poll_event().is_some() {}
        }
    };
    let (first, rest) = packets.split_at_mut(20);
    run(first, 0);
    let counted = allocation_counter::measure(|| run(rest, 20));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert!(Goertzel::new(400.0).share(&heard[20 * 160..]) > 0.99);
}
