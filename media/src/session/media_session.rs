//! The media of one leg.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use offhook_core::config::{FaxMode, OpusFec};
use offhook_core::fax::FaxTone;
use offhook_core::sdp::Codec;

use crate::codec::{Coding, EncoderSettings};
use crate::dsp::dtmf::{DtmfDetector, DtmfTone};
use crate::graph::player::{Background, Player};
use crate::graph::playlist::{PlayEnd, PlayId};
use crate::rtcp::NtpClock;
use crate::rtp::{ClockRate, RtpSource};
use crate::session::audio_in::AudioIn;
use crate::session::audio_out::AudioOut;
use crate::session::digit_receiver::DigitReceiver;
use crate::session::digit_sender::DigitSender;
use crate::session::fax::Fax;
use crate::session::jitter::{JitterSettings, JitterStats};
use crate::session::latch::Latch;
use crate::session::link::Link;
use crate::session::quality::{QualityMeter, Rating};
use crate::session::recutter::Recutter;
use crate::session::remote::{KeysOut, RemoteMedia};
use crate::session::reports::Reports;
use crate::session::security::Security;
use crate::session::stream::{OutStream, StreamSeed};
use crate::session::tongue::Tongue;
use crate::srtp::TRAILER_LEN;
use crate::time::Rate;

/// What all sessions of an engine share.
#[derive(Debug, Clone, Copy)]
pub struct SessionSettings {
    /// How sound is encoded, as far as the far end leaves it to us.
    pub encoder: EncoderSettings,
    /// When Opus packets carry the ones before them.
    pub fec: OpusFec,
    /// Whether faxes are recognised.
    pub fax: FaxMode,
    /// How long packets may wait where they are decoded.
    pub jitter: JitterSettings,
    /// How long a far end that should send may be silent.
    pub rtp_timeout: Duration,
    /// How long nothing goes out before a packet does that says nothing (RFC 6263); none: however
    /// long.
    pub rtp_keepalive: Option<Duration>,
    /// Mean time between RTCP reports.
    pub rtcp_interval: Duration,
    /// Time between quality events.
    pub quality_interval: Duration,
    /// The wall clock for RTCP.
    pub clock: NtpClock,
}

impl SessionSettings {
    /// The usual ones.
    #[must_use]
    pub fn new(clock: NtpClock) -> Self {
        Self {
            encoder: EncoderSettings::default(),
            fec: OpusFec::default(),
            fax: FaxMode::default(),
            jitter: JitterSettings::default(),
            rtp_timeout: Duration::from_secs(60),
            rtp_keepalive: Some(Duration::from_secs(15)),
            rtcp_interval: Duration::from_secs(5),
            quality_interval: Duration::from_secs(5),
            clock,
        }
    }
}

/// How a pressed key was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// By telephone events.
    Event,
    /// By its tones.
    Tone,
}

/// Something worth telling whoever owns the leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "in a box every rating would be an allocation in a media thread"
)]
pub enum SessionEvent {
    /// The first packet was accepted.
    FirstPacket,
    /// A key was pressed, and how it was told.
    Pressed(char, KeySource),
    /// It was let go.
    Released(KeySource),
    /// The far end's packets have another length, or their length is known now.
    Repacked,
    /// A playlist ended.
    PlaybackEnded(PlayId, PlayEnd),
    /// The far end fell silent.
    RtpTimeout,
    /// The far end, bridged to another of G.711, is a fax.
    FaxHeard(FaxTone),
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
        /// The codec agreed on.
        codec: Option<Codec>,
        /// How the last seconds sounded; none if no packet was due.
        rating: Option<Rating>,
        /// What the jitter buffer did, where there was one.
        playout: JitterStats,
    },
}

