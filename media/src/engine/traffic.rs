//! What a shard does with packets: the path every one of them takes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use offhook_core::LegId;

use crate::engine::event::EngineEvent;
use crate::engine::record::recorder::RecorderCommand;
use crate::engine::worker::{BUFFER, Shard};
use crate::graph::player::Background;
use crate::graph::tap::{TapHeader, tap};
use crate::session::jitter::Heard;
use crate::session::{Content, DropReason, KeySource, Link, Received, SessionEvent, Spoken};
use crate::srtp::TRAILER_LEN;
use crate::time::Rate;

/// Packets read from one socket before others have their turn.
pub(super) const BUDGET: usize = 32;

/// Room for the RTCP packets we write.
pub(super) const REPORT: usize = 192 + TRAILER_LEN;

impl Shard {
    /// Reads a leg's RTP socket empty and passes on what it holds.
    pub(super) fn receive_rtp(&mut self, key: usize, now: Instant) {
        for _ in 0..BUDGET {
            let Some(leg) = self.legs.get_mut(key) else {
                return;
            };
            let (length, from) = match leg.sockets.rtp.recv_from(&mut self.buffer[..]) {
                Ok(received) => received,
                // An ICMP error of an earlier send, which is dealt with by being read.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return,
            };
            self.take_rtp(key, length, from, now);
        }
        // It is read for being unfinished and for its socket's event in one turn.
        if !self.unfinished.contains(&key) {
            self.unfinished.push_back(key);
        }
    }

    /// Takes what was read for a leg, which came at `now`.
    pub(super) fn take_rtp(&mut self, key: usize, length: usize, from: SocketAddr, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        self.stats.packets_in += 1;
        #[cfg(test)]
        assert!(!leg.panics, "told to panic at a packet");
        let received = if length == BUFFER {
            Err(DropReason::Malformed)
        } else {
            let datagram = &mut self.buffer[..length];
            leg.session.receive(now, from, datagram)
        };
        match received {
            Ok(received) => {
                if received.latched {
                    leg.connect(from);
                }
                self.pass_on(key, &received, now);
            }
            Err(reason) => self.stats.dropped.count(reason),
        }
    }

