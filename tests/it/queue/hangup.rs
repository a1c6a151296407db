//! Somebody hangs up, at every moment of a call: the record says what it was, the agent is free
//! again, and nothing is left.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Phone, Ringing};
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::Caller;

/// A caller from outside who chose support, while 1001 is ready and rings.
struct Story {
    server: Server,
    caller: Caller,
    // Calls end with their phones.
    _agent: Phone,
    ringing: Ringing,
}

async fn the_agent_rings() -> Result<Story> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 1 })).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    let ringing = agent.rings().await?;
    Ok(Story {
        server,
        caller,
        _agent: agent,
        ringing,
    })
}

/// The record of the one call, once nothing of that call is left.
async fn afterwards(server: &Server) -> Result<Value> {
    server.has_nothing_left().await?;
    server.the_record().await
}

fn expect(record: &Value, field: &str, value: &str) -> Result<()> {
    ensure!(record[field] == value, "{field} is not {value}: {record}");
    Ok(())
}

#[tokio::test]
async fn in_the_menu() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    let talk = caller.dials(&server.credentials().did).await?;
    talk.hears_something().await.context("the menu")?;
    ensure!(talk.hangs_up().await? == 200);

    let record = afterwards(&server).await?;
    expect(&record, "disposition", "no_answer")?;
    expect(&record, "hangup_cause", "normal_clearing")?;
    expect(&record, "ended_by", "caller")?;
    ensure!(record["queue"].is_null() && record["wait_seconds"] == 0.0);
    Ok(())
}

#[tokio::test]
async fn while_nobody_is_ready() -> Result<()> {
    let server = Server::start().await?;
    let caller = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    caller.talk.hears_something().await.context("music")?;
    ensure!(caller.talk.hangs_up().await? == 200);

    server.queue_has("301", 0).await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "abandoned")?;
    expect(&record, "ended_by", "caller")?;
    let waited = record["wait_seconds"].as_f64();
    ensure!(waited.is_some_and(|waited| waited > 0.0), "{record}");
    let agent = Phone::agent(&server, "1001").await?;
    let quiet = std::time::Duration::from_millis(500);
    let undisturbed = agent.stays_silent_for(quiet).await;
    undisturbed.context("nobody is rung for who has left")
}

#[tokio::test]
async fn while_the_agent_rings() -> Result<()> {
    let story = the_agent_rings().await?;
    story.server.agent_becomes("1001", "ringing").await?;
    ensure!(story.caller.talk.hangs_up().await? == 200);
    story.ringing.is_cancelled().await.context("the agent")?;

    story.server.agent_becomes("1001", "ready").await?;
    let record = afterwards(&story.server).await?;
    expect(&record, "disposition", "abandoned")
}

#[tokio::test]
async fn the_caller_in_the_millisecond_of_the_answer() -> Result<()> {
    let story = the_agent_rings().await?;
    let agent = story.ringing.picks_up();
    ensure!(story.caller.talk.hangs_up().await? == 200);
    agent.is_hung_up().await.context("no zombie call")?;

    story.server.agent_becomes("1001", "ready").await?;
    let record = afterwards(&story.server).await?;
    let disposition = record["disposition"].as_str();
    // Which of the two came first is for the network to say.
    ensure!(
        matches!(disposition, Some("answered" | "abandoned")),
        "{record}"
    );
    expect(&record, "ended_by", "caller")
}

#[tokio::test]
async fn the_agent_in_the_millisecond_of_the_answer() -> Result<()> {
    let story = the_agent_rings().await?;
    let agent = story.ringing.picks_up();
    ensure!(agent.hangs_up().await? == 200, "BYE behind the 200");
    story.caller.talk.is_hung_up().await.context("the caller")?;

    story.server.agent_becomes("1001", "ready").await?;
    let record = afterwards(&story.server).await?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "ended_by", "callee")
}

#[tokio::test]
async fn the_caller_while_talking() -> Result<()> {
    let story = the_agent_rings().await?;
    let agent = story.ringing.answers().await?;
    story.server.agent_becomes("1001", "on_call").await?;
    agent.hears_silence().await.context("the caller's line")?;
    ensure!(story.caller.talk.hangs_up().await? == 200);
    agent.is_hung_up().await.context("the agent")?;

    story.server.agent_becomes("1001", "wrap_up").await?;
    let record = afterwards(&story.server).await?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "ended_by", "caller")?;
    expect(&record, "hangup_cause", "normal_clearing")?;
    story.server.agent_becomes("1001", "ready").await?;
    Ok(())
}

#[tokio::test]
async fn the_agent_while_talking() -> Result<()> {
    let story = the_agent_rings().await?;
    let agent = story.ringing.answers().await?;
    story
        .caller
        .talk
        .hears_silence()
        .await
        .context("the agent")?;
    ensure!(agent.hangs_up().await? == 200);
    story.caller.talk.is_hung_up().await.context("the caller")?;

    story.server.agent_becomes("1001", "wrap_up").await?;
    let record = afterwards(&story.server).await?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "ended_by", "callee")?;
    story.server.agent_becomes("1001", "ready").await?;
    Ok(())
}

#[tokio::test]
async fn both_in_the_same_moment() -> Result<()> {
    let story = the_agent_rings().await?;
    let agent = story.ringing.answers().await?;
    story.server.agent_becomes("1001", "on_call").await?;
    // Two BYEs that cross: whichever comes second may find the dialog gone (RFC 3261 15.1.2).
    let (one, other) = tokio::join!(story.caller.talk.hangs_up(), agent.hangs_up());
    let fine = |status| matches!(status, 200 | 481);
    ensure!(fine(one?) && fine(other?));

    story.server.agent_becomes("1001", "ready").await?;
    let record = afterwards(&story.server).await?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "hangup_cause", "normal_clearing")
}

#[tokio::test]
async fn the_caller_in_the_moment_of_the_refusal() -> Result<()> {
    let story = the_agent_rings().await?;
    story.ringing.rejects(486);
    ensure!(story.caller.talk.hangs_up().await? == 200);

    story.server.agent_becomes("1001", "ready").await?;
    let record = afterwards(&story.server).await?;
    expect(&record, "disposition", "abandoned")
}

#[tokio::test]
async fn the_caller_while_every_agent_rings() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "strategy": "ring_all" });
    server.sets_queue("301", change).await?;
    let numbers = ["1001", "1002", "1003"];
    let mut agents = Vec::new();
    for number in numbers {
        agents.push(Phone::agent(&server, number).await?);
    }
    let caller = Caller::chooses_support(&server).await?;
    let mut ringing = Vec::new();
    for agent in &agents {
        ringing.push(agent.rings().await?);
    }
    ensure!(caller.talk.hangs_up().await? == 200);
    for ringing in ringing {
        ringing.is_cancelled().await?;
    }
    for number in numbers {
        server.agent_becomes(number, "ready").await?;
    }
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "abandoned")
}

#[tokio::test]
async fn the_record_can_be_read_within_a_second() -> Result<()> {
    let story = the_agent_rings().await?;
    let agent = story.ringing.answers().await?;
    story.caller.talk.hangs_up().await?;
    let second = std::time::Duration::from_secs(1);
    let record = tokio::time::timeout(second, story.server.the_record());
    record.await.context("one second after the call")??;
    agent.is_hung_up().await?;
    story.server.has_nothing_left().await
}
