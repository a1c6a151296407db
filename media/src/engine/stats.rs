//! Counters anybody may read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::session::DropReason;

/// Dropped packets by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// How many were dropped for this reason.
    #[must_use]
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// How many were dropped at all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many a leg with keys refused: unprotected, forged or replayed.
    #[must_use]
    pub fn not_authentic(&self) -> u64 {
        let reasons = [
            DropReason::NotSecured,
            DropReason::Forged,
            DropReason::Replayed,
        ];
        reasons.map(|reason| self.of(reason)).iter().sum()
    }

    pub(crate) fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }
}

/// What one shard did since the engine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardStats {
    /// Legs it owns now.
    pub legs: u64,
    /// RTP packets received.
    pub packets_in: u64,
    /// RTP packets sent.
    pub packets_out: u64,
    /// Packets dropped.
    pub dropped: Dropped,
    /// Legs whose sound is decoded now.
    pub decoders: u64,
    /// Legs whose sound is encoded now.
    pub encoders: u64,
    /// Packets that came too late to be decoded.
    pub late: u64,
    /// Sound made up in place of what did not come in time, in milliseconds.
    pub concealed_milliseconds: u64,
    /// RTCP datagrams that were of no use.
    pub reports_dropped: u64,
    /// Payloads a recording missed because the recorder was too slow.
    pub recording_overruns: u64,
    /// Wheel slots left out because the thread was too late.
    pub skipped_slots: u64,
    /// Time the thread did not wait.
    pub busy: Duration,
}

/// What the whole engine did and holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Each shard by itself.
    pub shards: Vec<ShardStats>,
    /// Pairs of ports in use.
    pub ports_in_use: usize,
    /// Pairs of ports there are.
    pub ports: usize,
    /// Recordings that run.
    pub recordings: usize,
    /// How often a disk was too slow for a recording, so that audio is missing in it.
    pub recording_gaps: u64,
}

/// Where a shard publishes its counters: written by it alone, once per turn of its loop.
#[derive(Debug, Default)]
pub(crate) struct PublishedStats {
    legs: AtomicU64,
    packets_in: AtomicU64,
    packets_out: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    decoders: AtomicU64,
    encoders: AtomicU64,
    late: AtomicU64,
    concealed_milliseconds: AtomicU64,
    reports_dropped: AtomicU64,
    recording_overruns: AtomicU64,
    skipped_slots: AtomicU64,
    busy_nanos: AtomicU64,
}

impl PublishedStats {
    pub(crate) fn publish(&self, stats: &ShardStats) {
        let put = |cell: &AtomicU64, value: u64| cell.store(value, Ordering::Relaxed);
        put(&self.legs, stats.legs);
        put(&self.packets_in, stats.packets_in);
        put(&self.packets_out, stats.packets_out);
        for (cell, &count) in self.dropped.iter().zip(&stats.dropped.0) {
            put(cell, count);
        }
        put(&self.decoders, stats.decoders);
        put(&self.encoders, stats.encoders);
        put(&self.late, stats.late);
        put(&self.concealed_milliseconds, stats.concealed_milliseconds);
        put(&self.reports_dropped, stats.reports_dropped);
        put(&self.recording_overruns, stats.recording_overruns);
        put(&self.skipped_slots, stats.skipped_slots);
        put(
            &self.busy_nanos,
            u64::try_from(stats.busy.as_nanos()).unwrap_or(u64::MAX),
        );
    }

    pub(crate) fn read(&self) -> ShardStats {
        let get = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        ShardStats {
            legs: get(&self.legs),
            packets_in: get(&self.packets_in),
            packets_out: get(&self.packets_out),
            dropped: Dropped(std::array::from_fn(|index| get(&self.dropped[index]))),
            decoders: get(&self.decoders),
            encoders: get(&self.encoders),
            late: get(&self.late),
            concealed_milliseconds: get(&self.concealed_milliseconds),
            reports_dropped: get(&self.reports_dropped),
            recording_overruns: get(&self.recording_overruns),
            skipped_slots: get(&self.skipped_slots),
            busy: Duration::from_nanos(get(&self.busy_nanos)),
        }
    }
}
