//! Who is talking and waiting right now: a fold over events, kept up to date by each of them.
//!
//! [`LiveView`] holds nothing that the events do not say: folding the whole event log anew gives an
//! equal view. What a call holds goes with its end; queues, agents and phones stay for as long as
//! the server runs, since their number is that of the office.

mod call;
mod queue;
mod totals;

use std::collections::{BTreeMap, BTreeSet};

use ahash::AHashMap;
use jiff::Timestamp;

use crate::directory::AgentState;
use crate::event::{AttemptOutcome, Event, EventKind};
use crate::id::{AgentId, CallId, QueueId};

pub use call::{CallState, LegState, LiveCall, LiveLeg, Waiting};
pub use queue::{LiveQueue, QueueTotals, WaitingCaller};
pub use totals::Totals;

/// Calls, queues, agents and phones at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveView {
    calls: AHashMap<CallId, LiveCall>,
    queues: BTreeMap<QueueId, LiveQueue>,
    agents: BTreeMap<AgentId, LiveAgent>,
    phones: BTreeMap<String, BTreeSet<String>>,
    totals: Totals,
    last_seq: u64,
}

/// An agent, as the agent's own actor last reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveAgent {
    /// What the agent is doing.
    pub state: AgentState,
    /// Since when.
    pub since: Timestamp,
    /// The reason given for a break.
    pub reason: Option<String>,
    /// The call this state belongs to.
    pub call: Option<CallId>,
    /// Attempts answered since the server started.
    pub answered: u64,
    /// Attempts not answered or refused since the server started.
    pub missed: u64,
}

impl LiveAgent {
    fn unknown(at: Timestamp) -> Self {
        Self {
            state: AgentState::LoggedOut,
            since: at,
            reason: None,
            call: None,
            answered: 0,
            missed: 0,
        }
    }
}

impl LiveView {
    /// A view of a server on which nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) {
        self.last_seq = event.seq;
        self.totals.count(&event.kind);
        match &event.kind {
            EventKind::CallStarted { call, .. } => {
                if let Some(started) = LiveCall::start(event) {
                    self.calls.entry(*call).or_insert(started);
                }
            }
            EventKind::CallEnded { call, .. } => self.end_call(*call),
            EventKind::CallQueued { call, queue } => self.enqueue(*call, *queue, event),
            EventKind::CallDequeued { call, queue, exit } => {
                let queue = self.queues.entry(*queue).or_default();
                queue.leave(*call, *exit, event.at);
                self.apply_to_call(event);
            }
            EventKind::AttemptEnded { agent, outcome, .. } => {
                self.agent(*agent, event.at).count(*outcome);
            }
            EventKind::AgentStateChanged {
                agent,
                state,
                reason,
                call,
            } => {
                let agent = self.agent(*agent, event.at);
                (agent.state, agent.since) = (*state, event.at);
                agent.reason.clone_from(reason);
                agent.call = *call;
            }
            EventKind::PhoneRegistered { extension, contact } => {
                let contacts = self.phones.entry(extension.clone()).or_default();
                contacts.insert(contact.clone());
            }
            EventKind::PhoneUnregistered { extension, contact } => {
                self.unregister(extension, contact);
            }
            EventKind::CallRouted { .. }
            | EventKind::CallDiverted { .. }
            | EventKind::CallTransferred { .. }
            | EventKind::CallTransferFailed { .. }
            | EventKind::CallForwarded { .. }
            | EventKind::CallPickedUp { .. }
            | EventKind::LegMoved { .. }
            | EventKind::CallAnswered { .. }
            | EventKind::LegAdded { .. }
            | EventKind::LegRinging { .. }
            | EventKind::LegAnswered { .. }
            | EventKind::LegHeld { .. }
            | EventKind::LegResumed { .. }
            | EventKind::LegEnded { .. }
            | EventKind::MenuEntered { .. }
            | EventKind::MenuChosen { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::Bridged { .. }
            | EventKind::RecordingStarted { .. }
            | EventKind::RecordingSaved { .. }
            | EventKind::RecordingPaused { .. }
            | EventKind::RecordingResumed { .. }
            | EventKind::RecordingDegraded { .. }
            | EventKind::RecordingExpired { .. }
            | EventKind::RecordingFailed { .. }
            | EventKind::QualityMeasured { .. }
            | EventKind::FaxHeard { .. }
            | EventKind::CallRecovered { .. } => self.apply_to_call(event),
            EventKind::QueueRecovered { .. }
            | EventKind::MessageSummaryChanged { .. }
            | EventKind::MessageReceived { .. }
            | EventKind::TrunkRegistered { .. }
            | EventKind::TrunkUnregistered { .. }
            | EventKind::TrunkUp { .. }
            | EventKind::TrunkDown { .. }
            | EventKind::SourceBanned { .. }
            | EventKind::SourceUnbanned { .. }
            | EventKind::LoginFailed { .. }
            | EventKind::DirectoryChanged { .. } => {}
        }
    }

