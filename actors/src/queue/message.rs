//! What queues, calls and agents say to one another.
//!
//! Each message goes over a pair of mailboxes that keeps its order; between different pairs nothing
//! is promised, and the machines rely on nothing more.

use std::time::{Duration, Instant};

use offhook_core::directory::{Destination, Queue};
use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, LegId, QueueId};

/// Why a call leaves a queue by its own decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Departure {
    /// The caller hung up, or the call ended in another way.
    HungUp,
    /// An operator or a transfer took the caller elsewhere.
    Moved,
}

impl Departure {
    /// How this departure is recorded.
    #[must_use]
    pub fn exit(self) -> QueueExit {
        match self {
            Self::HungUp => QueueExit::Abandoned,
            Self::Moved => QueueExit::Moved,
        }
    }
}

/// How far an attempt has come, as the call that rings it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptPhase {
    /// The agent's leg is being set up.
    Dialling,
    /// The agent's phone rings.
    Ringing,
    /// The agent answered, and the call chose this attempt; the queue has not confirmed yet.
    Answered,
    /// Somebody else picked it up, and the queue has not confirmed yet.
    PickedUp {
        /// The leg of who did.
        by: LegId,
        /// The agent they are, if they serve in this queue.
        agent: Option<AgentId>,
    },
}

/// An attempt that a call still has when it returns to a restarted queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LiveAttempt {
    /// The attempt.
    pub attempt: AttemptId,
    /// How far it has come.
    pub phase: AttemptPhase,
}

/// What a call tells the queue it waits in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallToQueue {
    /// The caller begins to wait. Each `Enqueue` is answered by exactly one [`QueueToCall::Exit`],
    /// however the wait ends; until then the call is in the queue, and does not enqueue itself in
    /// the same one again.
    Enqueue {
        /// The call.
        call: CallId,
        /// Since when the caller counts as waiting: callers are served in this order.
        since: Instant,
    },
    /// The answer to [`QueueToCall::QueueRestarted`]: the caller is still in the queue. Sent also
    /// when an agent has answered and the confirming `Exit` has not come.
    Rejoin {
        /// The call.
        call: CallId,
        /// The `since` of its `Enqueue`.
        since: Instant,
        /// Every attempt the call was told to ring and has neither ended nor been told to cancel.
        attempts: Vec<LiveAttempt>,
    },
    /// The caller leaves by its own decision. The call ends the legs of its attempts itself. `Exit`
    /// confirms it, after the events about the wait have been published.
    Leave {
        /// The call.
        call: CallId,
        /// Why.
        departure: Departure,
    },
    /// The agent's phone rings.
    AttemptRinging {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: AttemptId,
    },
    /// The attempt is over without an answer, its leg gone: by itself, or because of
    /// [`QueueToCall::CancelAttempt`], with the outcome named there.
    AttemptEnded {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: AttemptId,
        /// How.
        outcome: AttemptOutcome,
    },
    /// The agent answered, and the call chose this attempt. The call has ended the legs of its
    /// other attempts; the queue confirms with [`QueueToCall::Exit`].
    AttemptAnswered {
        /// The call.
        call: CallId,
        /// The attempt.
        attempt: AttemptId,
    },
    /// Somebody answered whom the queue has not sent, in the place of the agent of this attempt. The
    /// call has ended the legs of all its attempts; the queue confirms with [`QueueToCall::Exit`].
    PickedUp {
        /// The call.
        call: CallId,
        /// The attempt that rang.
        attempt: AttemptId,
        /// The leg of who answered.
        by: LegId,
        /// The agent they are, if they serve in this queue.
        agent: Option<AgentId>,
    },
}

impl CallToQueue {
    /// The call that speaks.
    #[must_use]
    pub fn call(&self) -> CallId {
        match *self {
            Self::Enqueue { call, .. }
            | Self::Rejoin { call, .. }
            | Self::Leave { call, .. }
            | Self::AttemptRinging { call, .. }
            | Self::AttemptEnded { call, .. }
            | Self::AttemptAnswered { call, .. }
            | Self::PickedUp { call, .. } => call,
        }
    }
}