    /// Reads a leg's RTCP socket empty.
    pub(super) fn receive_rtcp(&mut self, key: usize, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        // Whoever sends more than this at once is not reporting; the rest waits for the next turn
        // of the socket.
        for _ in 0..BUDGET {
            match leg.sockets.rtcp.recv_from(&mut self.buffer[..]) {
                Ok((length, from)) => {
                    let datagram = &mut self.buffer[..length];
                    if leg.session.receive_rtcp(now, from, datagram).is_err() {
                        self.stats.reports_dropped += 1;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    /// Makes a leg's frame of this turn of the wheel.
    pub(super) fn tick(&mut self, key: usize, at: Instant, tick: u64) {
        self.fetch_unheard(key, tick);
        let heard = self.pull_partner(key, at);
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let spoken = heard.map(|(rate, heard)| Spoken {
            pcm: &self.pcm[..rate.frame_samples()],
            rate,
            heard,
        });
        let mut length = leg.session.tick(at, tick, spoken, &mut self.packet);
        while let Some(packet) = length.and_then(|length| self.packet.get(..length)) {
            match leg.send(packet) {
                Ok(()) => self.stats.packets_out += 1,
                Err(_) => self.stats.dropped.count(DropReason::SendFailed),
            }
            length = leg.session.more(at, &mut self.packet);
        }
        self.count_coders(key);
        self.tell_events(key);
    }

    /// Decodes the next frame of the leg that this one hears, if it hears it decoded.
    fn pull_partner(&mut self, key: usize, at: Instant) -> Option<(Rate, Heard)> {
        let leg = self.legs.get(key)?;
        let Link::Transcode(rate) = leg.session.linked() else {
            return None;
        };
        let partner = leg.partner?;
        self.touched[1] = Some(partner);
        self.fetch_rtp(partner);
        let pcm = &mut self.pcm[..rate.frame_samples()];
        let heard = self.legs.get_mut(partner)?.session.pull(at, pcm);
        Some((rate, heard))
    }

    /// Whether a leg goes on needing the wheel; if not, it is taken for having left its slot.
    pub(super) fn stays_in_wheel(&mut self, key: usize) -> bool {
        let Some(leg) = self.legs.get_mut(key) else {
            return false;
        };
        let stays = leg.room.is_none() && leg.session.needs_wheel();
        if !stays {
            leg.slot = None;
            leg.session.leave_wheel();
            let partner = leg.partner;
            self.count_coders(key);
            self.fit_reading(key);
            if let Some(partner) = partner {
                self.fit_reading(partner);
            }
        }
        stays
    }

    /// Does what has become due for a leg: reports, time-outs.
    pub(super) fn handle_timeout(&mut self, key: usize, now: Instant) {
        let Some(leg) = self.legs.get_mut(key) else {
            self.deadlines[key] = None;
            return;
        };
        let mut report = [0; REPORT];
        if let Some((length, to)) = leg.session.poll_report(now, &mut report) {
            // A lost report is a report lost, as on any network.
            leg.sockets.rtcp.send_to(&report[..length], to).ok();
        }
        if let Some(length) = leg.session.poll_keep_alive(now, &mut self.packet) {
            match leg.send(&self.packet[..length]) {
                Ok(()) => self.stats.packets_out += 1,
                Err(_) => self.stats.dropped.count(DropReason::SendFailed),
            }
        }
        leg.session.handle_timeout(now);
        self.deadlines[key] = leg.session.poll_timeout();
        self.count_playout(key);
        self.tell_events(key);
    }

    /// Tells what happened in a leg's session; its need of the wheel may have changed with it.
    pub(super) fn tell_events(&mut self, key: usize) {
        while let Some(leg) = self.legs.get_mut(key)
            && let Some(event) = leg.session.poll_event()
        {
            let (id, partner) = (leg.id, leg.partner.or(leg.across));
            match event {
                SessionEvent::Repacked => self.fit_links(key),
                SessionEvent::FaxHeard(_) => self.pass_through(key),
                SessionEvent::Pressed(digit, by) => self.press(partner, Some(digit), by),
                SessionEvent::Released(by) => self.press(partner, None, by),
                SessionEvent::FirstPacket
                | SessionEvent::PlaybackEnded(..)
                | SessionEvent::RtpTimeout
                | SessionEvent::Quality { .. } => {}
            }
            self.events.extend(engine_event(id, event));
        }
    }

    /// What a leg's far end does with its keys happens at the leg that hears it, too.
    fn press(&mut self, partner: Option<usize>, pressed: Option<char>, by: KeySource) {
        if let Some(key) = partner
            && let Some(leg) = self.legs.get_mut(key)
        {
            self.touched[1] = partner;
            leg.session.follow_key(pressed, by);
            self.fit_wheel(key);
        }
    }

    /// Hands an accepted packet to whoever is to hear it.
    fn pass_on(&mut self, key: usize, received: &Received, now: Instant) {
        let leg = &self.legs[key];
        let echo = matches!(leg.session.background(), Background::Echo);
        let partner = leg.partner;
        if !leg.taps.is_empty() {
            self.tap(key, received, now);
        }
        if matches!(received.content, Content::Key { .. }) {
            // The key counts as let go when its reports stop.
            self.fit_deadline(key);
        }
        self.tell_events(key);
        self.fit_wheel(key);
        let listener = if echo { Some(key) } else { partner };
        if let Some(listener) = listener {
            self.relay(listener, received, now);
        }
        if echo && let Some(partner) = partner {
            self.relay(partner, received, now);
        }
    }

    fn relay(&mut self, listener: usize, received: &Received, now: Instant) {
        self.touched[1] = Some(listener);
        let Some(leg) = self.legs.get_mut(listener) else {
            return;
        };
        let payload = &self.buffer[received.payload.clone()];
        let relayed = leg.session.relay(now, received, payload, &mut self.packet);
        match relayed {
            Ok(None) => {}
            Ok(Some(length)) => {
                let mut length = Some(length);
                while let Some(packet) = length.and_then(|length| self.packet.get(..length)) {
                    match leg.send(packet) {
                        Ok(()) => self.stats.packets_out += 1,
                        Err(_) => self.stats.dropped.count(DropReason::SendFailed),
                    }
                    length = leg.session.relay_more(now, &mut self.packet);
                }
            }
            Err(reason) => self.stats.dropped.count(reason),
        }
    }

    fn tap(&mut self, key: usize, received: &Received, now: Instant) {
        let Content::Audio(coding) = received.content else {
            return;
        };
        for leg_tap in &mut self.legs[key].taps {
            let header = TapHeader {
                recording: leg_tap.recording,
                side: leg_tap.side,
                arrived: now,
                stream: (received.ssrc, received.arrival.epoch),
                time: received.time,
                coding,
            };
            let payload = &self.buffer[received.payload.clone()];
            if tap(&mut self.taps, header, payload) {
                continue;
            }
            self.stats.recording_overruns += 1;
            let units = coding.duration(payload).unwrap_or(0);
            let micros = u64::from(units) * 1_000_000 / u64::from(coding.clock_rate());
            if let Some(missed) = leg_tap.miss(Duration::from_micros(micros)) {
                let told = RecorderCommand::Missed(leg_tap.recording, missed);
                // It outlives the shards; should it be gone, so are the recordings.
                self.recorder.send(told).ok();
            }
        }
    }
}

fn engine_event(leg: LegId, event: SessionEvent) -> Option<EngineEvent> {
    Some(match event {
        SessionEvent::Repacked | SessionEvent::Released(_) => return None,
        SessionEvent::FirstPacket => EngineEvent::FirstPacket { leg },
        SessionEvent::FaxHeard(tone) => EngineEvent::FaxHeard { leg, tone },
        SessionEvent::Pressed(digit, _) => EngineEvent::Digit { leg, digit },
        SessionEvent::PlaybackEnded(play, end) => EngineEvent::PlaybackEnded { leg, play, end },
        SessionEvent::RtpTimeout => EngineEvent::RtpTimeout { leg },
        SessionEvent::Quality {
            received,
            lost,
            jitter,
            round_trip,
            codec,
            rating,
            playout,
        } => EngineEvent::Quality {
            leg,
            received,
            lost,
            jitter_micros: micros(jitter),
            round_trip_micros: round_trip.map(micros),
            codec,
            rating,
            late: playout.given_up(),
            concealed: playout.concealed,
            playout_delay: playout.delay,
        },
    })
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use offhook_core::CallId;

    use super::*;
    use crate::session::jitter::JitterStats;

    #[test]
    fn packets_that_were_passed_over_are_told_with_those_that_came_too_late() {
        let playout = JitterStats {
            late: 2,
            discarded: 5,
            ..JitterStats::default()
        };
        let measured = SessionEvent::Quality {
            received: 100,
            lost: 0,
            jitter: Duration::ZERO,
            round_trip: None,
            codec: None,
            rating: None,
            playout,
        };
        let told = engine_event(LegId::new(CallId::random(), 0), measured);
        assert!(
            matches!(told, Some(EngineEvent::Quality { late: 7, .. })),
            "{told:?}"
        );
    }
}
