//! Datagrams in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;

use super::command::Inbound;
use super::handle::Shared;

/// The largest datagram there is.
const LARGEST: usize = 65_535;

/// Datagrams read in a row before others get a turn on this thread.
const TURN: usize = 64;

/// Reads datagrams for as long as the signalling task's channel exists. A full channel loses them:
/// SIP sends again what it needs.
pub(crate) async fn read(shared: Arc<Shared>, index: usize) {
    let net = &shared.net;
    let Some(socket) = net.udp.get(index).map(|port| Arc::clone(&port.receiver)) else {
        return;
    };
    let mut buffer = vec![0; LARGEST];
    while socket.readable().await.is_ok() {
        for _ in 0..TURN {
            match socket.try_recv_from(&mut buffer) {
                Ok((length, peer)) => {
                    let data = &buffer[..length];
                    if is_keep_alive(data) || !shared.guard.admits(peer.ip(), data) {
                        continue;
                    }
                    let Some(path) = net.udp_path(index, peer) else {
                        return;
                    };
                    net.counters.received.fetch_add(1, Ordering::Relaxed);
                    let message = Inbound::Message(path, Bytes::copy_from_slice(data));
                    match net.inbound.try_send(message) {
                        Ok(()) => {}
                        Err(TrySendError::Full(_)) => {
                            net.counters.dropped.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(TrySendError::Closed(_)) => return,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An answer of ours met a closed port; that concerns its transaction, not us.
                Err(_) => {}
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Line breaks or zeros that keep a NAT's mapping open and want no answer.
fn is_keep_alive(data: &[u8]) -> bool {
    data.len() <= 4 && data.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
