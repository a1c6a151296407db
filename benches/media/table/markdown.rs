//! The table of many runs.

use std::fmt::Write as _;

use offhook_benches::report::{Figure, Rank, Report};

/// A run as it was called, and what it found; nothing, if it failed.
pub(super) type Done = (String, Option<Report>);

/// The table in Markdown, under a line about the machine. Figures with a goal and headlines have a row
/// each; what should not have happened at all is counted for all runs together, and what did not happen
/// is one row. Figures of a run in
/// which something was wrong carry a number, and what was wrong stands below.
pub(super) fn table(machine: &str, done: &[Done]) -> String {
    let mut text =
        format!("{machine}\n\n| what | goal | measured | |\n| --- | --- | --- | --- |\n");
    let mut notes = Vec::new();
    for (call, report) in done {
        let Some(report) = report else {
            row(&mut text, &format!("`{call}`"), "", "failed", Some(false));
            continue;
        };
        let mark = note(&mut notes, report);
        for figure in report.figures() {
            let belongs = figure.goal.is_some() || figure.rank == Rank::Headline;
            if belongs && !figure.is_fault() {
                let what = format!("{}: {}", report.scenario(), figure.name.trim());
                let measured = with_unit(&figure.text(), figure) + &mark;
                row(&mut text, &what, &goal(figure), &measured, figure.is_met());
            }
        }
    }
    let (none, some): (Vec<_>, Vec<_>) = faults(done).into_iter().partition(|(_, sum)| *sum == 0.0);
    for (name, sum) in some {
        let what = format!("all runs: {name}");
        row(&mut text, &what, "0", &format!("{sum:.0}"), Some(false));
    }
    if !none.is_empty() {
        let names: Vec<&str> = none.iter().map(|(name, _)| *name).collect();
        let what = format!("all runs: {}", names.join("; "));
        row(&mut text, &what, "0", "0", Some(true));
    }
    for (number, note) in (1..).zip(&notes) {
        // Each is a paragraph of its own.
        write!(text, "\n({number}) {note}\n").ok();
    }
    text
}

fn row(text: &mut String, what: &str, goal: &str, measured: &str, met: Option<bool>) {
    let verdict = match met {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    writeln!(text, "| {what} | {goal} | {measured} | {verdict} |").ok();
}

/// Notes what makes a run's figures doubtful; what is put behind each of them then.
fn note(notes: &mut Vec<String>, report: &Report) -> String {
    if report.doubts().is_empty() {
        return String::new();
    }
    let doubts = report.doubts().join("; ");
    notes.push(format!("{}: {doubts}", report.scenario()));
    format!(" ({})", notes.len())
}

/// What should not have happened, in the order it is first told of, summed up over all runs.
fn faults(done: &[Done]) -> Vec<(&str, f64)> {
    let reports = done.iter().filter_map(|(_, report)| report.as_ref());
    let mut sums: Vec<(&str, f64)> = Vec::new();
    for figure in reports.flat_map(Report::figures) {
        if !figure.is_fault() {
            continue;
        }
        // A count that is missing is as bad as one that is not zero.
        let value = figure.value.unwrap_or(f64::INFINITY);
        match sums.iter_mut().find(|(name, _)| *name == figure.name) {
            Some((_, sum)) => *sum += value,
            None => sums.push((&figure.name, value)),
        }
    }
    sums
}

fn goal(figure: &Figure) -> String {
    let goal = figure.goal.map(|goal| format!("≤ {goal}"));
    goal.map_or_else(String::new, |goal| with_unit(&goal, figure))
}

fn with_unit(number: &str, figure: &Figure) -> String {
    match figure.unit.as_str() {
        "" => number.to_owned(),
        "% of core" => format!("{number} % of a core"),
        unit => format!("{number} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> Report {
        let json = r#"{
            "scenario": "relay, 500 calls",
            "figures": [
                { "name": "CPU of the engine", "value": 21.0, "unit": "% of core" },
                { "name": "CPU per call", "value": 0.042, "unit": "% of core", "goal": 0.05 },
                { "name": "added delay, p50", "value": 0.07, "unit": "ms", "rank": "headline" },
                { "name": "added delay, p99", "value": 0.31, "unit": "ms", "goal": 0.3 },
                { "name": "packets lost", "value": 0.0, "unit": "", "goal": 0.0 },
                { "name": "packets crossed", "value": 0.0, "unit": "", "goal": 0.0 }
            ]
        }"#;
        serde_json::from_str(json).unwrap()
    }

    fn lines(done: &[Done]) -> Vec<String> {
        let text = table("a machine", done);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn goals_and_headlines_have_rows_and_faults_one_for_all_runs() {
        let runs = [
            ("relay".to_owned(), Some(relay())),
            ("srtp".to_owned(), Some(relay())),
        ];
        let lines = lines(&runs);
        assert_eq!(lines[0], "a machine");
        assert_eq!(lines[2], "| what | goal | measured | |");
        assert_eq!(
            lines[4..8],
            [
                "| relay, 500 calls: CPU per call | ≤ 0.05 % of a core | 0.0420 % of a core | met |",
                "| relay, 500 calls: added delay, p50 |  | 0.070 ms |  |",
                "| relay, 500 calls: added delay, p99 | ≤ 0.3 ms | 0.310 ms | **missed** |",
                "| relay, 500 calls: CPU per call | ≤ 0.05 % of a core | 0.0420 % of a core | met |",
            ]
        );
        assert_eq!(
            lines[10..],
            ["| all runs: packets lost; packets crossed | 0 | 0 | met |"]
        );
    }

    #[test]
    fn figures_of_a_run_with_loss_are_marked_and_the_loss_is_told() {
        let mut spoilt = relay();
        spoilt.count("packets lost", 3_u32);
        spoilt.goal(0.0);
        spoilt.doubt("packets lost: 3");
        let runs = [
            ("relay".to_owned(), Some(relay())),
            ("srtp".to_owned(), Some(spoilt)),
        ];
        let lines = lines(&runs);
        assert!(
            lines[4].ends_with("| 0.0420 % of a core | met |"),
            "{}",
            lines[4]
        );
        assert!(
            lines[7].ends_with("| 0.0420 % of a core (1) | met |"),
            "{}",
            lines[7]
        );
        assert_eq!(
            lines[10..],
            [
                "| all runs: packets lost | 0 | 3 | **missed** |",
                "| all runs: packets crossed | 0 | 0 | met |",
                "",
                "(1) relay, 500 calls: packets lost: 3",
            ]
        );
    }

    #[test]
    fn a_run_that_failed_is_not_passed_over() {
        let lines = lines(&[("churn --calls 100".to_owned(), None)]);
        assert_eq!(lines[4], "| `churn --calls 100` |  | failed | **missed** |");
    }
}
