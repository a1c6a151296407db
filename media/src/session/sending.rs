//! What a leg's far end is sent: packets passed on, and frames of our own.

use std::time::Instant;

use offhook_core::config::OpusFec;
use offhook_core::sdp::OpusWish;

use crate::codec::Coding;
use crate::dsp::dtmf::{DtmfTone, USUAL_LEVELS};
use crate::graph::player::Player;
use crate::graph::playlist::{PlayControl, PlayEnd};
use crate::graph::sound::Made;
use crate::rtp::{ClockRate, HEADER_LEN, RtpHeader, TelephoneEvent};
use crate::session::audio_out::{AudioOut, Encoded, Form, PackedKind, settings};
use crate::session::digit_sender::ToneFrame;
use crate::session::drop_reason::DropReason;
use crate::session::jitter::Heard;
use crate::session::link::Link;
use crate::session::media_session::MediaSession;
use crate::session::receiving::{Content, Received};
use crate::session::recutter::Recutter;
use crate::session::remote::KeysOut;
use crate::session::stream::Relayed;
use crate::srtp::TRAILER_LEN;
use crate::time::{FRAME_SAMPLES, Rate};

/// Room for any packet we send.
pub const PACKET_LEN: usize = 2048;

/// Longest payload we send.
pub const MAX_PAYLOAD: usize = PACKET_LEN - HEADER_LEN - TRAILER_LEN;

/// The loss to be ready for, in percent, where packets are always to carry the ones before them.
const READY_FOR: u8 = 10;

/// A frame of 20 ms that somebody else made for this leg: its partner, or its conference.
#[derive(Debug, Clone, Copy)]
pub struct Spoken<'a> {
    /// The samples.
    pub pcm: &'a [i16],
    /// Their rate.
    pub rate: Rate,
    /// What is in them: of silence nothing is sent.
    pub heard: Heard,
}

impl MediaSession {
    /// Turns what the leg this one hears received into a packet for its own far end: its length in
    /// `out`. `None` when this leg hears something else now, or hears it decoded.
    ///
    /// # Errors
    /// Why it cannot be passed on.
    pub fn relay(
        &mut self,
        now: Instant,
        received: &Received,
        payload: &[u8],
        out: &mut [u8; PACKET_LEN],
    ) -> Result<Option<usize>, DropReason> {
        if self.is_covered() || self.background.is_made_by_us() {
            return Ok(None);
        }
        match self.link {
            Link::Relay => {}
            Link::Recut => return self.recut(now, received, payload, out),
            Link::Transcode(_) => return Ok(None),
        }
        let remote = self.remote.as_ref().filter(|remote| remote.sends());
        let remote = remote.ok_or(DropReason::Unsendable)?;
        let room = out.get_mut(HEADER_LEN..HEADER_LEN + payload.len());
        let room = room.filter(|_| payload.len() <= MAX_PAYLOAD);
        let room = room.ok_or(DropReason::Unsendable)?;
        room.copy_from_slice(payload);
        let noise = remote.media.comfort_noise;
        let (payload_type, length, is_event) = match (received.content, remote.media.keys) {
            (Content::Audio(coding), _) => {
                match (coding.law(), remote.coding.law()) {
                    (Some(from), Some(to)) => from.transcode(to, room),
                    _ if coding == remote.coding => {}
                    _ => return Err(DropReason::Unsendable),
                }
                (remote.media.payload_type, received.units, false)
            }
            (
                Content::Key { event, clock },
                KeysOut::Events {
                    payload_type,
                    clock_rate,
                },
            ) => {
                let duration = ClockRate::new(clock)
                    .counted_by(event.duration.into(), ClockRate::new(clock_rate));
                let event = TelephoneEvent {
                    duration: u16::try_from(duration).unwrap_or(u16::MAX),
                    ..event
                };
                let bytes = event.to_bytes();
                let begin = room.get_mut(..bytes.len()).ok_or(DropReason::Malformed)?;
                begin.copy_from_slice(&bytes);
                let units = ClockRate::new(clock_rate)
                    .counted_by(event.duration.into(), self.stream.clock());
                (payload_type, units, true)
            }
            (Content::Noise, _) if noise.is_some() => (noise.unwrap_or_default(), 0, false),
            // Whoever takes no events hears the key as tones of ours.
            (Content::Key { .. }, KeysOut::Tones) | (Content::Noise | Content::Nothing, _) => {
                self.stream.skip(received.arrival);
                return Ok(None);
            }
        };
        let packet = Relayed {
            arrival: received.arrival,
            time: received.time,
            marker: received.marker,
            length,
            is_event,
        };
        let header = self.stream.relay(now, &packet).ok_or(DropReason::Late)?;
        let sealed = self.seal(out, header, payload_type, payload.len());
        sealed.map(Some).ok_or(DropReason::Unsendable)
    }

