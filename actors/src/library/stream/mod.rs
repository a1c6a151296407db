//! Hold music from a stream: received and decoded while somebody listens, and a minute longer.
//!
//! A task per class watches whether anybody listens and fetches what is played; a thread per stream
//! decodes it. Between them is a channel of a few pieces: who cannot keep up slows the sender down,
//! by TCP. While the stream does not work the class's files play.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::StreamExt;
use offhook_media::container::audio::{AudioError, AudioReader, MediaSource};
use offhook_media::engine::{Engine, LiveProgram, MusicClass, Program};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::alarm::now;

/// How long after the last listener a stream goes on, in turns of the wheel: a minute.
const LINGER: u64 = 3000;

/// How often it is looked whether somebody listens.
const LOOK: Duration = Duration::from_millis(500);

/// A stream that gives nothing for so long has stalled.
const STALL: Duration = Duration::from_secs(10);

/// Waiting times between attempts, doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// A stream that went on for so long had begun well: the next attempt is made soon.
const WELL: Duration = Duration::from_secs(30);

/// Received pieces that may wait to be decoded: some hundred kilobytes.
const WAITING: usize = 16;

/// A stream being followed; it ends when this is dropped, and its class is what others make of it
/// from then on.
#[derive(Debug)]
pub(super) struct Stream {
    task: JoinHandle<()>,
    right: Arc<Mutex<Right>>,
}

/// Whether what a stream decodes may still become its class's program. The decoder is a thread that
/// nobody can abort, so it asks, and whoever takes the right away waits until it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Given,
    Taken,
}

impl Drop for Stream {
    fn drop(&mut self) {
        *self.right.lock() = Right::Taken;
        self.task.abort();
    }
}

impl Stream {
    /// Follows the stream at `address` for this class; `files` play while it does not work.
    pub(super) fn follow(
        runtime: &Handle,
        engine: Engine,
        class: Arc<MusicClass>,
        files: Arc<Program>,
        address: String,
    ) -> Self {
        let right = Arc::new(Mutex::new(Right::Given));
        let live = match LiveProgram::new(files) {
            Ok(live) => Arc::new(Mutex::new(live)),
            Err(error) => {
                tracing::error!(%error, "hold music cannot be streamed");
                let task = runtime.spawn(std::future::ready(()));
                return Self { task, right };
            }
        };
        let source = Source {
            engine,
            class,
            live,
            right: Arc::clone(&right),
            address,
        };
        // Nothing is lost with it: it is begun anew with every change of its class.
        let task = runtime.spawn(source.run());
        Self { task, right }
    }
}

#[derive(Clone)]
struct Source {
    engine: Engine,
    class: Arc<MusicClass>,
    /// One for all attempts: what was received before a break is played to its end.
    live: Arc<Mutex<LiveProgram>>,
    right: Arc<Mutex<Right>>,
    address: String,
}

impl Source {
    async fn run(self) {
        let Ok(client) = reqwest::Client::builder().connect_timeout(STALL).build() else {
            return tracing::error!("there is no HTTP client for streams");
        };
        let mut pause = FIRST_PAUSE;
        loop {
            self.until_heard().await;
            let begun = now();
            let Err(why) = self.play(&client).await else {
                pause = FIRST_PAUSE;
                continue;
            };
            let class = self.class.name();
            tracing::warn!(
                class,
                host = host(&self.address),
                why,
                "hold music is not streamed"
            );
            if now().duration_since(begun) > WELL {
                pause = FIRST_PAUSE;
            }
            let for_nothing = std::future::pending::<()>();
            tokio::time::timeout(pause, for_nothing).await.ok();
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn is_heard(&self) -> bool {
        let now = self.engine.tick();
        self.class
            .last_heard()
            .is_some_and(|heard| heard + LINGER > now)
    }

    async fn until_heard(&self) {
        let mut looks = tokio::time::interval(LOOK);
        while !self.is_heard() {
            looks.tick().await;
        }
    }

    /// Plays the stream until nobody listens any more, or it fails: then why. What was received by
    /// then is still played.
    async fn play(&self, client: &reqwest::Client) -> Result<(), String> {
        let answer = tokio::time::timeout(STALL, client.get(&self.address).send()).await;
        let answer = answer.map_err(|_| "no answer".to_owned())?;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        let (sender, receiver) = tokio::sync::mpsc::channel(WAITING);
        let decoder = self.clone();
        let decoding = tokio::task::spawn_blocking(move || decoder.decode(receiver));
        let fed = self.feed(answer, &sender).await;
        drop(sender);
        match decoding.await {
            Ok(Ok(())) => fed,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the decoder failed".to_owned()),
        }
    }

    /// Hands on what comes, as fast as it is decoded.
    async fn feed(
        &self,
        answer: reqwest::Response,
        sender: &tokio::sync::mpsc::Sender<Bytes>,
    ) -> Result<(), String> {
        let mut body = answer.bytes_stream();
        loop {
            let chunk = tokio::select! {
                // The decoder is gone, and says why itself.
                () = sender.closed() => return Err("it ended".to_owned()),
                chunk = tokio::time::timeout(STALL, body.next()) => chunk,
            };
            let chunk = chunk.map_err(|_| "it stalled".to_owned())?;
            let chunk = chunk.ok_or_else(|| "it ended".to_owned())?;
            let chunk = chunk.map_err(|error| error.without_url().to_string())?;
            loop {
                if !self.is_heard() {
                    return Ok(());
                }
                match tokio::time::timeout(LOOK, sender.reserve()).await {
                    Ok(Ok(place)) => {
                        place.send(chunk);
                        break;
                    }
                    Ok(Err(_)) => return Err("it ended".to_owned()),
                    // The decoder has enough for the moment.
                    Err(_) => {}
                }
            }
        }
    }

    /// Decodes what is received, at the pace it is played.
    fn decode(&self, received: tokio::sync::mpsc::Receiver<Bytes>) -> Result<(), AudioError> {
        let source = Received {
            channel: std::sync::Mutex::new(received),
            rest: Bytes::new(),
        };
        let mut reader = AudioReader::open(Box::new(source))?;
        // The decoder of an attempt is gone before the next attempt begins.
        let mut live = self.live.lock();
        // Nothing comes by this channel: it is a clock to wait by.
        let (_never, clock) = mpsc::channel::<()>();
        let mut pcm = Vec::new();
        while reader.next(&mut pcm)? {
            if *self.right.lock() == Right::Taken {
                break;
            }
            if let Some(program) = live.push(self.engine.tick(), &pcm) {
                self.set_program(program);
                clock.recv_timeout(live.wait(self.engine.tick())).ok();
            }
            pcm.clear();
        }
        Ok(())
    }

    fn set_program(&self, program: Program) {
        let right = self.right.lock();
        if *right == Right::Given {
            self.class.set_program(Arc::new(program));
        }
    }
}

/// The host of an address, which is all of it that is nobody's secret.
fn host(address: &str) -> String {
    let address = reqwest::Url::parse(address).ok();
    let host = address.as_ref().and_then(reqwest::Url::host_str);
    host.unwrap_or_default().to_owned()
}

/// What was received, as a file that is read once.
struct Received {
    /// Only so that it may be shared, which it is not.
    channel: std::sync::Mutex<tokio::sync::mpsc::Receiver<Bytes>>,
    rest: Bytes,
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let channel = self.channel.get_mut();
            let channel = channel.map_err(|_| io::Error::from(ErrorKind::BrokenPipe))?;
            match channel.blocking_recv() {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Seek for Received {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl MediaSource for Received {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests;
