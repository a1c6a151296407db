//! What a run needs in the office, made over REST.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::server::Server;

/// Numbers begin here, clear of those of the demo office.
const FIRST_EXTENSION: u32 = 20_000;

/// The SIP password of every extension made here.
pub(crate) const PASSWORD: &str = "load-harness";

/// A number inside.
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    /// The number.
    pub(crate) number: String,
    /// Its id.
    pub(crate) id: String,
}

/// Makes extensions. Made before by another run, they are used again.
pub(crate) fn extensions(server: &Server, count: u32) -> Result<Vec<Extension>> {
    let make = |number: u32| {
        let number = number.to_string();
        let body =
            json!({"extension": number, "name": format!("Load {number}"), "password": PASSWORD});
        let made = server.post("sip/extensions", &body);
        let id = match made {
            Ok(made) => id(&made)?,
            Err(error) => find(server, "sip/extensions", "extension", &number).ok_or(error)?,
        };
        Ok(Extension { number, id })
    };
    (FIRST_EXTENSION..FIRST_EXTENSION + count)
        .map(make)
        .collect()
}

/// Makes the public number that leads to each of these, and names it.
pub(crate) fn dids(server: &Server, kind: &str, ids: &[&str]) -> Result<Vec<String>> {
    let make = |(at, destination): (u32, &&str)| {
        let base = if kind == "queue" { 300_000 } else { 200_000 };
        let number = format!("+49309{}", base + at);
        let body = json!({"number": number, "name": format!("Load {number}"),
            "destination_type": kind, "destination_id": destination});
        if let Err(error) = server.post("sip/dids", &body) {
            // Made before by another run, it leads elsewhere.
            let id = find(server, "sip/dids", "number", &number).ok_or(error)?;
            server.patch(&format!("sip/dids/{id}"), &body)?;
        }
        Ok(number)
    };
    (0..).zip(ids).map(make).collect()
}

/// Has the demo trunk trust the one address our callers come from, so that others on loopback are
/// strangers.
pub(crate) fn trust_only_us(server: &Server) -> Result<()> {
    let id = find(server, "sip/trunks", "name", "demo").context("there is no demo trunk")?;
    let trusted = json!({"trusted": ["127.0.0.1/32"]});
    server.patch(&format!("sip/trunks/{id}"), &trusted)?;
    Ok(())
}

/// Makes an agent at each extension; the ids.
pub(crate) fn agents(server: &Server, extensions: &[Extension]) -> Result<Vec<String>> {
    let make = |extension: &Extension| {
        let number = &extension.number;
        let body = json!({"name": format!("Load {number}"), "extension": number});
        match server.post("agents", &body) {
            Ok(made) => id(&made),
            Err(error) => find(server, "agents", "extension", number).ok_or(error),
        }
    };
    extensions.iter().map(make).collect()
}

/// Makes a queue without wrap-up, time limits or announcements; its id.
pub(crate) fn queue(server: &Server, agents: &[String], strategy: &str) -> Result<String> {
    let places: Vec<Value> = agents.iter().map(|id| json!({"agent_id": id})).collect();
    let body = json!({
        "name": "Load",
        "strategy": strategy,
        "wrap_up": 0,
        "retry_delay": 0,
        "max_wait": 0,
        "max_wait_no_agent": 0,
        "announce_position": false,
        "agents": places,
    });
    id(&server.post("queues", &body)?)
}

fn id(made: &Value) -> Result<String> {
    let id = made["id"].as_str();
    Ok(id.context("an answer without id")?.to_owned())
}

/// The id of what has this value in this field.
fn find(server: &Server, path: &str, field: &str, value: &str) -> Option<String> {
    let mut page = server.get(&format!("{path}?limit=500")).ok()?;
    loop {
        let items = page["items"].as_array()?;
        let found = items.iter().find(|item| item[field] == value);
        if let Some(found) = found {
            return id(found).ok();
        }
        let cursor = page["next_cursor"].as_str()?.to_owned();
        page = server
            .get(&format!("{path}?limit=500&cursor={cursor}"))
            .ok()?;
    }
}
