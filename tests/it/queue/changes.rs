//! The office changes, or somebody in it steps in, while callers wait and talk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::{Caller, ends, prompt};

fn id(item: &Value) -> Result<&str> {
    item["id"].as_str().context("a thing without id")
}

#[tokio::test]
async fn a_queue_that_is_deleted_lets_its_callers_go_and_its_conversations_go_on() -> Result<()> {
    let server = Server::start().await?;
    let agent = server.agent("1001").await?;
    let settings = json!({
        "name": "Night", "extension": "305", "wrap_up": 0,
        "agents": [{ "agent_id": agent["id"] }],
    });
    let queue = server.post("/api/v1/queues", settings).await?;
    let phone = Phone::agent(&server, "1001").await?;
    let (first, second) = (
        Phone::extension(&server, "1000").await?,
        Phone::extension(&server, "1002").await?,
    );
    let talking = first.dials("305").await?;
    let served = phone.rings().await?.answers().await?;
    let waiting = second.dials("305").await?;
    server.queue_has("305", 1).await?;

    server
        .delete(&format!("/api/v1/queues/{}", id(&queue)?))
        .await?;
    waiting.is_hung_up().await.context("who waited")?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "no_answer", "{record}");
    served.plays_tone(700.0);
    talking.hears_tone(700.0).await.context("who talks")?;
    talking.hangs_up().await?;
    served.is_hung_up().await?;
    server.agent_becomes("1001", "ready").await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_agent_taken_out_of_the_queue_finishes_the_call_and_is_not_rung_again() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::agent(&server, "1001").await?;
    let other = server.agent("1002").await?;
    let first = Caller::chooses_support(&server).await?;
    let served = phone.rings().await?.answers().await?;
    let change = json!({ "wrap_up": 0, "agents": [{ "agent_id": other["id"] }] });
    server.sets_queue("301", change).await?;
    served.plays_tone(700.0);
    first.talk.hears_tone(700.0).await?;
    ends(&server, first, served).await?;
    // Wrap-up is that of the rules under which the call began.
    server.sets_agent("1001", "ready").await?;
    let second = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    let colleague = Phone::agent(&server, "1002").await?;
    let served = colleague.rings().await?.answers().await?;
    phone.stays_silent_for(Duration::ZERO).await?;
    ends(&server, second, served).await
}

#[tokio::test]
async fn a_supervisor_lets_a_waiting_caller_go() -> Result<()> {
    let server = Server::start().await?;
    let caller = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    let call = server.call_becomes("waiting").await?;
    server
        .delete(&format!("/api/v1/calls/{}", id(&call)?))
        .await?;
    caller.talk.is_hung_up().await?;
    server.queue_has("301", 0).await?;
    server.has_nothing_left().await?;
    let record = server.the_record().await?;
    // Not the caller's choice: this is no abandoned call.
    ensure!(record["disposition"] != "abandoned", "{record}");
    ensure!(record["hangup_cause"] == "administrative", "{record}");
    Ok(())
}

#[tokio::test]
async fn a_supervisor_ends_a_call_while_the_agent_rings() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::agent(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    let ringing = phone.rings().await?;
    let call = server.the_call().await?;
    server
        .delete(&format!("/api/v1/calls/{}", id(&call)?))
        .await?;
    ringing.is_cancelled().await?;
    caller.talk.is_hung_up().await?;
    server.agent_becomes("1001", "ready").await?;
    let agent = server.agent("1001").await?;
    ensure!(agent["missed"] == 0, "not their doing: {agent}");
    server.has_nothing_left().await
}

#[tokio::test]
async fn who_moves_up_hears_the_new_place() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "announce_interval": 5 });
    server.sets_queue("301", change).await?;
    let first = Caller::from(&server, "+49301111111").await?;
    server.queue_has("301", 1).await?;
    let second = Caller::from(&server, "+49302222222").await?;
    let two = prompt("number/2")?;
    second.talk.hears_words(&two).await.context("number two")?;
    first.talk.hangs_up().await?;
    server.queue_has("301", 1).await?;
    let one = prompt("number/1")?;
    second.talk.hears_words(&one).await.context("number one")?;
    second.talk.hangs_up().await?;
    server.has_nothing_left().await
}

/// What every served caller goes through, and in this order.
const STEPS: [&str; 17] = [
    "call_started",
    "call_routed",
    "leg_answered",
    "call_answered",
    "menu_entered",
    "menu_chosen",
    "call_routed",
    "call_queued",
    "attempt_started",
    "leg_ringing",
    "leg_answered",
    "bridged",
    "recording_started",
    "call_dequeued",
    "leg_ended",
    "leg_ended",
    "call_ended",
];

#[tokio::test]
async fn every_step_of_a_call_is_told_once() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::agent(&server, "1001").await?;
    let events = server.events().await?;
    let caller = Caller::chooses_support(&server).await?;
    let served = phone.rings().await?.answers().await?;
    served.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    ends(&server, caller, served).await?;
    events
        .wait_for(|event| event["type"] == "call_ended")
        .await?;
    events
        .wait_for(|event| event["type"] == "recording_saved")
        .await?;

    let told = events.so_far();
    let numbers: Vec<_> = told
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    ensure!(
        numbers.is_sorted_by(|one, next| next - one == 1),
        "{numbers:?}"
    );
    let kinds: Vec<_> = told
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    for step in STEPS {
        let wanted = STEPS.iter().filter(|kind| **kind == step).count();
        let found = kinds.iter().filter(|kind| **kind == step).count();
        ensure!(wanted == found, "{found} of {step}: {kinds:?}");
    }
    // Calls and queues speak with voices of their own; each one's order is fixed.
    let of_the_call = |kind: &&str| **kind != *"call_dequeued" && **kind != *"call_queued";
    let wanted: Vec<_> = STEPS.iter().copied().filter(of_the_call).collect();
    let mut heard = kinds.iter().copied().filter(|kind| wanted.contains(kind));
    ensure!(heard.by_ref().eq(wanted.iter().copied()), "{kinds:?}");
    Ok(())
}
