//! Transfers to queues, from queues, and by their agents.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::{CALLER, Office, TARGET, end, hear_each_other};

#[tokio::test]
async fn a_caller_is_sent_to_a_queue_and_an_agent_answers() -> Result<()> {
    let office = Office::talks().await?;
    office
        .server
        .sets_queue("301", json!({ "wrap_up": 1 }))
        .await?;
    office.server.sets_agent("1002", "ready").await?;
    office.callee.transfers_blind("301").await?;
    office.callee.hears_notify(200).await?;
    let agent = office.third.rings().await?.answers().await?;
    agent.plays_tone(TARGET);
    office.callee.is_hung_up().await?;
    hear_each_other((&office.caller, CALLER), (&agent, TARGET)).await?;
    end(&office.server, office.caller, agent).await
}

/// The agent's work with the caller is over when the caller is with somebody else.
#[tokio::test]
async fn an_agent_sends_the_caller_on_and_has_wrap_up() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 2 })).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let colleague = Phone::extension(&server, "1000").await?;
    let outside = Phone::trunk(&server).await?;
    let caller = outside
        .dials_and_presses(&server.credentials().did, '1')
        .await?;
    let talk = agent.rings().await?.answers().await?;
    caller.plays_tone(CALLER);
    server.agent_becomes("1001", "on_call").await?;
    talk.hears_tone(CALLER).await?;
    talk.transfers_blind("1000").await?;
    let target = colleague.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    talk.hears_notify(200).await?;
    talk.is_hung_up().await?;
    hear_each_other((&caller, CALLER), (&target, TARGET)).await?;
    server.agent_becomes("1001", "ready").await?;
    ensure!(caller.is_up());
    end(&server, caller, target).await
}

#[tokio::test]
async fn an_agent_asks_a_colleague_and_joins_the_caller_with_them() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 1 })).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let colleague = Phone::extension(&server, "1000").await?;
    let outside = Phone::trunk(&server).await?;
    let caller = outside
        .dials_and_presses(&server.credentials().did, '1')
        .await?;
    let talk = agent.rings().await?.answers().await?;
    caller.plays_tone(CALLER);
    talk.hears_tone(CALLER).await?;
    talk.holds().await?;
    let dialling = agent.calls("1000").await?;
    let target = colleague.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    let consulted = dialling.is_answered().await?;
    talk.transfers_to(&consulted).await?;
    talk.hears_notify(200).await?;
    talk.hangs_up().await?;
    consulted.is_hung_up().await?;
    hear_each_other((&caller, CALLER), (&target, TARGET)).await?;
    server.agent_becomes("1001", "ready").await?;
    end(&server, caller, target).await
}

/// The caller takes the place of somebody who waits in a queue.
#[tokio::test]
async fn a_caller_takes_a_place_in_a_queue() -> Result<()> {
    let office = Office::talks().await?;
    let waiting = office.to.dials("301").await?;
    waiting.hears_something().await.context("music")?;
    office.callee.transfers_to(&waiting).await?;
    office.callee.hears_notify(200).await?;
    waiting.is_hung_up().await?;
    office.caller.hears_something().await.context("music")?;
    office.server.queue_has("301", 1).await?;
    office.server.sets_agent("1002", "ready").await?;
    let ringing = office.third.rings().await?;
    ensure!(ringing.caller() == "1000", "{}", ringing.caller());
    let agent = ringing.answers().await?;
    agent.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&agent, TARGET)).await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, agent).await
}
