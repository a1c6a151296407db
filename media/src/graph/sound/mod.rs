//! Audio that is already encoded: playing it is only sending it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, LazyLock, OnceLock};

use crate::codec::{Coding, Law};
use crate::container::audio::{FILE_RATE, FileResampler};
use crate::dsp::tone::clamp;
use crate::graph::encoding::{EncodeJob, Order};
use crate::time::{self, FRAME_SAMPLES, Rate};

/// Samples of a frame at 16 kHz, the rate sounds are kept at.
const WIDE_FRAME: usize = Rate::Wide.frame_samples();

/// Taps each side of the filter that brings 16 kHz to 48.
const REACH: usize = 12;

/// A piece of audio in whole frames of 20 ms. Its samples are kept once, at 16 kHz; it is encoded
/// once for each coding, G.711 when it is loaded and the others when they are first wanted, off the
/// media threads. So no listener costs more than a copy.
pub struct Sound {
    frames: usize,
    wide: Box<[i16]>,
    pcmu: Box<[u8]>,
    pcma: Box<[u8]>,
    g722: OnceLock<Packets>,
    opus: OnceLock<Packets>,
    /// The codings that were ordered, a bit each.
    wanted: AtomicU8,
    orders: OnceLock<Sender<Order>>,
}

/// The payloads of a sound, a frame each.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    bytes: Box<[u8]>,
    /// Where each ends.
    ends: Box<[u32]>,
}

/// The codings that are made when they are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDemand {
    G722,
    Opus,
}

impl OnDemand {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::G722, Self::Opus];

    fn bit(self) -> u8 {
        match self {
            Self::G722 => 1,
            Self::Opus => 2,
        }
    }
}

/// What a source of audio made of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A payload of this many bytes.
    Payload(usize),
    /// It is not encoded yet, but somebody is at it: ask again next time.
    NotYet,
    /// Nothing: it is at its end, or somebody else makes what is heard.
    Nothing,
}

impl Sound {
    /// Of samples at 8 kHz; the last frame is filled up with silence.
    #[must_use]
    pub fn encode(narrow: &[i16]) -> Self {
        let wide = convert(narrow, 8000, FILE_RATE);
        Self::of(narrow, &wide)
    }

    /// Of samples at 16 kHz.
    #[must_use]
    pub fn encode_wide(wide: &[i16]) -> Self {
        let narrow = convert(wide, FILE_RATE, 8000);
        Self::of(&narrow, wide)
    }

    /// Of the same audio at both rates.
    #[must_use]
    pub fn of(narrow: &[i16], wide: &[i16]) -> Self {
        let frames = narrow.len().div_ceil(FRAME_SAMPLES);
        let encoded = |law: Law| {
            let mut bytes = vec![law.silence(); frames * FRAME_SAMPLES].into_boxed_slice();
            law.encode_frame(narrow, &mut bytes);
            bytes
        };
        let mut samples = wide.to_vec();
        samples.resize(frames * WIDE_FRAME, 0);
        Self {
            frames,
            wide: samples.into(),
            pcmu: encoded(Law::Mu),
            pcma: encoded(Law::A),
            g722: OnceLock::new(),
            opus: OnceLock::new(),
            wanted: AtomicU8::new(0),
            orders: OnceLock::new(),
        }
    }

    /// Where encodings are ordered from now on. Whoever was first stays.
    pub(crate) fn set_orders(&self, orders: &Sender<Order>) {
        self.orders.get_or_init(|| orders.clone());
    }

    /// Its length in frames of 20 ms.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Its length.
    #[must_use]
    pub fn duration(&self) -> std::time::Duration {
        time::duration((self.frames * FRAME_SAMPLES) as u64)
    }

