//! The calls of each extension: a fold over events.

use std::collections::BTreeMap;

use ahash::AHashMap;
use offhook_core::event::{Direction, EventKind};
use offhook_core::live::{LegState, LiveCall, LiveLeg, LiveView};
use offhook_core::sip::identity::Privacy;
use offhook_core::sip::subscription::document::{Progress, Role};
use offhook_core::{CallId, LegId};

/// One call of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) leg: LegId,
    pub(super) role: Role,
    pub(super) progress: Progress,
    /// Who is at the other end.
    pub(super) far: FarEnd,
}

/// The other end of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FarEnd {
    /// A number, with a name if one is shown with it.
    Known(String, Option<String>),
    /// A caller who stays unknown.
    Anonymous,
}

impl Line {
    /// Whether another phone may pick this call up (RFC 3891 section 3): it rings here.
    pub(super) fn can_be_picked_up(&self) -> bool {
        let rings = matches!(self.progress, Progress::Trying | Progress::Early);
        rings && self.role == Role::Recipient
    }
}

/// Who is in a call with whom.
#[derive(Debug, Default)]
pub(super) struct Lines {
    calls: AHashMap<CallId, Facts>,
    /// The extension of each leg; a call's legs stand beside each other.
    by_leg: BTreeMap<LegId, String>,
    by_extension: AHashMap<String, Extension>,
}

/// The lines, and who may change them.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Grows with each follower; only the last one counts.
    pub(super) turn: u64,
    pub(super) lines: Lines,
}

/// What a call says about the far end of its legs.
#[derive(Debug)]
struct Facts {
    caller: FarEnd,
    to: String,
}

#[derive(Debug, Default)]
struct Extension {
    lines: Vec<Line>,
    /// The call that ended last, told once more as terminated until another begins.
    ended: Option<Line>,
}

impl Followed {
    /// Applies an event; the extensions it concerns. A follower whose actor has fallen may live a
    /// moment longer: what it says is in the lines already.
    pub(super) fn apply(&mut self, turn: u64, kind: &EventKind) -> Vec<String> {
        if turn == self.turn {
            self.lines.apply(kind)
        } else {
            Vec::new()
        }
    }
}

impl Lines {
    /// The lines at one moment.
    pub(super) fn of(view: &LiveView) -> Self {
        let mut lines = Self::default();
        for call in view.calls() {
            lines.calls.insert(call.id, Facts::of(call));
            for leg in &call.legs {
                lines.add_live(leg);
            }
        }
        lines
    }

    /// Takes in an event; tells the extensions whose calls have changed by it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "few events say something about who is in a call"
    )]
    pub(super) fn apply(&mut self, kind: &EventKind) -> Vec<String> {
        let changed = match kind {
            EventKind::CallStarted {
                call,
                from,
                from_name,
                privacy,
                to,
                ..
            } => {
                let facts = Facts::new(from, from_name.as_ref(), *privacy, to);
                self.calls.insert(*call, facts);
                None
            }
            EventKind::CallEnded { call, .. } => return self.end_call(*call),
            EventKind::LegAdded {
                leg,
                direction,
                extension: Some(extension),
                ..
            } => {
                self.add(*leg, *direction, extension);
                Some(extension.clone())
            }
            EventKind::LegRinging { leg } => self.progress(*leg, Progress::Early),
            EventKind::LegAnswered { leg } => self.progress(*leg, Progress::Confirmed),
            EventKind::LegEnded { leg, .. } => self.end(*leg),
            _ => None,
        };
        changed.into_iter().collect()
    }

    /// The calls of an extension, or else the one that ended last.
    pub(super) fn of_extension(&self, number: &str) -> Vec<Line> {
        let Some(extension) = self.by_extension.get(number) else {
            return Vec::new();
        };
        if extension.lines.is_empty() {
            return extension.ended.iter().cloned().collect();
        }
        extension.lines.clone()
    }

    /// Whether an extension is in a call.
    pub(super) fn is_busy(&self, number: &str) -> bool {
        self.by_extension
            .get(number)
            .is_some_and(|extension| !extension.lines.is_empty())
    }

    fn add_live(&mut self, leg: &LiveLeg) {
        let Some(extension) = &leg.extension else {
            return;
        };
        self.add(leg.id, leg.direction, extension);
        match leg.state {
            LegState::Starting => None,
            LegState::Ringing => self.progress(leg.id, Progress::Early),
            LegState::Answered | LegState::Held => self.progress(leg.id, Progress::Confirmed),
        };
    }

    fn add(&mut self, leg: LegId, direction: Direction, extension: &str) {
        let facts = self.calls.get(&leg.call);
        let (role, far) = match direction {
            Direction::Inbound => (
                Role::Initiator,
                facts.map(|facts| FarEnd::Known(facts.to.clone(), None)),
            ),
            Direction::Outbound => (Role::Recipient, facts.map(|facts| facts.caller.clone())),
        };
        let line = Line {
            leg,
            role,
            progress: Progress::Trying,
            far: far.unwrap_or_else(|| FarEnd::Known(String::new(), None)),
        };
        self.by_leg.insert(leg, extension.to_owned());
        let extension = self.by_extension.entry(extension.to_owned()).or_default();
        extension.lines.push(line);
        extension.ended = None;
    }

    fn progress(&mut self, leg: LegId, progress: Progress) -> Option<String> {
        let number = self.by_leg.get(&leg)?;
        let extension = self.by_extension.get_mut(number)?;
        let line = extension.lines.iter_mut().find(|line| line.leg == leg)?;
        let is_news = line.progress != progress;
        line.progress = progress;
        is_news.then(|| number.clone())
    }

    /// A call that could not be ended as usual has ended without some of its legs.
    fn end_call(&mut self, call: CallId) -> Vec<String> {
        self.calls.remove(&call);
        let legs = LegId::new(call, 0)..=LegId::new(call, u32::MAX);
        let left: Vec<_> = self.by_leg.range(legs).map(|(leg, _)| *leg).collect();
        left.into_iter().filter_map(|leg| self.end(leg)).collect()
    }

    fn end(&mut self, leg: LegId) -> Option<String> {
        let number = self.by_leg.remove(&leg)?;
        let extension = self.by_extension.get_mut(&number)?;
        let at = extension.lines.iter().position(|line| line.leg == leg)?;
        let mut line = extension.lines.remove(at);
        line.progress = Progress::Terminated;
        extension.ended = Some(line);
        Some(number)
    }
}

impl Facts {
    fn of(call: &LiveCall) -> Self {
        Self::new(&call.from, call.from_name.as_ref(), call.privacy, &call.to)
    }

    fn new(from: &str, name: Option<&String>, privacy: Privacy, to: &str) -> Self {
        Self {
            caller: match privacy {
                Privacy::Shown => FarEnd::Known(from.to_owned(), name.cloned()),
                Privacy::Hidden => FarEnd::Anonymous,
            },
            to: to.to_owned(),
        }
    }
}
