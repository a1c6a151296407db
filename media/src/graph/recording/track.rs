//! One party's samples between what is taken and what may still come.

use std::collections::VecDeque;

use offhook_core::recording::{Keys, RecordingRate};

use super::mapping::{Mapping, Scale};
use crate::codec::{Coding, Decoder};
use crate::dsp::digit_remover::DigitRemover;
use crate::graph::tap::{TapHeader, TapPacket};
use crate::time::{Rate, RtpTime};

/// Packets that wait for the one before them, at most.
const MOST_WAITING: usize = 8;

/// Most samples of one packet: 120 ms at 16 kHz, and what a resampler may hold back.
const MOST_SAMPLES: usize = 2048;

/// One party.
#[derive(Debug)]
pub(super) struct Track {
    rate: Rate,
    ring: Box<[i16]>,
    /// Takes keys out of what leaves the ring.
    remover: Option<DigitRemover>,
    mapping: Option<Mapping>,
    voice: Option<Voice>,
    /// Packets that came before one that was sent earlier, by their times.
    waiting: VecDeque<Waiting>,
}

/// What decodes a stream whose packets build on each other.
#[derive(Debug)]
struct Voice {
    coding: Coding,
    stream: (u32, u32),
    decoder: Decoder,
    /// The time of the packet that comes next, if none is lost.
    next: RtpTime,
}

#[derive(Debug)]
struct Waiting {
    header: TapHeader,
    arrived: i64,
    payload: Box<[u8]>,
}

impl Waiting {
    fn packet(&self) -> TapPacket<'_> {
        TapPacket {
            header: self.header,
            payload: &self.payload,
        }
    }
}

impl Track {
    /// Nothing yet, at this rate.
    pub(super) fn new(rate: RecordingRate, keys: Keys) -> Self {
        let rate = match rate {
            RecordingRate::Narrow => Rate::Narrow,
            RecordingRate::Wide => Rate::Wide,
        };
        Self {
            rate,
            ring: vec![0; 2 * usize::try_from(rate.hertz()).unwrap_or(0)].into_boxed_slice(),
            remover: match keys {
                Keys::Kept => None,
                Keys::Removed => Some(DigitRemover::new(rate.hertz())),
            },
            mapping: None,
            voice: None,
            waiting: VecDeque::new(),
        }
    }

    /// How many samples later what is taken comes out.
    pub(super) fn delay(&self) -> u64 {
        self.remover
            .as_ref()
            .map_or(0, |remover| remover.delay() as u64)
    }

    /// Samples a party may be ahead of what is taken: two seconds.
    pub(super) fn window(&self) -> usize {
        self.ring.len()
    }

    /// Takes the samples from a position on, which are not asked for again, at most 20 ms of them.
    /// What comes out are those [`delay`](Self::delay) before.
    pub(super) fn take(&mut self, position: u64, pcm: &mut [i16]) {
        let start = self.slot(position);
        let (first, second) = pcm.split_at_mut(pcm.len().min(self.ring.len() - start));
        for (part, start) in [(first, start), (second, 0)] {
            let kept = &mut self.ring[start..start + part.len()];
            part.copy_from_slice(kept);
            kept.fill(0);
        }
        if let Some(remover) = &mut self.remover {
            remover.process(pcm);
        }
    }

    /// Takes in a packet that arrived at this position; what is before `taken` is over.
    pub(super) fn push(&mut self, packet: &TapPacket<'_>, arrived: i64, taken: u64) {
        self.stop_waiting(arrived, taken);
        let header = packet.header;
        let follows = self
            .voice
            .as_ref()
            .is_some_and(|voice| voice.stream == header.stream && voice.coding == header.coding);
        if !follows {
            self.stop_waiting(i64::MAX, taken);
            self.voice = None;
            return self.play(packet, arrived, taken);
        }
        let ahead = self
            .voice
            .as_ref()
            .map_or(0, |voice| header.time.since(voice.next));
        let patience = self.patience_units(header.coding);
        if ahead == 0 {
            self.play(packet, arrived, taken);
            self.play_those_in_order(taken);
        } else if ahead > 0 && ahead <= patience && self.waiting.len() < MOST_WAITING {
            let at = self
                .waiting
                .partition_point(|other| other.header.time.since(header.time) < 0);
            let waiting = Waiting {
                header,
                arrived,
                payload: packet.payload.into(),
            };
            self.waiting.insert(at, waiting);
        } else if ahead > 0 || ahead < -patience {
            // A pause of the sender, or a jump of its clock.
            self.stop_waiting(i64::MAX, taken);
            self.play(packet, arrived, taken);
        } else if stands_alone(header.coding) {
            // Too late to be decoded in its turn, which counts only where packets build on each other.
            self.place(packet, arrived, taken);
        }
    }