/// One leg's media: whom it believes, what it receives, what it sends. Holds no socket and never
/// asks for the time.
#[derive(Debug)]
pub struct MediaSession {
    pub(super) settings: SessionSettings,
    pub(super) remote: Option<Remote>,
    /// What protects the leg's packets, if anything does.
    pub(super) security: Option<Box<Security>>,
    /// Where its packets were to go last.
    pub(super) secured_to: Option<SocketAddr>,
    pub(super) source: Option<RtpSource>,
    /// The far end was on hold: the gap in its numbers is no loss.
    pub(super) resumed: bool,
    pub(super) stream: OutStream,
    pub(super) digits_in: DigitReceiver,
    pub(super) digits_out: DigitSender,
    pub(super) background: Background,
    /// Frames of the background heard so far.
    pub(super) heard: usize,
    pub(super) player: Option<Player>,
    /// How packets of the leg this one hears reach the far end.
    pub(super) link: Link,
    /// The rate somebody needs the far end's sound at, and what decodes it.
    pub(super) decodes_at: Option<Rate>,
    pub(super) audio_in: Option<Box<AudioIn>>,
    /// What listens for keys in the sound; made when it is first needed.
    pub(super) tones: Option<Box<DtmfDetector>>,
    /// What encodes sound that is in no form the far end takes.
    pub(super) audio_out: Option<Box<AudioOut>>,
    /// The key whose tones it is sent, and they.
    pub(super) key_tone: Option<(char, DtmfTone)>,
    /// What cuts packets of a fax to the far end's length; made when it is first needed.
    pub(super) recutter: Option<Box<Recutter>>,
    /// Whether its far end is a fax.
    pub(super) fax: Fax,
    /// Of the jitter buffers that are no more.
    pub(super) jitter: JitterStats,
    /// How long the far end's packets are, and how many in a row were not.
    pub(super) packing: Option<Duration>,
    pub(super) unlike: u8,
    pub(super) reports: Reports,
    /// How long the far end has been silent.
    pub(super) silent: Silence,
    pub(super) quality_due: Option<Instant>,
    pub(super) meter: QualityMeter,
    pub(super) events: VecDeque<SessionEvent>,
}