    /// The memory it takes, in bytes, with all that was encoded so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let packets = [&self.g722, &self.opus];
        let packets = packets.iter().filter_map(|packets| packets.get());
        let encoded: usize = packets.map(|p| p.bytes.len() + p.ends.len() * 4).sum();
        self.wide.len() * 2 + self.pcmu.len() + self.pcma.len() + encoded
    }

    /// Writes the payload of frame number `index`, counted round and round. Silence when the sound
    /// is empty. `payload` has room for [`MAX_PAYLOAD`] bytes.
    ///
    /// [`MAX_PAYLOAD`]: crate::session::MAX_PAYLOAD
    pub fn payload(self: &Arc<Self>, coding: Coding, index: usize, payload: &mut [u8]) -> Made {
        let Some(index) = index.checked_rem(self.frames) else {
            return Self::silence(coding, payload);
        };
        match coding {
            Coding::Pcmu => copy(frame(&self.pcmu, index, FRAME_SAMPLES), payload),
            Coding::Pcma => copy(frame(&self.pcma, index, FRAME_SAMPLES), payload),
            Coding::L16(rate) => {
                let mut pcm = [0; Rate::Full.frame_samples()];
                let pcm = &mut pcm[..rate.frame_samples()];
                self.pcm(rate, index, pcm);
                write_l16(pcm, payload)
            }
            Coding::G722 => self.made(OnDemand::G722, index, payload),
            Coding::Opus => self.made(OnDemand::Opus, index, payload),
        }
    }

    /// Writes the samples of frame number `index`, counted round and round: as many as `pcm` has
    /// room for, which is a frame at `rate`.
    pub fn pcm(&self, rate: Rate, index: usize, pcm: &mut [i16]) {
        let Some(index) = index.checked_rem(self.frames) else {
            return pcm.fill(0);
        };
        match rate {
            Rate::Narrow => {
                Law::Mu.decode_frame(frame(&self.pcmu, index, FRAME_SAMPLES), pcm);
            }
            Rate::Wide => {
                let samples = frame(&self.wide, index, WIDE_FRAME);
                for (to, from) in pcm.iter_mut().zip(samples) {
                    *to = *from;
                }
            }
            Rate::Full => upsample(&self.wide, index * WIDE_FRAME, pcm),
        }
    }

    /// Writes a silent frame.
    pub fn silence(coding: Coding, payload: &mut [u8]) -> Made {
        match coding {
            Coding::Pcmu => fill(Law::Mu.silence(), FRAME_SAMPLES, payload),
            Coding::Pcma => fill(Law::A.silence(), FRAME_SAMPLES, payload),
            Coding::L16(rate) => fill(0, 2 * rate.frame_samples(), payload),
            // The last frame of many: what a settled encoder says of silence.
            Coding::G722 | Coding::Opus => SILENT.payload(coding, SILENT.frames - 1, payload),
        }
    }

    /// Has what silence needs made, which the first bank does: not on a media thread.
    pub(crate) fn prepare_silence() {
        LazyLock::force(&SILENT);
    }

    pub(crate) fn wide_frame(&self, index: usize) -> &[i16] {
        frame(&self.wide, index, WIDE_FRAME)
    }

    /// Takes an encoding in.
    pub(crate) fn keep(&self, kind: OnDemand, packets: Packets) {
        self.wanted.fetch_or(kind.bit(), Ordering::Relaxed);
        // Ordered once, so nobody was faster.
        self.slot(kind).set(packets).ok();
    }

    /// Whether it is there in this coding.
    pub(crate) fn has(&self, kind: OnDemand) -> bool {
        self.slot(kind).get().is_some()
    }

    /// Whether somebody wanted it in this coding.
    pub(crate) fn is_wanted(&self, kind: OnDemand) -> bool {
        self.wanted.load(Ordering::Relaxed) & kind.bit() != 0
    }

    fn slot(&self, kind: OnDemand) -> &OnceLock<Packets> {
        match kind {
            OnDemand::G722 => &self.g722,
            OnDemand::Opus => &self.opus,
        }
    }

    fn made(self: &Arc<Self>, kind: OnDemand, index: usize, payload: &mut [u8]) -> Made {
        match self.slot(kind).get() {
            Some(packets) => copy(packets.packet(index), payload),
            None => self.order(kind),
        }
    }

    /// Asks for an encoding, once.
    fn order(self: &Arc<Self>, kind: OnDemand) -> Made {
        let bit = kind.bit();
        let Some(orders) = self.orders.get() else {
            // A piece of a stream: the next one will have it.
            self.wanted.fetch_or(bit, Ordering::Relaxed);
            return Made::NotYet;
        };
        if self.wanted.load(Ordering::Relaxed) & bit == 0
            && self.wanted.fetch_or(bit, Ordering::Relaxed) & bit == 0
        {
            let sound = Arc::clone(self);
            // Without an engine nobody encodes, and nobody listens.
            orders.send(Order { sound, kind }).ok();
        }
        Made::NotYet
    }
}

