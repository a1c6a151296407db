//! Agents come, pause and go.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::{Caller, ends};

#[tokio::test]
async fn agents_log_in_and_out_by_dialling() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1001").await?;
    let agent = server.agent("1001").await?;
    ensure!(agent["state"] == "logged_out", "{agent}");

    let login = phone.dials("*45").await?;
    server.agent_becomes("1001", "ready").await?;
    login.hears_something().await.context("a confirmation")?;
    login.is_hung_up().await.context("and the end")?;

    let logout = phone.dials("*46").await?;
    logout.hears_something().await.context("a confirmation")?;
    server.agent_becomes("1001", "logged_out").await?;
    logout.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn who_is_no_agent_is_told_so() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let talk = phone.dials("*45").await?;
    talk.hears_something().await?;
    talk.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_break_has_a_reason_and_keeps_callers_away() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::agent(&server, "1001").await?;
    server.sends_on_break("1001", "lunch").await?;
    let agent = server.agent_becomes("1001", "on_break").await?;
    ensure!(agent["reason"] == "lunch", "{agent}");

    let caller = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    let while_waiting = Duration::from_millis(500);
    phone.stays_silent_for(while_waiting).await?;
    server.sets_agent("1001", "ready").await?;
    let ringing = phone.rings().await;
    let ringing = ringing.context("as soon as the break is over")?;
    let served = ringing.answers().await?;
    ends(&server, caller, served).await
}

#[tokio::test]
async fn a_break_asked_for_in_a_call_begins_after_it() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let phone = Phone::agent(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    let served = phone.rings().await?.answers().await?;
    server.agent_becomes("1001", "on_call").await?;
    server.sends_on_break("1001", "training").await?;
    ensure!(served.is_up(), "the call goes on");
    let agent = server.agent("1001").await?;
    ensure!(agent["next"] == "on_break", "{agent}");
    ends(&server, caller, served).await?;
    let agent = server.agent_becomes("1001", "on_break").await?;
    ensure!(agent["reason"] == "training", "{agent}");
    Ok(())
}

#[tokio::test]
async fn wrap_up_ends_early_when_the_agent_says_so() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 60 })).await?;
    let phone = Phone::agent(&server, "1001").await?;
    let first = Caller::chooses_support(&server).await?;
    phone.rings().await?.answers().await?.hangs_up().await?;
    first.talk.is_hung_up().await?;
    server.agent_becomes("1001", "wrap_up").await?;
    server.sets_agent("1001", "ready").await?;
    let second = Caller::chooses_support(&server).await?;
    let served = phone.rings().await?.answers().await?;
    ends(&server, second, served).await
}

#[tokio::test]
async fn an_agent_in_a_call_of_their_own_is_not_rung_by_a_queue() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let colleague = Phone::extension(&server, "1000").await?;
    let own = agent.dials("*43").await?;
    server.agent_becomes("1001", "on_call").await?;
    let waiting = colleague.dials("301").await?;
    let quiet = Duration::from_millis(500);
    agent.stays_silent_for(quiet).await?;
    own.hangs_up().await?;
    let ringing = agent.rings().await.context("once the own call is over")?;
    let served = ringing.answers().await?;
    waiting.hangs_up().await?;
    served.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn who_logs_in_by_dialling_gets_the_caller_who_waits() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    // Being told about the new state is not the agent's own call: the caller need not wait for it.
    let login = phone.dials("*45").await?;
    let served = phone.rings().await?.answers().await?;
    login.is_hung_up().await?;
    served.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    ends(&server, caller, served).await
}

#[tokio::test]
async fn who_logs_out_in_a_call_finishes_it_and_gets_no_other() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let phone = Phone::agent(&server, "1001").await?;
    let first = Caller::from(&server, "+49301111111").await?;
    let served = phone.rings().await?.answers().await?;
    let second = Caller::from(&server, "+49302222222").await?;
    server.queue_has("301", 1).await?;
    server.sets_agent("1001", "logged_out").await?;
    served.plays_tone(700.0);
    first.talk.hears_tone(700.0).await.context("to the end")?;
    first.talk.hangs_up().await?;
    served.is_hung_up().await?;
    server.agent_becomes("1001", "logged_out").await?;
    phone.stays_silent_for(Duration::from_millis(500)).await?;
    second.talk.hangs_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_agent_who_misses_a_call_is_put_on_break() -> Result<()> {
    let server = Server::start().await?;
    server
        .sets_queue("301", json!({ "ring_timeout": 1 }))
        .await?;
    let phone = Phone::agent(&server, "1001").await?;
    let agent = server.agent("1001").await?;
    let path = format!("/api/v1/agents/{}", agent["id"].as_str().unwrap_or(""));
    server.patch(&path, json!({ "max_missed": 1 })).await?;
    let caller = Caller::chooses_support(&server).await?;
    phone.rings().await?.is_cancelled().await?;
    let agent = server.agent_becomes("1001", "on_break").await?;
    ensure!(agent["reason"] == "missed calls", "{agent}");
    server.queue_has("301", 1).await.context("waits on")?;
    caller.talk.hangs_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_agent_who_calls_their_own_queue_is_not_rung_for_themselves() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::agent(&server, "1001").await?;
    let waiting = phone.dials("301").await?;
    server.queue_has("301", 1).await?;
    server.agent_becomes("1001", "on_call").await?;
    phone.stays_silent_for(Duration::from_millis(500)).await?;
    let colleague = Phone::agent(&server, "1002").await?;
    let served = colleague.rings().await?.answers().await?;
    waiting.hangs_up().await?;
    served.is_hung_up().await?;
    server.agent_becomes("1001", "ready").await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn the_next_caller_waits_for_the_end_of_wrap_up_and_no_longer() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 2 })).await?;
    let phone = Phone::agent(&server, "1001").await?;
    let first = Caller::chooses_support(&server).await?;
    let served = phone.rings().await?.answers().await?;
    ends(&server, first, served).await?;
    let second = Caller::chooses_support(&server).await?;
    let agent = server.agent("1001").await?;
    ensure!(agent["state"] == "wrap_up", "{agent}");
    let served = phone.rings().await?.answers().await?;
    ends(&server, second, served).await
}
