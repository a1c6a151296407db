//! A leg's RTCP: what we report, and what the far end's reports tell us.

use std::time::{Duration, Instant};

use crate::rtcp::{
    Compound, CompoundWriter, NtpClock, ReportBlock, RtcpPacket, SenderInfo, VoipMetrics,
    first_report, next_report,
};
use crate::rtcp::{ntp_long, ntp_short};
use crate::rtp::RtpSource;
use crate::session::stream::OutStream;

/// A round trip longer than this is nonsense in a report.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(30);

/// When we report next, and how long the way to the far end and back is.
#[derive(Debug, Clone)]
pub struct Reports {
    clock: NtpClock,
    mean: Duration,
    /// State of a small generator: the waits need not be hard to guess.
    random: u32,
    next: Option<Instant>,
    sent_before: u32,
    /// The far end's last sender report: the middle of its time, and when it came.
    heard: Option<(u32, Instant)>,
    round_trip: Option<Duration>,
    /// What of our packets the far end lost lately, in percent.
    lost_there: u8,
    /// Whether a report went out.
    reported: bool,
    /// How the far end's speech fares with us.
    metrics: Option<VoipMetrics>,
    /// How ours fares with the far end, by its own report.
    far_end: Option<VoipMetrics>,
}

impl Reports {
    /// Reports every `mean` or so; `seed` spreads them.
    #[must_use]
    pub fn new(clock: NtpClock, mean: Duration, seed: u32) -> Self {
        Self {
            clock,
            mean,
            random: seed | 1,
            next: None,
            sent_before: 0,
            heard: None,
            round_trip: None,
            lost_there: 0,
            reported: false,
            metrics: None,
            far_end: None,
        }
    }

    /// Begins reporting, if it has not yet.
    pub fn start(&mut self, now: Instant) {
        if self.next.is_none() {
            let random = self.random();
            self.next = Some(now + first_report(self.mean, random));
        }
    }

    /// When the next report is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// The round trip by the far end's last report on us.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How ours fares with the far end, by its own report.
    #[must_use]
    pub fn far_end(&self) -> Option<&VoipMetrics> {
        self.far_end.as_ref()
    }

    /// The delay within the far end, by its own report; what cannot be is not believed.
    #[must_use]
    pub fn far_end_delay(&self) -> Option<Duration> {
        let delay = self.far_end?.end_system_delay;
        (1..=1000)
            .contains(&delay)
            .then(|| Duration::from_millis(delay.into()))
    }

    /// Sets what the reports from now on say of the far end's speech.
    pub fn set_metrics(&mut self, metrics: Option<VoipMetrics>) {
        self.metrics = metrics;
    }

    /// What of our packets the far end lost between its last two reports, in percent.
    #[must_use]
    pub fn lost_there(&self) -> u8 {
        self.lost_there
    }

    /// Takes the far end's compound packet, which may be anything.
    pub fn receive(&mut self, now: Instant, compound: &Compound<'_>, own_ssrc: u32) {
        for packet in compound.packets() {
            let blocks = match packet {
                RtcpPacket::SenderReport { sender, blocks, .. } => {
                    self.heard = Some((sender.ntp.middle(), now));
                    blocks
                }
                RtcpPacket::ReceiverReport { blocks, .. } => blocks,
                RtcpPacket::ExtendedReport { voip, .. } => {
                    // One about somebody else's stream says nothing of us.
                    self.far_end = voip.filter(|voip| voip.ssrc == own_ssrc).or(self.far_end);
                    continue;
                }
                RtcpPacket::SourceDescription { .. }
                | RtcpPacket::Bye { .. }
                | RtcpPacket::Other { .. } => continue,
            };
            for block in blocks.iter().filter(|block| block.ssrc == own_ssrc) {
                self.measure_round_trip(now, &block);
                let percent = u16::from(block.fraction_lost) * 100 / 256;
                self.lost_there = u8::try_from(percent).unwrap_or(100);
            }
        }
    }

    /// Writes the report that is due, if one is; its length.
    pub fn poll(
        &mut self,
        now: Instant,
        stream: &OutStream,
        source: Option<&mut RtpSource>,
        buffer: &mut [u8],
    ) -> Option<usize> {
        if self.next? > now {
            return None;
        }
        let random = self.random();
        self.next = Some(now + next_report(self.mean, random));
        self.reported = true;
        let mut writer = CompoundWriter::new(buffer);
        self.write(now, stream, source, &mut writer);
        Some(writer.finish())
    }

    /// Whether a report went out.
    #[must_use]
    pub fn has_reported(&self) -> bool {
        self.reported
    }

    /// Writes a last report and our goodbye; its length.
    pub fn bye(
        &mut self,
        now: Instant,
        stream: &OutStream,
        source: Option<&mut RtpSource>,
        buffer: &mut [u8],
    ) -> usize {
        self.next = None;
        let mut writer = CompoundWriter::new(buffer);
        self.write(now, stream, source, &mut writer);
        writer.bye(stream.ssrc());
        writer.finish()
    }

    fn write(
        &mut self,
        now: Instant,
        stream: &OutStream,
        source: Option<&mut RtpSource>,
        writer: &mut CompoundWriter<'_>,
    ) {
        let (packets, octets) = stream.sent();
        // Only who sent since the last report is a sender (RFC 3550 section 6.4).
        let sends = packets != self.sent_before;
        self.sent_before = packets;
        let sender = stream.time_at(now).filter(|_| sends);
        let sender = sender.map(|time| SenderInfo {
            ntp: self.clock.time(now),
            time,
            packets,
            octets,
        });
        let block = source.map(|source| self.block(now, source));
        writer.report(stream.ssrc(), sender, block);
        let mut name = [0; CNAME_LEN];
        writer.source_description(stream.ssrc(), cname(stream.ssrc(), &mut name));
        if let Some(metrics) = self.metrics {
            writer.voip_metrics(stream.ssrc(), metrics);
        }
    }

