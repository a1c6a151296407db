//! Payloads of G.711 cut to the length another far end wants, byte for byte.

use crate::rtp::Arrival;
use crate::time::RtpTime;

/// A packet of 120 ms, and what may be left of those before it.
const ROOM: usize = 960 + 2 * 480;

/// Bytes on their way from packets of one length into packets of another. Nothing waits for what is
/// missing: what was there before a gap goes out shorter, and nothing is put into it.
#[derive(Debug)]
pub(super) struct Recutter {
    /// Bytes in a packet that goes out.
    whole: usize,
    bytes: [u8; ROOM],
    filled: usize,
    /// Bytes at the beginning that belong to the time before a gap, and when that began.
    before: (usize, RtpTime),
    /// The source's time of the first byte behind them.
    time: RtpTime,
    /// The newest packet of which stream.
    newest: Option<Arrival>,
}

/// A packet to send: its bytes and what the source called their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) epoch: u32,
    pub(super) time: RtpTime,
    pub(super) length: usize,
}

impl Recutter {
    /// For packets of so many bytes.
    pub(super) fn new(whole: usize) -> Self {
        Self {
            whole: whole.clamp(80, 480),
            bytes: [0; ROOM],
            filled: 0,
            before: (0, RtpTime(0)),
            time: RtpTime(0),
            newest: None,
        }
    }

    /// Bytes in a packet that goes out.
    pub(super) fn whole(&self) -> usize {
        self.whole
    }

    /// Takes a packet in, behind which everything is to be [popped](Self::pop). False when it is
    /// older than one before, or longer than any.
    pub(super) fn push(&mut self, arrival: Arrival, time: RtpTime, payload: &[u8]) -> bool {
        let known = self.newest.filter(|newest| newest.epoch == arrival.epoch);
        if known.is_some_and(|newest| arrival.extended <= newest.extended) {
            return false;
        }
        let goes_on = known.is_some() && self.end() == time;
        if !goes_on {
            // Of another stream nothing is left to be told apart from this one.
            let kept = if known.is_some() { self.filled } else { 0 };
            self.before = (kept, self.time);
            self.filled = kept;
            self.time = time;
        }
        let Some(room) = self.bytes.get_mut(self.filled..self.filled + payload.len()) else {
            return false;
        };
        room.copy_from_slice(payload);
        self.filled += payload.len();
        self.newest = Some(arrival);
        true
    }

    /// Writes the next packet that is complete, or is all there was before a gap.
    pub(super) fn pop(&mut self, payload: &mut [u8]) -> Option<Cut> {
        let epoch = self.newest?.epoch;
        let (before, began) = self.before;
        let (length, time) = match before {
            0 if self.filled < self.whole => return None,
            0 => (self.whole, self.time),
            left => (left.min(self.whole), began),
        };
        payload
            .get_mut(..length)?
            .copy_from_slice(&self.bytes[..length]);
        self.bytes.copy_within(length..self.filled, 0);
        self.filled -= length;
        let lasted = u32::try_from(length).unwrap_or(0);
        if before > 0 {
            self.before = (before - length, began.plus(lasted));
        } else {
            self.time = self.time.plus(lasted);
        }
        Some(Cut {
            epoch,
            time,
            length,
        })
    }

