//! Carriers: how they are found and reached, how trunks register with them, tell them who calls, and take calls from them.

use anyhow::{Context, Result};
use offhook_tests::phone::{Phone, PhoneSpec};
use offhook_tests::server::Server;
use serde_json::{Value, json};

mod caller;
mod capacity;
mod dns;
mod inbound;
mod named;
mod qualify;
mod register;

const TRUNKS: &str = "/api/v1/sip/trunks";

/// A number beginning with a nought goes out by the demo office's trunk.
const NUMBER: &str = "0301234567";

/// Adds a trunk and answers its path.
async fn adds_trunk(server: &Server, settings: Value) -> Result<String> {
    let trunk = server.post(TRUNKS, settings).await?;
    let id = trunk["id"].as_str().context("an id")?;
    Ok(format!("{TRUNKS}/{id}"))
}

/// The path of the demo office's own trunk.
async fn demo_trunk(server: &Server) -> Result<String> {
    let trunk = server.find(TRUNKS, "name", "demo").await?;
    let id = trunk["id"].as_str().context("an id")?;
    Ok(format!("{TRUNKS}/{id}"))
}

/// Waits until a part of a trunk's status is as wanted.
async fn status_becomes(server: &Server, path: &str, field: &str, value: &str) -> Result<Value> {
    let wanted = |trunk: &Value| trunk["status"][field] == value;
    server.get_until(path, wanted).await
}

/// The demo office, whose trunk leads to a phone that stands for a carrier.
async fn office_with_carrier(settings: Value) -> Result<(Server, Phone)> {
    let server = Server::start().await?;
    let carrier = Phone::new(PhoneSpec::new("carrier", None)).await?;
    let mut change = json!({
        "host": "127.0.0.1",
        "port": carrier.address().port(),
        "outbound_prefix": "0",
    });
    if let (Some(change), Some(more)) = (change.as_object_mut(), settings.as_object()) {
        change.extend(more.clone());
    }
    server.patch(&demo_trunk(&server).await?, change).await?;
    Ok((server, carrier))
}
