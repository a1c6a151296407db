//! Whether the carrier is there.

use anyhow::{Result, ensure};
use offhook_tests::exchange::{Exchange, Policy};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::{NUMBER, adds_trunk, status_becomes};

/// RFC 3261 section 11.
#[tokio::test]
async fn a_carrier_that_stops_answering_is_passed_over_until_it_answers_again() -> Result<()> {
    let server = Server::start().await?;
    let exchange = Exchange::udp(Policy::default()).await?;
    let events = server.events().await?;
    let settings = json!({
        "name": "carrier",
        "host": "127.0.0.1",
        "port": exchange.address().port(),
        "outbound_prefix": "0",
        "qualify_interval": 1,
        "qualify_down_after": 2,
        "qualify_up_after": 2,
    });
    let path = adds_trunk(&server, settings).await?;
    let trunk = status_becomes(&server, &path, "qualify", "up").await?;
    ensure!(trunk["status"]["round_trip"].is_u64(), "{trunk}");
    exchange.changes(|policy| policy.options = Some(503));
    let trunk = status_becomes(&server, &path, "qualify", "down").await?;
    let status = &trunk["status"];
    ensure!(status["state"] == "down", "{status}");
    let error = status["last_error"].as_str().unwrap_or_default();
    ensure!(error.contains("503"), "{status}");
    events
        .wait_for(|event| event["type"] == "trunk_down")
        .await?;
    let phone = Phone::extension(&server, "1000").await?;
    let refused = phone.calls(NUMBER).await?.is_refused().await?;
    ensure!(refused == 502, "{refused}");
    exchange.changes(|policy| policy.options = None);
    exchange.hears("OPTIONS").await?;
    exchange.changes(|policy| policy.options = Some(200));
    status_becomes(&server, &path, "qualify", "up").await?;
    let back = events
        .wait_for(|event| event["type"] == "trunk_up" && event["seq"].as_u64() > Some(0))
        .await?;
    ensure!(back["trunk"] == trunk["id"], "{back}");
    // Our exchange takes no calls, but now it is asked for one.
    let refused = phone.calls(NUMBER).await?.is_refused().await?;
    ensure!(
        refused == 501 || refused == 400 || refused == 502,
        "{refused}"
    );
    exchange.hears("INVITE").await?;
    Ok(())
}
