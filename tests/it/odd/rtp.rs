//! Bytes on RTP ports that nobody in the call has sent.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears;
use offhook_tests::g711::Law;
use offhook_tests::phone::{Phone, RATE, Talk};
use offhook_tests::server::Server;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;

/// Where the server receives what this phone says.
fn port(talk: &Talk) -> Result<SocketAddr> {
    talk.heard().from.context("nothing was heard yet")
}

/// Packets of a foreign tone, as RFC 3550 has them.
fn foreign(frequency: f64) -> impl Iterator<Item = Vec<u8>> {
    let tone = ears::sine(frequency, 0.9, RATE, Duration::from_secs(2));
    let tone: Vec<u8> = tone.iter().map(|&sample| Law::Mu.encode(sample)).collect();
    (0_u32..100).map(move |number| {
        let mut packet = vec![0x80, 0];
        packet.extend(u16::try_from(number).unwrap_or(0).to_be_bytes());
        packet.extend((number * 160).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        let start = usize::try_from(number).unwrap_or(0) * 160;
        packet.extend(tone.iter().skip(start).take(160));
        packet
    })
}

#[tokio::test]
async fn strangers_are_neither_heard_nor_do_they_disturb() -> Result<()> {
    let server = Server::start().await?;
    let (caller, callee) = (
        Phone::extension(&server, "1000").await?,
        Phone::extension(&server, "1001").await?,
    );
    let dialling = caller.calls("1001").await?;
    let answered = callee.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    talk.plays_tone(440.0);
    answered.plays_tone(950.0);
    talk.hears_tone(950.0).await?;
    answered.hears_tone(440.0).await?;
    let start = (talk.heard(), answered.heard());

    let mut random = SmallRng::seed_from_u64(3550);
    for address in ["127.0.0.1:0", "127.0.0.2:0"] {
        let stranger = UdpSocket::bind(address).await?;
        for to in [port(&talk)?, port(&answered)?] {
            let reports = SocketAddr::new(to.ip(), to.port() + 1);
            for length in [0, 1, 11, 12, 1500, 65_507] {
                let bytes = vec![0x80; length];
                stranger.send_to(&bytes, to).await?;
                stranger.send_to(&bytes, reports).await?;
            }
            for packet in foreign(1700.0) {
                stranger.send_to(&packet, to).await?;
                let length = random.random_range(0..1500);
                let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
                stranger.send_to(&bytes, to).await?;
                stranger.send_to(&bytes, reports).await?;
            }
        }
    }
    talk.hears_tone(950.0).await?;
    answered.hears_tone(440.0).await?;
    for (name, before, after) in [
        ("the caller", start.0, talk.heard()),
        ("the callee", start.1, answered.heard()),
    ] {
        let heard = after.since(before.samples.len());
        ensure!(
            !ears::has_tone(heard, RATE, 1700.0),
            "{name} hears a stranger"
        );
        ensure!(after.sources == before.sources, "{name} has a new source");
        ensure!(after.lost == before.lost, "{name} lost packets");
        ensure!(
            after.digits.is_empty(),
            "{name} received keys: {}",
            after.digits
        );
    }
    ensure!(talk.hangs_up().await? == 200);
    answered.is_hung_up().await?;
    server.has_nothing_left().await?;
    server.has_not_panicked()
}
