//! What is encoded once for all who hear the same in the same form.

use crate::codec::Encoder;
use crate::session::{Encoded, Form, MAX_PAYLOAD, PackedKind, pack};
use crate::time::Rate;

/// Ticks after which an encoder that nobody needed is dropped: five seconds.
const IDLE: u64 = 250;

/// What is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The room.
    Room,
    /// Silence, whatever is said.
    Silence,
}

/// The encoders of a room that serve many. Each is made when the first member comes who needs it,
/// and dropped some time after the last.
#[derive(Debug)]
pub(super) struct SharedVoices {
    rate: Rate,
    voices: Vec<SharedVoice>,
}

#[derive(Debug)]
struct SharedVoice {
    class: Class,
    form: Form,
    /// `None` when the codec has no memory left: nothing is heard then.
    encoder: Option<Encoder>,
    payload: Box<[u8]>,
    length: usize,
    kind: PackedKind,
    /// The tick it was encoded for.
    tick: Option<u64>,
}

impl SharedVoices {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            voices: Vec::new(),
        }
    }

    /// The payload of this tick in this form; empty when nothing need be sent.
    pub(super) fn encoded(
        &mut self,
        class: Class,
        form: Form,
        tick: u64,
        pcm: &[i16],
    ) -> Encoded<'_> {
        let is_it = |voice: &SharedVoice| voice.class == class && voice.form == form;
        let index = self.voices.iter().position(is_it).unwrap_or_else(|| {
            self.voices.push(SharedVoice::new(class, form, self.rate));
            self.voices.len() - 1
        });
        match self.voices.get_mut(index) {
            Some(voice) => voice.encoded(tick, pcm),
            None => Encoded::NOTHING,
        }
    }

    /// Drops those nobody has needed for long.
    pub(super) fn forget_idle(&mut self, tick: u64) {
        let needed = |voice: &SharedVoice| {
            let last = voice.tick.unwrap_or(tick);
            tick.saturating_sub(last) < IDLE
        };
        self.voices.retain(needed);
    }
}

impl SharedVoice {
    fn new(class: Class, form: Form, rate: Rate) -> Self {
        Self {
            class,
            form,
            encoder: Encoder::new(form.coding, rate, &form.settings).ok(),
            payload: vec![0; MAX_PAYLOAD].into(),
            length: 0,
            kind: PackedKind::Audio,
            tick: None,
        }
    }

    fn encoded(&mut self, tick: u64, pcm: &[i16]) -> Encoded<'_> {
        if self.tick != Some(tick) {
            self.tick = Some(tick);
            let encoder = self.encoder.as_mut();
            let packed = encoder.map(|encoder| pack(encoder, pcm, &mut self.payload));
            (self.length, self.kind) = packed.unwrap_or((0, PackedKind::Audio));
        }
        Encoded {
            payload: self.payload.get(..self.length).unwrap_or_default(),
            kind: self.kind,
        }
    }
}
