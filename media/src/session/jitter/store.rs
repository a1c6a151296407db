//! Payloads in fixed memory, found by sequence number.

use crate::codec::Coding;

/// Packets held at most: 640 ms of 10 ms packets.
pub(super) const SLOTS: usize = 64;

/// Payload bytes held at most: 380 ms of 16-bit samples at 16 kHz, far more of anything else.
const BYTES: usize = 12 * 1024;

/// One packet's place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    pub(super) sequence: u32,
    /// Its first sample on the receiver's line.
    pub(super) time: i64,
    /// How many units it lasts.
    pub(super) units: u32,
    /// When it came, in units.
    pub(super) arrived: i64,
    /// How it is coded.
    pub(super) coding: Option<Coding>,
    /// Of how much sound before its own it holds a copy, in units.
    pub(super) copied: u32,
    offset: u16,
    length: u16,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Empty,
    Audio,
    /// It took a sequence number but has no sound, such as a pressed key.
    Other,
    /// It says how silence sounds.
    Noise,
}

impl Slot {
    pub(super) fn new(sequence: u32, time: i64, units: u32, arrived: i64) -> Self {
        Self {
            sequence,
            time,
            units,
            arrived,
            ..Self::default()
        }
    }

    /// The same of this coding, with a copy of so many units before it.
    pub(super) fn of(self, coding: Coding, copied: u32) -> Self {
        Self {
            coding: Some(coding),
            copied,
            ..self
        }
    }
}

/// Packets in a table by the low bits of their sequence numbers, their payloads in a ring.
#[derive(Debug)]
pub(super) struct PacketStore {
    slots: Box<[Slot]>,
    bytes: Box<[u8]>,
    /// Where the next payload goes.
    head: usize,
    /// One more than the highest sequence number held.
    end: u32,
}

impl PacketStore {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![Slot::default(); SLOTS].into_boxed_slice(),
            bytes: vec![0; BYTES].into_boxed_slice(),
            head: 0,
            end: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.head = 0;
        self.end = 0;
    }

    pub(super) fn holds(&self, sequence: u32) -> bool {
        let slot = &self.slots[index(sequence)];
        slot.kind != Kind::Empty && slot.sequence == sequence
    }

    /// Puts a packet in; how many older ones had to go for it. `None`: it is too long.
    pub(super) fn put(&mut self, slot: Slot, payload: &[u8]) -> Option<u64> {
        self.keep(slot, payload, Kind::Audio)
    }

    /// The same for one that says how silence sounds.
    pub(super) fn put_noise(&mut self, sequence: u32, payload: &[u8]) -> Option<u64> {
        self.keep(Slot::new(sequence, 0, 0, 0), payload, Kind::Noise)
    }

    fn keep(&mut self, slot: Slot, payload: &[u8], kind: Kind) -> Option<u64> {
        let length = u16::try_from(payload.len()).ok()?;
        if payload.len() > BYTES / 4 {
            return None;
        }
        let mut evicted = u64::from(self.is_audio(index(slot.sequence)));
        if self.head + payload.len() > BYTES {
            self.head = 0;
        }
        let (start, end) = (self.head, self.head + payload.len());
        for held in &mut self.slots {
            let from = usize::from(held.offset);
            let overlaps = from < end && start < from + usize::from(held.length);
            match held.kind {
                Kind::Audio if overlaps => {
                    held.kind = Kind::Empty;
                    evicted += 1;
                }
                Kind::Noise if overlaps => held.kind = Kind::Other,
                Kind::Audio | Kind::Noise | Kind::Other | Kind::Empty => {}
            }
        }
        self.bytes[start..end].copy_from_slice(payload);
        self.head = end;
        self.place(Slot {
            offset: u16::try_from(start).unwrap_or(0),
            length,
            kind,
            ..slot
        });
        Some(evicted)
    }

    /// Notes that a sequence number belongs to something without sound.
    pub(super) fn note(&mut self, sequence: u32) {
        self.place(Slot {
            sequence,
            kind: Kind::Other,
            ..Slot::default()
        });
    }

    /// The first packet with sound from `sequence` on, and how many packets before it are missing.
    pub(super) fn first_from(&self, sequence: u32) -> Option<(Slot, u32)> {
        let window = u32::try_from(SLOTS).unwrap_or(0);
        let start = sequence.max(self.end.saturating_sub(window));
        let mut missing = start - sequence;
        for wanted in start..self.end {
            let slot = &self.slots[index(wanted)];
            match slot.kind {
                Kind::Audio if slot.sequence == wanted => return Some((*slot, missing)),
                Kind::Other | Kind::Noise if slot.sequence == wanted => {}
                Kind::Audio | Kind::Other | Kind::Noise | Kind::Empty => missing += 1,
            }
        }
        None
    }

    /// The first packet from `sequence` on that says how silence sounds, if none with sound is
    /// before it, and how many packets before it are missing.
    pub(super) fn noise_from(&self, sequence: u32) -> Option<(Slot, u32)> {
        let window = u32::try_from(SLOTS).unwrap_or(0);
        let start = sequence.max(self.end.saturating_sub(window));
        let mut missing = start - sequence;
        for wanted in start..self.end {
            let slot = &self.slots[index(wanted)];
            match slot.kind {
                Kind::Noise if slot.sequence == wanted => return Some((*slot, missing)),
                Kind::Audio if slot.sequence == wanted => return None,
                Kind::Other if slot.sequence == wanted => {}
                Kind::Audio | Kind::Other | Kind::Noise | Kind::Empty => missing += 1,
            }
        }
        None
    }

    pub(super) fn payload(&self, slot: &Slot) -> &[u8] {
        let start = usize::from(slot.offset);
        &self.bytes[start..start + usize::from(slot.length)]
    }

    /// Forgets a packet. Its payload stays readable until the next one is put in.
    pub(super) fn remove(&mut self, sequence: u32) {
        if self.holds(sequence) {
            self.slots[index(sequence)].kind = Kind::Empty;
        }
    }

    fn place(&mut self, slot: Slot) {
        self.end = self.end.max(slot.sequence.saturating_add(1));
        self.slots[index(slot.sequence)] = slot;
    }

    fn is_audio(&self, at: usize) -> bool {
        self.slots[at].kind == Kind::Audio
    }
}