    fn unregister(&mut self, extension: &str, contact: &str) {
        if let Some(contacts) = self.phones.get_mut(extension) {
            contacts.remove(contact);
            if contacts.is_empty() {
                self.phones.remove(extension);
            }
        }
    }

    fn apply_to_call(&mut self, event: &Event) {
        if let Some(call) = event.kind.call().and_then(|id| self.calls.get_mut(&id)) {
            call.apply(event);
        }
    }

    fn enqueue(&mut self, call: CallId, queue: QueueId, event: &Event) {
        let Some(known) = self.calls.get_mut(&call) else {
            return;
        };
        let before = known.waiting.map(|waiting| waiting.queue);
        if before == Some(queue) {
            // A queue that was restarted is told its callers again; they kept waiting.
            return;
        }
        known.apply(event);
        let from = known.from.clone();
        if let Some(before) = before.and_then(|id| self.queues.get_mut(&id)) {
            before.leave(call, crate::event::QueueExit::Moved, event.at);
        }
        let queue = self.queues.entry(queue).or_default();
        queue.enter(WaitingCaller {
            call,
            from,
            since: event.at,
        });
    }

    fn end_call(&mut self, call: CallId) {
        let Some(ended) = self.calls.remove(&call) else {
            return;
        };
        // A call actor says how a wait ended before it says that the call did; this keeps a queue
        // right even if it did not.
        if let Some(waiting) = ended.waiting
            && let Some(queue) = self.queues.get_mut(&waiting.queue)
        {
            queue.leave(call, crate::event::QueueExit::Abandoned, waiting.since);
        }
    }

    fn agent(&mut self, id: AgentId, at: Timestamp) -> &mut LiveAgent {
        self.agents
            .entry(id)
            .or_insert_with(|| LiveAgent::unknown(at))
    }

    /// The call, if it goes on.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<&LiveCall> {
        self.calls.get(&id)
    }

    /// Every call that goes on, in no order.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &LiveCall> {
        self.calls.values()
    }

    /// The queue, if a caller has ever entered it.
    #[must_use]
    pub fn queue(&self, id: QueueId) -> Option<&LiveQueue> {
        self.queues.get(&id)
    }

    /// Every queue a caller has ever entered.
    pub fn queues(&self) -> impl ExactSizeIterator<Item = (QueueId, &LiveQueue)> {
        self.queues.iter().map(|(id, queue)| (*id, queue))
    }

    /// The agent, if anything was ever heard of them.
    #[must_use]
    pub fn agent_state(&self, id: AgentId) -> Option<&LiveAgent> {
        self.agents.get(&id)
    }

    /// Every agent of whom anything was ever heard.
    pub fn agents(&self) -> impl ExactSizeIterator<Item = (AgentId, &LiveAgent)> {
        self.agents.iter().map(|(id, agent)| (*id, agent))
    }

    /// The contacts registered for an extension; none if its phone is not there.
    #[must_use]
    pub fn contacts(&self, extension: &str) -> Option<&BTreeSet<String>> {
        self.phones.get(extension)
    }

    /// Every extension with a registered phone, and its contacts.
    pub fn phones(&self) -> impl ExactSizeIterator<Item = (&str, &BTreeSet<String>)> {
        self.phones.iter().map(|(number, at)| (number.as_str(), at))
    }

    /// What was counted since the server started.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The position of the last event taken in; 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }
}

impl LiveAgent {
    fn count(&mut self, outcome: AttemptOutcome) {
        match outcome {
            AttemptOutcome::Answered => self.answered += 1,
            AttemptOutcome::NoAnswer
            | AttemptOutcome::Rejected
            | AttemptOutcome::Busy
            | AttemptOutcome::Unreachable => self.missed += 1,
            AttemptOutcome::AnsweredElsewhere
            | AttemptOutcome::CallerGone
            | AttemptOutcome::Withdrawn => {}
        }
    }
}

#[cfg(test)]
mod tests;
