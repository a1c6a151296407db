//! What a leg's far end sends: whose packets are believed, and what is in them.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use crate::codec::{Coding, Law};
use crate::graph::player::Player;
use crate::graph::playlist::PlayEnd;
use crate::rtcp::Compound;
use crate::rtp::{Arrival, ClockRate, Packet, RtpHeader, RtpSource, TelephoneEvent};
use crate::session::digit_receiver::DigitInput;
use crate::session::drop_reason::DropReason;
use crate::session::media_session::{KeySource, MediaSession, Remote, SessionEvent, Silence};
use crate::time::RtpTime;

/// The static payload type of comfort noise (RFC 3389).
const COMFORT_NOISE: u8 = 13;

/// Packets in a row that have to have another length before the far end is taken to have changed it.
const SURE: u8 = 3;

/// A packet that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Where in the datagram its payload lies.
    pub payload: Range<usize>,
    /// What it is.
    pub content: Content,
    /// Its timestamp.
    pub time: RtpTime,
    /// How long its sound lasts, in units of the stream's clock.
    pub units: u32,
    /// Its sender.
    pub ssrc: u32,
    /// Whether it begins a talk spurt.
    pub marker: bool,
    /// Its place in the far end's stream.
    pub arrival: Arrival,
    /// Whether from now on only this packet's sender is believed.
    pub latched: bool,
}

/// What a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Audio.
    Audio(Coding),
    /// A report on a pressed key.
    Key {
        /// The report.
        event: TelephoneEvent,
        /// The clock rate its duration is counted by.
        clock: u32,
    },
    /// Comfort noise (RFC 3389).
    Noise,
    /// Nothing at all.
    Nothing,
}

impl MediaSession {
    /// Takes a datagram from the RTP socket.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Received, DropReason> {
        let length = self.open(now, from, datagram)?;
        let datagram = &datagram[..length];
        let is_secure = self.is_secure();
        let remote = self.remote.as_mut().filter(|r| r.media.receive);
        let remote = remote.ok_or(DropReason::NotWanted)?;
        let packet = Packet::parse(datagram).map_err(|_| DropReason::Malformed)?;
        let payload = &datagram[packet.payload.clone()];
        let (content, units) = remote.content(&packet.header, payload)?;
        let was_latched = remote.latch.latched().is_some();
        if is_secure && !was_latched {
            remote.latch.believe(from);
        }
        if !remote.latch.accepts(from, &packet.header) {
            return Err(DropReason::Stranger);
        }
        self.silent = Silence::Since(now);
        let content = self.follow_tongue(content);
        let arrival = self.place(&packet.header, now, content)?;
        let received = Received {
            payload: packet.payload,
            content,
            time: packet.header.time,
            units,
            ssrc: packet.header.ssrc,
            marker: packet.header.marker,
            arrival,
            latched: !was_latched,
        };
        match content {
            Content::Audio(coding) => {
                self.take_audio(now, coding, &received, &datagram[received.payload.clone()]);
            }
            Content::Key { event, clock } => {
                self.digits_in.set_clock(ClockRate::new(clock));
                self.skip_audio(&received);
                let number = arrival.extended;
                let inputs = self.digits_in.receive(now, number, received.time, event);
                for input in inputs {
                    self.take_key(input, KeySource::Event);
                }
            }
            Content::Noise => {
                let payload = &datagram[received.payload.clone()];
                if let Some(audio) = &mut self.audio_in {
                    audio.rest(&received, payload);
                }
            }
            Content::Nothing => self.skip_audio(&received),
        }
        Ok(received)
    }

    /// Takes a datagram from the RTCP socket.
    ///
    /// # Errors
    /// Why it is of no use; then it changed nothing.
    pub fn receive_rtcp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<(), DropReason> {
        let remote = self.remote.as_ref().ok_or(DropReason::NotWanted)?;
        // What is authentic speaks for itself, wherever it comes from.
        let known = from == remote.media.rtcp || from.ip() == remote.latch.destination().ip();
        if !known && !self.is_secure() {
            return Err(DropReason::Stranger);
        }
        let length = self.open_rtcp(now, datagram)?;
        let compound = Compound::parse(&datagram[..length]);
        let compound = compound.map_err(|_| DropReason::Malformed)?;
        let remote = self.remote.as_mut().ok_or(DropReason::NotWanted)?;
        if from != remote.media.rtcp {
            remote.rtcp.get_or_insert(from);
        }
        self.reports.receive(now, &compound, self.stream.ssrc());
        self.expect_loss();
        Ok(())
    }

    fn place(
        &mut self,
        header: &RtpHeader,
        now: Instant,
        content: Content,
    ) -> Result<Arrival, DropReason> {
        let Some(source) = &mut self.source else {
            let source = RtpSource::new(header, now, self.heard_clock());
            let arrival = source.first_arrival();
            self.source = Some(source);
            self.events.push_back(SessionEvent::FirstPacket);
            return Ok(arrival);
        };
        if self.resumed {
            self.resumed = false;
            let arrival = source.restart(header, now);
            self.restart_keys();
            return Ok(arrival);
        }
        let epoch = source.epoch();
        let arrival = match content {
            Content::Audio(_) => source.receive(header, now),
            Content::Key { .. } | Content::Noise | Content::Nothing => source.place(header, now),
        };
        let arrival = arrival.ok_or(DropReason::Late)?;
        if arrival.epoch != epoch {
            self.restart_keys();
        }
        Ok(arrival)
    }

    /// The far end began another stream: a key that was down in the one before is let go.
    fn restart_keys(&mut self) {
        let released = self.digits_in.restart();
        self.take_key(released, KeySource::Event);
    }

    pub(super) fn take_key(&mut self, input: Option<DigitInput>, by: KeySource) {
        match input {
            Some(DigitInput::Pressed(digit)) => {
                self.events.push_back(SessionEvent::Pressed(digit, by));
                if self.player.as_ref().is_some_and(Player::barge_in) {
                    self.end_play(PlayEnd::BargeIn);
                }
            }
            Some(DigitInput::Released { .. }) => self.events.push_back(SessionEvent::Released(by)),
            None => {}
        }
    }

    fn take_audio(&mut self, now: Instant, coding: Coding, received: &Received, payload: &[u8]) {
        self.measure_packing(received.units);
        self.listen_for_fax(coding, payload);
        self.listen_for_keys(coding, payload);
        if let Some(audio) = &mut self.audio_in {
            audio.push(now, coding, received, payload);
        }
    }

    fn skip_audio(&mut self, received: &Received) {
        if let Some(audio) = &mut self.audio_in {
            audio.skip(received);
        }
    }

    /// The clock of what the far end says.
    fn heard_clock(&self) -> ClockRate {
        let remote = self.remote.as_ref();
        remote.map_or(self.stream.clock(), |remote| remote.tongue.clock())
    }

    /// Notes how long the far end's packets are: it changes that only when several in a row say so.
    fn measure_packing(&mut self, units: u32) {
        let length = self.heard_clock().duration(u64::from(units));
        if self.packing == Some(length) {
            self.unlike = 0;
            return;
        }
        self.unlike += 1;
        if self.packing.is_none() || self.unlike >= SURE {
            self.unlike = 0;
            self.packing = Some(length);
            self.events.push_back(SessionEvent::Repacked);
        }
    }
}

