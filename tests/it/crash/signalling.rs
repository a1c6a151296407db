//! The signalling task falls: dialogs and sockets outlive it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{interval, timeout};

use super::house::House;
use super::packets::Packets;
use offhook_tests::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_talks_does_not_notice_and_can_still_hold_hang_up_and_call() -> Result<()> {
    let house = House::start().await?;
    let (here, there) = (
        house.extension("1003").await?,
        house.extension("1000").await?,
    );
    let mut pairs = house.conversations(50, &here, ("1000", &there)).await?;
    let packets = Packets::count(&pairs).await?;
    let sip = &house.offhook.switchboard.sip;
    sip.inject_fault();
    let mut look = interval(Duration::from_millis(10));
    let fallen = async {
        while sip.stats().falls == 0 {
            look.tick().await;
        }
    };
    timeout(PATIENCE, fallen)
        .await
        .context("it does not fall")?;
    packets
        .are_all_heard(&pairs, Duration::from_secs(1))
        .await?;
    ensure!(house.calls().len() == 50, "a call ended");

    pairs.extend(house.conversations(1, &here, ("1000", &there)).await?);
    for (number, pair) in pairs.into_iter().enumerate() {
        if number == 7 {
            pair.caller.holds().await?;
            pair.callee.hears_something().await.context("music")?;
        }
        ensure!(pair.caller.hangs_up().await? == 200, "call {number}");
        pair.callee.is_hung_up().await?;
    }
    house.has_nothing_left().await
}
