//! The busy lamp field: who is in a call.

use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::phone::wire::tag;

use super::{attribute, state, three_phones};

/// RFC 4235 sections 3 and 4: early, confirmed, terminated, in this order.
#[tokio::test]
async fn a_lamp_blinks_glows_and_goes_out() -> Result<()> {
    let (server, caller, callee, watcher) = three_phones().await?;
    let watch = watcher.watches("1001", "dialog", &[]).await?;
    let idle = watch.told().await?;
    state(&idle, "active;expires=")?;
    ensure!(attribute(&idle.body, "version") == "0", "{}", idle.body);
    ensure!(!idle.body.contains("<dialog "), "{}", idle.body);
    let dialling = caller.calls("1001").await?;
    let ringing = callee.rings().await?;
    let early = watch.told_of(&["<state>early</state>"]).await?;
    ensure!(
        attribute(&early.body, "direction") == "recipient",
        "{}",
        early.body
    );
    ensure!(early.body.contains(">sip:1000@"), "{}", early.body);
    let talk = ringing.answers().await?;
    let answered = dialling.is_answered().await?;
    watch.told_of(&["<state>confirmed</state>"]).await?;
    answered.hangs_up().await?;
    talk.is_hung_up().await?;
    let ended = watch.told_of(&["<state>terminated</state>"]).await?;
    ensure!(
        ended.body.matches("<dialog ").count() == 1,
        "{}",
        ended.body
    );
    server.has_nothing_left().await?;
    server.has_not_panicked()
}

/// RFC 4235 section 4.1.2 with RFC 3891: what a phone needs for taking the call over.
#[tokio::test]
async fn a_blinking_lamp_says_which_dialog_to_pick_up() -> Result<()> {
    let (_server, caller, callee, watcher) = three_phones().await?;
    let watch = watcher.watches("1001", "dialog", &[]).await?;
    watch.told().await?;
    let dialling = caller.calls("1001").await?;
    let ringing = callee.rings().await?;
    let early = watch.told_of(&["<state>early</state>"]).await?;
    let invite = ringing.invite();
    ensure!(
        attribute(&early.body, "call-id") == invite.header("Call-ID"),
        "{}",
        early.body
    );
    let ours = tag(invite.header("From")).unwrap_or("");
    ensure!(
        attribute(&early.body, "remote-tag") == ours,
        "{}",
        early.body
    );
    ensure!(
        !attribute(&early.body, "local-tag").is_empty(),
        "{}",
        early.body
    );
    dialling.cancels().await?;
    ringing.is_cancelled().await?;
    watch.told_of(&["<state>terminated</state>"]).await?;
    Ok(())
}

/// RFC 4235 section 3.7.1: the side that calls is seen too.
#[tokio::test]
async fn the_lamp_of_a_caller_glows_as_well() -> Result<()> {
    let (_server, caller, callee, watcher) = three_phones().await?;
    let watch = watcher.watches("1000", "dialog", &[]).await?;
    watch.told().await?;
    let dialling = caller.calls("1001").await?;
    let talk = callee.rings().await?.answers().await?;
    let answered = dialling.is_answered().await?;
    let busy = watch
        .told_of(&["<state>confirmed</state>", "initiator"])
        .await?;
    ensure!(busy.body.contains(">sip:1001@"), "{}", busy.body);
    talk.hangs_up().await?;
    answered.is_hung_up().await?;
    watch.told_of(&["<state>terminated</state>"]).await?;
    Ok(())
}

/// RFC 6665 sections 4.2.1.2 and 4.2.1.3.
#[tokio::test]
async fn a_watcher_refreshes_and_leaves() -> Result<()> {
    let (server, _caller, _callee, watcher) = three_phones().await?;
    let mut watch = watcher
        .watches("1001", "dialog", &[("Expires", "600")])
        .await?;
    ensure!(watch.accepted.header("Expires") == "600");
    watch.told().await?;
    ensure!(watch.refreshes(300).await? == 200);
    let again = watch.told().await?;
    state(&again, "active;expires=300")?;
    ensure!(attribute(&again.body, "version") == "1", "{}", again.body);
    ensure!(watch.refreshes(0).await? == 200);
    state(&watch.told().await?, "terminated;reason=timeout")?;
    server
        .figures_vanish(&["offhook_sip_subscriptions"], Duration::from_secs(10))
        .await?;
    ensure!(watch.refreshes(300).await? == 481);
    Ok(())
}

/// RFC 6665 section 4.2.2: who answers 481 is forgotten.
#[tokio::test]
async fn a_watcher_that_has_forgotten_is_forgotten() -> Result<()> {
    let (server, caller, callee, watcher) = three_phones().await?;
    let watch = watcher.watches("1001", "dialog", &[]).await?;
    watch.told().await?;
    server
        .figure_reaches("offhook_sip_subscriptions", 1.0)
        .await?;
    watch.answers_with(481);
    let dialling = caller.calls("1001").await?;
    let ringing = callee.rings().await?;
    watch.told_of(&["<state>early</state>"]).await?;
    server
        .figures_vanish(&["offhook_sip_subscriptions"], Duration::from_secs(10))
        .await?;
    dialling.cancels().await?;
    ringing.is_cancelled().await?;
    Ok(())
}

/// RFC 6665 section 4.2.2: a watcher that is gone is noticed when its NOTIFY times out.
#[tokio::test]
async fn a_watcher_that_is_gone_is_forgotten() -> Result<()> {
    let (server, caller, callee, watcher) = three_phones().await?;
    let watch = watcher.watches("1001", "dialog", &[]).await?;
    watch.told().await?;
    watcher.vanishes();
    let dialling = caller.calls("1001").await?;
    let ringing = callee.rings().await?;
    dialling.cancels().await?;
    ringing.is_cancelled().await?;
    server
        .figures_vanish(&["offhook_sip_subscriptions"], Duration::from_secs(60))
        .await
}

/// A phone that was restarted subscribes anew; the subscription it has forgotten goes.
#[tokio::test]
async fn a_phone_that_subscribes_anew_loses_what_it_has_forgotten() -> Result<()> {
    let (server, _caller, _callee, watcher) = three_phones().await?;
    for _ in 0..5 {
        let watch = watcher.watches("1001", "dialog", &[]).await?;
        watch.told().await?;
        watch.answers_with(481);
    }
    let last = watcher.watches("1001", "dialog", &[]).await?;
    last.told().await?;
    server
        .figure_falls("offhook_sip_subscriptions", 1.0)
        .await?;
    ensure!(server.figure("offhook_sip_subscriptions").await? > 0.5);
    Ok(())
}