/// What a queue tells a call. A call that is not in that queue (any more) answers
/// [`RingAgent`](Self::RingAgent) with [`CallToQueue::Leave`] and ignores the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueToCall {
    /// Ring this agent. Answered with `AttemptRinging` when the phone rings, and then or at once
    /// with exactly one `AttemptEnded` or `AttemptAnswered`, unless the caller leaves first.
    RingAgent {
        /// The attempt.
        attempt: AttemptId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// The extension whose phone is to ring.
        extension: ExtensionId,
        /// How long it may ring. The queue keeps this time itself; the call shares it out among phones
        /// that ring by turns.
        ring_timeout: Duration,
    },
    /// End the leg of this attempt, then confirm with `AttemptEnded` and this outcome, also when
    /// the attempt is unknown. Ignored when the attempt was answered before.
    CancelAttempt {
        /// The attempt.
        attempt: AttemptId,
        /// The queue.
        queue: QueueId,
        /// Why.
        outcome: AttemptOutcome,
    },
    /// The answered attempt is not one of this queue's any more: end the agent's leg. The caller
    /// goes on waiting, if it is still in the queue.
    Disown {
        /// The attempt.
        attempt: AttemptId,
        /// The queue.
        queue: QueueId,
    },
    /// Tell the caller its place, 1 for the first.
    Announce {
        /// The queue.
        queue: QueueId,
        /// The place.
        position: usize,
    },
    /// The caller is no longer in the queue. With [`QueueExit::Answered`] this confirms the answer;
    /// otherwise no attempt is left, and the call goes to `overflow`, or ends.
    Exit {
        /// The queue.
        queue: QueueId,
        /// How the wait ended.
        exit: QueueExit,
        /// Where the call goes now.
        overflow: Option<Destination>,
    },
    /// The queue has lost its memory: answer with [`CallToQueue::Rejoin`] if you are in it.
    QueueRestarted {
        /// The queue.
        queue: QueueId,
    },
}

impl QueueToCall {
    /// The queue that speaks.
    #[must_use]
    pub fn queue(&self) -> QueueId {
        match *self {
            Self::RingAgent { queue, .. }
            | Self::CancelAttempt { queue, .. }
            | Self::Disown { queue, .. }
            | Self::Announce { queue, .. }
            | Self::Exit { queue, .. }
            | Self::QueueRestarted { queue } => queue,
        }
    }
}

/// What a queue tells an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueToAgent {
    /// Tell this queue your availability now and whenever it changes.
    Subscribe {
        /// The queue.
        queue: QueueId,
    },
    /// This queue no longer wants to know.
    Unsubscribe {
        /// The queue.
        queue: QueueId,
    },
    /// Promise yourself to this call. Answered exactly once with `Granted` or `Refused`.
    Reserve {
        /// The attempt, the key of the reservation.
        attempt: AttemptId,
        /// The queue.
        queue: QueueId,
        /// The call.
        call: CallId,
    },
    /// Your phone rings for this attempt.
    Ringing {
        /// The attempt.
        attempt: AttemptId,
    },
    /// You talk to the caller.
    Connected {
        /// The attempt.
        attempt: AttemptId,
        /// How long to be left alone after the call.
        wrap_up: Duration,
    },
    /// The reservation is over.
    Release {
        /// The attempt.
        attempt: AttemptId,
        /// How it ended.
        outcome: AttemptOutcome,
    },
}

/// Why an agent refuses a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Logged out.
    LoggedOut,
    /// On break.
    OnBreak,
    /// Promised to another caller, ringing or talking.
    Busy,
    /// Finishing the last call.
    WrapUp,
    /// No phone of the agent is registered.
    PhoneGone,
    /// There is no such agent.
    Unknown,
}

/// Whether an agent can be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Availability {
    /// Can be reserved, and has been idle since then.
    Available {
        /// When the agent became ready or was last free of a call.
        since: Instant,
    },
    /// Logged in, but cannot be reserved now.
    Unavailable,
    /// Not working, or about to leave after the present call: nobody to wait for.
    LoggedOut,
}

/// What an agent tells a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentToQueue {
    /// The reservation holds: the agent waits to be rung.
    Granted {
        /// The attempt.
        attempt: AttemptId,
        /// The agent.
        agent: AgentId,
        /// The extension to ring.
        extension: ExtensionId,
    },
    /// The reservation does not hold.
    Refused {
        /// The attempt.
        attempt: AttemptId,
        /// The agent.
        agent: AgentId,
        /// Why.
        refusal: Refusal,
    },
    /// Whether the agent can be reserved. The agent grants a reservation if and only if this was
    /// `Available` when it last spoke.
    Availability {
        /// The agent.
        agent: AgentId,
        /// The answer.
        availability: Availability,
    },
    /// The agent wants no more of this attempt: logged out, on break or without a phone. Answered
    /// with `Release`, or with `Connected` if the phone was picked up before.
    Withdraw {
        /// The attempt.
        attempt: AttemptId,
        /// The agent.
        agent: AgentId,
    },
    /// The agent has been promised to this attempt for long: is it still wanted? Answered with
    /// `Release` if the queue does not know it.
    StillHeld {
        /// The attempt.
        attempt: AttemptId,
        /// The agent.
        agent: AgentId,
    },
}

/// What a queue machine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueInput {
    /// A call speaks.
    FromCall(CallToQueue),
    /// An agent speaks.
    FromAgent(AgentToQueue),
    /// The queue's rules or agents changed.
    Reconfigure(Box<Queue>),
    /// The queue is no more: everybody leaves.
    Close,
}

/// What a queue machine wants done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum QueueEffect {
    /// Tell a call.
    TellCall {
        /// The call.
        call: CallId,
        /// What.
        message: QueueToCall,
    },
    /// Tell an agent.
    TellAgent {
        /// The agent.
        agent: AgentId,
        /// What.
        message: QueueToAgent,
    },
    /// It happened.
    Publish(EventKind),
}
