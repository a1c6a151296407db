//! What is encoded once for all who hear the same in the same form.

use crate::codec::Encoder;
use crate::session::{Form, MAX_PAYLOAD};
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
    pub(super) fn payload(&mut self, class: Class, form: Form, tick: u64, pcm: &[i16]) -> &[u8] {
        let is_it = |voice: &SharedVoice| voice.class == class && voice.form == form;
        let index = self.voices.iter().position(is_it).unwrap_or_else(|| {
            self.voices.push(SharedVoice::new(class, form, self.rate));
            self.voices.len() - 1
        });
        match self.voices.get_mut(index) {
            Some(voice) => voice.payload(tick, pcm),
            None => &[],
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
            tick: None,
        }
    }

    fn payload(&mut self, tick: u64, pcm: &[i16]) -> &[u8] {
        if self.tick != Some(tick) {
            self.tick = Some(tick);
            let encoded = self.encoder.as_mut();
            // What cannot be encoded is as good as not said.
            let encoded = encoded.and_then(|encoder| encoder.encode(pcm, &mut self.payload).ok());
            self.length = encoded.unwrap_or(0);
        }
        self.payload.get(..self.length).unwrap_or_default()
    }
}
