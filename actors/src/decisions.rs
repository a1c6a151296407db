//! The thread that signalling and all actors run on.
//!
//! What a call does is a chain of short steps of several actors: a datagram wakes signalling, which
//! wakes the call, which wakes signalling again to send. On a runtime of many threads each link of
//! that chain wakes another thread, and waking cost more than everything the steps do. Here a step
//! only puts the next task into the queue of the same thread: whatever came in together is worked
//! on, answered and published before the thread sleeps again.
//!
//! It follows that nobody here may take long. What waits for disks, hashes passwords, encrypts, or
//! reads other people's byte streams runs on the runtime of many threads that started this one; see
//! [`Store::runtime`](crate::store::Store::runtime).

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How long tasks that are still at work when everything ends may take to notice.
const FAREWELL: Duration = Duration::from_secs(1);

/// Tasks that may run before sockets and timers are looked at again: a busy actor cannot keep them
/// waiting for longer than these take, some microseconds each.
const LOOK_EVERY: u32 = 61;

/// The thread. When this is dropped, everything on it ends and the thread is waited for.
#[derive(Debug)]
pub struct Decisions {
    handle: Handle,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What was to be run panicked, or the thread is ending.
#[derive(Debug, thiserror::Error)]
#[error("the thread of calls ended early")]
pub struct Gone;

impl Decisions {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .event_interval(LOOK_EVERY)
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("offhook-calls".to_owned())
            .spawn(move || {
                // It ends by the sender being dropped, which is an error to the receiver.
                runtime.block_on(stopped).ok();
                runtime.shutdown_timeout(FAREWELL);
            })?;
        Ok(Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Runs something there: everything it spawns and every socket it opens stays there.
    ///
    /// # Errors
    /// [`Gone`] when it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Gone> {
        self.handle.spawn(work).await.map_err(|_| Gone)
    }
}

impl Drop for Decisions {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of calls panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_run_there_stays_there() {
        let decisions = Decisions::start().unwrap();
        let name = || std::thread::current().name().map(str::to_owned);
        let first = decisions.run(async move { name() }).await.unwrap();
        assert_eq!(first.as_deref(), Some("offhook-calls"));
        #[expect(
            clippy::disallowed_methods,
            reason = "the spawned task is what is tested"
        )]
        let spawned = decisions.run(async move { tokio::spawn(async move { name() }).await });
        assert_eq!(spawned.await.unwrap().unwrap(), first);
    }

    #[tokio::test]
    async fn a_panic_there_is_told_and_the_thread_goes_on() {
        let decisions = Decisions::start().unwrap();
        let fell = decisions.run(async { panic!("told to") }).await;
        assert!(matches!(fell, Err::<(), _>(Gone)));
        assert_eq!(decisions.run(async { 7 }).await.unwrap(), 7);
    }
}