    /// Writes the next packet that came of the one relayed last, if there is another; its length.
    pub fn relay_more(&mut self, now: Instant, out: &mut [u8; PACKET_LEN]) -> Option<usize> {
        let room = &mut out[HEADER_LEN..HEADER_LEN + MAX_PAYLOAD];
        let cut = self.recutter.as_mut()?.pop(room)?;
        let payload_type = self.remote.as_ref()?.media.payload_type;
        let units = u32::try_from(cut.length).unwrap_or(0);
        let header = self.stream.cut(now, cut.epoch, cut.time, units);
        self.seal(out, header, payload_type, cut.length)
    }

    /// One frame of the wheel: writes the first packet to send, if there is one; its length. What
    /// others say is in `spoken`, and heard unless something of our own covers it. There may be
    /// [`MediaSession::more`].
    pub fn tick(
        &mut self,
        now: Instant,
        tick: u64,
        spoken: Option<Spoken<'_>>,
        packet: &mut [u8; PACKET_LEN],
    ) -> Option<usize> {
        let remote = self.remote.as_ref()?;
        if self.digits_out.is_active() {
            return self.key_frame(now, tick, packet);
        }
        let sends = remote.sends();
        if self.player.is_some() || self.background.is_made_by_us() {
            return self.made_frame(now, tick, packet);
        }
        let spoken = spoken.filter(|spoken| sends && spoken.heard != Heard::Silence)?;
        self.encode(now, tick, spoken.rate, spoken.pcm, packet)
    }

    /// Writes the next packet of this tick, if there is another; its length.
    pub fn more(&mut self, now: Instant, packet: &mut [u8; PACKET_LEN]) -> Option<usize> {
        loop {
            let room = &mut packet[HEADER_LEN..HEADER_LEN + MAX_PAYLOAD];
            let packed = self.audio_out.as_mut()?.pop(room)?;
            if packed.length > 0 {
                let media = &self.remote.as_ref()?.media;
                let payload_type = match (packed.kind, media.comfort_noise) {
                    (PackedKind::Noise, Some(noise)) => noise,
                    (PackedKind::Noise, None) => continue,
                    (PackedKind::Audio, _) => media.payload_type,
                };
                let (begins, halves) = (packed.begins, packed.halves);
                let header = match packed.kind {
                    PackedKind::Noise => self.stream.noise(now, begins, halves),
                    PackedKind::Audio => self.stream.frame(now, begins, halves),
                };
                return self.seal(packet, header, payload_type, packed.length);
            }
        }
    }

