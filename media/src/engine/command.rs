//! What the handle tells a shard, with names looked up and sockets made.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;
use offhook_core::{CallId, LegId, RecordingId};
use parking_lot::Mutex;
use rtrb::{Consumer, Producer, PushError, RingBuffer};

use crate::engine::leg::{Leg, NewLeg};
use crate::engine::room::RoomCommand;
use crate::graph::player::{Background, Player};
use crate::graph::playlist::PlayControl;
use crate::graph::tap::Side;
use crate::session::RemoteMedia;

/// Commands that fit into a shard's ring before the backlog is used.
const RING: usize = 1024;

/// One thing for a shard to do.
#[derive(Debug)]
pub(crate) enum Command {
    AddLeg(Box<NewLeg>),
    SetRemote(LegId, Box<RemoteMedia>),
    SetSource(LegId, Background),
    Bridge(LegId, LegId),
    Unbridge(LegId),
    Play(LegId, Player),
    StopPlay(LegId),
    ControlPlay(LegId, PlayControl),
    SendDigits(LegId, Box<[u8]>),
    Tap(LegId, RecordingId, Side),
    /// Stops the taps of a recording and tells the recorder when that is done.
    Untap(RecordingId),
    RemoveLeg(LegId),
    /// Gives a leg of this shard another name.
    Rename(LegId, LegId),
    /// Gives a leg of this shard another name and hands it to that shard.
    MoveOut(LegId, LegId, Arc<CommandSender>),
    /// A leg with this name will come from another shard.
    Expect(LegId),
    /// Here it is.
    Adopt(Box<Leg>),
    /// It does not come after all.
    NotComing(LegId),
    /// Does something with the room of a call.
    Room(CallId, Box<RoomCommand>),
    Shutdown,
    /// Makes handling the leg's next packet panic.
    #[cfg(test)]
    PanicAtPacket(LegId),
    /// Panics.
    #[cfg(test)]
    Panic(LegId),
}

impl Command {
    /// Whether it is about this leg and no other.
    pub(crate) fn is_for(&self, leg: LegId) -> bool {
        match self {
            Self::SetRemote(of, _)
            | Self::SetSource(of, _)
            | Self::Play(of, _)
            | Self::StopPlay(of)
            | Self::ControlPlay(of, _)
            | Self::SendDigits(of, _) => *of == leg,
            Self::AddLeg(_)
            | Self::Bridge(..)
            | Self::Unbridge(_)
            | Self::Tap(..)
            | Self::Untap(_)
            | Self::RemoveLeg(_)
            | Self::Rename(..)
            | Self::MoveOut(..)
            | Self::Expect(_)
            | Self::Adopt(_)
            | Self::NotComing(_)
            | Self::Room(..)
            | Self::Shutdown => false,
            #[cfg(test)]
            Self::PanicAtPacket(_) | Self::Panic(_) => false,
        }
    }

    /// Whether nobody hears a difference when it takes effect a little later: a leg is sent nothing
    /// before its remote is set, and nobody listens to one that is removed.
    fn can_wait(&self) -> bool {
        matches!(self, Self::AddLeg(_) | Self::RemoveLeg(_))
    }
}

/// The writing end of a shard's command ring. Any thread may push; the lock is between those, not
/// with the shard, which takes from the ring without one.
pub(crate) struct CommandSender {
    state: Mutex<SenderState>,
    overflowed: Arc<AtomicBool>,
    /// Whether commands were put that the shard has not been woken for.
    unheard: AtomicBool,
    /// The same for commands that may wait.
    patient: AtomicBool,
    waker: Waker,
}

impl std::fmt::Debug for CommandSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandSender").finish_non_exhaustive()
    }
}

struct SenderState {
    ring: Producer<Command>,
    backlog: VecDeque<Command>,
}

/// The reading end.
pub(crate) struct CommandReceiver {
    ring: Consumer<Command>,
    overflowed: Arc<AtomicBool>,
}

impl CommandSender {
    pub(crate) fn new(waker: Waker) -> (Self, CommandReceiver) {
        let (producer, consumer) = RingBuffer::new(RING);
        let overflowed = Arc::new(AtomicBool::new(false));
        let sender = Self {
            state: Mutex::new(SenderState {
                ring: producer,
                backlog: VecDeque::new(),
            }),
            overflowed: overflowed.clone(),
            unheard: AtomicBool::new(false),
            patient: AtomicBool::new(false),
            waker,
        };
        let receiver = CommandReceiver {
            ring: consumer,
            overflowed,
        };
        (sender, receiver)
    }

    /// Hands over a command and wakes the shard; false when it is gone.
    pub(crate) fn push(&self, command: Command) -> bool {
        let taken = self.put(command);
        self.wake_for_all();
        taken
    }

    /// Hands over a command that may wait for [`wake`](Self::wake), or for whatever else the shard
    /// wakes for; false when it is gone.
    pub(crate) fn put(&self, command: Command) -> bool {
        let flag = if command.can_wait() {
            &self.patient
        } else {
            &self.unheard
        };
        {
            let mut state = self.state.lock();
            if state.ring.is_abandoned() {
                return false;
            }
            state.backlog.push_back(command);
            self.flush(&mut state);
        }
        flag.store(true, Ordering::Release);
        true
    }

    /// Wakes the shard if there is something for it that cannot wait; true when there is something
    /// that can, and nothing else.
    pub(crate) fn wake(&self) -> bool {
        if !self.unheard.swap(false, Ordering::AcqRel) {
            return self.patient.load(Ordering::Acquire);
        }
        self.patient.store(false, Ordering::Release);
        // A full eventfd wakes as well, so a failed write loses nothing.
        self.waker.wake().ok();
        false
    }

    /// Wakes the shard if there is anything for it.
    pub(crate) fn wake_for_all(&self) {
        if self.patient.swap(false, Ordering::AcqRel) {
            self.unheard.store(true, Ordering::Release);
        }
        self.wake();
    }

    /// Moves what waits outside of the ring into it. For the shard: leaves it for the next turn
    /// when somebody is pushing right now, and then says false.
    pub(crate) fn try_flush(&self) -> bool {
        let Some(mut state) = self.state.try_lock() else {
            return false;
        };
        self.flush(&mut state);
        true
    }

    fn flush(&self, state: &mut SenderState) {
        while let Some(command) = state.backlog.pop_front() {
            if let Err(PushError::Full(command)) = state.ring.push(command) {
                state.backlog.push_front(command);
                break;
            }
        }
        let overflowed = !state.backlog.is_empty();
        self.overflowed.store(overflowed, Ordering::Release);
    }
}

impl CommandReceiver {
    pub(crate) fn pop(&mut self) -> Option<Command> {
        self.ring.pop().ok()
    }

    /// Whether commands wait outside of the ring.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Acquire)
    }
}
