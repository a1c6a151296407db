//! The actor that tells watchers falls: lamps stay as right as they were.

use anyhow::{Result, ensure};

use super::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lamps_still_blink_after_their_actor_has_fallen() -> Result<()> {
    let house = House::start().await?;
    let (caller, callee, watcher) = (
        house.extension("1000").await?,
        house.extension("1001").await?,
        house.extension("1002").await?,
    );
    let mut watch = watcher.watches("1001", "dialog", &[]).await?;
    watch.told().await?;
    let subscriptions = &house.offhook.switchboard.subscriptions;
    for _ in 0..3 {
        subscriptions.inject_fault();
        let dialling = caller.calls("1001").await?;
        let ringing = callee.rings().await?;
        watch.told_of(&["<state>early</state>"]).await?;
        dialling.cancels().await?;
        ringing.is_cancelled().await?;
        watch.told_of(&["<state>terminated</state>"]).await?;
    }
    ensure!(subscriptions.stats().subscriptions == 1);
    ensure!(watch.refreshes(600).await? == 200);
    Ok(())
}
