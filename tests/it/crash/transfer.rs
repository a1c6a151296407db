//! A call's actor falls in the middle of a transfer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_core::EventKind;

use super::house::{House, Pair, happens};

const CALLER: f64 = 400.0;
const TARGET: f64 = 2100.0;

/// Between the 202 and the answer of who the caller is sent to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_goes_on_after_its_call_fell() -> Result<()> {
    let house = House::start().await?;
    let (here, there) = (
        house.extension("1003").await?,
        house.extension("1000").await?,
    );
    let target = house.extension("1001").await?;
    let mut pairs = house.conversations(1, &here, ("1000", &there)).await?;
    let Pair {
        call,
        caller,
        callee,
    } = pairs.pop().context("a pair")?;
    callee.transfers_blind("1001").await?;
    let ringing = target.rings().await?;
    let mut events = house.events();
    ensure!(house.offhook.switchboard.calls.inject_fault(call));
    let recovered =
        |event: &EventKind| matches!(event, EventKind::CallRecovered { call: own } if *own == call);
    happens(&mut events, "the recovery", recovered).await?;
    let talk = ringing.answers().await?;
    talk.plays_tone(TARGET);
    callee.hears_notify(200).await?;
    caller.hears_tone(TARGET).await?;
    talk.hears_tone(CALLER).await?;
    callee.is_hung_up().await?;
    caller.hangs_up().await?;
    talk.is_hung_up().await?;
    house.has_nothing_left().await
}

/// The call that takes a leg in falls over it: the leg goes back where it came from, nobody is cut off,
/// and the transfer may be tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leg_over_which_a_call_fell_goes_back_and_may_come_again() -> Result<()> {
    let house = House::start().await?;
    let (here, there) = (
        house.extension("1003").await?,
        house.extension("1000").await?,
    );
    let third = house.extension("1001").await?;
    let mut pairs = house.conversations(1, &here, ("1000", &there)).await?;
    let Pair {
        caller,
        callee,
        call: first,
    } = pairs.pop().context("a pair")?;
    let dialling = there.calls("1001").await?;
    let target = third.rings().await?.answers().await?;
    let consulted = dialling.is_answered().await?;
    target.plays_tone(TARGET);
    let second = house.calls().into_iter().find(|call| *call != first);
    let second = second.context("the consultation")?;
    let mut events = house.events();
    let calls = &house.offhook.switchboard.calls;
    ensure!(calls.inject_fault_on_arrival(second));
    callee.transfers_to(&consulted).await?;
    let recovered =
        |event: &EventKind| matches!(event, EventKind::CallRecovered { call } if *call == second);
    happens(&mut events, "the recovery", recovered).await?;
    callee.hears_notify(500).await?;
    callee.hears_tone(CALLER).await?;
    target.listens_for(Duration::from_millis(100)).await?;
    ensure!(consulted.is_up() && target.is_up() && caller.is_up());
    callee.transfers_to(&consulted).await?;
    callee.hears_notify(200).await?;
    consulted.is_hung_up().await?;
    caller.hears_tone(TARGET).await?;
    target.hears_tone(CALLER).await?;
    callee.is_hung_up().await?;
    caller.hangs_up().await?;
    target.is_hung_up().await?;
    house.has_nothing_left().await
}
