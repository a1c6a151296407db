//! What a leg's far end sends: whose packets are believed, and what is in them.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use crate::codec::{Coding, Law};
use crate::graph::player::Player;
use crate::graph::playlist::PlayEnd;
use crate::rtcp::Compound;
use crate::rtp::{Arrival, Packet, RtpHeader, RtpSource, TelephoneEvent};
use crate::session::digit_receiver::DigitInput;
use crate::session::drop_reason::DropReason;
use crate::session::media_session::{MediaSession, Remote, SessionEvent, Silence};
use crate::time::RtpTime;

/// The payload type our own offers give telephone events. The far end sends keys with it even if
/// its answer names another for the way back (RFC 3264 section 5.1).
const OFFERED_TELEPHONE_EVENT: u8 = 101;

/// Comfort noise (RFC 3389): taken as a sign of life, not passed on.
const COMFORT_NOISE: u8 = 13;

/// A packet that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Where in the datagram its payload lies.
    pub payload: Range<usize>,
    /// What it is.
    pub content: Content,
    /// Its timestamp.
    pub time: RtpTime,
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
    Key(TelephoneEvent),
    /// Comfort noise, or nothing at all.
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
        let remote = self.remote.as_mut().filter(|r| r.media.receive);
        let remote = remote.ok_or(DropReason::NotWanted)?;
        let packet = Packet::parse(datagram).map_err(|_| DropReason::Malformed)?;
        let payload = &datagram[packet.payload.clone()];
        let content = remote.content(&packet.header, payload)?;
        let was_latched = remote.latch.latched().is_some();
        if !remote.latch.accepts(from, &packet.header) {
            return Err(DropReason::Stranger);
        }
        self.silent = Silence::Since(now);
        let arrival = self.place(&packet.header, now, content)?;
        if let Content::Key(event) = content {
            self.take_key(now, packet.header.time, event);
        }
        Ok(Received {
            payload: packet.payload,
            content,
            time: packet.header.time,
            ssrc: packet.header.ssrc,
            marker: packet.header.marker,
            arrival,
            latched: !was_latched,
        })
    }

    /// Takes a datagram from the RTCP socket. One that is not sound, or from a stranger, changes
    /// nothing.
    pub fn receive_rtcp(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(remote) = &mut self.remote else {
            return;
        };
        let known = from == remote.media.rtcp || from.ip() == remote.latch.destination().ip();
        let Some(compound) = Compound::parse(datagram).ok().filter(|_| known) else {
            return;
        };
        if from != remote.media.rtcp {
            remote.rtcp.get_or_insert(from);
        }
        self.reports.receive(now, &compound, self.stream.ssrc());
    }

    fn place(
        &mut self,
        header: &RtpHeader,
        now: Instant,
        content: Content,
    ) -> Result<Arrival, DropReason> {
        let Some(source) = &mut self.source else {
            let source = RtpSource::new(header, now, self.stream.clock());
            let arrival = source.first_arrival();
            self.source = Some(source);
            self.events.push_back(SessionEvent::FirstPacket);
            return Ok(arrival);
        };
        if self.resumed {
            self.resumed = false;
            self.digits_in.restart();
            return Ok(source.restart(header, now));
        }
        let epoch = source.epoch();
        let arrival = match content {
            Content::Audio(_) => source.receive(header, now),
            Content::Key(_) | Content::Nothing => source.place(header, now),
        };
        let arrival = arrival.ok_or(DropReason::Late)?;
        if arrival.epoch != epoch {
            self.digits_in.restart();
        }
        Ok(arrival)
    }

    fn take_key(&mut self, now: Instant, time: RtpTime, event: TelephoneEvent) {
        for input in self
            .digits_in
            .receive(now, time, event)
            .into_iter()
            .flatten()
        {
            if let DigitInput::Pressed(digit) = input {
                self.events.push_back(SessionEvent::Digit(digit));
                if self.player.as_ref().is_some_and(Player::barge_in) {
                    self.end_play(PlayEnd::BargeIn);
                }
            }
        }
    }
}

impl Remote {
    fn content(&self, header: &RtpHeader, payload: &[u8]) -> Result<Content, DropReason> {
        let payload_type = header.payload_type;
        if payload_type == self.media.payload_type && !payload.is_empty() {
            return Ok(Content::Audio(self.coding));
        }
        let is_key = self
            .media
            .telephone_event
            .is_some_and(|agreed| [agreed, OFFERED_TELEPHONE_EVENT].contains(&payload_type));
        if is_key {
            let event = TelephoneEvent::parse(payload).ok_or(DropReason::Malformed)?;
            return Ok(Content::Key(event));
        }
        if payload_type == COMFORT_NOISE || payload.is_empty() {
            return Ok(Content::Nothing);
        }
        // Static types need no agreement to be understood, and some far ends switch at will.
        Law::of_payload_type(payload_type)
            .map(|law| Content::Audio(law.into()))
            .ok_or(DropReason::UnknownPayload)
    }
}
