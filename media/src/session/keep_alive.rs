//! Packets that say nothing, so that a NAT before the far end keeps letting packets in.
//!
//! Of the ways RFC 6263 compares, RTCP in the same port is the best and needs rtcp-mux, which phones
//! seldom have; what every receiver must ignore is RTP of a payload type that was not agreed on
//! (section 4.6). Such packets go out whatever the direction: a mapping is lost on hold as well.

use std::time::Instant;

use crate::rtp::{HEADER_LEN, RtpHeader};
use crate::session::media_session::{MediaSession, Remote};
use crate::session::remote::KeysOut;
use crate::session::sending::PACKET_LEN;

impl MediaSession {
    /// Writes a packet that says nothing, if nothing went out for so long that one is due; its
    /// length.
    pub fn poll_keep_alive(
        &mut self,
        now: Instant,
        packet: &mut [u8; PACKET_LEN],
    ) -> Option<usize> {
        self.keep_alive_due().filter(|due| *due <= now)?;
        let payload_type = self.remote.as_ref()?.unused_payload_type();
        let header = RtpHeader {
            payload_type,
            ..self.stream.nothing(now)
        };
        packet[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        let length = self.protect(packet, HEADER_LEN)?;
        self.stream.count(0);
        Some(length)
    }

    /// When it has been silent for long enough.
    pub(super) fn keep_alive_due(&self) -> Option<Instant> {
        let every = self.settings.rtp_keepalive?;
        let remote = self
            .remote
            .as_ref()
            .filter(|remote| remote.is_somewhere())?;
        let last = self.stream.last_sent().unwrap_or(remote.since);
        Some(last.max(remote.since) + every)
    }
}

impl Remote {
    /// A number that means nothing to the far end.
    fn unused_payload_type(&self) -> u8 {
        let media = &self.media;
        let keys = match media.keys {
            KeysOut::Events { payload_type, .. } => Some(payload_type),
            KeysOut::Tones => None,
        };
        let received = media.receive_keys.iter().flatten();
        let used = received
            .map(|(payload_type, _)| *payload_type)
            .chain(keys)
            .chain(media.receive_comfort_noise)
            .chain(media.also.iter().flatten().map(|(_, number)| *number))
            .chain([media.payload_type, media.receive_payload_type]);
        let is_free = |number: &u8| used.clone().all(|used| used != *number);
        (96..=127).rev().find(is_free).unwrap_or(127)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime};

    use offhook_core::sdp::Codec;

    use super::*;
    use crate::graph::player::Background;
    use crate::rtcp::NtpClock;
    use crate::rtp::Packet;
    use crate::session::{RemoteMedia, SessionSettings, StreamSeed};
    use crate::test_time::epoch;
    use crate::time::RtpTime;

    fn at(milliseconds: u64) -> Instant {
        epoch() + Duration::from_millis(milliseconds)
    }

    fn media() -> RemoteMedia {
        let rtp = SocketAddr::from(([192, 0, 2, 7], 4000));
        RemoteMedia::new(rtp, Codec::Pcmu).with_events(127)
    }

    fn leg(keepalive: Option<Duration>) -> MediaSession {
        let clock = NtpClock::new(epoch(), SystemTime::UNIX_EPOCH);
        let settings = SessionSettings {
            rtp_keepalive: keepalive,
            ..SessionSettings::new(clock)
        };
        let seed = StreamSeed {
            ssrc: 1,
            sequence: 10,
            time: RtpTime(0),
        };
        let mut leg = MediaSession::new(settings, seed, epoch());
        leg.set_remote(epoch(), media());
        leg
    }

    fn poll(leg: &mut MediaSession, now: Instant) -> Option<RtpHeader> {
        let mut packet = [0; PACKET_LEN];
        let length = leg.poll_keep_alive(now, &mut packet)?;
        let packet = Packet::parse(&packet[..length]).unwrap();
        assert!(packet.payload.is_empty());
        Some(packet.header)
    }

    /// RFC 6263 section 4.6.
    #[test]
    fn a_leg_that_sends_nothing_says_so_every_fifteen_seconds() {
        let mut leg = leg(Some(Duration::from_secs(15)));
        assert_eq!(poll(&mut leg, at(14_999)), None);
        assert!(leg.poll_timeout().is_some_and(|due| due <= at(15_000)));
        let first = poll(&mut leg, at(15_000)).unwrap();
        // The highest dynamic number that means nothing: 127 is taken by telephone events.
        assert_eq!((first.sequence, first.payload_type), (10, 126));
        assert_eq!(poll(&mut leg, at(29_999)), None);
        let second = poll(&mut leg, at(30_000)).unwrap();
        assert_eq!(second.sequence, 11);
        assert_eq!(second.time.since(first.time), 15 * 8000);
        leg.set_background(Background::Silence);
        let mut packet = [0; PACKET_LEN];
        let length = leg.tick(at(31_000), 1, None, &mut packet).unwrap();
        let audio = Packet::parse(&packet[..length]).unwrap().header;
        assert_eq!((audio.sequence, audio.marker), (12, true));
        assert_eq!(audio.time.since(second.time), 8000);
    }

    #[test]
    fn who_is_spoken_to_needs_nothing_more() {
        let mut leg = leg(Some(Duration::from_secs(15)));
        leg.set_background(Background::Silence);
        let mut packet = [0; PACKET_LEN];
        for tick in 0..2000 {
            let now = at(tick * 20);
            assert!(leg.tick(now, tick, None, &mut packet).is_some());
            assert_eq!(poll(&mut leg, now), None);
        }
    }

    #[test]
    fn a_far_end_on_hold_is_kept_alive_and_one_without_an_address_is_not() {
        let mut leg = leg(Some(Duration::from_secs(15)));
        let held = RemoteMedia {
            send: false,
            receive: false,
            ..media()
        };
        leg.set_remote(at(10), held.clone());
        assert!(poll(&mut leg, at(20_000)).is_some());
        let nowhere = RemoteMedia {
            rtp: SocketAddr::from(([0, 0, 0, 0], 4000)),
            ..held
        };
        leg.set_remote(at(20_010), nowhere);
        assert_eq!(poll(&mut leg, at(60_000)), None);
    }

    #[test]
    fn it_can_be_turned_off() {
        let mut leg = leg(None);
        assert_eq!(poll(&mut leg, at(3_600_000)), None);
    }
}
