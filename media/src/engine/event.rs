//! What the engine reports.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use offhook_core::fax::FaxTone;
use offhook_core::recording::RecordingEnd;
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId, RecordingId};
use parking_lot::Mutex;
use rtrb::Consumer;

use crate::container::encoder::EncoderError;
use crate::graph::playlist::{PlayEnd, PlayId};
use crate::session::quality::Rating;

/// Something that happened in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineEvent {
    /// The first packet of the far end was accepted.
    FirstPacket {
        /// The leg.
        leg: LegId,
    },
    /// A digit was pressed: reported once, at the first packet of its telephone event, so that
    /// nothing waits for the key to be let go.
    Digit {
        /// The leg it came from.
        leg: LegId,
        /// One of `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// A playlist ended. Comes exactly once for every `play`.
    PlaybackEnded {
        /// The leg.
        leg: LegId,
        /// Which playing.
        play: PlayId,
        /// How.
        end: PlayEnd,
    },
    /// Nothing was received for the RTP time-out although the far end should send. Comes once;
    /// again only after packets came or the remote was set anew.
    RtpTimeout {
        /// The leg.
        leg: LegId,
    },
    /// The far end, which is bridged to another of G.711, is a fax: the sound of both is left alone
    /// for as long as they are connected. Comes once.
    FaxHeard {
        /// The leg.
        leg: LegId,
        /// By what it was recognised.
        tone: FaxTone,
    },
    /// What the network did so far, every few seconds and once more when the leg is removed.
    /// Counts are totals since the leg began.
    Quality {
        /// The leg.
        leg: LegId,
        /// Packets received.
        received: u64,
        /// Packets lost, by sequence number.
        lost: u64,
        /// Interarrival jitter in microseconds (RFC 3550 section 6.4.1).
        jitter_micros: u32,
        /// Round-trip time in microseconds, if the far end sends RTCP.
        round_trip_micros: Option<u32>,
        /// The codec agreed on.
        codec: Option<Codec>,
        /// How the last seconds sounded; none if no packet was due.
        rating: Option<Rating>,
        /// Packets that came after their turn, while they were decoded.
        late: u64,
        /// Sound that was made up in place of what did not come in time.
        concealed: Duration,
        /// How long sound of late waits from its arrival until it is heard; zero where packets are
        /// passed on at once.
        playout_delay: Duration,
    },
    /// A recording is complete: synced to disk and under its final name.
    RecordingSaved {
        /// The recording.
        recording: RecordingId,
        /// The call it belongs to.
        call: CallId,
        /// The file, relative to the recordings folder.
        file: String,
        /// Its length.
        milliseconds: u64,
        /// The size of the audio file, header included; what seals it is not counted.
        bytes: u64,
        /// How it came to its end.
        end: RecordingEnd,
        /// Audio that the disk was too slow for, and that is silence in it.
        missing_milliseconds: u64,
    },
    /// The disk is too slow: from here on audio is missing in the recording, until there is room to
    /// go on. Comes once per gap.
    RecordingDegraded {
        /// The recording.
        recording: RecordingId,
        /// The call it belongs to.
        call: CallId,
    },
    /// A recording could not be begun, or nothing of it could be kept. The call goes on.
    RecordingFailed {
        /// The recording.
        recording: RecordingId,
        /// The call it belongs to.
        call: CallId,
        /// Why.
        reason: RecordingFailure,
    },
    /// A leg's media ended by a fault of ours; its ports are free again. Other legs are not
    /// touched.
    LegFailed {
        /// The leg.
        leg: LegId,
        /// Why.
        reason: LegFailure,
    },
    /// A member of a room began to talk.
    TalkStarted {
        /// The leg.
        leg: LegId,
    },
    /// A member of a room ended to talk, or was muted. Not told of one who leaves.
    TalkStopped {
        /// The leg.
        leg: LegId,
    },
    /// A playlist played into a room ended. Comes exactly once for every one of them.
    RoomPlaybackEnded {
        /// The room's call.
        call: CallId,
        /// Which playing.
        play: PlayId,
        /// How.
        end: PlayEnd,
    },
    /// A room ended by a fault of ours; its legs live on and hear silence.
    RoomFailed {
        /// The room's call.
        call: CallId,
    },
    /// A command about a room could not be done; nothing changed.
    RoomRefused {
        /// The room's call.
        call: CallId,
        /// Its name, as the method is called.
        command: &'static str,
        /// Why.
        reason: Refusal,
    },
    /// A command could not be done; nothing changed.
    CommandRefused {
        /// The leg it named.
        leg: LegId,
        /// Its name, as the method is called.
        command: &'static str,
        /// Why.
        reason: Refusal,
    },
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such leg (any more).
    #[error("there is no such leg")]
    UnknownLeg,
    /// A leg with this id exists already.
    #[error("the leg exists already")]
    LegExists,
    /// Both sides of the bridge are the same leg.
    #[error("a leg cannot be bridged to itself")]
    SameLeg,
    /// The legs are of different calls, which may live on different threads.
    #[error("the legs belong to different calls")]
    OtherCall,
    /// The engine does not know the codec.
    #[error("the codec is not supported")]
    UnsupportedCodec,
    /// Nobody has said yet where the leg's far end is and what it takes.
    #[error("the far end of the leg is not known yet")]
    NoFarEnd,
    /// Something else than the 16 digits, none at all, or too many at once.
    #[error("the digits cannot be sent")]
    BadDigits,
    /// The sound bank has no music of this class.
    #[error("there is no such hold music")]
    UnknownMusic,
    /// The sound bank has no such tone.
    #[error("there is no such tone")]
    UnknownTone,
    /// No such recording runs.
    #[error("no such recording runs")]
    UnknownRecording,
    /// The call has no room.
    #[error("the call has no room")]
    NoRoom,
    /// The call has a room already.
    #[error("the call has a room already")]
    RoomExists,
    /// The room has all the members it may have.
    #[error("the room is full")]
    RoomFull,
    /// The leg is not in the room.
    #[error("the leg is not in the room")]
    NotInRoom,
    /// The leg is not bridged.
    #[error("the leg is not bridged")]
    NotBridged,
    /// More members of the room hear others differently than can be served.
    #[error("the room has too many relations")]
    TooManyRelations,
    /// The thread's poller did not take the leg's sockets.
    #[error("the sockets could not be watched")]
    Socket,
    /// The engine was shut down.
    #[error("the media engine is shut down")]
    ShutDown,
}

