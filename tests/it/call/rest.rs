//! Calls that are steered over REST.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use reqwest::Method;
use serde_json::{Value, json};

use super::{CALLEE, CALLER, Conversation, afterwards, expect, the_call};

/// An operator ended the one call: its record says so.
async fn was_ended_by_an_operator(server: &Server, disposition: &str) -> Result<()> {
    let record = afterwards(server).await?;
    expect(&record, "hangup_cause", "administrative")?;
    expect(&record, "ended_by", "system")?;
    expect(&record, "disposition", disposition)
}

#[tokio::test]
async fn an_operator_ends_a_conversation() -> Result<()> {
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    let call = the_call(&server).await?;
    server.delete(&call).await?;
    let reason = caller.is_hung_up().await.context("the caller")?;
    ensure!(reason.contains("Q.850"), "the BYE says why: {reason:?}");
    callee.is_hung_up().await.context("the callee")?;
    was_ended_by_an_operator(&server, "answered").await?;
    let (status, _) = ask(&server, Method::GET, &call).await?;
    ensure!(status == 404, "{status}");
    let (status, _) = ask(&server, Method::DELETE, &call).await?;
    ensure!(status == 404, "{status}");
    Ok(())
}

#[tokio::test]
async fn an_operator_ends_a_call_that_rings() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    dialling.rings().await?;
    server.delete(&the_call(&server).await?).await?;
    ringing.is_cancelled().await.context("the callee")?;
    let status = dialling.is_refused().await?;
    ensure!(status == 480, "{status}");
    was_ended_by_an_operator(&server, "no_answer").await
}

#[tokio::test]
async fn an_operator_ends_a_call_in_the_menu() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    let talk = caller.dials(&server.credentials().did).await?;
    talk.hears_something().await.context("the menu")?;
    server.delete(&the_call(&server).await?).await?;
    talk.is_hung_up().await?;
    was_ended_by_an_operator(&server, "no_answer").await
}

#[tokio::test]
async fn an_operator_ends_a_call_that_waits_while_an_agent_rings() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("301").await?;
    let ringing = agent.rings().await?;
    server.delete(&the_call(&server).await?).await?;
    ringing.is_cancelled().await.context("the agent")?;
    talk.is_hung_up().await.context("the caller")?;
    server.agent_becomes("1001", "ready").await?;
    server.queue_has("301", 0).await?;
    was_ended_by_an_operator(&server, "no_answer").await
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    let talk = caller.dials(&server.credentials().did).await?;
    talk.hears_something().await.context("the menu")?;
    let call = the_call(&server).await?;
    for verb in ["hold", "unhold", "record"] {
        let (status, problem) = ask(&server, Method::POST, &format!("{call}/{verb}")).await?;
        ensure!(status == 409, "{verb} in a menu: {status} {problem}");
    }
    let (status, _) = ask(&server, Method::DELETE, "/api/v1/calls/call_0").await?;
    ensure!((400..500).contains(&status), "{status}");
    ensure!(talk.is_up());
    Ok(())
}

#[tokio::test]
async fn a_call_is_placed_for_an_extension() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    place(&server, "1000", "1001").await?;
    let own = from.rings().await.context("the one who wants to call")?;
    ensure!(
        own.caller() == "1001",
        "their phone shows whom: {}",
        own.caller()
    );
    to.stays_silent_for(Duration::from_millis(200)).await?;
    let caller = own.answers().await?;
    let ringing = to.rings().await.context("the one to be called")?;
    ensure!(ringing.caller() == "1000", "{}", ringing.caller());
    caller.hears_something().await.context("ringback")?;
    let callee = ringing.answers().await?;
    caller.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    caller.hears_tone(CALLEE).await?;
    callee.hears_tone(CALLER).await?;
    server.call_becomes("connected").await?;
    callee.hangs_up().await?;
    caller.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "from", "1000")?;
    expect(&record, "to", "1001")?;
    expect(&record, "direction", "outbound")?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "ended_by", "callee")
}

#[tokio::test]
async fn a_call_is_placed_to_the_echo_test() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    place(&server, "1000", "*43").await?;
    let talk = from.rings().await?.answers().await?;
    talk.plays_tone(CALLER);
    talk.hears_tone(CALLER).await?;
    talk.hangs_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")
}