#[derive(Debug)]
pub(super) struct Remote {
    pub(super) media: RemoteMedia,
    /// What it is sent.
    pub(super) coding: Coding,
    /// What it sends.
    pub(super) tongue: Tongue,
    pub(super) latch: Latch,
    /// Where RTCP came from, if not from where it was said to.
    pub(super) rtcp: Option<SocketAddr>,
    /// When it became known.
    pub(super) since: Instant,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Silence {
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
            security: None,
            secured_to: None,
            source: None,
            resumed: false,
            stream: OutStream::new(seed),
            digits_in: DigitReceiver::default(),
            digits_out: DigitSender::default(),
            background: Background::default(),
            heard: 0,
            player: None,
            link: Link::Relay,
            decodes_at: None,
            audio_in: None,
            tones: None,
            audio_out: None,
            key_tone: None,
            recutter: None,
            fax: Fax::default(),
            jitter: JitterStats::default(),
            packing: None,
            unlike: 0,
            reports: Reports::new(settings.clock, settings.rtcp_interval, seed.ssrc),
            silent: Silence::Since(now),
            quality_due: None,
            meter: QualityMeter::default(),
            // Never grows in steady state: a turn of the loop takes them out.
            events: VecDeque::with_capacity(4),
        }
    }

    /// Takes what the far end's description says. `Some(true)`: from now on packets from anywhere
    /// must be let through, since it names another address. `None`: its codec is unknown to us,
    /// and nothing changed.
    pub fn set_remote(&mut self, now: Instant, mut media: RemoteMedia) -> Option<bool> {
        let coding = Coding::of(media.codec)?;
        self.secure(now, media.srtp.take(), media.rtp);
        self.set_clock(now, ClockRate::new(media.codec.clock_rate()));
        let Some(remote) = &mut self.remote else {
            let latch = Latch::new(media.rtp);
            self.silent = Silence::Since(now);
            self.quality_due = Some(now + self.settings.quality_interval);
            self.reports.start(now);
            self.remote = Some(Remote {
                media,
                coding,
                tongue: Tongue::new(coding),
                latch,
                rtcp: None,
                since: now,
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
        if media.keys != remote.media.keys {
            self.digits_out.clear();
        }
        let recoded = coding != remote.coding || !media.may_arrive(remote.tongue.coding);
        let sings_on = media.receive && media.keys_in_band == remote.media.keys_in_band;
        remote.media = media;
        remote.coding = coding;
        self.silent = Silence::Since(now);
        if recoded {
            remote.tongue = Tongue::new(coding);
        }
        if let Some(source) = &mut self.source {
            source.set_clock(remote.tongue.clock());
        }
        if recoded {
            self.packing = None;
            self.begin_decoding();
        }
        if recoded || !sings_on {
            self.stop_listening_for_keys();
        }
        Some(opened)
    }

    fn set_clock(&mut self, now: Instant, clock: ClockRate) {
        self.stream.set_clock(now, clock);
        self.digits_in.set_clock(clock);
    }

    /// Sets what is heard while nothing is played.
    pub fn set_background(&mut self, background: Background) {
        self.digits_out.release();
        // Who is connected next is somebody else.
        self.fax = Fax::default();
        self.background = background;
        self.heard = 0;
        self.stream.interrupt();
        self.drop_idle_encoder();
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

    /// Presses keys, in whatever form the far end takes them; false, and none is pressed, while that
    /// is not known or when too many wait already.
    pub fn send_digits(&mut self, digits: impl Iterator<Item = char>) -> bool {
        self.remote.is_some() && self.digits_out.push(digits)
    }

    /// The leg this one hears pressed a key, or let it go: does so too, unless the far end is told by
    /// packets that are passed on.
    pub fn follow_key(&mut self, pressed: Option<char>, by: KeySource) {
        let Some(key) = pressed else {
            // However it came to be down: what is true of the next key need not have been of it.
            return self.digits_out.release();
        };
        let Some(remote) = self.remote.as_ref().filter(|_| self.hears_others()) else {
            return;
        };
        let events = matches!(remote.media.keys, KeysOut::Events { .. });
        if events && by == KeySource::Event && self.link == Link::Relay {
            return;
        }
        if !events && by == KeySource::Tone {
            // The tones are in the sound that is passed on.
            return;
        }
        self.digits_out.press(key);
    }

    /// Whether [`MediaSession::tick`] has something to do every frame.
    #[must_use]
    pub fn needs_wheel(&self) -> bool {
        let Some(remote) = &self.remote else {
            return false;
        };
        let plays = self.is_covered();
        let transcodes = self.link.is_coded_anew() && self.hears_others();
        plays || (remote.sends() && (transcodes || self.background.is_made_by_us()))
    }

    /// Where RTP goes, if anywhere.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.remote
            .as_ref()
            .map(|remote| remote.latch.destination())
    }

    /// Writes the RTCP report that is due, if one is: its length and where it goes.
    pub fn poll_report(&mut self, now: Instant, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let to = self.remote.as_ref()?.rtcp_destination();
        let source = self.source.as_mut();
        let room = buffer.len().saturating_sub(TRAILER_LEN);
        let room = &mut buffer[..room];
        let length = self.reports.poll(now, &self.stream, source, room)?;
        let length = self.protect_rtcp(buffer, length)?;
        Some((length, to?))
    }

    /// The leg ends: what is played stops, and the last figures are told. Writes a goodbye, if
    /// there is anybody to tell: its length and where it goes. Who never sent anything says none
    /// (RFC 3550 section 6.3.7), and without a packet either way there are no figures: most legs of
    /// phones that only rang end so.
    pub fn end(&mut self, now: Instant, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.end_play(PlayEnd::Stopped);
        let to = self.remote.as_ref()?.rtcp_destination();
        let (packets, _) = self.stream.sent();
        let spoke = packets > 0 || self.reports.has_reported();
        if spoke || self.source.is_some() {
            let quality = self.quality();
            self.events.push_back(quality);
        }
        self.remote = None;
        if !spoke {
            return None;
        }
        let source = self.source.as_mut();
        let room = buffer.len().saturating_sub(TRAILER_LEN);
        let room = &mut buffer[..room];
        let length = self.reports.bye(now, &self.stream, source, room);
        let length = self.protect_rtcp(buffer, length)?;
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
        let released = self.digits_in.handle_timeout(now);
        self.take_key(released, KeySource::Event);
    }

    /// When [`MediaSession::handle_timeout`], [`MediaSession::poll_report`] or
    /// [`MediaSession::poll_keep_alive`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [
            self.silence_deadline(),
            self.quality_due,
            self.digits_in.poll_timeout(),
            self.reports.poll_timeout(),
            self.keep_alive_due(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Something that happened.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub(super) fn end_play(&mut self, end: PlayEnd) {
        if let Some(player) = self.player.take() {
            let ended = SessionEvent::PlaybackEnded(player.play(), end);
            self.events.push_back(ended);
        }
    }

    fn hears_others(&self) -> bool {
        matches!(self.background, Background::Bridge)
    }

    fn silence_deadline(&self) -> Option<Instant> {
        self.remote.as_ref().filter(|r| r.media.receive)?;
        match self.silent {
            Silence::Since(heard) => Some(heard + self.settings.rtp_timeout),
            Silence::Told => None,
        }
    }
}

impl Remote {
    pub(super) fn sends(&self) -> bool {
        self.media.send && self.is_somewhere()
    }

    /// Whether there is an address to send to.
    pub(super) fn is_somewhere(&self) -> bool {
        let to = self.latch.destination();
        to.port() != 0 && !to.ip().is_unspecified()
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
}
