//! What a leg's far end is sent: packets passed on, and frames of our own.

use std::time::Instant;

use crate::codec::Coding;
use crate::graph::playlist::{PlayControl, PlayEnd};
use crate::graph::sound::Made;
use crate::rtp::{HEADER_LEN, RtpHeader};
use crate::session::drop_reason::DropReason;
use crate::session::media_session::MediaSession;
use crate::session::receiving::{Content, Received};
use crate::session::stream::Relayed;

/// Room for any packet we send.
pub const PACKET_LEN: usize = 2048;

/// Room behind the payload for what protects a packet.
const TRAILER: usize = 24;

/// Longest payload we send.
pub const MAX_PAYLOAD: usize = PACKET_LEN - HEADER_LEN - TRAILER;

impl MediaSession {
    /// Turns what the leg this one hears received into a packet for its own far end: its length in
    /// `out`. `None` when this leg hears something else now.
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
        let covered = self.player.is_some() || self.digits_out.is_active();
        if covered || self.background.is_made_by_us() {
            return Ok(None);
        }
        let remote = self.remote.as_ref().filter(|remote| remote.sends());
        let remote = remote.ok_or(DropReason::Unsendable)?;
        let room = out.get_mut(HEADER_LEN..HEADER_LEN + payload.len());
        let room = room.filter(|_| payload.len() <= MAX_PAYLOAD);
        let room = room.ok_or(DropReason::Unsendable)?;
        let (payload_type, length, is_event) = match received.content {
            Content::Audio(coding) => {
                room.copy_from_slice(payload);
                if let (Some(from), Some(to)) = (coding.law(), remote.coding.law()) {
                    from.transcode(to, room);
                }
                let length = u32::try_from(payload.len()).unwrap_or(0);
                (remote.media.payload_type, length, false)
            }
            Content::Key(event) => {
                room.copy_from_slice(payload);
                match remote.media.telephone_event {
                    Some(payload_type) => (payload_type, u32::from(event.duration), true),
                    None => {
                        self.stream.skip(received.arrival);
                        return Err(DropReason::Unsendable);
                    }
                }
            }
            Content::Nothing => {
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
        Ok(Some(self.seal(out, header, payload_type, payload.len())))
    }

    /// One frame of the wheel: writes the packet to send, if there is one; its length.
    pub fn tick(
        &mut self,
        now: Instant,
        tick: u64,
        packet: &mut [u8; PACKET_LEN],
    ) -> Option<usize> {
        let remote = self.remote.as_ref()?;
        let sends = remote.sends();
        if self.digits_out.is_active() {
            let payload_type = remote.media.telephone_event?;
            let (header, event) = self.digits_out.tick(now, &mut self.stream)?;
            if !sends {
                return None;
            }
            packet[HEADER_LEN..HEADER_LEN + event.len()].copy_from_slice(&event);
            return Some(self.seal(packet, header, payload_type, event.len()));
        }
        let payload_type = remote.media.payload_type;
        let coding = remote.coding;
        let room = &mut packet[HEADER_LEN..HEADER_LEN + MAX_PAYLOAD];
        let Made::Payload(length) = self.next_frame(coding, tick, room) else {
            return None;
        };
        if !sends {
            return None;
        }
        let header = self.stream.frame(now, tick * 2, 2);
        Some(self.seal(packet, header, payload_type, length))
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

    /// Puts the header before a payload that is already in its place; the packet's length.
    fn seal(
        &mut self,
        packet: &mut [u8; PACKET_LEN],
        header: RtpHeader,
        payload_type: u8,
        payload_len: usize,
    ) -> usize {
        let header = RtpHeader {
            payload_type,
            ..header
        };
        packet[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        self.stream.count(payload_len);
        HEADER_LEN + payload_len
    }
}
