//! What a leg tells of its sound every few seconds, to its owner and to the far end.

use std::time::Duration;

use crate::rtcp::{ENHANCED_ADAPTIVE, VoipMetrics, metric_millis, metric_share};
use crate::rtp::{BurstFigures, Reception, RtpSource};
use crate::session::media_session::{MediaSession, SessionEvent};
use crate::session::quality::{Impairments, Way};

impl MediaSession {
    /// The figures so far, and a rating of what came since the last of them. The next report to
    /// the far end carries it, too.
    pub(super) fn quality(&mut self) -> SessionEvent {
        let source = self.source.as_ref();
        let reception = source.map(RtpSource::reception).unwrap_or_default();
        let jitter = source.map_or(Duration::ZERO, RtpSource::jitter);
        let round_trip = self.reports.round_trip();
        let playout = self.jitter();
        let mut rating = None;
        if let Some((source, remote)) = source.zip(self.remote.as_ref()) {
            let way = Way {
                codec: remote.speaks(),
                ptime: remote.media.ptime,
                round_trip,
                jitter,
                far_end: self.reports.far_end_delay(),
                buffered: self.audio_in.as_ref().map(|_| playout.delay),
                discarded: playout.given_up(),
                stalled: playout.stalled,
            };
            let measured = self.meter.measure(&reception, source.bursts(), &way);
            rating = measured.map(|measured| measured.rate());
            let metrics = measured.map(|measured| {
                let figures = source.bursts().figures();
                let buffer = way.buffered.map(|wait| Buffer {
                    wait,
                    longest: playout.longest_delay,
                    bound: self.settings.jitter.max,
                });
                metrics(&reception, &figures, &way, &measured, buffer)
            });
            self.reports.set_metrics(metrics);
        }
        SessionEvent::Quality {
            received: reception.received,
            lost: reception.lost,
            jitter,
            round_trip,
            codec: self.remote.as_ref().map(|remote| remote.media.codec),
            rating,
            playout,
        }
    }
}

/// The jitter buffer, as others are told of it.
#[derive(Debug, Clone, Copy, Default)]
struct Buffer {
    /// The wait in it of late, and the longest so far.
    wait: Duration,
    longest: Duration,
    /// The longest it can become.
    bound: Duration,
}

fn metrics(
    reception: &Reception,
    figures: &BurstFigures,
    way: &Way,
    measured: &Impairments,
    buffer: Option<Buffer>,
) -> VoipMetrics {
    let expected = (reception.received + reception.lost).max(1) as f64;
    let lasting = |packets: f64| metric_millis(way.ptime.mul_f64(packets.clamp(0.0, 1e6)));
    // Without one, what is passed on at once is concealed by whoever decodes it.
    let configuration = if buffer.is_some() {
        ENHANCED_ADAPTIVE
    } else {
        0
    };
    let buffer = buffer.unwrap_or_default();
    let (talk, listen) = (measured.rate(), measured.rate_listening());
    VoipMetrics {
        ssrc: reception.ssrc,
        loss_rate: metric_share(reception.lost as f64 / expected),
        discard_rate: metric_share(way.discarded as f64 / expected),
        burst_density: metric_share(figures.burst_density),
        gap_density: metric_share(figures.gap_density),
        burst_duration: lasting(figures.burst_packets),
        gap_duration: lasting(figures.gap_packets),
        round_trip: metric_millis(way.round_trip.unwrap_or_default()),
        end_system_delay: metric_millis(buffer.wait).saturating_add(metric_millis(way.ptime)),
        r_factor: Some(tenth(talk.r() * 10.0)),
        mos_listening: Some(tenth(listen.mos() * 100.0)),
        mos_conversation: Some(tenth(talk.mos() * 100.0)),
        configuration,
        buffer_nominal: metric_millis(buffer.wait),
        buffer_maximum: metric_millis(buffer.longest),
        buffer_bound: metric_millis(buffer.bound),
    }
}

