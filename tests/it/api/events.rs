//! The event stream, by WebSocket and as server-sent events.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use reqwest::Method;
use serde_json::Value;

use super::{Conversation, a_conversation};

/// What one call is made of, in order.
const STORY: [&str; 9] = [
    "call_started",
    "call_queued",
    "attempt_started",
    "leg_ringing",
    "leg_answered",
    "bridged",
    "recording_started",
    "call_ended",
    "recording_saved",
];

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect()
}

/// Makes sure that the events are numbered without a gap.
fn has_no_gap(events: &[Value]) -> Result<()> {
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    ensure!(numbers.len() == events.len(), "an event without seq");
    for pair in numbers.windows(2) {
        ensure!(pair[1] == pair[0] + 1, "{pair:?}");
    }
    Ok(())
}

#[tokio::test]
async fn both_streams_tell_the_same_story_in_the_same_order() -> Result<()> {
    let server = Server::start().await?;
    let (socket, sse) = (server.events().await?, server.events_by_sse(None).await?);
    let Conversation {
        server,
        _phones,
        caller,
        agent,
    } = a_conversation(server).await?;
    caller.hangs_up().await?;
    agent.is_hung_up().await?;
    server.the_record().await?;
    let mut place = 0;
    for kind in STORY {
        // Ends may come in either order.
        let after = if place > 0 && kind == "recording_saved" {
            0
        } else {
            place
        };
        let found = socket
            .wait_after(after, |event| event["type"] == kind)
            .await;
        place = found.context(kind)?.0.max(place);
    }
    let ready =
        |event: &Value| event["type"] == "agent_state_changed" && event["state"] == "wrap_up";
    socket.wait_for(ready).await?;
    sse.wait_for(ready).await?;

    let (told, also) = (socket.so_far(), sse.so_far());
    has_no_gap(&told)?;
    has_no_gap(&also)?;
    let both = told.len().min(also.len());
    ensure!(
        told[..both] == also[..both],
        "{:?} and {:?}",
        kinds(&told),
        kinds(&also)
    );
    for event in &told {
        let time = event["at"].as_str().context("at")?;
        ensure!(time.ends_with('Z'), "{event}");
    }

    // Whoever was away for a moment goes on where they were.
    let middle = told[both / 2]["seq"].as_u64().context("seq")?;
    let again = server.events_by_sse(Some(middle)).await?;
    again.wait_for(ready).await?;
    let again = again.so_far();
    ensure!(again[0]["seq"] == middle + 1, "{}", again[0]);
    has_no_gap(&again)
}

#[tokio::test]
async fn a_filter_lets_only_what_is_asked_for_through() -> Result<()> {
    let server = Server::start().await?;
    let events = server.events_by_sse_of("type=phone_registered").await?;
    let all = server.events().await?;
    let phone = Phone::agent(&server, "1001").await?;
    let other = Phone::extension(&server, "1000").await?;
    events
        .wait_for(|event| event["extension"] == "1000")
        .await?;
    all.wait_for(|event| event["type"] == "agent_state_changed")
        .await?;
    ensure!(kinds(&events.so_far()) == ["phone_registered", "phone_registered"]);
    drop((phone, other));
    Ok(())
}

#[tokio::test]
async fn nobody_follows_without_a_token() -> Result<()> {
    let server = Server::start().await?;
    for token in ["", "wrong"] {
        let answer = server
            .request(Method::GET, "/api/v1/events", None, token)
            .await?;
        ensure!(answer.0 == 401, "{answer:?}");
    }
    Ok(())
}
