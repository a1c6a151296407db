//! Protecting and checking a packet of 20 ms of G.711, by each suite.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput};

use offhook_benches::start;
use offhook_core::sdp::crypto::{CryptoSuite, MasterKey};
use offhook_media::rtp::RtpHeader;
use offhook_media::srtp::{SrtpReceiver, SrtpSender, TRAILER_LEN};
use offhook_media::time::RtpTime;

/// Header and 160 bytes of audio.
const LENGTH: usize = 172;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    for &suite in CryptoSuite::ALL {
        packets(&mut criterion, suite, start())?;
    }
    criterion.final_summary();
    Ok(())
}

fn packets(
    criterion: &mut Criterion,
    suite: CryptoSuite,
    now: Instant,
) -> Result<(), Box<dyn Error>> {
    let key = MasterKey::random(suite);
    let mut sender = SrtpSender::new(&key);
    let mut sequence = 0u16;
    let mut next = || {
        sequence = sequence.wrapping_add(1);
        packet(sequence)
    };
    let mut group = criterion.benchmark_group(format!("srtp/{suite}"));
    group.throughput(Throughput::Bytes(LENGTH as u64));
    group.bench_function("protect", |bencher| {
        bencher.iter_batched_ref(
            &mut next,
            |packet| sender.protect_rtp(black_box(packet), LENGTH),
            BatchSize::SmallInput,
        );
    });
    // One stream for the receiver: what a batch prepares is protected in order.
    let mut sender = SrtpSender::new(&key);
    let mut receiver = SrtpReceiver::new(&key);
    let mut sealed = next();
    let length = sender.protect_rtp(&mut sealed, LENGTH)?;
    receiver.unprotect_rtp(now, &mut sealed[..length])?;
    group.bench_function("unprotect", |bencher| {
        bencher.iter_batched_ref(
            || {
                let mut packet = next();
                let protected = sender.protect_rtp(&mut packet, LENGTH);
                assert!(protected.is_ok());
                packet
            },
            |packet| receiver.unprotect_rtp(now, black_box(&mut packet[..length])),
            BatchSize::SmallInput,
        );
    });
    let mut forged = packet(sequence);
    group.bench_function("refuse", |bencher| {
        bencher.iter(|| receiver.unprotect_rtp(now, black_box(&mut forged[..length])));
    });
    group.finish();
    Ok(())
}

fn packet(sequence: u16) -> [u8; LENGTH + TRAILER_LEN] {
    let header = RtpHeader {
        marker: false,
        payload_type: 0,
        sequence,
        time: RtpTime(u32::from(sequence) * 160),
        ssrc: 1,
    };
    let mut packet = [0xD5; LENGTH + TRAILER_LEN];
    packet[..12].copy_from_slice(&header.to_bytes());
    packet
}
