//! An agent's actor falls.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_actors::agent::AgentCommand;
use offhook_core::directory::AgentState;

use super::house::{House, Pair};
use super::packets::Packets;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_who_falls_while_talking_is_still_in_that_call_and_free_after_it() -> Result<()> {
    let house = House::start().await?;
    let desk = house.extension("1001").await?;
    let agent = house.agent("1001")?;
    let agents = &house.offhook.switchboard.agents;
    house.sets_agent(agent, AgentCommand::Ready).await?;
    let phone = house.outside("+49301111111").await?;
    let caller = phone.dials_and_presses(house.did(), '1').await?;
    let callee = desk.rings().await?.answers().await?;
    house.agent_becomes(agent, AgentState::OnCall).await?;
    callee.hears_silence().await?;
    let call = *house.calls().first().context("the call")?;
    let pairs = [Pair {
        call,
        caller,
        callee,
    }];

    let packets = Packets::count(&pairs).await?;
    agents.crash(agent);
    packets
        .are_all_heard(&pairs, Duration::from_secs(1))
        .await?;
    let view = agents.view(agent).context("the agent")?;
    ensure!(view.state == AgentState::OnCall, "{view:?}");
    ensure!(view.call == Some(call), "{view:?}");

    let [pair] = pairs;
    pair.caller.hangs_up().await?;
    pair.callee.is_hung_up().await?;
    house.agent_becomes(agent, AgentState::WrapUp).await?;
    house.agent_becomes(agent, AgentState::Ready).await?;
    house.has_nothing_left().await
}
