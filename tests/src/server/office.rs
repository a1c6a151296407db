//! What stories ask of the office over REST, again and again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::Server;
use crate::PATIENCE;

/// Figures of `/metrics` that are zero when nobody calls, the last one once everybody who was
/// called has said good-bye, or has had the time to.
const NOTHING_LEFT: [&str; 8] = [
    "offhook_queue_mailbox",
    "offhook_calls_active",
    "offhook_legs",
    "offhook_queue_waiting",
    "offhook_media_legs",
    "offhook_rtp_ports_in_use",
    "offhook_recordings_active",
    "offhook_sip_dialogs",
];

impl Server {
    /// `PATCH path` as admin: changes these settings, leaves the others.
    ///
    /// # Errors
    /// When the status is no success; the error quotes the body.
    pub async fn patch(&self, path: &str, change: Value) -> Result<Value> {
        self.succeed(Method::PATCH, path, Some(change)).await
    }

    /// Changes settings of the queue at this extension.
    ///
    /// # Errors
    /// When there is no such queue, or the change is refused.
    pub async fn sets_queue(&self, extension: &str, change: Value) -> Result<Value> {
        let queue = self.queue(extension).await?;
        let path = format!("/api/v1/queues/{}", id(&queue)?);
        self.patch(&path, change).await
    }

    /// The queue at this extension.
    ///
    /// # Errors
    /// When there is none.
    pub async fn queue(&self, extension: &str) -> Result<Value> {
        self.find("/api/v1/queues", "extension", extension).await
    }

    /// Waits until so many callers wait in the queue at this extension.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn queue_has(&self, extension: &str, waiting: u64) -> Result<Value> {
        let path = format!("/api/v1/queues/{}", id(&self.queue(extension).await?)?);
        self.get_until(&path, |queue| queue["waiting"] == waiting)
            .await
    }

    /// Sends the agent at this extension on break.
    ///
    /// # Errors
    /// When there is no such agent, or the break is refused.
    pub async fn sends_on_break(&self, extension: &str, reason: &str) -> Result<Value> {
        let path = format!(
            "/api/v1/agents/{}/state",
            id(&self.agent(extension).await?)?
        );
        let body = json!({ "state": "on_break", "reason": reason });
        self.put(&path, body).await
    }

    /// The one call that goes on.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn the_call(&self) -> Result<Value> {
        let mut calls = self.list("/api/v1/calls").await?;
        ensure!(calls.len() == 1, "one call was expected: {calls:?}");
        calls.pop().context("a call")
    }

    /// Waits until the one call that goes on is in this state.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn call_becomes(&self, state: &str) -> Result<Value> {
        let there = |page: &Value| page["items"][0]["state"] == state;
        self.get_until("/api/v1/calls", there).await?;
        self.the_call().await
    }

    /// Waits for the records of so many calls; the newest is the first.
    ///
    /// # Errors
    /// When there are fewer, or more.
    pub async fn records(&self, count: usize) -> Result<Vec<Value>> {
        let path = "/api/v1/cdrs";
        let enough = |page: &Value| {
            let items = page["items"].as_array();
            items.is_some_and(|items| items.len() >= count)
        };
        self.get_until(path, enough).await?;
        let records = self.list(path).await?;
        ensure!(
            records.len() == count,
            "{count} records wanted: {records:?}"
        );
        Ok(records)
    }

    /// Waits for the record of the one call there was.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn the_record(&self) -> Result<Value> {
        self.records(1).await?.pop().context("a record")
    }

    /// A figure of `/metrics`, summed over its labels; 0 if it is not there.
    ///
    /// # Errors
    /// When the figures cannot be read.
    pub async fn figure(&self, name: &str) -> Result<f64> {
        Ok(sum(&self.figures().await?, name))
    }

    async fn figures(&self) -> Result<String> {
        let (status, text) = self.request(Method::GET, "/metrics", None, "").await?;
        ensure!(status == 200, "/metrics: {status}");
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until no call has left anything behind: no leg, port, dialog or waiting caller.
    /// Transactions may remain for their timers (RFC 3261 section 17: up to 32 seconds).
    ///
    /// # Errors
    /// When something remains; the error names it.
    pub async fn has_nothing_left(&self) -> Result<()> {
        self.figures_vanish(&NOTHING_LEFT, PATIENCE).await
    }

    /// As [`has_nothing_left`](Self::has_nothing_left) when a phone has vanished: its dialog waits
    /// for an answer that never comes, for 32 seconds.
    ///
    /// # Errors
    /// When something else remains; the error names it.
    pub async fn has_only_dialogs_left(&self) -> Result<()> {
        let [rest @ .., _dialogs] = NOTHING_LEFT;
        self.figures_vanish(&rest, PATIENCE).await
    }

    /// Waits until a figure has grown to this.
    ///
    /// # Errors
    /// When it does not; the error says how far it came.
    pub async fn figure_reaches(&self, name: &str, least: f64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut look = interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let value = self.figure(name).await?;
            if value >= least {
                return Ok(());
            }
            let late = Instant::now() > deadline;
            ensure!(!late, "{name} is {value}, not {least}");
        }
    }

    /// Waits until a figure has fallen to this.
    ///
    /// # Errors
    /// When it does not; the error says how far it came.
    pub async fn figure_falls(&self, name: &str, most: f64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut look = interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let value = self.figure(name).await?;
            if value <= most {
                return Ok(());
            }
            let late = Instant::now() > deadline;
            ensure!(!late, "{name} is {value}, not {most}");
        }
    }

    /// Waits until all of these figures are zero.
    ///
    /// # Errors
    /// When one is not in time; the error names it.
    pub async fn figures_vanish(&self, names: &[&str], patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        let mut look = interval(Duration::from_millis(100));
        loop {
            look.tick().await;
            let text = self.figures().await?;
            let unknown = names.iter().find(|name| !knows(&text, name));
            ensure!(unknown.is_none(), "no such figure: {unknown:?}");
            let remains = |name: &&&str| sum(&text, name) > 0.0;
            let left: Vec<_> = names.iter().filter(remains).collect();
            if left.is_empty() {
                return Ok(());
            }
            let figure = |name: &&&str| format!("{name} is {}", sum(&text, name));
            let left: Vec<String> = left.iter().map(figure).collect();
            ensure!(Instant::now() < deadline, "remains: {}", left.join(", "));
        }
    }
}

fn id(item: &Value) -> Result<&str> {
    item["id"].as_str().context("a thing without id")
}

fn knows(text: &str, name: &str) -> bool {
    text.contains(&format!("# TYPE {name} "))
}

fn sum(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.as_bytes().first() {
            Some(b' ') => rest,
            Some(b'{') => rest.rsplit_once('}')?.1,
            _ => return None,
        };
        value.trim().parse::<f64>().ok()
    });
    lines.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_over_labels_and_longer_names_are_others() {
        let text = "# TYPE a gauge\na{x=\"1 2\"} 2\na{x=\"3\"} 3\na_total 7\nb 4\n";
        assert_eq!(
            (sum(text, "a"), sum(text, "b"), sum(text, "c")),
            (5.0, 4.0, 0.0)
        );
        assert!(knows(text, "a") && !knows(text, "c"));
    }
}
