//! Messages on a stream: read and written, whatever carries the stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use offhook_core::sip::endpoint::{Path, SipTransport};
use offhook_core::sip::stream::{Frame, StreamParser};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::command::Inbound;
use super::connections::Opened;
use super::handle::Shared;
use crate::alarm;

/// How long a peer may take to read one batch of ours.
pub(super) const WRITE: Duration = Duration::from_secs(30);

/// Bytes read at once: more than most messages have, and what an idle connection costs.
const READ: usize = 4 * 1024;

/// What it means that a peer has said nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// That it may not speak SIP: it has as long for its first message as any message has.
    Suspicious,
    /// Nothing: it is told something that it may take long to answer.
    Expected,
}

/// One connection while it is served.
pub(super) struct Serving {
    pub(super) shared: Arc<Shared>,
    pub(super) path: Path,
    pub(super) writer: mpsc::WeakSender<Bytes>,
    pub(super) outgoing: mpsc::Receiver<Bytes>,
}

impl Serving {
    pub(super) fn new(shared: Arc<Shared>, opened: Opened) -> Self {
        let Opened {
            path,
            writer,
            outgoing,
        } = opened;
        Self {
            shared,
            path,
            writer,
            outgoing,
        }
    }

    /// Serves a stream of framed messages until either side closes it.
    pub(super) async fn carry(
        mut self,
        read: impl AsyncRead + Unpin,
        write: impl AsyncWrite + Unpin,
        silence: Silence,
    ) {
        let (_, nothing) = mpsc::channel(1);
        let outgoing = std::mem::replace(&mut self.outgoing, nothing);
        tokio::select! {
            () = self.read(read, silence) => {}
            () = write_all(write, outgoing) => {}
        }
        self.end().await;
    }

    /// Tells everybody that the connection is gone.
    pub(super) async fn end(self) {
        let flow = self.path.flow;
        self.shared.net.close(flow);
        self.shared.flow_closed(flow);
        self.shared
            .net
            .inbound
            .send(Inbound::Closed(flow))
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
    /// its peer does not read.
    pub(super) fn answer_keep_alive(&self) -> Option<()> {
        let answer = Bytes::from_static(b"\r\n");
        self.writer.upgrade()?.try_send(answer).ok()
    }

    /// Reads until the peer closes, breaks the framing, or takes too long.
    async fn read(&self, mut stream: impl AsyncRead + Unpin, silence: Silence) {
        let limits = &self.shared.net.config.limits;
        let mut parser = StreamParser::new();
        let mut buffer = BytesMut::with_capacity(READ);
        let mut proved = silence == Silence::Expected;
        let mut waiting_since = alarm::now();
        loop {
            // A connection that never said anything whole has as long as a message has.
            let mid_message = !proved || parser.pending() > 0;
            let patience = if mid_message {
                limits.message_timeout
            } else {
                limits.idle_timeout
            };
            let until = (waiting_since + patience).into();
            match tokio::time::timeout_at(until, stream.read_buf(&mut buffer)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) | Err(_) => return,
            }
            let was_idle = parser.pending() == 0;
            parser.push(&buffer);
            buffer.clear();
            match self.frames(&mut parser).await {
                Some(0) if !was_idle => {}
                Some(0) => waiting_since = if proved { alarm::now() } else { waiting_since },
                Some(_) => (proved, waiting_since) = (true, alarm::now()),
                None => return,
            }
            if parser.pending() > limits.max_message_size {
                return;
            }
        }
    }

    /// Hands whole messages on; tells how many frames there were, `None` when the stream is broken.
    async fn frames(&self, parser: &mut StreamParser) -> Option<usize> {
        let largest = self.shared.net.config.limits.max_message_size;
        let mut frames = 0;
        while let Some(frame) = parser.poll_frame().ok()? {
            frames += 1;
            match frame {
                Frame::Message(data) if data.len() > largest => return None,
                Frame::Message(data) => self.deliver(data).await?,
                Frame::KeepAlive => self.answer_keep_alive()?,
            }
        }
        Some(frames)
    }
}

/// Writes what comes until the connection is to be closed or its peer does not take it.
async fn write_all(mut stream: impl AsyncWrite + Unpin, mut outgoing: mpsc::Receiver<Bytes>) {
    while let Some(data) = outgoing.recv().await {
        let write = async {
            stream.write_all(&data).await?;
            stream.flush().await
        };
        if !matches!(timeout(WRITE, write).await, Ok(Ok(()))) {
            return;
        }
    }
    // A peer that does not take the farewell is left alone.
    timeout(WRITE, stream.shutdown()).await.ok();
}
