//! The calls of each extension: a fold over events.

use ahash::AHashMap;
use offhook_core::event::{Direction, EventKind};
use offhook_core::live::{LegState, LiveCall, LiveLeg, LiveView};
use offhook_core::sip::subscription::document::{Progress, Role};
use offhook_core::{CallId, LegId};

/// One call of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) leg: LegId,
    pub(super) role: Role,
    pub(super) progress: Progress,
    /// The number at the other end.
    pub(super) number: String,
    /// The name shown with it.
    pub(super) name: Option<String>,
}

/// Who is in a call with whom.
#[derive(Debug, Default)]
pub(super) struct Lines {
    calls: AHashMap<CallId, Facts>,
    by_leg: AHashMap<LegId, String>,
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
    from: String,
    from_name: Option<String>,
    to: String,
}

#[derive(Debug, Default)]
struct Extension {
    lines: Vec<Line>,
    /// The call that ended last, told once more as terminated until another begins.
    ended: Option<Line>,
}

impl Followed {
    /// Applies an event; the extension it concerns. A follower whose actor has fallen may live a
    /// moment longer: what it says is in the lines already.
    pub(super) fn apply(&mut self, turn: u64, kind: &EventKind) -> Option<String> {
        if turn == self.turn {
            self.lines.apply(kind)
        } else {
            None
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

    /// Takes in an event; tells the extension whose calls have changed by it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "few events say something about who is in a call"
    )]
    pub(super) fn apply(&mut self, kind: &EventKind) -> Option<String> {
        match kind {
            EventKind::CallStarted {
                call,
                from,
                from_name,
                to,
                ..
            } => {
                let facts = Facts {
                    from: from.clone(),
                    from_name: from_name.clone(),
                    to: to.clone(),
                };
                self.calls.insert(*call, facts);
                None
            }
            EventKind::CallEnded { call, .. } => {
                self.calls.remove(call);
                None
            }
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
        }
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
        let (role, number, name) = match direction {
            Direction::Inbound => (Role::Initiator, facts.map(|facts| &facts.to), None),
            Direction::Outbound => (
                Role::Recipient,
                facts.map(|facts| &facts.from),
                facts.and_then(|facts| facts.from_name.clone()),
            ),
        };
        let line = Line {
            leg,
            role,
            progress: Progress::Trying,
            number: number.cloned().unwrap_or_default(),
            name,
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
        Self {
            from: call.from.clone(),
            from_name: call.from_name.clone(),
            to: call.to.clone(),
        }
    }
}
