//! Which events somebody may see.

use ahash::AHashSet;
use offhook_core::live::LiveView;
use offhook_core::{CallId, Event, EventKind};

use crate::auth::{Caller, Own};

/// Which events somebody may see: supervisors all; others those of their own agent, phones and
/// calls.
#[derive(Debug)]
pub(crate) enum Rights {
    /// All.
    All,
    /// Those of their own.
    Own {
        /// What belongs to them.
        own: Own,
        /// The calls they are a party of.
        calls: AHashSet<CallId>,
    },
}

impl Rights {
    /// What the caller may see, given the calls that go on.
    pub(crate) fn of(caller: &Caller, own: Own, view: &LiveView) -> Self {
        if caller.sees_all() {
            return Self::All;
        }
        let calls = view.calls().filter(|call| own.is_party(call));
        let calls = calls.map(|call| call.id).collect();
        Self::Own { own, calls }
    }

    /// Whether they may see this event. Has to be asked for every event, since it learns from them
    /// which calls are theirs.
    pub(crate) fn allow(&mut self, event: &Event) -> bool {
        let Self::Own { own, calls } = self else {
            return true;
        };
        let kind = &event.kind;
        let of_agent = own.agent.is_some() && kind.agent() == own.agent;
        let Some(call) = kind.call() else {
            return of_agent
                || phones(kind)
                    .iter()
                    .any(|number| own.numbers.contains(*number));
        };
        if begins_own_call(kind, own) {
            calls.insert(call);
        }
        let mine = calls.contains(&call) || of_agent;
        if matches!(kind, EventKind::CallEnded { .. }) {
            calls.remove(&call);
        }
        mine
    }
}

/// Whether this event shows that the holder is a party of its call.
fn begins_own_call(kind: &EventKind, own: &Own) -> bool {
    if let EventKind::CallStarted {
        from, trunk: None, ..
    } = kind
    {
        return own.numbers.contains(from);
    }
    let EventKind::LegAdded {
        extension, agent, ..
    } = kind
    else {
        return false;
    };
    let at_own = |number: &String| own.numbers.contains(number);
    extension.as_ref().is_some_and(at_own) || (agent.is_some() && *agent == own.agent)
}

/// The extensions an event outside of calls is about.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an event is about no extension unless it says so"
)]
fn phones(kind: &EventKind) -> Vec<&String> {
    match kind {
        EventKind::PhoneRegistered { extension, .. }
        | EventKind::PhoneUnregistered { extension, .. }
        | EventKind::MessageSummaryChanged { extension, .. } => vec![extension],
        EventKind::MessageReceived { from, to, .. } => vec![from, to],
        _ => Vec::new(),
    }
}
