//! A call's actor falls while fifty calls go on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_core::EventKind;

use super::house::{House, happens};
use super::packets::Packets;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_actor_falls_goes_on_and_none_of_fifty_loses_a_packet() -> Result<()> {
    let house = House::start().await?;
    let (here, there) = (
        house.extension("1003").await?,
        house.extension("1000").await?,
    );
    let mut pairs = house.conversations(50, &here, ("1000", &there)).await?;
    let struck = pairs[25].call;
    let mut events = house.events();

    let packets = Packets::count(&pairs).await?;
    ensure!(house.offhook.switchboard.calls.inject_fault(struck));
    let recovered =
        |event: &EventKind| matches!(event, EventKind::CallRecovered { call } if *call == struck);
    happens(&mut events, "the recovery", recovered).await?;
    packets.are_all_heard(&pairs, SECOND).await?;
    ensure!(house.calls().len() == 50, "a call ended");

    // The new actor still steers the call: hold and the end pass through it.
    let pair = pairs.remove(25);
    pair.caller.hears_tone(1650.0).await?;
    pair.caller.holds().await?;
    pair.callee.hears_something().await.context("music")?;
    pair.caller.unholds().await?;
    pair.callee.hears_tone(650.0).await?;
    ensure!(pair.caller.hangs_up().await? == 200);
    pair.callee.is_hung_up().await?;
    ensure!(
        pairs
            .iter()
            .all(|pair| pair.caller.is_up() && pair.callee.is_up())
    );

    for pair in pairs {
        pair.callee.hangs_up().await?;
        pair.caller.is_hung_up().await?;
    }
    house.has_nothing_left().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_falls_again_at_once_is_ended_for_both_and_the_others_talk_on() -> Result<()> {
    let house = House::start().await?;
    let (here, there) = (
        house.extension("1003").await?,
        house.extension("1000").await?,
    );
    let mut pairs = house.conversations(10, &here, ("1000", &there)).await?;
    let victim = pairs.remove(3);
    let packets = Packets::count(&pairs).await?;

    for _ in 0..2 {
        house.offhook.switchboard.calls.inject_fault(victim.call);
    }
    let reason = victim.caller.is_hung_up().await.context("the caller")?;
    ensure!(!reason.is_empty(), "no Reason in the BYE");
    victim.callee.is_hung_up().await.context("the callee")?;
    packets.are_all_heard(&pairs, SECOND).await?;
    ensure!(house.calls().len() == 9);
    for pair in pairs {
        pair.caller.hangs_up().await?;
        pair.callee.is_hung_up().await?;
    }
    house.has_nothing_left().await
}