impl Remote {
    /// What a packet holds, and how long its sound lasts.
    fn content(&self, header: &RtpHeader, payload: &[u8]) -> Result<(Content, u32), DropReason> {
        let media = &self.media;
        let payload_type = header.payload_type;
        if payload.is_empty() {
            return Ok((Content::Nothing, 0));
        }
        let keys = media.receive_keys.iter().flatten();
        let keys = keys.copied().find(|(agreed, _)| *agreed == payload_type);
        if payload_type == media.receive_payload_type {
            return audio(self.coding, payload);
        }
        if let Some((_, clock)) = keys {
            let event = TelephoneEvent::parse(payload).ok_or(DropReason::Malformed)?;
            return Ok((Content::Key { event, clock }, 0));
        }
        if payload_type == COMFORT_NOISE || media.receive_comfort_noise == Some(payload_type) {
            return Ok((Content::Noise, 0));
        }
        if let Some(coding) = media.also(payload_type) {
            return audio(coding, payload);
        }
        // Some send with the number they asked for themselves.
        if payload_type == media.payload_type {
            return audio(self.coding, payload);
        }
        // Static types need no agreement to be understood, and some far ends switch at will. Both
        // laws have the same clock, and so has a stream that changes between them.
        match Law::of_payload_type(payload_type) {
            Some(law) if self.coding.law().is_some() => audio(law.into(), payload),
            Some(_) | None => Err(DropReason::UnknownPayload),
        }
    }
}

fn audio(coding: Coding, payload: &[u8]) -> Result<(Content, u32), DropReason> {
    let units = coding
        .duration(payload)
        .map_err(|_| DropReason::Malformed)?;
    Ok((Content::Audio(coding), units))
}