    /// No longer waits for what should have come before packets that arrived 100 ms before `now`.
    pub(super) fn stop_waiting(&mut self, now: i64, taken: u64) {
        let patience = i64::from(self.rate.hertz() / 10);
        while let Some(first) = self.waiting.front() {
            if now.saturating_sub(first.arrived) < patience {
                return;
            }
            self.play_first(taken);
            self.play_those_in_order(taken);
        }
    }

    fn play_those_in_order(&mut self, taken: u64) {
        while let (Some(first), Some(voice)) = (self.waiting.front(), &self.voice) {
            if first.header.time.since(voice.next) > 0 {
                return;
            }
            self.play_first(taken);
        }
    }

    fn play_first(&mut self, taken: u64) {
        if let Some(first) = self.waiting.pop_front() {
            self.play(&first.packet(), first.arrived, taken);
        }
    }

    /// How far ahead a packet may be and still wait, in units of its clock: 100 ms.
    fn patience_units(&self, coding: Coding) -> i32 {
        i32::try_from(coding.clock_rate() / 10).unwrap_or(i32::MAX)
    }

    /// Decodes a packet and expects the next.
    fn play(&mut self, packet: &TapPacket<'_>, arrived: i64, taken: u64) {
        let header = packet.header;
        if self.voice.is_none() {
            let Ok(decoder) = Decoder::new(header.coding, self.rate) else {
                return;
            };
            self.voice = Some(Voice {
                coding: header.coding,
                stream: header.stream,
                decoder,
                next: header.time,
            });
        }
        self.place(packet, arrived, taken);
        // What cannot be read says nothing about the next one either.
        let units = header.coding.duration(packet.payload).unwrap_or(0);
        if let Some(voice) = &mut self.voice {
            voice.next = header.time.plus(units);
        }
    }

    fn place(&mut self, packet: &TapPacket<'_>, arrived: i64, taken: u64) {
        let header = packet.header;
        let Some(voice) = &mut self.voice else {
            return;
        };
        let mut pcm = [0; MOST_SAMPLES];
        let Ok(count) = voice.decoder.decode(packet.payload, &mut pcm) else {
            return;
        };
        let samples = i64::try_from(count).unwrap_or(0);
        let scale = Scale {
            stream: header.stream,
            clock: i64::from(header.coding.clock_rate()),
            rate: i64::from(self.rate.hertz()),
        };
        let mapped = self
            .mapping
            .as_mut()
            .and_then(|mapping| mapping.place(scale, header.time, samples, arrived));
        let position = mapped.unwrap_or_else(|| {
            // What has just arrived was said before: it ends now rather than beginning now.
            let position = (arrived - samples).max(0);
            self.mapping = Some(Mapping::new(scale, header.time, position));
            position
        });
        self.write(position, &pcm[..count], taken);
    }

    fn write(&mut self, position: i64, pcm: &[i16], taken: u64) {
        // What lies before `taken` is over, and for what lies beyond the ring there is no room.
        let over = (i128::from(taken) - i128::from(position)).max(0);
        let pcm = pcm.get(usize::try_from(over).unwrap_or(usize::MAX)..);
        let position = u64::try_from(position).unwrap_or(0).max(taken);
        let room = (taken + self.ring.len() as u64).saturating_sub(position);
        let room = usize::try_from(room).unwrap_or(0);
        let pcm = pcm
            .map(|pcm| &pcm[..pcm.len().min(room)])
            .unwrap_or_default();
        let start = self.slot(position);
        let (first, second) = pcm.split_at(pcm.len().min(self.ring.len() - start));
        self.ring[start..start + first.len()].copy_from_slice(first);
        self.ring[..second.len()].copy_from_slice(second);
    }

    fn slot(&self, position: u64) -> usize {
        usize::try_from(position % self.ring.len() as u64).unwrap_or(0)
    }
}

/// Whether packets of a coding can be decoded without those before them.
fn stands_alone(coding: Coding) -> bool {
    match coding {
        Coding::Pcmu | Coding::Pcma | Coding::L16(_) => true,
        Coding::G722 | Coding::Opus => false,
    }
}