/// A second of silence in every coding.
static SILENT: LazyLock<Arc<Sound>> = LazyLock::new(|| {
    let sound = Arc::new(Sound::of(&[0; 8000], &[0; 16_000]));
    for kind in [OnDemand::G722, OnDemand::Opus] {
        let sound = Arc::clone(&sound);
        if let Some(mut job) = EncodeJob::new(Order { sound, kind }) {
            while job.step(usize::MAX) {}
        }
    }
    sound
});

impl Packets {
    pub(crate) fn new(bytes: Vec<u8>, ends: Vec<u32>) -> Self {
        Self {
            bytes: bytes.into(),
            ends: ends.into(),
        }
    }

    fn packet(&self, index: usize) -> &[u8] {
        let at = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).map_or(0, at);
        self.bytes.get(start..at(index)).unwrap_or_default()
    }
}

/// Samples at one rate as samples at another.
fn convert(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
    let Ok(mut resampler) = FileResampler::new(from, to) else {
        return Vec::new();
    };
    let input: Vec<f32> = pcm.iter().map(|sample| f32::from(*sample)).collect();
    let mut output = Vec::new();
    resampler.push(&input, &mut output);
    resampler.finish(&mut output);
    let length = pcm.len() as u64 * u64::from(to) / u64::from(from);
    output.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    output.iter().map(|s| clamp(f64::from(*s))).collect()
}

fn frame<T>(samples: &[T], index: usize, length: usize) -> &[T] {
    samples
        .get(index * length..(index + 1) * length)
        .unwrap_or_default()
}

fn copy(from: &[u8], payload: &mut [u8]) -> Made {
    match payload.get_mut(..from.len()) {
        Some(to) if !from.is_empty() => {
            to.copy_from_slice(from);
            Made::Payload(from.len())
        }
        _ => Made::Nothing,
    }
}

fn fill(byte: u8, length: usize, payload: &mut [u8]) -> Made {
    match payload.get_mut(..length) {
        Some(to) => {
            to.fill(byte);
            Made::Payload(length)
        }
        None => Made::Nothing,
    }
}

/// Samples in network byte order (RFC 3551 section 4.5.11).
pub(crate) fn write_l16(pcm: &[i16], payload: &mut [u8]) -> Made {
    let Some(room) = payload.get_mut(..2 * pcm.len()) else {
        return Made::Nothing;
    };
    for (to, sample) in room.chunks_exact_mut(2).zip(pcm) {
        to.copy_from_slice(&sample.to_be_bytes());
    }
    Made::Payload(2 * pcm.len())
}

/// Three samples for each of `wide` from `start` on. What lies around them is at hand, so that no
/// state is kept and any frame can be had at any time.
fn upsample(wide: &[i16], start: usize, pcm: &mut [i16]) {
    /// Taps of the two phases between samples.
    static TAPS: LazyLock<[[f32; 2 * REACH]; 2]> = LazyLock::new(|| [taps(1), taps(2)]);
    let sample = |index: Option<usize>| index.and_then(|i| wide.get(i)).copied().unwrap_or(0);
    for (n, three) in pcm.chunks_mut(3).enumerate() {
        let at = start + n;
        for (phase, to) in three.iter_mut().enumerate() {
            *to = match phase.checked_sub(1).and_then(|phase| TAPS.get(phase)) {
                None => sample(Some(at)),
                Some(taps) => {
                    let window = (0..2 * REACH).map(|k| sample((at + k + 1).checked_sub(REACH)));
                    let sum: f32 = window.zip(taps).map(|(s, tap)| f32::from(s) * tap).sum();
                    clamp(f64::from(sum))
                }
            };
        }
    }
}

/// The taps that give the value a third, or two, behind a sample: a windowed sinc.
fn taps(thirds: u8) -> [f32; 2 * REACH] {
    let mut taps = [0.0; 2 * REACH];
    let middle = REACH as f64 - 1.0 + f64::from(thirds) / 3.0;
    for (k, tap) in taps.iter_mut().enumerate() {
        let x = k as f64 - middle;
        let pi_x = std::f64::consts::PI * x;
        let window = 0.5 + 0.5 * (pi_x / (REACH as f64 + 0.5)).cos();
        #[expect(clippy::cast_possible_truncation, reason = "at most 1")]
        {
            *tap = (pi_x.sin() / pi_x * window) as f32;
        }
    }
    let sum: f32 = taps.iter().sum();
    taps.map(|tap| tap / sum)
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sound")
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