/// Why a leg's media ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegFailure {
    /// Code that handled it panicked.
    #[error("a fault in the media engine")]
    Panicked,
}

/// Why a recording failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingFailure {
    /// The file name is absolute, leaves the folder, or does not end as its format says.
    #[error("the file name is not allowed")]
    BadFileName,
    /// A recording with this id runs already.
    #[error("the recording runs already")]
    AlreadyRunning,
    /// None of its legs exists.
    #[error("no leg to record")]
    NoLeg,
    /// The file could not be made.
    #[error("cannot create the file: {0}")]
    Create(io::ErrorKind),
    /// Too little of the disk is free for a new one.
    #[error("too little space is free on the disk")]
    LowSpace,
    /// The format cannot be made.
    #[error("{0}")]
    Encoder(EncoderError),
    /// Writing failed before anything could be kept; the disk may be full.
    #[error("cannot write: {0}")]
    Write(io::ErrorKind),
    /// Code that recorded it panicked, or could not be started.
    #[error("a fault in the recorder")]
    Fault,
    /// The finished file could not be synced or renamed.
    #[error("cannot finish the file: {0}")]
    Finish(io::ErrorKind),
    /// The engine was shut down.
    #[error("the media engine is shut down")]
    ShutDown,
}

/// Told when events wait that nobody fetched yet.
pub(crate) struct Wake {
    call: Arc<dyn Fn() + Send + Sync>,
    signalled: AtomicBool,
}

impl Wake {
    pub(crate) fn new(call: Arc<dyn Fn() + Send + Sync>) -> Arc<Self> {
        Arc::new(Self {
            call,
            signalled: AtomicBool::new(false),
        })
    }

    /// An event was pushed.
    pub(crate) fn signal(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel) {
            (self.call)();
        }
    }
}

/// Events of everything that is not a shard: refusals by the handle, recordings. Locked, since it
/// carries no more than a few events per call.
#[derive(Clone)]
pub(crate) struct Outbox {
    queue: Arc<Mutex<VecDeque<EngineEvent>>>,
    wake: Arc<Wake>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

impl Outbox {
    pub(crate) fn new(wake: Arc<Wake>) -> Self {
        Self {
            queue: Arc::default(),
            wake,
        }
    }

    pub(crate) fn push(&self, event: EngineEvent) {
        self.queue.lock().push_back(event);
        self.wake.signal();
    }
}

/// The receiving end of all events of an engine. Events of one leg come in order.
pub struct EngineEvents {
    pub(crate) rings: Vec<Consumer<EngineEvent>>,
    pub(crate) outbox: Outbox,
    pub(crate) next: usize,
}

impl EngineEvents {
    /// The next event, if any. Once this returned `None` the wake-up function is called at the
    /// next event.
    pub fn pop(&mut self) -> Option<EngineEvent> {
        self.take().or_else(|| {
            // Whatever is pushed from here on wakes again; what came just before is seen here.
            self.outbox.wake.signalled.store(false, Ordering::SeqCst);
            self.take()
        })
    }

    fn take(&mut self) -> Option<EngineEvent> {
        for _ in 0..self.rings.len() {
            self.next = (self.next + 1) % self.rings.len();
            if let Ok(event) = self.rings[self.next].pop() {
                return Some(event);
            }
        }
        self.outbox.queue.lock().pop_front()
    }
}

impl fmt::Debug for EngineEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineEvents")
            .field("shards", &self.rings.len())
            .finish_non_exhaustive()
    }
}
