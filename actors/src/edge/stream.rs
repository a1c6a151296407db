//! Messages on a stream: read and written, whatever carries the stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use offhook_core::sip::endpoint::{Path, SipTransport};
use offhook_core::sip::stream::{Frame, StreamParser};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};

use super::command::Inbound;
use super::connections::{LastHeard, Opened};
use super::handle::Shared;
use super::seats::{Opener, Seat};
use crate::alarm;

/// How long a peer may take to read one batch of ours.
pub(super) const WRITE: Duration = Duration::from_secs(30);

/// Bytes read at once: more than most messages have, and what an idle connection costs.
const READ: usize = 4 * 1024;

/// One connection while it is served.
pub(super) struct Serving {
    pub(super) shared: Arc<Shared>,
    pub(super) path: Path,
    pub(super) writer: mpsc::WeakSender<Bytes>,
    pub(super) outgoing: mpsc::Receiver<Bytes>,
    pub(super) heard: Arc<LastHeard>,
    pub(super) seat: Seat,
}

/// What was read, if it was anything whole. The later ones prove more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whole {
    Nothing,
    /// Line breaks, which anybody can send.
    KeepAlive,
    Message,
}

impl Serving {
    pub(super) fn new(shared: Arc<Shared>, opened: Opened) -> Self {
        let Opened {
            path,
            writer,
            outgoing,
            heard,
            seat,
        } = opened;
        Self {
            shared,
            path,
            writer,
            outgoing,
            heard,
            seat,
        }
    }

    /// Serves a stream of framed messages until either side closes it.
    pub(super) async fn carry(
        mut self,
        read: impl AsyncRead + Unpin,
        write: impl AsyncWrite + Unpin,
    ) {
        let (_, nothing) = mpsc::channel(1);
        let outgoing = std::mem::replace(&mut self.outgoing, nothing);
        tokio::select! {
            () = self.read(read) => {}
            () = write_all(write, outgoing) => {}
        }
        // Both halves, and the socket with them, are gone by now.
        self.end().await;
    }

    /// Makes room for another connection, and tells everybody that this one is gone. Signalling has read
    /// what came by it before it hears of that.
    pub(super) async fn end(self) {
        let Self {
            shared, path, seat, ..
        } = self;
        shared.net.close(path.flow);
        drop(seat);
        shared
            .net
            .inbound
            .send(Inbound::Closed(path.flow))
            .await
            .ok();
    }

    /// Hands a whole message on, unless it is one too many; `None` when nobody listens any more, or
    /// not to this peer.
    pub(super) async fn deliver(&self, data: Bytes) -> Option<()> {
        let Shared { net, guard, .. } = &*self.shared;
        let peer = self.path.peer.ip();
        let is_tls = self.path.transport == SipTransport::Tls;
        let names = is_tls.then(|| net.peer_names(self.path.flow)).flatten();
        let admitted = match names {
            Some(names) => guard.admits_named(peer, &names, &data),
            None => guard.admits(peer, &data),
        };
        if !admitted {
            return (!guard.is_barred(peer)).then_some(());
        }
        net.counters.received.fetch_add(1, Ordering::Relaxed);
        net.inbound
            .send(Inbound::Message(self.path, data))
            .await
            .ok()
    }

    /// Answers a keep-alive (RFC 5626 section 4.4.1); `None` when the connection is to be closed, or
    /// its peer does not read, or is not listened to.
    pub(super) fn answer_keep_alive(&self) -> Option<()> {
        if self.is_barred() {
            return None;
        }
        let answer = Bytes::from_static(b"\r\n");
        self.writer.upgrade()?.try_send(answer).ok()
    }

    /// Whether the peer was banned since it connected.
    pub(super) fn is_barred(&self) -> bool {
        self.shared.guard.is_barred(self.path.peer.ip())
    }

    /// Reads until the peer closes, breaks the framing, or takes too long.
    async fn read(&self, mut stream: impl AsyncRead + Unpin) {
        let limits = &self.shared.net.config.limits;
        let mut parser = StreamParser::new();
        let mut buffer = BytesMut::with_capacity(READ);
        // Whom we connect to is asked something, and may think about it for as long as it likes.
        let mut proved = self.seat.opener == Opener::Us;
        let mut waiting_since = alarm::now();
        let mut needed_until = waiting_since;
        loop {
            // A peer that never said anything whole has as long as a message has.
            let impatient = !proved || parser.is_mid_message();
            let until = if impatient {
                waiting_since + limits.message_timeout
            } else {
                needed_until.max(waiting_since + limits.idle_timeout)
            };
            match timeout_at(until.into(), stream.read_buf(&mut buffer)).await {
                Ok(Ok(1..)) => self.heard.note(),
                Ok(Ok(0) | Err(_)) => return,
                Err(_) => {
                    let needed = self.shared.needed_until(self.path.flow);
                    match needed.filter(|at| !impatient && *at > alarm::now()) {
                        Some(at) => needed_until = at,
                        None => return,
                    }
                    continue;
                }
            }
            let was_idle = !parser.is_mid_message();
            parser.push(&buffer);
            buffer.clear();
            let Some(whole) = self.frames(&mut parser).await else {
                return;
            };
            proved |= whole == Whole::Message;
            if proved && (was_idle || whole != Whole::Nothing) {
                waiting_since = alarm::now();
            }
            if parser.pending() > limits.max_message_size {
                return;
            }
        }
    }

    /// Hands whole messages on; tells the most there was, `None` when the stream is broken.
    async fn frames(&self, parser: &mut StreamParser) -> Option<Whole> {
        let largest = self.shared.net.config.limits.max_message_size;
        let mut most = Whole::Nothing;
        while let Some(frame) = parser.poll_frame().ok()? {
            match frame {
                Frame::Message(data) if data.len() > largest => return None,
                Frame::Message(data) => {
                    self.deliver(data).await?;
                    most = Whole::Message;
                }
                Frame::KeepAlive => {
                    self.answer_keep_alive()?;
                    most = most.max(Whole::KeepAlive);
                }
            }
        }
        Some(most)
    }
}

/// Writes what comes until the connection is to be closed or its peer does not take it.
async fn write_all(mut stream: impl AsyncWrite + Unpin, mut outgoing: mpsc::Receiver<Bytes>) {
    let mut end = None;
    while let Some(data) = outgoing.recv().await {
        let write = async {
            stream.write_all(&data).await?;
            stream.flush().await
        };
        let mut until = alarm::now() + WRITE;
        // What was queued when the connection was closed has so long as a whole.
        if outgoing.is_closed() {
            until = *end.get_or_insert(until);
        }
        if !matches!(timeout_at(until.into(), write).await, Ok(Ok(()))) {
            return;
        }
    }
    // A peer that does not take the farewell is left alone.
    timeout(WRITE, stream.shutdown()).await.ok();
}
