//! Agents come, pause and go.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

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
    Ok(())
}

#[tokio::test]
async fn a_break_has_a_reason_and_keeps_callers_away() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::agent(&server, "1001").await?;
    server.sends_on_break("1001", "lunch").await?;
    let agent = server.agent_becomes("1001", "on_break").await?;
    ensure!(agent["reason"] == "lunch", "{agent}");

    let caller = Phone::trunk(&server).await?;
    let did = server.credentials().did.clone();
    let _talk = caller.dials_and_presses(&did, '1').await?;
    server.queue_has("301", 1).await?;
    let while_waiting = std::time::Duration::from_millis(500);
    phone.stays_silent_for(while_waiting).await?;
    server.sets_agent("1001", "ready").await?;
    phone
        .rings()
        .await
        .context("as soon as the break is over")?;
    Ok(())
}

#[tokio::test]
async fn a_break_asked_for_in_a_call_begins_after_it() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let phone = Phone::agent(&server, "1001").await?;
    let caller = Phone::trunk(&server).await?;
    let did = server.credentials().did.clone();
    let talk = caller.dials_and_presses(&did, '1').await?;
    let served = phone.rings().await?.answers().await?;
    server.agent_becomes("1001", "on_call").await?;
    server.sends_on_break("1001", "training").await?;
    ensure!(served.is_up(), "the call goes on");
    talk.hangs_up().await?;
    let agent = server.agent_becomes("1001", "on_break").await?;
    ensure!(agent["reason"] == "training", "{agent}");
    Ok(())
}

#[tokio::test]
async fn wrap_up_ends_early_when_the_agent_says_so() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 60 })).await?;
    let phone = Phone::agent(&server, "1001").await?;
    let caller = Phone::trunk(&server).await?;
    let did = server.credentials().did.clone();
    let talk = caller.dials_and_presses(&did, '1').await?;
    phone.rings().await?.answers().await?.hangs_up().await?;
    talk.is_hung_up().await?;
    server.agent_becomes("1001", "wrap_up").await?;
    server.sets_agent("1001", "ready").await?;
    let _next = caller.dials_and_presses(&did, '1').await?;
    phone.rings().await?;
    Ok(())
}

#[tokio::test]
async fn an_agent_in_a_call_of_their_own_is_not_rung_by_a_queue() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let colleague = Phone::extension(&server, "1000").await?;
    let own = agent.dials("*43").await?;
    server.agent_becomes("1001", "on_call").await?;
    let _waiting = colleague.dials("301").await?;
    let quiet = std::time::Duration::from_millis(500);
    agent.stays_silent_for(quiet).await?;
    own.hangs_up().await?;
    agent.rings().await.context("once the own call is over")?;
    Ok(())
}
