//! The media of one leg.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::codec::Coding;
use crate::graph::player::{Background, Player};
use crate::graph::playlist::{PlayEnd, PlayId};
use crate::rtcp::{Compound, NtpClock};
use crate::rtp::{Arrival, HEADER_LEN, Packet, RtpHeader, RtpSource, TelephoneEvent};
use crate::session::digit_receiver::{DigitInput, DigitReceiver};
use crate::session::digit_sender::DigitSender;
use crate::session::drop_reason::DropReason;
use crate::session::latch::Latch;
use crate::session::remote::RemoteMedia;
use crate::session::reports::Reports;
use crate::session::stream::{OutStream, Relayed, StreamSeed};
use crate::time::{self, FRAME_SAMPLES, RtpTime};

/// Length of a packet the wheel makes.
pub const PACKET_LEN: usize = HEADER_LEN + FRAME_SAMPLES;

/// The payload type our own offers give telephone events. The far end sends keys with it even if
/// its answer names another for the way back (RFC 3264 section 5.1).
const OFFERED_TELEPHONE_EVENT: u8 = 101;

/// Comfort noise (RFC 3389): taken as a sign of life, not passed on.
const COMFORT_NOISE: u8 = 13;

/// What all sessions of an engine share.
#[derive(Debug, Clone, Copy)]
pub struct SessionSettings {
    /// How long a far end that should send may be silent.
    pub rtp_timeout: Duration,
    /// Mean time between RTCP reports.
    pub rtcp_interval: Duration,
    /// Time between quality events.
    pub quality_interval: Duration,
    /// The wall clock for RTCP.
    pub clock: NtpClock,
}

/// Something worth telling whoever owns the leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// The first packet was accepted.
    FirstPacket,
    /// A key was pressed.
    Digit(char),
    /// A playlist ended.
    PlaybackEnded(PlayId, PlayEnd),
    /// The far end fell silent.
    RtpTimeout,
    /// What the network did so far.
    Quality {
        /// Packets received.
        received: u64,
        /// Packets lost.
        lost: u64,
        /// Interarrival jitter.
        jitter: Duration,
        /// The way to the far end and back.
        round_trip: Option<Duration>,
    },
}

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

/// One leg's media: whom it believes, what it receives, what it sends. Holds no socket and never
/// asks for the time.
#[derive(Debug)]
pub struct MediaSession {
    settings: SessionSettings,
    remote: Option<Remote>,
    source: Option<RtpSource>,
    /// The far end was on hold: the gap in its numbers is no loss.
    resumed: bool,
    stream: OutStream,
    digits_in: DigitReceiver,
    digits_out: DigitSender,
    background: Background,
    /// Frames of the background heard so far.
    heard: usize,
    player: Option<Player>,
    reports: Reports,
    /// How long the far end has been silent.
    silent: Silence,
    quality_due: Option<Instant>,
    events: VecDeque<SessionEvent>,
}

#[derive(Debug)]
struct Remote {
    media: RemoteMedia,
    coding: Coding,
    latch: Latch,
    /// Where RTCP came from, if not from where it was said to.
    rtcp: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy)]
enum Silence {
    /// Since its last sign of life.
    Since(Instant),
    /// Too long, and that was told.
    Told,
}

impl MediaSession {
    /// A session that has nowhere to send to yet.
    #[must_use]
    pub fn new(settings: SessionSettings, seed: StreamSeed, now: Instant) -> Self {
        Self {
            settings,
            remote: None,
            source: None,
            resumed: false,
            stream: OutStream::new(seed),
            digits_in: DigitReceiver::default(),
            digits_out: DigitSender::default(),
            background: Background::default(),
            heard: 0,
            player: None,
            reports: Reports::new(settings.clock, settings.rtcp_interval, seed.ssrc),
            silent: Silence::Since(now),
            quality_due: None,
            // Never grows in steady state: a turn of the loop takes them out.
            events: VecDeque::with_capacity(4),
        }
    }

