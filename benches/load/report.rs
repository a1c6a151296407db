//! What a run found, for people and as JSON.

use std::fmt;

use serde::Serialize;

/// The figures of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    scenario: String,
    figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    /// `None`: there was nothing to measure.
    value: Option<f64>,
    unit: &'static str,
    /// What it should not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
}

impl Report {
    /// An empty one.
    pub(crate) fn new(scenario: impl Into<String>) -> Self {
        Self {
            scenario: scenario.into(),
            figures: Vec::new(),
        }
    }

    /// Says what was done.
    pub(crate) fn rename(&mut self, scenario: String) {
        self.scenario = scenario;
    }

    /// Adds a figure.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        value: impl Into<Option<f64>>,
        unit: &'static str,
    ) {
        self.figures.push(Figure {
            name: name.into(),
            value: value.into(),
            unit,
            goal: None,
        });
    }

    /// Adds a count.
    pub(crate) fn count(&mut self, name: impl Into<String>, count: impl TryInto<u32>) {
        self.add(name, count.try_into().ok().map(f64::from), "");
    }

    /// What a figure added before should not exceed.
    pub(crate) fn goal_of(&mut self, name: &str, goal: f64) {
        if let Some(figure) = self.figures.iter_mut().find(|one| one.name == name) {
            figure.goal = Some(goal);
        }
    }

    /// What the figure added last should not exceed.
    pub(crate) fn goal(&mut self, goal: f64) {
        if let Some(figure) = self.figures.last_mut() {
            figure.goal = Some(goal);
        }
    }
}

impl Report {
    /// Whether every figure with a goal meets it.
    pub(crate) fn is_met(&self) -> bool {
        let met = |figure: &Figure| {
            let goal = figure.goal;
            goal.is_none_or(|goal| figure.value.is_some_and(|value| value <= goal))
        };
        self.figures.iter().all(met)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.scenario)?;
        for figure in &self.figures {
            let value = match figure.value {
                Some(value) if figure.unit.is_empty() => format!("{value:.0}"),
                Some(value) if value.abs() >= 100.0 => format!("{value:.1}"),
                Some(value) => format!("{value:.3}"),
                None => "-".to_owned(),
            };
            write!(f, "  {:<44}{value:>12} {:<10}", figure.name, figure.unit)?;
            if let Some(goal) = figure.goal {
                let met = figure.value.is_some_and(|value| value <= goal);
                let verdict = if met { "met" } else { "MISSED" };
                write!(f, "goal {goal}: {verdict}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
