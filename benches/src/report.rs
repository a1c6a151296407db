//! What a run found, for people and as JSON.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::figures::Histogram;

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    scenario: String,
    figures: Vec<Figure>,
    /// Why the figures may be better or worse than the truth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<String>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// `None`: there was nothing to measure.
    pub value: Option<f64>,
    /// What it is counted in; empty for a count.
    pub unit: String,
    /// What it should not exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<f64>,
    /// How much it matters.
    #[serde(default)]
    pub rank: Rank,
}

/// How much a figure matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// It belongs into a table of many runs.
    Headline,
    /// It explains others. One with a goal belongs into a table all the same.
    #[default]
    Detail,
}

impl Report {
    /// An empty one.
    pub fn new(scenario: impl Into<String>) -> Self {
        Self {
            scenario: scenario.into(),
            figures: Vec::new(),
            doubts: Vec::new(),
        }
    }

    /// Says what was done.
    pub fn rename(&mut self, scenario: String) {
        self.scenario = scenario;
    }

    /// Adds a figure.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        value: impl Into<Option<f64>>,
        unit: &'static str,
    ) {
        self.figures.push(Figure {
            name: name.into(),
            value: value.into(),
            unit: unit.to_owned(),
            goal: None,
            rank: Rank::Detail,
        });
    }

    /// Adds a count.
    pub fn count(&mut self, name: impl Into<String>, count: impl TryInto<u32>) {
        self.add(name, count.try_into().ok().map(f64::from), "");
    }

    /// Adds how long most of these times were, and the longest.
    pub fn percentiles(&mut self, name: &str, times: &Histogram) {
        for (what, per_mille) in [("p50", 500), ("p99", 990), ("p99.9", 999), ("max", 1000)] {
            let time = times.percentile(per_mille).map(clock::ms);
            self.add(format!("{name}, {what}"), time, "ms");
        }
    }

    /// What a figure added before should not exceed.
    pub fn goal_of(&mut self, name: &str, goal: f64) {
        if let Some(figure) = self.figures.iter_mut().find(|one| one.name == name) {
            figure.goal = Some(goal);
        }
    }

    /// What the figure added last should not exceed.
    pub fn goal(&mut self, goal: f64) {
        if let Some(figure) = self.figures.last_mut() {
            figure.goal = Some(goal);
        }
    }

    /// The figure added before under this name belongs into a table.
    pub fn headline(&mut self, name: &str) {
        if let Some(figure) = self.figures.iter_mut().find(|one| one.name == name) {
            figure.rank = Rank::Headline;
        }
    }

    /// The figures of this run are not to be believed as they stand.
    pub fn doubt(&mut self, why: impl Into<String>) {
        self.doubts.push(why.into());
    }
}

impl Report {
    /// What was done.
    pub fn scenario(&self) -> &str {
        &self.scenario
    }

    /// All figures, in the order they were added.
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// Why the figures are not to be believed as they stand; mostly there is no reason.
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// Whether every figure with a goal meets it.
    pub fn is_met(&self) -> bool {
        self.figures.iter().all(|one| one.is_met() != Some(false))
    }

    /// Writes it to a file as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// When the file is missing or holds no report.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} holds no report", path.display()))
    }
}

impl Figure {
    /// Whether it meets its goal, if it has one. What could not be measured meets none.
    pub fn is_met(&self) -> Option<bool> {
        let goal = self.goal?;
        Some(self.value.is_some_and(|value| value <= goal))
    }

    /// Whether it is something that should not have happened at all, counted.
    pub fn is_fault(&self) -> bool {
        self.unit.is_empty() && self.goal == Some(0.0)
    }

    /// Its value without the unit: a count whole, others to three digits that say something.
    pub fn text(&self) -> String {
        let Some(value) = self.value else {
            return "-".to_owned();
        };
        let decimals = match value.abs() {
            0.0 => 0,
            _ if self.unit.is_empty() => 0,
            100.0.. => 1,
            10.0.. => 2,
            0.1.. => 3,
            // Times are taken to the microsecond.
            _ if self.unit == "ms" => 3,
            _ => 4,
        };
        format!("{value:.decimals$}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.scenario)?;
        for figure in &self.figures {
            let (value, unit) = (figure.text(), &figure.unit);
            write!(f, "  {:<44}{value:>12} {unit:<10}", figure.name)?;
            if let (Some(goal), Some(met)) = (figure.goal, figure.is_met()) {
                let verdict = if met { "met" } else { "MISSED" };
                write!(f, "goal {goal}: {verdict}")?;
            }
            writeln!(f)?;
        }
        for doubt in &self.doubts {
            writeln!(f, "  doubtful: {doubt}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("calls");
        report.add("CPU per call", 0.0412, "% of core");
        report.goal(0.05);
        report.count("calls", 500_u32);
        report
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let mut report = report();
        report.headline("calls");
        report.doubt("two packets were lost");
        report.write(&path).unwrap();
        assert_eq!(Report::read(&path).unwrap(), report);
    }

    #[test]
    fn a_goal_is_met_up_to_itself_and_never_by_what_was_not_measured() {
        let mut report = report();
        assert!(report.is_met());
        report.goal_of("CPU per call", 0.0412);
        assert!(report.is_met());
        report.goal_of("CPU per call", 0.0411);
        assert!(!report.is_met());
        report.goal_of("CPU per call", 1.0);
        report.add("added delay", None, "ms");
        assert!(report.is_met());
        report.goal(1.0);
        assert!(!report.is_met());
    }

    #[test]
    fn small_shares_of_a_core_keep_their_digits() {
        let text = |value: f64, unit: &str| {
            let mut figure = report().figures()[0].clone();
            (figure.value, figure.unit) = (Some(value), unit.to_owned());
            figure.text()
        };
        assert_eq!(text(0.0089, "%"), "0.0089");
        assert_eq!(text(0.0, "%"), "0");
        assert_eq!(text(35.678, "KB"), "35.68");
        assert_eq!(text(2.0, ""), "2");
    }
}
