//! Transfers over REST, and calls that pick up by themselves.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{CALLEE, CALLER, Office, TARGET, end, hear_each_other};

#[tokio::test]
async fn an_operator_sends_the_caller_to_a_colleague() -> Result<()> {
    let office = Office::talks().await?;
    let call = office.server.the_call().await?;
    let path = format!(
        "/api/v1/calls/{}/transfer",
        call["id"].as_str().context("id")?
    );
    office.server.post(&path, json!({ "to": "1002" })).await?;
    let target = office.third.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, target).await
}

#[tokio::test]
async fn an_operator_sends_the_callee_to_a_colleague_or_nobody() -> Result<()> {
    let office = Office::talks().await?;
    let call = office.server.the_call().await?;
    let path = format!(
        "/api/v1/calls/{}/transfer",
        call["id"].as_str().context("id")?
    );
    let callee = call["legs"][1]["id"].as_str().context("a leg")?;
    let wish = json!({ "to": "1002", "leg": callee });
    office.server.post(&path, wish.clone()).await?;
    office.third.rings().await?.rejects(486);
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    office.server.call_becomes("connected").await?;
    office.server.post(&path, wish).await?;
    let target = office.third.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.callee, CALLEE), (&target, TARGET)).await?;
    office.caller.is_hung_up().await?;
    end(&office.server, office.callee, target).await
}

#[tokio::test]
async fn a_phone_that_is_asked_to_picks_up_by_itself() -> Result<()> {
    let office = Office::talks().await?;
    office.caller.hangs_up().await?;
    office.callee.is_hung_up().await?;
    let wish = json!({ "from": "1000", "to": "1002", "auto_answer": true });
    office.server.post("/api/v1/calls", wish).await?;
    let ringing = office.from.rings().await?;
    let invite = ringing.invite();
    ensure!(
        invite.header("Call-Info").contains("answer-after=0"),
        "{invite:?}"
    );
    ensure!(
        invite.header("Alert-Info").contains("alert-autoanswer"),
        "{invite:?}"
    );
    let caller = ringing.answers().await?;
    let there = office.third.rings().await?;
    ensure!(there.invite().header("Call-Info").is_empty());
    let callee = there.answers().await?;
    end(&office.server, caller, callee).await
}

/// `application/dtmf-relay`: heard by the other party as RFC 4733.
#[tokio::test]
async fn a_key_sent_by_info_reaches_the_other_party() -> Result<()> {
    let office = Office::talks().await?;
    office.caller.presses_by_info('5').await?;
    office.callee.receives_keys("5").await?;
    end(&office.server, office.caller, office.callee).await
}