    /// The source's time behind the last byte.
    fn end(&self) -> RtpTime {
        let held = self.filled - self.before.0;
        self.time.plus(u32::try_from(held).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(extended: u32) -> Arrival {
        Arrival { extended, epoch: 0 }
    }

    /// What comes of packets of these lengths that follow each other: lengths and times.
    fn cut(whole: usize, lengths: &[usize]) -> (Vec<usize>, Vec<u8>) {
        let mut recutter = Recutter::new(whole);
        let (mut time, mut lengths_out, mut out) =
            (RtpTime(u32::MAX - 100), Vec::new(), Vec::new());
        let mut expected = time;
        let mut byte = 0u8;
        for (number, &length) in (0..).zip(lengths) {
            let payload: Vec<u8> = (0..length)
                .map(|_| {
                    byte = byte.wrapping_mul(5).wrapping_add(3);
                    byte
                })
                .collect();
            assert!(recutter.push(arrival(number), time, &payload));
            time = time.plus(u32::try_from(length).unwrap());
            let mut room = [0; 480];
            while let Some(cut) = recutter.pop(&mut room) {
                assert_eq!(cut.time, expected);
                expected = expected.plus(u32::try_from(cut.length).unwrap());
                lengths_out.push(cut.length);
                out.extend_from_slice(&room[..cut.length]);
            }
        }
        (lengths_out, out)
    }

    #[test]
    fn bytes_come_out_as_they_came_in_packets_of_the_wanted_length() {
        let mut all = Vec::new();
        let mut byte = 0u8;
        for _ in 0..4800 {
            byte = byte.wrapping_mul(5).wrapping_add(3);
            all.push(byte);
        }
        for from in [80, 160, 240, 320, 480, 960] {
            for to in [80, 160, 240, 320, 400, 480] {
                let (lengths, out) = cut(to, &vec![from; 4800 / from]);
                assert!(lengths.iter().all(|&length| length == to), "{from} {to}");
                assert_eq!(out, all[..4800 / to * to], "{from} {to}");
            }
        }
    }

    #[test]
    fn what_was_before_a_gap_goes_out_shorter_and_at_its_time() {
        let mut recutter = Recutter::new(240);
        let mut room = [0; 480];
        assert!(recutter.push(arrival(1), RtpTime(1000), &[1; 160]));
        assert_eq!(recutter.pop(&mut room), None);
        // Number 2 is lost.
        assert!(recutter.push(arrival(3), RtpTime(1320), &[3; 160]));
        let (epoch, length) = (0, 160);
        let first = Cut {
            epoch,
            time: RtpTime(1000),
            length,
        };
        assert_eq!(recutter.pop(&mut room), Some(first));
        assert_eq!(room[..160], [1; 160]);
        assert_eq!(recutter.pop(&mut room), None);
        assert!(
            !recutter.push(arrival(2), RtpTime(1160), &[2; 160]),
            "too late"
        );
        assert!(recutter.push(arrival(4), RtpTime(1480), &[4; 160]));
        let second = Cut {
            epoch,
            time: RtpTime(1320),
            length: 240,
        };
        assert_eq!(recutter.pop(&mut room), Some(second));
        assert_eq!(
            (&room[..160], &room[160..240]),
            (&[3; 160][..], &[4; 80][..])
        );
    }

    #[test]
    fn another_stream_begins_with_nothing_of_the_former() {
        let mut recutter = Recutter::new(240);
        let mut room = [0; 480];
        assert!(recutter.push(arrival(900), RtpTime(1000), &[1; 160]));
        let other = |extended| Arrival { extended, epoch: 1 };
        assert!(recutter.push(other(5), RtpTime(77), &[2; 160]));
        assert_eq!(recutter.pop(&mut room), None);
        assert!(recutter.push(other(6), RtpTime(237), &[2; 160]));
        let cut = recutter.pop(&mut room).unwrap();
        assert_eq!((cut.epoch, cut.time, cut.length), (1, RtpTime(77), 240));
        assert_eq!(room[..240], [2; 240]);
    }

    proptest::proptest! {
        #[test]
        fn anything_may_come_and_no_byte_comes_out_twice(
            packets in proptest::collection::vec((0u32..50, 0u32..2, 0u32..5000, 0usize..1200), 0..100),
        ) {
            let mut recutter = Recutter::new(240);
            let (mut taken, mut given) = (0, 0);
            for (extended, epoch, time, length) in packets {
                let payload = vec![0; length];
                if recutter.push(Arrival { extended, epoch }, RtpTime(time), &payload) {
                    taken += length;
                }
                let mut room = [0; 480];
                while let Some(cut) = recutter.pop(&mut room) {
                    proptest::prop_assert!(cut.length <= 240);
                    given += cut.length;
                }
                proptest::prop_assert!(given <= taken);
            }
        }
    }
}