    fn block(&self, now: Instant, source: &mut RtpSource) -> ReportBlock {
        let reception = source.report();
        let (last_report, delay) = self.heard.map_or((0, 0), |(middle, at)| {
            (middle, ntp_short(now.saturating_duration_since(at)))
        });
        ReportBlock {
            ssrc: reception.ssrc,
            fraction_lost: reception.fraction_lost,
            lost: i32::try_from(reception.lost).unwrap_or(i32::MAX),
            highest: reception.highest,
            jitter: reception.jitter,
            last_report,
            delay,
        }
    }

    fn measure_round_trip(&mut self, now: Instant, block: &ReportBlock) {
        if block.last_report == 0 {
            return;
        }
        let middle = self.clock.time(now).middle();
        let passed = middle
            .wrapping_sub(block.last_report)
            .wrapping_sub(block.delay);
        let round_trip = ntp_long(passed);
        if round_trip <= MAX_ROUND_TRIP {
            self.round_trip = Some(round_trip);
        }
    }

    fn random(&mut self) -> u32 {
        // Marsaglia's xorshift.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

const CNAME_LEN: usize = 16;

/// A name for the stream that tells nothing of the machine or the call (RFC 7022 section 4.2).
fn cname(ssrc: u32, name: &mut [u8; CNAME_LEN]) -> &str {
    name[..8].copy_from_slice(b"offhook-");
    for (index, digit) in name[8..].iter_mut().enumerate() {
        let nibble = (ssrc >> (28 - 4 * index)) & 0x0F;
        *digit = b"0123456789abcdef"[nibble as usize];
    }
    std::str::from_utf8(name).unwrap_or("offhook")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::rtp::{ClockRate, RtpHeader};
    use crate::session::stream::StreamSeed;
    use crate::test_time::epoch;
    use crate::time::RtpTime;

    fn stream(ssrc: u32) -> OutStream {
        OutStream::new(StreamSeed {
            ssrc,
            sequence: 1,
            time: RtpTime(0),
        })
    }

    fn reports() -> Reports {
        let clock = NtpClock::new(epoch(), SystemTime::UNIX_EPOCH);
        let mut reports = Reports::new(clock, Duration::from_secs(5), 99);
        reports.start(epoch());
        reports
    }

    #[test]
    fn a_round_trip_is_found_from_the_reports_of_both_sides() {
        let (mut ours, mut theirs) = (reports(), reports());
        let (mut our_stream, their_stream) = (stream(1), stream(2));
        our_stream.frame(epoch(), 0, 2);
        our_stream.count(160);
        let mut buffer = [0; 128];
        // Our report takes 30 ms, theirs is written 2 s later and takes 50 ms.
        let sent = ours.poll_timeout().unwrap();
        let length = ours.poll(sent, &our_stream, None, &mut buffer).unwrap();
        let arrived = sent + Duration::from_millis(30);
        let compound = Compound::parse(&buffer[..length]).unwrap();
        theirs.receive(arrived, &compound, 2);
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence: 1,
            time: RtpTime(0),
            ssrc: 1,
        };
        let mut source = RtpSource::new(&header, arrived, ClockRate::new(8000));
        let answered = arrived + Duration::from_secs(2).max(Duration::from_secs(9));
        let length = theirs
            .poll(answered, &their_stream, Some(&mut source), &mut buffer)
            .unwrap();
        let back = answered + Duration::from_millis(50);
        let compound = Compound::parse(&buffer[..length]).unwrap();
        ours.receive(back, &compound, 1);
        let round_trip = ours.round_trip().unwrap();
        let error = round_trip.abs_diff(Duration::from_millis(80));
        assert!(error < Duration::from_millis(1), "{round_trip:?}");
    }

    #[test]
    fn a_report_that_lies_about_delays_is_not_believed() {
        let mut ours = reports();
        let mut buffer = [0; 128];
        let mut writer = CompoundWriter::new(&mut buffer);
        let block = ReportBlock {
            ssrc: 1,
            fraction_lost: 0,
            lost: 0,
            highest: 0,
            jitter: 0,
            last_report: 1,
            delay: u32::MAX,
        };
        writer.report(2, None, Some(block));
        let length = writer.finish();
        ours.receive(epoch(), &Compound::parse(&buffer[..length]).unwrap(), 1);
        assert_eq!(ours.round_trip(), None);
    }

    #[test]
    fn only_who_sent_since_the_last_report_is_a_sender() {
        let mut ours = reports();
        let mut stream = stream(1);
        stream.frame(epoch(), 0, 2);
        stream.count(160);
        let mut buffer = [0; 128];
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let due = ours.poll_timeout().unwrap();
            let length = ours.poll(due, &stream, None, &mut buffer).unwrap();
            let compound = Compound::parse(&buffer[..length]).unwrap();
            let first = compound.packets().next().unwrap();
            kinds.push(matches!(first, RtcpPacket::SenderReport { .. }));
            assert!(compound.packets().count() == 2);
        }
        assert_eq!(kinds, [true, false]);
        let length = ours.bye(epoch(), &stream, None, &mut buffer);
        let compound = Compound::parse(&buffer[..length]).unwrap();
        assert!(compound.packets().any(|p| p == RtcpPacket::Bye { ssrc: 1 }));
    }
}