    /// Takes what the far end's description says. `Some(true)`: from now on packets from anywhere
    /// must be let through, since it names another address. `None`: its codec is unknown to us,
    /// and nothing changed.
    pub fn set_remote(&mut self, now: Instant, media: RemoteMedia) -> Option<bool> {
        let coding = Coding::of(media.codec)?;
        let Some(remote) = &mut self.remote else {
            let latch = Latch::new(media.rtp);
            self.silent = Silence::Since(now);
            self.quality_due = Some(now + self.settings.quality_interval);
            self.reports.start(now);
            self.remote = Some(Remote {
                media,
                coding,
                latch,
                rtcp: None,
            });
            return Some(false);
        };
        let opened = remote.latch.update(media.rtp);
        if opened || remote.media.rtcp != media.rtcp {
            remote.rtcp = None;
        }
        self.resumed |= media.receive && !remote.media.receive;
        if media.send != remote.media.send || coding != remote.coding {
            self.stream.interrupt();
        }
        if media.telephone_event.is_none() {
            self.digits_out.clear();
        }
        remote.media = media;
        remote.coding = coding;
        self.silent = Silence::Since(now);
        Some(opened)
    }

    /// Sets what is heard while nothing is played.
    pub fn set_background(&mut self, background: Background) {
        self.background = background;
        self.heard = 0;
        self.stream.interrupt();
    }

    /// What is heard while nothing is played.
    #[must_use]
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// Plays a playlist from now on; a former one ends.
    pub fn play(&mut self, player: Player) {
        self.end_play(PlayEnd::Stopped);
        if player.is_finished() {
            let ended = SessionEvent::PlaybackEnded(player.play(), PlayEnd::Finished);
            self.events.push_back(ended);
        } else {
            self.player = Some(player);
            self.stream.interrupt();
        }
    }

    /// Stops what is played, if anything.
    pub fn stop_play(&mut self) {
        self.end_play(PlayEnd::Stopped);
    }

    /// Presses keys; false when the far end takes none.
    pub fn send_digits(&mut self, digits: impl Iterator<Item = char>) -> bool {
        let remote = self.remote.as_ref();
        let takes = remote.is_some_and(|remote| remote.media.telephone_event.is_some());
        if takes {
            self.digits_out.push(digits);
        }
        takes
    }

    /// Takes a datagram from the RTP socket.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
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
        let arrival = self.place(&packet.header, now)?;
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

    /// Turns a datagram received by the leg this one hears into one to send, in place; where in
    /// the buffer it lies. `None` when this leg hears something else now.
    ///
    /// # Errors
    /// Why it cannot be passed on.
    pub fn relay(
        &mut self,
        now: Instant,
        received: &Received,
        datagram: &mut [u8],
    ) -> Result<Option<Range<usize>>, DropReason> {
        let covered = self.player.is_some() || self.digits_out.is_active();
        if covered || self.background.is_made_by_us() {
            return Ok(None);
        }
        let remote = self.remote.as_ref().filter(|remote| remote.sends());
        let remote = remote.ok_or(DropReason::Unsendable)?;
        let Range { start, end } = received.payload;
        let payload_len = end - start;
        let length = u32::try_from(payload_len).unwrap_or(0);
        let (payload_type, length, is_event) = match received.content {
            Content::Audio(coding) => {
                coding.transcode(remote.coding, &mut datagram[start..end]);
                (remote.media.payload_type, length, false)
            }
            Content::Key(event) => match remote.media.telephone_event {
                Some(payload_type) => (payload_type, u32::from(event.duration), true),
                None => {
                    self.stream.skip(received.arrival);
                    return Err(DropReason::Unsendable);
                }
            },
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
        let header = RtpHeader {
            payload_type,
            ..header
        };
        let place = start - HEADER_LEN..end;
        datagram[place.start..start].copy_from_slice(&header.to_bytes());
        self.stream.count(payload_len);
        Ok(Some(place))
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
            return self.write(sends, packet, header, payload_type, &event);
        }
        let payload_type = remote.media.payload_type;
        let mut payload = [0; FRAME_SAMPLES];
        if !self.next_frame(remote.coding, tick, &mut payload) || !sends {
            return None;
        }
        let header = self.stream.frame(now, tick);
        self.write(sends, packet, header, payload_type, &payload)
    }

    /// Whether [`MediaSession::tick`] has something to do every frame.
    #[must_use]
    pub fn needs_wheel(&self) -> bool {
        let Some(remote) = &self.remote else {
            return false;
        };
        let plays = self.player.is_some() || self.digits_out.is_active();
        plays || (remote.sends() && self.background.is_made_by_us())
    }

    /// Where RTP goes, if anywhere.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.remote
            .as_ref()
            .map(|remote| remote.latch.destination())
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