#[tokio::test]
async fn who_does_not_want_to_call_any_more_is_not_connected() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    place(&server, "1000", "1001").await?;
    from.rings().await?.rejects(486);
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "busy")?;
    to.stays_silent_for(Duration::from_millis(200)).await
}

#[tokio::test]
async fn who_gives_up_while_it_rings_leaves_nobody_ringing() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    place(&server, "1000", "1001").await?;
    let caller = from.rings().await?.answers().await?;
    let ringing = to.rings().await?;
    caller.hangs_up().await?;
    ringing.is_cancelled().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "no_answer")?;
    expect(&record, "ended_by", "caller")
}

#[tokio::test]
async fn who_wanted_to_call_is_told_that_the_other_is_busy() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    place(&server, "1000", "1001").await?;
    let caller = from.rings().await?.answers().await?;
    to.rings().await?.rejects(486);
    caller.hears_something().await.context("words")?;
    caller.is_hung_up().await.context("and the end")?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "busy")?;
    expect(&record, "hangup_cause", "user_busy")
}

#[tokio::test]
async fn a_call_for_a_phone_that_is_not_there_ends_at_once() -> Result<()> {
    let server = Server::start().await?;
    place(&server, "1000", "1001").await?;
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "subscriber_absent")?;
    expect(&record, "disposition", "no_answer")?;
    let wish = json!({ "from": "1000", "to": "nobody-has-this" });
    let path = "/api/v1/calls";
    let token = &server.credentials().admin.token;
    let (status, problem) = server
        .request(Method::POST, path, Some(wish), token)
        .await?;
    ensure!(status == 422 || status == 400, "{status} {problem}");
    Ok(())
}

#[tokio::test]
async fn a_conversation_is_recorded_on_demand() -> Result<()> {
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    let call = the_call(&server).await?;
    let shown = server.post(&format!("{call}/record"), json!({})).await?;
    let id = shown["recordings"][0]
        .as_str()
        .context("a recording")?
        .to_owned();
    let again = server.post(&format!("{call}/record"), json!({})).await?;
    ensure!(
        again["recordings"] == shown["recordings"],
        "one recording: {again}"
    );
    caller.listens_for(Duration::from_millis(1500)).await?;
    server.delete(&format!("{call}/record")).await?;
    let over = |call: &Value| call["recordings"].as_array().is_some_and(Vec::is_empty);
    server.get_until(&call, over).await?;
    caller
        .hears_tone(CALLEE)
        .await
        .context("the talk goes on")?;
    callee.hangs_up().await?;
    caller.is_hung_up().await?;

    let record = afterwards(&server).await?;
    ensure!(record["recordings"] == json!([id]), "{record}");
    let wav = server.recording(&id).await?;
    let heard = |channel, tone| wav.time_with_tone(channel, tone) >= Duration::from_secs(1);
    ensure!(heard(0, CALLER) && !heard(0, CALLEE), "the caller is left");
    ensure!(heard(1, CALLEE) && !heard(1, CALLER), "the callee is right");
    Ok(())
}

async fn ask(server: &Server, method: Method, path: &str) -> Result<(u16, Value)> {
    let body = (method == Method::POST).then(|| json!({}));
    server
        .request(method, path, body, &server.credentials().admin.token)
        .await
}

async fn place(server: &Server, from: &str, to: &str) -> Result<Value> {
    server
        .post("/api/v1/calls", json!({ "from": from, "to": to }))
        .await
}

#[tokio::test]
async fn a_recording_can_be_ended_and_another_begun() -> Result<()> {
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    let call = the_call(&server).await?;
    for _ in 0..2 {
        server.post(&format!("{call}/record"), json!({})).await?;
        caller.listens_for(Duration::from_millis(500)).await?;
        server.delete(&format!("{call}/record")).await?;
        let over = |call: &Value| call["recordings"].as_array().is_some_and(Vec::is_empty);
        server.get_until(&call, over).await?;
    }
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    let record = afterwards(&server).await?;
    let recordings = record["recordings"].as_array().context("recordings")?;
    ensure!(recordings.len() == 2, "{record}");
    for id in recordings {
        let wav = server.recording(id.as_str().context("an id")?).await?;
        ensure!(wav.time_with_tone(1, CALLEE) >= Duration::from_millis(200));
    }
    Ok(())
}
