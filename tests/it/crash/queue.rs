//! A queue's actor falls: callers keep their places, and who talks does not notice.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_actors::agent::AgentCommand;
use offhook_core::directory::AgentState;
use offhook_core::{CallId, EventKind, QueueId};
use offhook_tests::phone::{Phone, Talk};

use super::house::{House, Pair, happens};
use super::packets::Packets;

/// Dials support from each of these phones; answers the conversations, and the line they make.
async fn wait_in_line(
    house: &House,
    queue: QueueId,
    phones: &[&Phone],
) -> Result<(Vec<Talk>, Vec<CallId>)> {
    let (mut talks, mut line) = (Vec::new(), Vec::new());
    for (phone, length) in phones.iter().zip(1..) {
        talks.push(phone.dials("301").await?);
        line = house.line(queue, length).await?;
    }
    Ok((talks, line))
}

async fn falls(house: &House, queue: QueueId) -> Result<()> {
    let mut events = house.events();
    house.offhook.switchboard.queues.crash(queue);
    let recovered = |event: &EventKind| matches!(event, EventKind::QueueRecovered { queue: which } if *which == queue);
    happens(&mut events, "the queue's recovery", recovered).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_keep_their_places_and_none_of_fifty_calls_loses_a_packet() -> Result<()> {
    let house = House::start().await?;
    let (here, there) = (
        house.extension("1003").await?,
        house.extension("1000").await?,
    );
    let desk = house.extension("1001").await?;
    let agent = house.agent("1001")?;
    let pairs = house.conversations(50, &here, ("1000", &there)).await?;
    let on_break = AgentCommand::OnBreak {
        reason: "until all wait".to_owned(),
    };
    house.sets_agent(agent, on_break).await?;
    let (queue, other) = (house.queue("301")?, house.extension("1002").await?);
    let (talks, line) = wait_in_line(&house, queue, &[&other, &here, &there]).await?;
    ensure!(line.len() == 3);
    for talk in &talks {
        talk.hears_something().await.context("music")?;
    }
    let gaps: Vec<u64> = talks.iter().map(|talk| talk.heard().lost).collect();

    let packets = Packets::count(&pairs).await?;
    falls(&house, queue).await?;
    packets
        .are_all_heard(&pairs, Duration::from_secs(1))
        .await?;
    ensure!(house.line(queue, 3).await? == line, "another order");
    for (talk, lost) in talks.iter().zip(gaps) {
        talk.hears_something()
            .await
            .context("music after the fall")?;
        ensure!(talk.heard().lost == lost, "the music has a gap");
        ensure!(talk.heard().sources == 1, "the music comes from elsewhere");
    }

    house.sets_agent(agent, AgentCommand::Ready).await?;
    let ringing = desk.rings().await?;
    ensure!(ringing.caller() == "1002", "{}", ringing.caller());
    let served = ringing.answers().await?;
    served.plays_tone(600.0);
    talks[0].hears_tone(600.0).await?;
    ensure!(house.line(queue, 2).await? == line[1..]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_falls_while_an_agent_rings_and_again_while_they_talk_loses_neither()
-> Result<()> {
    let house = House::start().await?;
    let desk = house.extension("1001").await?;
    let agent = house.agent("1001")?;
    house.sets_agent(agent, AgentCommand::Ready).await?;
    let queue = house.queue("301")?;
    let phone = house.outside("+49301111111").await?;
    let caller = phone.dials_and_presses(house.did(), '1').await?;
    let ringing = desk.rings().await?;
    falls(&house, queue).await?;
    desk.stays_silent_for(Duration::from_millis(300)).await?;
    let callee = ringing.answers().await.context("the ringing went on")?;
    caller.plays_tone(500.0);
    callee.plays_tone(900.0);
    caller.hears_tone(900.0).await?;
    house.agent_becomes(agent, AgentState::OnCall).await?;

    let call = *house.calls().first().context("the call")?;
    let pairs = [Pair {
        call,
        caller,
        callee,
    }];
    let packets = Packets::count(&pairs).await?;
    falls(&house, queue).await?;
    packets
        .are_all_heard(&pairs, Duration::from_secs(1))
        .await?;
    let [pair] = pairs;
    pair.caller.hangs_up().await?;
    pair.callee.is_hung_up().await?;
    house.agent_becomes(agent, AgentState::WrapUp).await?;
    house.has_nothing_left().await
}
