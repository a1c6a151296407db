//! Transfers to somebody who is not there.

use anyhow::{Context, Result, ensure};

use super::{CALLEE, CALLER, Office, end, hear_each_other};

/// RFC 3515 section 2.4.5: the failure is told, and who is still on the line talks on.
#[tokio::test]
async fn who_is_still_on_the_line_when_the_target_declines_talks_on() -> Result<()> {
    for status in [486, 603, 404] {
        let office = Office::talks().await?;
        office.callee.transfers_blind("1002").await?;
        office.third.rings().await?.rejects(status);
        office.callee.hears_notify(status).await?;
        hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE))
            .await
            .context("again")?;
        office.server.call_becomes("connected").await?;
        end(&office.server, office.caller, office.callee).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_caller_talks_on_as_well_when_the_target_declines() -> Result<()> {
    let office = Office::talks().await?;
    office.caller.transfers_blind("1002").await?;
    office.third.rings().await?.rejects(486);
    office.caller.hears_notify(486).await?;
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    // As it was: a second try works.
    office.caller.transfers_blind("1002").await?;
    let target = office.third.rings().await?.answers().await?;
    office.caller.is_hung_up().await?;
    end(&office.server, office.callee, target).await
}

#[tokio::test]
async fn a_number_that_nobody_has_is_told_and_the_two_talk_on() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("7777").await?;
    office.callee.hears_notify(404).await?;
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    end(&office.server, office.callee, office.caller).await
}

#[tokio::test]
async fn who_held_before_the_failed_transfer_holds_after_it() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.holds().await?;
    office.server.call_becomes("on_hold").await?;
    office.callee.transfers_blind("1002").await?;
    office.third.rings().await?.rejects(486);
    office.callee.hears_notify(486).await?;
    office.server.call_becomes("on_hold").await?;
    office.callee.unholds().await?;
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    end(&office.server, office.caller, office.callee).await
}

#[tokio::test]
async fn with_nobody_left_the_caller_hears_so_and_the_call_ends() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("1002").await?;
    ensure!(office.callee.hangs_up().await? == 200);
    office.third.rings().await?.rejects(486);
    office.caller.hears_something().await.context("a prompt")?;
    office.caller.is_hung_up().await?;
    office.server.has_nothing_left().await
}

#[tokio::test]
async fn by_option_the_caller_comes_back_to_who_transferred_them() -> Result<()> {
    let office = Office::that_returns().await?;
    office.callee.transfers_blind("1002").await?;
    ensure!(office.callee.hangs_up().await? == 200);
    office.third.rings().await?.rejects(486);
    let back = office.to.rings().await.context("it rings again")?;
    ensure!(back.caller() == "1000", "{}", back.caller());
    let callee = back.answers().await?;
    callee.plays_tone(CALLEE);
    hear_each_other((&office.caller, CALLER), (&callee, CALLEE)).await?;
    end(&office.server, office.caller, callee).await
}

#[tokio::test]
async fn who_comes_back_to_nobody_hears_so() -> Result<()> {
    let office = Office::that_returns().await?;
    office.callee.transfers_blind("1002").await?;
    ensure!(office.callee.hangs_up().await? == 200);
    office.third.rings().await?.rejects(486);
    office.to.rings().await?.rejects(480);
    office.caller.hears_something().await.context("a prompt")?;
    office.caller.is_hung_up().await?;
    office.server.has_nothing_left().await
}