    /// Writes the RTCP report that is due, if one is: its length and where it goes.
    pub fn poll_report(&mut self, now: Instant, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let to = self.remote.as_ref()?.rtcp_destination();
        let source = self.source.as_mut();
        let length = self.reports.poll(now, &self.stream, source, buffer)?;
        Some((length, to?))
    }

    /// The leg ends: what is played stops, and the last figures are told. Writes a goodbye, if
    /// there is anybody to tell: its length and where it goes. Who never sent anything says none
    /// (RFC 3550 section 6.3.7), and without a packet either way there are no figures: most legs of
    /// phones that only rang end so.
    pub fn end(&mut self, now: Instant, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.end_play(PlayEnd::Stopped);
        let to = self.remote.take()?.rtcp_destination();
        let (packets, _) = self.stream.sent();
        let spoke = packets > 0 || self.reports.has_reported();
        if spoke || self.source.is_some() {
            let quality = self.quality();
            self.events.push_back(quality);
        }
        if !spoke {
            return None;
        }
        let source = self.source.as_mut();
        let length = self.reports.bye(now, &self.stream, source, buffer);
        Some((length, to?))
    }

    /// What has become due besides RTCP reports: time-outs and quality.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.silence_deadline().is_some_and(|due| due <= now) {
            self.silent = Silence::Told;
            self.events.push_back(SessionEvent::RtpTimeout);
        }
        if self.quality_due.is_some_and(|due| due <= now) && self.remote.is_some() {
            self.quality_due = Some(now + self.settings.quality_interval);
            let quality = self.quality();
            self.events.push_back(quality);
        }
        // Keys are told when they are pressed; their release only keeps the receiver's books.
        self.digits_in.handle_timeout(now);
    }

    /// When [`MediaSession::handle_timeout`] or [`MediaSession::poll_report`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.silence_deadline(),
            self.quality_due,
            self.digits_in.poll_timeout(),
            self.reports.poll_timeout(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Something that happened.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    fn place(&mut self, header: &RtpHeader, now: Instant) -> Result<Arrival, DropReason> {
        let Some(source) = &mut self.source else {
            let source = RtpSource::new(header, now);
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
        let arrival = source.receive(header, now).ok_or(DropReason::Late)?;
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

    fn next_frame(&mut self, coding: Coding, tick: u64, payload: &mut [u8; FRAME_SAMPLES]) -> bool {
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

    fn write(
        &mut self,
        sends: bool,
        packet: &mut [u8; PACKET_LEN],
        header: RtpHeader,
        payload_type: u8,
        payload: &[u8],
    ) -> Option<usize> {
        if !sends {
            return None;
        }
        let header = RtpHeader {
            payload_type,
            ..header
        };
        let length = HEADER_LEN + payload.len();
        packet[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        packet[HEADER_LEN..length].copy_from_slice(payload);
        self.stream.count(payload.len());
        Some(length)
    }

    fn end_play(&mut self, end: PlayEnd) {
        if let Some(player) = self.player.take() {
            let ended = SessionEvent::PlaybackEnded(player.play(), end);
            self.events.push_back(ended);
        }
    }

    fn silence_deadline(&self) -> Option<Instant> {
        self.remote.as_ref().filter(|r| r.media.receive)?;
        match self.silent {
            Silence::Since(heard) => Some(heard + self.settings.rtp_timeout),
            Silence::Told => None,
        }
    }

    fn quality(&self) -> SessionEvent {
        let reception = self.source.as_ref().map(RtpSource::reception);
        let reception = reception.unwrap_or_default();
        SessionEvent::Quality {
            received: reception.received,
            lost: reception.lost,
            jitter: time::duration(u64::from(reception.jitter)),
            round_trip: self.reports.round_trip(),
        }
    }
}

impl Remote {
    fn sends(&self) -> bool {
        let to = self.latch.destination();
        self.media.send && to.port() != 0 && !to.ip().is_unspecified()
    }

    fn rtcp_destination(&self) -> Option<SocketAddr> {
        let said = self.media.rtcp;
        let rtp = self.latch.destination();
        let to = self.rtcp.unwrap_or_else(|| {
            if rtp == self.media.rtp {
                said
            } else {
                // Behind a NAT the described address leads nowhere.
                SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1))
            }
        });
        (to.port() != 0 && !to.ip().is_unspecified()).then_some(to)
    }

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
        Coding::of_payload_type(payload_type)
            .map(Content::Audio)
            .ok_or(DropReason::UnknownPayload)
    }
}
