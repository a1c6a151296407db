//! Who talks sends the other party elsewhere.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Carrier, Phone, PhoneSpec, Talk};
use offhook_tests::server::{Server, ServerSpec};
use serde_json::{Value, json};

mod attended;
mod blind;
mod failed;
mod forward;
mod operator;
mod pickup;
mod queue;
mod replaces;

const CALLER: f64 = 440.0;
const CALLEE: f64 = 950.0;
const TARGET: f64 = 1500.0;

/// 1000 talks with 1001; 1002 is there.
struct Office {
    server: Server,
    // Calls end with their phones.
    from: Phone,
    to: Phone,
    third: Phone,
    caller: Talk,
    callee: Talk,
}

impl Office {
    async fn talks() -> Result<Self> {
        Self::talks_on(Server::start().await?).await
    }

    /// An office where who is transferred to nobody comes back.
    async fn that_returns() -> Result<Self> {
        let spec = ServerSpec {
            config: Some("[sip]\nlost_transfer = \"returns\"\n".to_owned()),
            ..ServerSpec::default()
        };
        Self::talks_on(Server::start_with(spec).await?).await
    }

    async fn talks_on(server: Server) -> Result<Self> {
        let from = Phone::extension(&server, "1000").await?;
        let to = Phone::extension(&server, "1001").await?;
        let third = Phone::extension(&server, "1002").await?;
        let dialling = from.calls("1001").await?;
        let callee = to.rings().await?.answers().await?;
        let caller = dialling.is_answered().await?;
        caller.plays_tone(CALLER);
        callee.plays_tone(CALLEE);
        hear_each_other((&caller, CALLER), (&callee, CALLEE)).await?;
        Ok(Self {
            server,
            from,
            to,
            third,
            caller,
            callee,
        })
    }
}

/// Each of two hears what the other says, and nothing else.
async fn hear_each_other(one: (&Talk, f64), other: (&Talk, f64)) -> Result<()> {
    one.0.hears_tone(other.1).await.context("the one")?;
    other.0.hears_tone(one.1).await.context("the other")
}

/// One hangs up, the other hears of it, and nothing is left.
async fn end(server: &Server, one: Talk, other: Talk) -> Result<()> {
    ensure!(one.hangs_up().await? == 200);
    other.is_hung_up().await?;
    server.has_nothing_left().await
}

/// Numbers that begin with a nought go to a carrier, who is a phone of the test's.
async fn carrier(server: &Server) -> Result<Phone> {
    let mut spec = PhoneSpec::new("carrier", None);
    spec.carrier = Carrier::Udp;
    let carrier = Phone::new(spec).await?;
    let path = "/api/v1/sip/trunks";
    let trunk = server.find(path, "name", "demo").await?;
    let id = trunk["id"].as_str().context("an id")?;
    let change = json!({
        "host": "127.0.0.1",
        "port": carrier.address().port(),
        "transport": "udp",
        "outbound_prefix": "0",
    });
    server.patch(&format!("{path}/{id}"), change).await?;
    Ok(carrier)
}

/// The record whose caller has this number.
fn record_from<'a>(records: &'a [Value], from: &str) -> Result<&'a Value> {
    let record = records.iter().find(|record| record["from"] == from);
    record.with_context(|| format!("no record of a call from {from}: {records:?}"))
}
