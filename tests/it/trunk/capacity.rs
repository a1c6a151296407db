//! How many calls a trunk takes in a second; how many at once is told in `call/trunk.rs`.

use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::{NUMBER, demo_trunk, office_with_carrier};

/// RFC 3261 section 21.5.4.
#[tokio::test]
async fn calls_that_come_in_faster_than_agreed_are_asked_to_come_later() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "calls_per_second": 1 });
    server.patch(&demo_trunk(&server).await?, change).await?;
    let caller = Phone::trunk(&server).await?;
    let did = server.credentials().did.clone();
    let talk = caller.dials(&did).await?;
    let mut statuses = Vec::new();
    // On a busy machine a second may go by between two of them.
    while statuses.len() < 5 && !statuses.contains(&503) {
        let dialling = caller.calls(&did).await?;
        statuses.push(dialling.is_refused().await.unwrap_or(200));
    }
    ensure!(statuses.contains(&503), "{statuses:?}");
    talk.hangs_up().await?;
    Ok(())
}

#[tokio::test]
async fn calls_that_go_out_faster_than_agreed_are_refused() -> Result<()> {
    let (server, carrier) = office_with_carrier(json!({ "calls_per_second": 1 })).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(phone.calls(NUMBER).await?);
    }
    let mut through = 0;
    while let Ok(ringing) = carrier.rings_within(Duration::from_secs(1)).await {
        ringing.rejects(486);
        through += 1;
    }
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.is_refused().await?);
    }
    let busy = statuses.iter().filter(|status| **status == 486).count();
    ensure!(busy == through && through >= 1, "{statuses:?}");
    ensure!(statuses.contains(&503), "{statuses:?}");
    Ok(())
}