fn index(sequence: u32) -> usize {
    sequence as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(sequence: u32) -> Slot {
        Slot::new(sequence, 0, 160, 0)
    }

    #[test]
    fn packets_come_back_in_the_order_of_their_numbers() {
        let mut store = PacketStore::new();
        for sequence in [102, 100, 103] {
            assert_eq!(store.put(slot(sequence), &sequence.to_be_bytes()), Some(0));
        }
        let (first, missing) = store.first_from(100).unwrap();
        assert_eq!((first.sequence, missing), (100, 0));
        assert_eq!(store.payload(&first), 100u32.to_be_bytes());
        let (next, missing) = store.first_from(101).unwrap();
        assert_eq!((next.sequence, missing), (102, 1));
        store.remove(102);
        assert_eq!(
            store.first_from(101).map(|(slot, _)| slot.sequence),
            Some(103)
        );
        assert!(store.first_from(104).is_none());
    }

    #[test]
    fn a_number_without_sound_is_not_missing() {
        let mut store = PacketStore::new();
        store.note(7);
        store.put(slot(8), b"x").unwrap();
        assert_eq!(store.first_from(6).map(|(_, missing)| missing), Some(1));
        assert_eq!(store.first_from(7).map(|(_, missing)| missing), Some(0));
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let mut store = PacketStore::new();
        let payload = [1; 1000];
        let evicted: u64 = (0..40).map(|n| store.put(slot(n), &payload).unwrap()).sum();
        assert_eq!(evicted, 40 - 12);
        let (first, missing) = store.first_from(0).unwrap();
        assert_eq!((first.sequence, missing), (28, 28));
        assert_eq!(store.put(slot(41), &[0; 60_000]), None);
        // A jump far ahead takes the places of what is there.
        store.put(slot(1_000_000), b"far").unwrap();
        let (first, _) = store.first_from(0).unwrap();
        assert_eq!(first.sequence, 1_000_000);
    }
}