    /// Sends a payload of 20 ms that was encoded for all legs of this [`Form`]; the packet's length.
    /// `None` when the leg may not be sent to, or hears something of its own: then
    /// [`MediaSession::tick`] it.
    pub fn say_encoded(
        &mut self,
        now: Instant,
        tick: u64,
        encoded: Encoded<'_>,
        packet: &mut [u8; PACKET_LEN],
    ) -> Option<usize> {
        let payload = encoded.payload;
        let sends = self.remote.as_ref().is_some_and(|remote| remote.sends());
        if !sends || self.is_covered() || payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return None;
        }
        let noise = self.remote.as_ref()?.media.comfort_noise;
        packet[HEADER_LEN..HEADER_LEN + payload.len()].copy_from_slice(payload);
        match encoded.kind {
            PackedKind::Audio => self.frame(now, tick, packet, payload.len()),
            PackedKind::Noise => {
                let noise = noise?;
                let header = self.stream.noise(now, tick * 2, 2);
                self.seal(packet, header, noise, payload.len())
            }
        }
    }

    /// Changes how what is being played is played; nothing, if nothing is.
    pub fn control_play(&mut self, control: PlayControl) {
        if let Some(player) = &mut self.player {
            player.control(control);
            if player.is_finished() {
                self.end_play(PlayEnd::Finished);
            }
        }
    }

    /// How its far end wants packets; `None` before it is known.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        let remote = self.remote.as_ref()?;
        let wanted = remote.media.packet_milliseconds();
        let longest = match remote.coding {
            // Beyond it the packet would not fit the usual path in one piece.
            Coding::L16(Rate::Full) => 10,
            Coding::L16(Rate::Wide) => 40,
            Coding::L16(Rate::Narrow) | Coding::Pcmu | Coding::Pcma => 60,
            Coding::G722 | Coding::Opus => 60,
        };
        Some(Form {
            coding: remote.coding,
            milliseconds: remote.coding.packet_milliseconds(wanted.min(longest)),
            settings: settings(self.settings.encoder, &remote.media),
        })
    }

    /// Whether the leg hears something of its own: a playlist, or keys being pressed.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.player.is_some() || self.digits_out.is_active()
    }

    /// Nothing has to be made for the leg every frame any more: what only that needed is given back.
    pub fn leave_wheel(&mut self) {
        self.drop_idle_encoder();
    }

    /// Drops the encoder when nothing is left that needs it.
    pub(super) fn drop_idle_encoder(&mut self) {
        let transcodes = self.link.is_coded_anew() && !self.background.is_made_by_us();
        if !transcodes && !self.is_covered() && !self.needs_wheel() {
            self.audio_out = None;
        }
    }

    /// Goes on with the tones of a key, or with silence.
    fn sing(&mut self, key: Option<char>, pcm: &mut [i16]) {
        if self.key_tone.as_ref().map(|(key, _)| *key) != key {
            let tone = |key| DtmfTone::new(key, Rate::Narrow.hertz(), USUAL_LEVELS);
            self.key_tone = key.and_then(|key| Some((key, tone(key)?)));
        }
        match &mut self.key_tone {
            Some((_, tone)) => tone.fill(pcm),
            None => pcm.fill(0),
        }
    }

    /// Cuts the sound of a fax to the far end's length; the first packet that comes of it.
    fn recut(
        &mut self,
        now: Instant,
        received: &Received,
        payload: &[u8],
        out: &mut [u8; PACKET_LEN],
    ) -> Result<Option<usize>, DropReason> {
        let remote = self.remote.as_ref().filter(|remote| remote.sends());
        let remote = remote.ok_or(DropReason::Unsendable)?;
        let Content::Audio(coding) = received.content else {
            // Keys are pressed anew, and a fax has no comfort.
            return Ok(None);
        };
        let (Some(from), Some(to)) = (coding.law(), remote.coding.law()) else {
            return Err(DropReason::Unsendable);
        };
        let room = out.get_mut(..payload.len()).ok_or(DropReason::Malformed)?;
        room.copy_from_slice(payload);
        from.transcode(to, room);
        let whole = self.form().map_or(20, |form| form.milliseconds) as usize
            * Rate::Narrow.per_millisecond();
        let fits = |recutter: &Recutter| recutter.whole() == whole;
        if !self.recutter.as_deref().is_some_and(fits) {
            self.recutter = Some(Box::new(Recutter::new(whole)));
        }
        let pushed = self
            .recutter
            .as_mut()
            .is_some_and(|recutter| recutter.push(received.arrival, received.time, room));
        if !pushed {
            return Err(DropReason::Late);
        }
        Ok(self.relay_more(now, out))
    }

    fn key_frame(
        &mut self,
        now: Instant,
        tick: u64,
        packet: &mut [u8; PACKET_LEN],
    ) -> Option<usize> {
        let remote = self.remote.as_ref()?;
        let sends = remote.sends();
        match remote.media.keys {
            KeysOut::Events {
                payload_type,
                clock_rate,
            } => {
                if !sends {
                    self.digits_out.pass();
                    return None;
                }
                let clock = ClockRate::new(clock_rate);
                let (header, event) = self.digits_out.tick(now, &mut self.stream, clock)?;
                packet[HEADER_LEN..HEADER_LEN + event.len()].copy_from_slice(&event);
                self.seal(packet, header, payload_type, event.len())
            }
            KeysOut::Tones => {
                let key = match self.digits_out.tone() {
                    ToneFrame::Key(key) => Some(key),
                    ToneFrame::Pause => None,
                };
                let mut pcm = [0; FRAME_SAMPLES];
                self.sing(key, &mut pcm);
                if !sends {
                    return None;
                }
                self.encode(now, tick, Rate::Narrow, &pcm, packet)
            }
        }
    }

    /// A frame of a player or of the background: as it is kept, or encoded for this far end where it
    /// wants another length or loudness than that.
    fn made_frame(
        &mut self,
        now: Instant,
        tick: u64,
        packet: &mut [u8; PACKET_LEN],
    ) -> Option<usize> {
        let (form, sends) = (self.form()?, self.remote.as_ref()?.sends());
        let follows = matches!(form.coding, Coding::G722 | Coding::Opus);
        let changed = self.player.as_ref().is_some_and(Player::is_changed) && follows;
        if form.milliseconds == 20 && !changed {
            let room = &mut packet[HEADER_LEN..HEADER_LEN + MAX_PAYLOAD];
            return match self.next_frame(form.coding, tick, room) {
                Made::Payload(length) if sends => self.frame(now, tick, packet, length),
                Made::Payload(_) | Made::NotYet | Made::Nothing => None,
            };
        }
        let rate = self.hears_up_to().min(Rate::Wide);
        let mut pcm = [0; Rate::Wide.frame_samples()];
        let pcm = &mut pcm[..rate.frame_samples()];
        if !self.next_pcm(rate, tick, pcm) || !sends {
            return None;
        }
        self.encode(now, tick, rate, pcm, packet)
    }

    fn next_frame(&mut self, coding: Coding, tick: u64, payload: &mut [u8]) -> Made {
        if let Some(player) = &mut self.player {
            let played = player.next_frame(coding, payload);
            if player.is_finished() {
                self.end_play(PlayEnd::Finished);
            }
            return played;
        }
        self.heard += 1;
        let heard = self.heard - 1;
        self.background.frame(coding, heard, tick, payload)
    }

    fn next_pcm(&mut self, rate: Rate, tick: u64, pcm: &mut [i16]) -> bool {
        if let Some(player) = &mut self.player {
            let played = player.next_pcm(rate, pcm);
            if player.is_finished() {
                self.end_play(PlayEnd::Finished);
            }
            return played;
        }
        self.heard += 1;
        self.background.pcm(rate, self.heard - 1, tick, pcm)
    }

    fn encode(
        &mut self,
        now: Instant,
        tick: u64,
        rate: Rate,
        pcm: &[i16],
        packet: &mut [u8; PACKET_LEN],
    ) -> Option<usize> {
        let form = self.form()?;
        let fits = |out: &AudioOut| out.form() == form && out.rate() == rate;
        if !self.audio_out.as_deref().is_some_and(fits) {
            // Without memory for it nothing is heard, and the call goes on.
            self.audio_out = AudioOut::new(form, rate).ok().map(Box::new);
            self.expect_loss();
        }
        self.audio_out.as_mut()?.push(tick, pcm);
        self.more(now, packet)
    }

    /// Packets carry as much of the ones before them as the far end's losses ask for, if it can make
    /// use of that.
    pub(super) fn expect_loss(&mut self) {
        let opus = self.remote.as_ref().map(|remote| remote.media.opus);
        let repairs = opus.is_some_and(|opus| opus.wants(OpusWish::InBandFec));
        let lost = match self.settings.fec {
            _ if !repairs => 0,
            OpusFec::Off => 0,
            OpusFec::On => self.reports.lost_there().max(READY_FOR),
            OpusFec::WhenLossy => self.reports.lost_there(),
        };
        if let Some(out) = &mut self.audio_out {
            out.set_expected_loss(lost);
        }
    }

    /// Puts the header before a frame of 20 ms; the packet's length.
    fn frame(
        &mut self,
        now: Instant,
        tick: u64,
        packet: &mut [u8; PACKET_LEN],
        payload_len: usize,
    ) -> Option<usize> {
        let header = self.stream.frame(now, tick * 2, 2);
        let remote = self.remote.as_ref();
        let payload_type = remote.map_or(0, |remote| remote.media.payload_type);
        self.seal(packet, header, payload_type, payload_len)
    }

    /// Puts the header before a payload that is already in its place, and protects both if the leg
    /// has keys; the packet's length. `None` when it must not be sent.
    fn seal(
        &mut self,
        packet: &mut [u8; PACKET_LEN],
        header: RtpHeader,
        payload_type: u8,
        payload_len: usize,
    ) -> Option<usize> {
        let header = RtpHeader {
            payload_type,
            ..header
        };
        packet[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        let length = self.protect(packet, HEADER_LEN + payload_len)?;
        self.stream.count(payload_len);
        Some(length)
    }
}
