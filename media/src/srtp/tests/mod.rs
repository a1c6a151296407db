//! Vectors of the RFCs, long and disordered streams, changing keys, forgers.

mod keys;
mod robustness;
mod streams;
mod vectors;

use std::time::Instant;

use offhook_core::sdp::crypto::{CryptoSuite, MasterKey};

use crate::rtp::RtpHeader;
use crate::srtp::*;
use crate::test_time::epoch;
use crate::time::RtpTime;

const SUITES: &[CryptoSuite] = CryptoSuite::ALL;

/// A key that differs from every other `number`'s.
fn key(suite: CryptoSuite, number: u8) -> MasterKey {
    let length = suite.key_len() + suite.salt_len();
    let bytes: Vec<u8> = (0..length)
        .map(|n| u8::try_from(n).unwrap() ^ number)
        .collect();
    MasterKey::new(suite, &bytes).unwrap()
}

fn pair(suite: CryptoSuite) -> (SrtpSender, SrtpReceiver) {
    let key = key(suite, 0x55);
    (SrtpSender::new(&key), SrtpReceiver::new(&key))
}

/// 20 ms of G.711, recognisable by its number.
fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: 0,
        sequence,
        time: RtpTime(u32::from(sequence) * 160),
        ssrc,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.extend([sequence.to_be_bytes()[1]; 160]);
    packet
}

/// A receiver report without blocks.
fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(b"sixteen and more");
    packet
}

fn protect(sender: &mut SrtpSender, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + TRAILER_LEN + 128, 0);
    let length = sender.protect_rtp(&mut buffer, packet.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn protect_rtcp(sender: &mut SrtpSender, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + TRAILER_LEN + 128, 0);
    let length = sender.protect_rtcp(&mut buffer, packet.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn unprotect(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    unprotect_at(receiver, epoch(), packet)
}

fn unprotect_at(
    receiver: &mut SrtpReceiver,
    now: Instant,
    packet: &[u8],
) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    match receiver.unprotect_rtp(now, &mut buffer) {
        Ok(length) => Ok(buffer[..length].to_vec()),
        Err(error) => {
            assert_eq!(buffer, packet, "a refused packet is left as it is");
            Err(error)
        }
    }
}

fn unprotect_rtcp(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    match receiver.unprotect_rtcp(epoch(), &mut buffer) {
        Ok(length) => Ok(buffer[..length].to_vec()),
        Err(error) => {
            assert_eq!(buffer, packet, "a refused packet is left as it is");
            Err(error)
        }
    }
}
