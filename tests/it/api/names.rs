//! Fields that are there, and what they hold.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::server::Server;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Conversation, a_conversation};

/// Makes sure that a thing has all of these fields, be they null.
fn has(thing: &Value, names: &[&str]) -> Result<()> {
    let fields = thing.as_object().context("an object")?;
    for name in names {
        ensure!(fields.contains_key(*name), "no {name} in {thing}");
    }
    Ok(())
}

/// Makes sure that a field is a time of day as RFC 3339 has it, in UTC.
fn is_time(thing: &Value, name: &str) -> Result<()> {
    let time = thing[name]
        .as_str()
        .with_context(|| format!("{name} in {thing}"))?;
    ensure!(time.len() >= 20 && time.ends_with('Z'), "{name} is {time}");
    ensure!(time.as_bytes()[10] == b'T', "{name} is {time}");
    Ok(())
}

#[tokio::test]
async fn the_demo_credentials_work_and_only_their_owner_may_read_them() -> Result<()> {
    let server = Server::start().await?;
    let file = server.data().join("demo-credentials.json");
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "{mode:o}");
    let known: Value = serde_json::from_slice(&fs::read(&file)?)?;
    has(
        &known,
        &["http", "sip", "admin", "supervisor", "extensions", "did"],
    )?;
    ensure!(known["did"] == "+4934556643378");
    ensure!(
        known["http"]
            .as_str()
            .is_some_and(|http| http.starts_with("http://127.0.0.1:"))
    );
    let extensions = known["extensions"].as_array().context("a list")?;
    let numbers = extensions
        .iter()
        .map(|extension| extension["extension"].as_str());
    ensure!(numbers.eq(["1000", "1001", "1002", "1003"].map(Some)));
    for role in ["admin", "supervisor"] {
        let user = &known[role];
        has(user, &["user", "password", "token"])?;
        let token = user["token"].as_str().context("a token")?;
        let (status, me) = server
            .request(Method::GET, "/api/v1/me", None, token)
            .await?;
        ensure!(status == 200, "{me}");
        ensure!(me["role"] == role, "{me}");
        let login = json!({ "user": user["user"], "password": user["password"] });
        let (status, answer) = server
            .request(Method::POST, "/api/v1/login", Some(login), "")
            .await?;
        ensure!(status == 200 || status == 201, "{status} {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn agents_calls_queues_and_records_have_the_names_others_rely_on() -> Result<()> {
    let Conversation {
        server,
        _phones,
        caller,
        agent,
    } = a_conversation(Server::start().await?).await?;
    let queue = server.queue("301").await?;
    has(&queue, &["id", "name", "extension", "strategy", "waiting"])?;
    ensure!(queue["record"] == true && queue["waiting"] == 0, "{queue}");
    ensure!(queue["strategy"] == "longest_idle", "{queue}");

    let desk = server.agent_becomes("1001", "on_call").await?;
    has(&desk, &["id", "name", "extension", "state", "since"])?;
    is_time(&desk, "since")?;
    let call = server.the_call().await?;
    has(&call, &["id", "state", "from", "to", "queue", "legs"])?;
    ensure!(call["state"] == "connected", "{call}");
    ensure!(call["from"] == "1000" && call["to"] == "301", "{call}");
    ensure!(call["queue"] == queue["id"], "{call}");
    let legs = call["legs"].as_array().context("legs")?;
    ensure!(legs.len() == 2, "{call}");
    for leg in legs {
        has(leg, &["id", "state", "direction", "extension"])?;
    }
    ensure!(
        legs[1]["extension"] == "1001" && legs[1]["direction"] == "outbound",
        "{call}"
    );

    caller.listens_for(Duration::from_secs(1)).await?;
    caller.hangs_up().await?;
    agent.is_hung_up().await?;
    let record = tokio::time::timeout(Duration::from_secs(1), server.the_record());
    let record = record.await.context("within a second")??;
    has(
        &record,
        &[
            "id",
            "from",
            "to",
            "disposition",
            "queue",
            "agent",
            "wait_seconds",
            "talk_seconds",
            "hangup_cause",
            "recordings",
        ],
    )?;
    for name in ["started_at", "answered_at", "ended_at"] {
        is_time(&record, name)?;
    }
    ensure!(
        record["id"] == call["id"] && record["queue"] == queue["id"],
        "{record}"
    );
    ensure!(record["agent"] == desk["id"], "{record}");
    ensure!(record["disposition"] == "answered", "{record}");
    ensure!(
        record["talk_seconds"]
            .as_f64()
            .is_some_and(|talk| talk >= 1.0),
        "{record}"
    );
    ensure!(
        record["wait_seconds"]
            .as_f64()
            .is_some_and(|wait| wait < 5.0),
        "{record}"
    );
    ensure!(
        record["recordings"].as_array().map(Vec::len) == Some(1),
        "{record}"
    );
    Ok(())
}

#[tokio::test]
async fn an_agents_state_is_set_with_a_put_and_shown_with_its_reason() -> Result<()> {
    let server = Server::start().await?;
    let agent = server.agent("1002").await?;
    ensure!(agent["state"] == "logged_out", "{agent}");
    let path = format!(
        "/api/v1/agents/{}/state",
        agent["id"].as_str().context("id")?
    );
    for (wanted, reason) in [
        ("ready", None),
        ("on_break", Some("lunch")),
        ("logged_out", None),
    ] {
        let body = match reason {
            Some(reason) => json!({ "state": wanted, "reason": reason }),
            None => json!({ "state": wanted }),
        };
        server.put(&path, body).await?;
        let agent = server.agent_becomes("1002", wanted).await?;
        ensure!(agent["reason"].as_str() == reason, "{agent}");
    }
    Ok(())
}

#[tokio::test]
async fn the_description_names_every_path_and_the_docs_page_shows_it() -> Result<()> {
    let server = Server::start().await?;
    let document = server.get("/openapi.json").await?;
    let paths = document["paths"].as_object().context("paths")?;
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/sip/extensions",
        "/api/v1/sip/extensions/{id}/config",
        "/api/v1/sip/dids",
        "/api/v1/sip/trunks",
        "/api/v1/sip/registrations",
        "/api/v1/queues",
        "/api/v1/queues/{id}/callers",
        "/api/v1/queues/{id}/agents",
        "/api/v1/agents",
        "/api/v1/agents/{id}/state",
        "/api/v1/ivr-menus",
        "/api/v1/calls",
        "/api/v1/calls/{id}/hold",
        "/api/v1/calls/{id}/unhold",
        "/api/v1/calls/{id}/transfer",
        "/api/v1/calls/{id}/record",
        "/api/v1/recordings",
        "/api/v1/recordings/{id}/audio",
        "/api/v1/cdrs",
        "/api/v1/tokens",
        "/api/v1/me",
        "/api/v1/events",
        "/api/v1/bans",
        "/api/v1/calls/{id}/sip",
        "/api/v1/sip/stats",
    ] {
        ensure!(paths.contains_key(path), "no {path}");
    }
    // Every list that needs no id answers as a list.
    for (path, methods) in paths {
        let lists = path.starts_with("/api/v1/") && !path.contains('{');
        if !lists || methods["get"]["responses"]["200"].is_null() {
            continue;
        }
        if [
            "/api/v1/me",
            "/api/v1/events",
            "/api/v1/sip/stats",
            "/api/v1/sip/route-trace",
        ]
        .contains(&path.as_str())
        {
            continue;
        }
        let answer = server.get(path).await?;
        ensure!(answer["items"].is_array(), "{path}: {answer}");
        has(&answer, &["next_cursor"]).context(path.clone())?;
    }
    let page = server.fetch("/docs", &[]).await?;
    ensure!(page.status() == 200);
    ensure!(page.text().await?.contains("<html"));
    Ok(())
}
