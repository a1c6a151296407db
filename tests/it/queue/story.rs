//! The whole of it once: from the public number to the record.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::prompt;

const CALLER: f64 = 440.0;
const AGENT: f64 = 950.0;

#[tokio::test]
async fn a_caller_presses_one_and_the_longest_idle_agent_answers() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 2 })).await?;
    let first = Phone::extension(&server, "1001").await?;
    let second = Phone::extension(&server, "1002").await?;
    server.sets_agent("1001", "ready").await?;
    server.sets_agent("1002", "ready").await?;

    let caller = Phone::trunk(&server).await?;
    let talk = caller.dials(&server.credentials().did).await?;
    talk.hears_something().await.context("the menu")?;
    talk.presses('1').await?;

    let ringing = first
        .rings()
        .await
        .context("the agent who is ready for longest")?;
    second.stays_silent_for(Duration::from_millis(200)).await?;
    let words = prompt("queue/you-are-caller-number")?;
    talk.hears_words(&words)
        .await
        .context("the place in the queue")?;
    talk.hears_something().await.context("music")?;
    let agent = ringing.answers().await?;

    talk.plays_tone(CALLER);
    agent.plays_tone(AGENT);
    agent
        .hears_tone(CALLER)
        .await
        .context("the caller, at the agent's")?;
    talk.hears_tone(AGENT)
        .await
        .context("the agent, at the caller's")?;
    server.agent_becomes("1001", "on_call").await?;
    agent.listens_for(Duration::from_millis(1500)).await?;
    talk.hangs_up().await?;
    agent.is_hung_up().await?;

    server.agent_becomes("1001", "wrap_up").await?;
    let cdr = record_of(&server, &server.credentials().did).await?;
    ensure!(cdr["disposition"] == "answered", "{cdr}");
    ensure!(
        cdr["talk_seconds"]
            .as_f64()
            .is_some_and(|talked| talked >= 1.5),
        "{cdr}"
    );
    ensure!(cdr["wait_seconds"].is_number(), "{cdr}");
    ensure!(cdr["hangup_cause"] == "normal_clearing", "{cdr}");

    let id = cdr["recordings"][0].as_str().context("a recording")?;
    let wav = server.recording(id).await?;
    let heard = |channel, tone| wav.time_with_tone(channel, tone);
    let (left, right) = (heard(0, CALLER), heard(1, AGENT));
    let (wrong_left, wrong_right) = (heard(0, AGENT), heard(1, CALLER));
    let long = Duration::from_millis(500);
    ensure!(
        left >= long && wrong_left.is_zero(),
        "left has {left:?} of the caller and {wrong_left:?} of the agent"
    );
    ensure!(
        right >= long && wrong_right.is_zero(),
        "right has {right:?} of the agent and {wrong_right:?} of the caller"
    );
    server.agent_becomes("1001", "ready").await?;
    server.has_nothing_left().await
}

/// The record of the one call to `number`.
async fn record_of(server: &Server, number: &str) -> Result<serde_json::Value> {
    let wanted = |page: &serde_json::Value| {
        page["items"]
            .as_array()
            .is_some_and(|items| items.iter().any(|cdr| cdr["to"] == number))
    };
    let page = server.get_until("/api/v1/cdrs", wanted).await?;
    let items = page["items"].as_array().context("a list")?;
    let found = items.iter().find(|cdr| cdr["to"] == number);
    found.cloned().context("the record")
}