/// A tenth of a value up to 1000, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range first"
)]
fn tenth(value: f64) -> u8 {
    (value / 10.0).round().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Instant, SystemTime};

    use offhook_core::sdp::Codec;

    use super::*;
    use crate::rtcp::{Compound, NtpClock, RtcpPacket};
    use crate::rtp::RtpHeader;
    use crate::session::{RemoteMedia, SessionSettings, StreamSeed};
    use crate::test_time::epoch;
    use crate::time::RtpTime;

    const FAR_END: ([u8; 4], u16) = ([127, 0, 0, 1], 4000);

    fn at(millis: u64) -> Instant {
        epoch() + Duration::from_millis(millis)
    }

    fn leg() -> MediaSession {
        let settings = SessionSettings::new(NtpClock::new(epoch(), SystemTime::UNIX_EPOCH));
        let seed = StreamSeed {
            ssrc: 1,
            sequence: 1,
            time: RtpTime(0),
        };
        let mut leg = MediaSession::new(settings, seed, epoch());
        let remote = RemoteMedia::new(SocketAddr::from(FAR_END), Codec::Pcmu);
        assert_eq!(leg.set_remote(epoch(), remote), Some(false));
        leg
    }

    /// Five seconds of packets, of which every `lost`th is lost; how they are rated.
    fn hear(leg: &mut MediaSession, from: u16, lost: u16) -> Option<f64> {
        for n in (from..from + 250).filter(|n| n % lost != 7) {
            let header = RtpHeader {
                marker: false,
                payload_type: 0,
                sequence: n,
                time: RtpTime(u32::from(n) * 160),
                ssrc: 7,
            };
            let mut packet = header.to_bytes().to_vec();
            packet.extend([0xFF; 160]);
            leg.receive(at(u64::from(n) * 20), FAR_END.into(), &mut packet)
                .unwrap();
        }
        leg.handle_timeout(at(u64::from(from + 250) * 20));
        let told = std::iter::from_fn(|| leg.poll_event());
        told.filter_map(|event| match event {
            SessionEvent::Quality { codec, rating, .. } => {
                assert_eq!(codec, Some(Codec::Pcmu));
                rating.map(|rating| rating.mos())
            }
            SessionEvent::FirstPacket
            | SessionEvent::Pressed(..)
            | SessionEvent::Released(_)
            | SessionEvent::Repacked
            | SessionEvent::PlaybackEnded(..)
            | SessionEvent::FaxHeard(_)
            | SessionEvent::RtpTimeout => None,
        })
        .last()
    }

    #[test]
    fn every_five_seconds_are_rated_by_themselves() {
        let mut leg = leg();
        let good = hear(&mut leg, 1, 1000).unwrap();
        let bad = hear(&mut leg, 251, 10).unwrap();
        let good_again = hear(&mut leg, 501, 1000).unwrap();
        assert!(good > 4.3 && good_again > 4.3, "{good} {good_again}");
        assert!((3.0..3.6).contains(&bad), "{bad}");
        leg.handle_timeout(at(21_000));
        let silent = leg.poll_event();
        assert!(
            matches!(silent, Some(SessionEvent::Quality { rating: None, .. })),
            "{silent:?}"
        );
    }

    #[test]
    fn the_far_end_is_told_how_it_sounds() {
        let mut leg = leg();
        hear(&mut leg, 1, 10);
        let mut report = [0; 192];
        let (length, _) = leg.poll_report(at(60_000), &mut report).unwrap();
        let compound = Compound::parse(&report[..length]).unwrap();
        let voip = compound.packets().find_map(|packet| {
            if let RtcpPacket::ExtendedReport { ssrc: 1, voip } = packet {
                voip
            } else {
                None
            }
        });
        let voip = voip.unwrap();
        assert_eq!((voip.ssrc, voip.loss_rate), (7, 25));
        assert!(
            (30..36).contains(&voip.mos_conversation.unwrap()),
            "{voip:?}"
        );
        assert_eq!(voip.end_system_delay, 20);
    }

    /// RFC 3611 section 4.7.7.
    #[test]
    fn the_far_end_is_told_of_the_buffer_where_there_is_one() {
        let mut leg = leg();
        leg.start_decoding(crate::time::Rate::Narrow);
        for n in 0..250_u16 {
            // A second of it comes late.
            let late = if (100..150).contains(&n) { 60 } else { 0 };
            let now = at(u64::from(n) * 20 + late);
            let header = RtpHeader {
                marker: false,
                payload_type: 0,
                sequence: n,
                time: RtpTime(u32::from(n) * 160),
                ssrc: 7,
            };
            let mut packet = header.to_bytes().to_vec();
            packet.extend([0xFF; 160]);
            leg.receive(now, FAR_END.into(), &mut packet).unwrap();
            leg.pull(now, &mut [0; 160]);
        }
        leg.handle_timeout(at(5010));
        let mut report = [0; 192];
        let (length, _) = leg.poll_report(at(60_000), &mut report).unwrap();
        let compound = Compound::parse(&report[..length]).unwrap();
        let voip = compound.packets().find_map(|packet| {
            if let RtcpPacket::ExtendedReport { voip, .. } = packet {
                voip
            } else {
                None
            }
        });
        let voip = voip.unwrap();
        assert_eq!(voip.configuration, ENHANCED_ADAPTIVE);
        assert_eq!(voip.buffer_bound, 200);
        assert!((1..=200).contains(&voip.buffer_nominal), "{voip:?}");
        assert!(voip.buffer_maximum >= voip.buffer_nominal);
    }

    #[test]
    fn a_far_ends_own_delay_is_believed_within_reason() {
        let mut leg = leg();
        let better = hear(&mut leg, 1, 1000).unwrap();
        for (delay, worse) in [(300, true), (0, false)] {
            let mut said = [0; 192];
            let mut writer = crate::rtcp::CompoundWriter::new(&mut said);
            writer.report(7, None, None);
            let about = VoipMetrics {
                ssrc: 1,
                end_system_delay: delay,
                ..metrics_of_silence()
            };
            writer.voip_metrics(7, about);
            let length = writer.finish();
            let mut leg = self::leg();
            leg.receive_rtcp(epoch(), FAR_END.into(), &mut said[..length])
                .unwrap();
            let rated = hear(&mut leg, 1, 1000).unwrap();
            assert_eq!(rated < better, worse, "{delay}: {rated}");
        }
    }

    fn metrics_of_silence() -> VoipMetrics {
        let way = Way {
            codec: Codec::Pcmu,
            ptime: Duration::ZERO,
            round_trip: None,
            jitter: Duration::ZERO,
            far_end: None,
            buffered: None,
            discarded: 0,
            stalled: Duration::ZERO,
        };
        let nothing = Impairments {
            codec: Codec::Pcmu,
            loss: 0.0,
            burst_ratio: 1.0,
            delay: Duration::ZERO,
        };
        metrics(
            &Reception::default(),
            &BurstFigures::default(),
            &way,
            &nothing,
            None,
        )
    }
}
