//! Several trunks for one route.

use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::{adds_route, carrier};

/// A route with two carriers, in order.
async fn office() -> Result<(Server, [Phone; 2], [String; 2])> {
    let server = Server::start().await?;
    let (one, first) = carrier(&server, "first").await?;
    let (two, second) = carrier(&server, "second").await?;
    let route = json!({ "name": "all", "patterns": ["0."], "trunks": [first, second] });
    adds_route(&server, route).await?;
    Ok((server, [one, two], [first, second]))
}

#[tokio::test]
async fn a_carrier_that_fails_leaves_the_call_to_the_next() -> Result<()> {
    let (server, [one, two], _) = office().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls("0301").await?;
    let ringing = one.rings().await?;
    two.stays_silent_for(Duration::from_millis(50)).await?;
    ringing.rejects(503);
    let callee = two.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(440.0);
    callee.hears_tone(440.0).await?;
    callee.hangs_up().await?;
    caller.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_callee_who_is_busy_is_busy_with_every_carrier() -> Result<()> {
    let (server, [one, two], _) = office().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls("0301").await?;
    one.rings().await?.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    two.stays_silent_for(Duration::from_millis(50)).await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_trunk_that_is_full_or_disabled_is_passed_over() -> Result<()> {
    let (server, [one, two], [first, second]) = office().await?;
    let path = |trunk: &str| format!("/api/v1/sip/trunks/{trunk}");
    server
        .patch(&path(&first), json!({ "max_calls": 1 }))
        .await?;
    let (anna, bert) = (
        Phone::extension(&server, "1000").await?,
        Phone::extension(&server, "1001").await?,
    );
    let dialling = anna.calls("0301").await?;
    let callee = one.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    let told = server
        .get("/api/v1/sip/route-trace?from=1001&to=0302")
        .await?;
    ensure!(told["ways"][0]["skipped"] == "congestion", "{told}");
    let dialling = bert.calls("0302").await?;
    two.rings().await?.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    server
        .patch(&path(&second), json!({ "enabled": false }))
        .await?;
    let status = bert.calls("0303").await?.is_refused().await?;
    ensure!(status == 503, "{status}");
    talk.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}
