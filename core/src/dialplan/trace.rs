//! Notes of how a number was routed. They are taken by the routing itself, so that an explanation
//! never differs from what happens.

use serde::Serialize;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Whether it is a feature code.
    FeatureCode,
    /// Whether it is an internal number.
    InternalNumber,
    /// Whether it is a public number of ours.
    Did,
    /// An outbound route.
    Route,
    /// What the caller may dial.
    Permission,
    /// The hours of a route.
    Schedule,
    /// A trunk.
    Trunk,
}

impl StepKind {
    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FeatureCode => "feature_code",
            Self::InternalNumber => "internal_number",
            Self::Did => "did",
            Self::Route => "route",
            Self::Permission => "permission",
            Self::Schedule => "schedule",
            Self::Trunk => "trunk",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It fits, and the next step decides.
    Match,
    /// It does not fit.
    NoMatch,
    /// The call goes there.
    Chosen,
    /// It fits and is passed over.
    Skipped,
    /// The call is refused for it.
    Refused,
}

impl Outcome {
    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::NoMatch => "no_match",
            Self::Chosen => "chosen",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
        }
    }
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was looked at.
    pub step: StepKind,
    /// Which one: a number, a name.
    pub subject: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, in words.
    pub detail: String,
}

/// Steps in order, if anybody wants them: a call that is being placed does not.
#[derive(Debug, Clone, Default)]
pub struct Notes(Option<Vec<Step>>);

impl Notes {
    /// Nobody reads them, and none are taken.
    #[must_use]
    pub fn unread() -> Self {
        Self(None)
    }

    /// To be read.
    #[must_use]
    pub fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// What was noted.
    #[must_use]
    pub fn steps(self) -> Vec<Step> {
        self.0.unwrap_or_default()
    }

    pub(super) fn add(
        &mut self,
        step: StepKind,
        subject: impl FnOnce() -> String,
        outcome: Outcome,
        detail: impl FnOnce() -> String,
    ) {
        if let Some(steps) = &mut self.0 {
            steps.push(Step {
                step,
                subject: subject(),
                outcome,
                detail: detail(),
            });
        }
    }
}
