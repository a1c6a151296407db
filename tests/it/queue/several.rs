//! Several queues, several agents, several callers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears;
use offhook_tests::phone::{Phone, RATE};
use offhook_tests::server::Server;
use serde_json::json;

use super::{Caller, ends, prompt};

#[tokio::test]
async fn two_queues_that_want_one_agent_get_them_one_after_the_other() -> Result<()> {
    let server = Server::start().await?;
    for queue in ["301", "302"] {
        server.sets_queue(queue, json!({ "wrap_up": 0 })).await?;
    }
    // 1003 serves both queues.
    let agent = Phone::agent(&server, "1003").await?;
    server.sends_on_break("1003", "until both wait").await?;
    let first = Caller::from(&server, "+49301111111").await?;
    let sales = Phone::trunk_as(&server, "+49302222222").await?;
    let did = server.credentials().did.clone();
    let second = sales.dials_and_presses(&did, '2').await?;
    server.queue_has("301", 1).await?;
    server.queue_has("302", 1).await?;

    server.sets_agent("1003", "ready").await?;
    let ringing = agent.rings().await?;
    let caller = ringing.caller();
    agent
        .stays_silent_for(Duration::from_millis(500))
        .await
        .context("one call at a time")?;
    let talk = ringing.answers().await?;
    agent
        .stays_silent_for(Duration::from_millis(500))
        .await
        .context("nobody else while talking")?;
    talk.hangs_up().await?;
    let (served, waiting) = match caller.as_str() {
        "+49301111111" => (first.talk, second),
        _ => (second, first.talk),
    };
    served.is_hung_up().await?;

    let next = agent.rings().await.context("the other queue")?;
    ensure!(next.caller() != caller, "the other caller");
    let talk = next.answers().await?;
    talk.plays_tone(500.0);
    waiting.hears_tone(500.0).await?;
    waiting.hangs_up().await?;
    talk.is_hung_up().await?;
    server.agent_becomes("1003", "ready").await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn of_two_who_answer_at_once_when_all_ring_one_gets_the_caller() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "strategy": "ring_all", "wrap_up": 0 });
    server.sets_queue("301", change).await?;
    let one = Phone::agent(&server, "1001").await?;
    let other = Phone::agent(&server, "1002").await?;
    let caller = Caller::chooses_support(&server).await?;
    let (ringing, too) = (one.rings().await?, other.rings().await?);
    let (ringing, too) = (ringing.picks_up(), too.picks_up());
    ringing.plays_tone(500.0);
    too.plays_tone(800.0);

    // Which of the two wins is theirs to say; the other is hung up on.
    let won = caller
        .talk
        .hears("one of them", |piece| {
            ears::is_tone(piece, RATE, 500.0) || ears::is_tone(piece, RATE, 800.0)
        })
        .await;
    won.context("whoever won")?;
    let heard = caller.talk.listens_for(Duration::from_millis(200)).await?;
    let first = ears::is_tone(&heard, RATE, 500.0);
    let (winner, loser) = if first {
        (ringing, too)
    } else {
        (too, ringing)
    };
    let (won, lost) = if first {
        ("1001", "1002")
    } else {
        ("1002", "1001")
    };
    loser.is_hung_up().await.context("who was too late")?;
    server.agent_becomes(won, "on_call").await?;
    server.agent_becomes(lost, "ready").await?;
    ensure!(winner.is_up());
    ends(&server, caller, winner).await?;
    server.agent_becomes(won, "ready").await?;
    let record = server.the_record().await?;
    ensure!(
        record["agent"] == server.agent(won).await?["id"],
        "{record}"
    );
    Ok(())
}

#[tokio::test]
async fn round_robin_takes_every_agent_in_turn() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "strategy": "round_robin", "wrap_up": 0 });
    server.sets_queue("301", change).await?;
    let agents = [
        Phone::agent(&server, "1001").await?,
        Phone::agent(&server, "1002").await?,
        Phone::agent(&server, "1003").await?,
    ];
    for round in [&agents[0], &agents[1], &agents[2], &agents[0]] {
        let caller = Caller::chooses_support(&server).await?;
        let served = round.rings().await?.answers().await?;
        ends(&server, caller, served).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_same_agent_serves_a_whole_day_and_nothing_piles_up() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let mut files = Vec::new();
    for _ in 0..8 {
        let caller = Caller::chooses_support(&server).await?;
        let served = agent.rings().await?.answers().await?;
        ends(&server, caller, served).await?;
        server.agent_becomes("1001", "ready").await?;
        files.push(server.figure("offhook_process_open_files").await?);
    }
    // The database opens and closes files of its own; two calls' sockets would be more.
    let more = files.last().zip(files.first());
    ensure!(
        more.is_some_and(|(last, first)| last - first < 4.0),
        "{files:?}"
    );
    server.records(8).await?;
    let agent = server.agent("1001").await?;
    ensure!(agent["answered"] == 8 && agent["missed"] == 0, "{agent}");
    Ok(())
}

#[tokio::test]
async fn callers_are_served_in_the_order_they_came_and_hear_their_place() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let agent = Phone::agent(&server, "1001").await?;
    server.sends_on_break("1001", "until all wait").await?;
    let numbers = ["+49301111111", "+49302222222", "+49303333333"];
    let mut callers = Vec::new();
    for (number, waiting) in numbers.into_iter().zip(1..) {
        let caller = Caller::from(&server, number).await?;
        server.queue_has("301", waiting).await?;
        callers.push(caller);
    }
    for (caller, place) in callers.iter().zip(1..) {
        let words = prompt(&format!("number/{place}"))?;
        caller.talk.hears_words(&words).await?;
    }
    let path = server.queue("301").await?["id"].as_str().map(str::to_owned);
    let path = format!("/api/v1/queues/{}/callers", path.context("an id")?);
    let waiting = server.list(&path).await?;
    let order = waiting.iter().map(|caller| caller["from"].as_str());
    ensure!(order.eq(numbers.map(Some)), "{waiting:?}");

    server.sets_agent("1001", "ready").await?;
    for (number, caller) in numbers.into_iter().zip(callers) {
        let ringing = agent.rings().await?;
        ensure!(ringing.caller() == number, "{}", ringing.caller());
        let served = ringing.answers().await?;
        caller.talk.hangs_up().await?;
        served.is_hung_up().await?;
    }
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_unavailable_agent_at_the_top_does_not_hold_up_the_queue() -> Result<()> {
    let server = Server::start().await?;
    server
        .sets_queue("301", json!({ "strategy": "top_down" }))
        .await?;
    let _top = Phone::agent(&server, "1001").await?;
    server.sends_on_break("1001", "lunch").await?;
    let bottom = Phone::agent(&server, "1003").await?;
    let caller = Caller::chooses_support(&server).await?;
    let served = bottom.rings().await?.answers().await?;
    ends(&server, caller, served).await
}

#[tokio::test]
async fn when_all_ring_and_one_declines_the_others_go_on_ringing() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "strategy": "ring_all", "retry_delay": 30 });
    server.sets_queue("301", change).await?;
    let one = Phone::agent(&server, "1001").await?;
    let other = Phone::agent(&server, "1002").await?;
    let caller = Caller::chooses_support(&server).await?;
    let (declined, answered) = (one.rings().await?, other.rings().await?);
    declined.rejects(603);
    server.agent_becomes("1001", "ready").await?;
    let served = answered.answers().await?;
    served.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    ends(&server, caller, served).await?;
    ensure!(server.agent("1001").await?["missed"] == 1);
    Ok(())
}
