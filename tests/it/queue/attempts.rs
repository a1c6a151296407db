//! Agents who are rung and do not talk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears;
use offhook_tests::phone::{Loss, Phone, RATE};
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::{Caller, ends};

/// Agents at 1001 and 1002, idle in this order; a caller chose support.
struct Story {
    server: Server,
    caller: Caller,
    first: Phone,
    second: Phone,
}

/// How long agents are rung where it is not the ringing's end that is told of, and where it is.
const LONG: u32 = 60;
const SHORT: u32 = 2;

async fn a_caller_waits_for_two_agents(ring_timeout: u32) -> Result<Story> {
    let server = Server::start().await?;
    let change = json!({ "ring_timeout": ring_timeout, "retry_delay": 30, "wrap_up": 0 });
    server.sets_queue("301", change).await?;
    let first = Phone::agent(&server, "1001").await?;
    let second = Phone::agent(&server, "1002").await?;
    let caller = Caller::chooses_support(&server).await?;
    Ok(Story {
        server,
        caller,
        first,
        second,
    })
}

impl Story {
    /// The second agent is rung, answers and talks with the caller; nothing is left.
    async fn the_second_agent_serves(self) -> Result<()> {
        let ringing = self.second.rings().await.context("the second agent")?;
        let agent = ringing.answers().await?;
        agent.plays_tone(700.0);
        self.caller.talk.hears_tone(700.0).await?;
        self.server.agent_becomes("1002", "on_call").await?;
        ends(&self.server, self.caller, agent).await?;
        self.server.agent_becomes("1002", "ready").await?;
        let queue = self.server.queue("301").await?["id"].clone();
        let of_the_queue = |page: &Value| {
            let mut records = page["items"].as_array().into_iter().flatten();
            records.any(|record| record["queue"] == queue && record["disposition"] == "answered")
        };
        self.server.get_until("/api/v1/cdrs", of_the_queue).await?;
        Ok(())
    }
}

#[tokio::test]
async fn when_one_is_busy_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(LONG).await?;
    story.first.rings().await?.rejects(486);
    story.server.agent_becomes("1001", "ready").await?;
    story.the_second_agent_serves().await
}

#[tokio::test]
async fn when_one_declines_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(LONG).await?;
    story.first.rings().await?.rejects(603);
    story.the_second_agent_serves().await
}

#[tokio::test]
async fn when_a_phone_shares_no_codec_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(LONG).await?;
    story.first.rings().await?.rejects(488);
    story.server.agent_becomes("1001", "ready").await?;
    story.the_second_agent_serves().await
}

#[tokio::test]
async fn when_one_does_not_answer_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(SHORT).await?;
    let ringing = story.first.rings().await?;
    ringing.is_cancelled().await.context("after two seconds")?;
    story.server.agent_becomes("1001", "ready").await?;
    story.the_second_agent_serves().await
}

#[tokio::test]
async fn when_one_unregisters_while_ringing_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(LONG).await?;
    let ringing = story.first.rings().await?;
    story.first.unregisters().await?;
    ringing
        .is_cancelled()
        .await
        .context("the phone that left")?;
    story.the_second_agent_serves().await
}

#[tokio::test]
async fn when_one_goes_on_break_while_ringing_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(LONG).await?;
    let ringing = story.first.rings().await?;
    story.server.sends_on_break("1001", "lunch").await?;
    ringing.is_cancelled().await.context("who left")?;
    story.server.agent_becomes("1001", "on_break").await?;
    story.the_second_agent_serves().await
}

#[tokio::test]
async fn when_one_takes_another_call_while_ringing_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(LONG).await?;
    let ringing = story.first.rings().await?;
    let own = story.first.dials("*43").await?;
    ringing.is_cancelled().await.context("the queue's call")?;
    story.server.agent_becomes("1001", "on_call").await?;
    own.hangs_up().await?;
    story.the_second_agent_serves().await
}

#[tokio::test]
async fn when_a_phone_vanishes_while_ringing_the_next_rings() -> Result<()> {
    let story = a_caller_waits_for_two_agents(SHORT).await?;
    story.first.rings().await?;
    story.first.vanishes();
    let Story {
        server,
        caller,
        first: _first,
        second,
    } = story;
    let agent = second.rings().await?.answers().await?;
    agent.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    server.agent_becomes("1001", "ready").await?;
    caller.talk.hangs_up().await?;
    agent.is_hung_up().await?;
    server.has_only_dialogs_left().await
}

#[tokio::test]
async fn when_a_phone_is_dead_the_next_rings() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "ring_timeout": 2, "retry_delay": 30 });
    server.sets_queue("301", change).await?;
    let dead = Phone::agent(&server, "1001").await?;
    dead.vanishes();
    let second = Phone::agent(&server, "1002").await?;
    let caller = Caller::chooses_support(&server).await?;
    let agent = second.rings().await?.answers().await?;
    agent.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    caller.talk.hangs_up().await?;
    agent.is_hung_up().await?;
    server.has_only_dialogs_left().await
}

#[tokio::test]
async fn the_only_agent_is_rung_again_after_the_retry_delay() -> Result<()> {
    let server = Server::start().await?;
    server
        .sets_queue("301", json!({ "retry_delay": 1 }))
        .await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    agent.rings().await?.rejects(486);
    agent
        .stays_silent_for(Duration::from_millis(500))
        .await
        .context("the pause after a refusal")?;
    let served = agent.rings().await?.answers().await?;
    ends(&server, caller, served).await?;
    let agent = server.agent("1001").await?;
    ensure!(agent["missed"] == 1 && agent["answered"] == 1, "{agent}");
    Ok(())
}

#[tokio::test]
async fn who_picks_up_when_the_call_has_moved_on_gets_nobody() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "ring_timeout": 1, "retry_delay": 30, "wrap_up": 0 });
    server.sets_queue("301", change).await?;
    let slow = Phone::agent(&server, "1001").await?;
    let quick = Phone::agent(&server, "1002").await?;
    let caller = Caller::chooses_support(&server).await?;
    let ringing = slow.rings().await?;
    // The CANCEL is on its way while the slow one's hand is on the receiver.
    slow.loses(Loss::ReceivedCancel);
    let second = quick.rings().await?;
    let too_late = ringing.picks_up();
    too_late.is_hung_up().await.context("who was too late")?;
    server.agent_becomes("1001", "ready").await?;
    let served = second.answers().await?;
    served.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    ends(&server, caller, served).await?;
    let record = server.the_record().await?;
    ensure!(
        record["agent"] == server.agent("1002").await?["id"],
        "{record}"
    );
    Ok(())
}

#[tokio::test]
async fn what_an_agents_phone_says_before_the_answer_does_not_reach_the_caller() -> Result<()> {
    let story = a_caller_waits_for_two_agents(LONG).await?;
    let ringing = story.first.rings().await?;
    ringing.plays_early(900.0);
    let heard = story
        .caller
        .talk
        .listens_for(Duration::from_secs(1))
        .await?;
    ensure!(!ears::has_tone(&heard, RATE, 900.0), "early media");
    ensure!(ears::level(&heard) > ears::AUDIBLE, "music or words");
    let served = ringing.answers().await?;
    story.caller.talk.hears_tone(900.0).await?;
    ends(&story.server, story.caller, served).await
}
