//! Calls out: which numbers, for whom, when, by which carrier.

mod failover;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Phone, PhoneSpec};
use offhook_tests::server::Server;
use serde_json::{Value, json};

const ROUTES: &str = "/api/v1/outbound-routes";

/// A carrier, and the id of the trunk that leads to it.
async fn carrier(server: &Server, name: &str) -> Result<(Phone, String)> {
    let carrier = Phone::new(PhoneSpec::new("carrier", None)).await?;
    let trunk = json!({
        "name": name,
        "host": "127.0.0.1",
        "port": carrier.address().port(),
        "trusted": [],
    });
    let trunk = server.post("/api/v1/sip/trunks", trunk).await?;
    let id = trunk["id"].as_str().context("an id")?.to_owned();
    Ok((carrier, id))
}

async fn adds_route(server: &Server, route: Value) -> Result<String> {
    let route = server.post(ROUTES, route).await?;
    Ok(route["id"].as_str().context("an id")?.to_owned())
}

async fn may(server: &Server, extension: &str, permissions: &[&str]) -> Result<()> {
    let path = "/api/v1/sip/extensions";
    let found = server.find(path, "extension", extension).await?;
    let id = found["id"].as_str().context("an id")?;
    let change = json!({ "permissions": permissions });
    server.patch(&format!("{path}/{id}"), change).await?;
    Ok(())
}

async fn trace(server: &Server, query: &str) -> Result<Value> {
    server
        .get(&format!("/api/v1/sip/route-trace?{query}"))
        .await
}

fn outcomes(trace: &Value) -> Vec<String> {
    let steps = trace["steps"].as_array().cloned().unwrap_or_default();
    let short = |step: &Value| format!("{} {}", step["step"], step["outcome"]).replace('"', "");
    steps.iter().map(short).collect()
}

#[tokio::test]
async fn a_number_goes_out_by_its_route_and_the_tracer_says_why() -> Result<()> {
    let server = Server::start().await?;
    let (carrier, trunk) = carrier(&server, "berlin").await?;
    let route = json!({
        "name": "national", "patterns": ["_0Z."], "strip": 1, "prepend": "+49",
        "permissions": ["national"], "trunks": [trunk],
    });
    adds_route(&server, route).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls("0301234567").await?;
    let ringing = carrier.rings().await?;
    let start = ringing.invite().start;
    ensure!(start.starts_with("INVITE sip:+49301234567@"), "{start}");
    let callee = ringing.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(440.0);
    callee.hears_tone(440.0).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await?;

    let told = trace(&server, "from=1000&to=0301234567").await?;
    ensure!(told["destination_type"] == "external", "{told}");
    ensure!(
        outcomes(&told)
            == [
                "feature_code no_match",
                "internal_number no_match",
                "did no_match",
                "route match",
                "permission match",
                "trunk chosen"
            ],
        "{told}"
    );
    let uri = told["ways"][0]["request_uri"].as_str().unwrap_or_default();
    ensure!(start.contains(uri) && !uri.is_empty(), "{told}");
    Ok(())
}

#[tokio::test]
async fn who_may_not_dial_a_number_is_refused_except_for_help() -> Result<()> {
    let server = Server::start().await?;
    let (carrier, trunk) = carrier(&server, "berlin").await?;
    let help = json!({
        "name": "help", "priority": 1, "patterns": ["112"], "kind": "emergency",
        "permissions": ["premium"], "trunks": [trunk],
    });
    adds_route(&server, help).await?;
    let all = json!({
        "name": "all", "patterns": ["0!"], "permissions": ["national"], "trunks": [trunk],
    });
    adds_route(&server, all).await?;
    let limit = json!({ "max_calls": 1 });
    server
        .patch(&format!("/api/v1/sip/trunks/{trunk}"), limit)
        .await?;
    may(&server, "1001", &[]).await?;
    let allowed = Phone::extension(&server, "1000").await?;
    let lobby = Phone::extension(&server, "1001").await?;
    let status = lobby.calls("0301").await?.is_refused().await?;
    ensure!(status == 403, "{status}");
    let told = trace(&server, "from=1001&to=0301").await?;
    ensure!(told["cause"] == "not_allowed", "{told}");
    let step = outcomes(&told).pop();
    ensure!(step.as_deref() == Some("permission refused"), "{told}");

    let dialling = allowed.calls("0301").await?;
    let first = carrier.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    let status = allowed.calls("0302").await?.is_refused().await?;
    ensure!(status == 503, "the trunk takes one call: {status}");
    let dialling = lobby.calls("112").await?;
    let second = carrier.rings().await?.answers().await?;
    dialling.is_answered().await?.hangs_up().await?;
    second.is_hung_up().await?;
    talk.hangs_up().await?;
    first.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_route_is_open_when_its_hours_say_so() -> Result<()> {
    let server = Server::start().await?;
    let (_carrier, trunk) = carrier(&server, "berlin").await?;
    let route = json!({
        "name": "office hours", "patterns": ["0."], "trunks": [trunk],
        "schedule": {
            "time_zone": "Europe/Berlin",
            "weekly": [{ "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00" }],
            "exceptions": [{ "date": "2026-12-24" }],
        },
    });
    adds_route(&server, route).await?;
    for (at, open) in [
        ("2026-11-20T07:00:00Z", true),
        ("2026-11-20T18:00:00Z", false),
        ("2026-11-21T10:00:00Z", false),
        ("2026-12-24T10:00:00Z", false),
    ] {
        let told = trace(&server, &format!("from=1000&to=0301&at={at}")).await?;
        let cause = told["cause"].as_str();
        let wanted = (!open).then_some("outside_hours");
        ensure!(cause == wanted, "{at}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_route_that_makes_no_sense_is_refused_with_the_field() -> Result<()> {
    let server = Server::start().await?;
    let (_carrier, trunk) = carrier(&server, "berlin").await?;
    let good = json!({ "name": "all", "patterns": ["0."], "trunks": [trunk] });
    adds_route(&server, good.clone()).await?;
    let token = server.credentials().admin.token.clone();
    for (field, value) in [
        ("patterns", json!(["0a"])),
        ("patterns", json!([])),
        ("trunks", json!([])),
        ("trunks", json!([trunk, trunk])),
        ("prepend", json!("sip:evil@")),
        ("strip", json!(33)),
        ("permissions", json!(["everything"])),
        (
            "schedule",
            json!({ "time_zone": "Mars/Olympus", "weekly": [] }),
        ),
        ("name", json!("all")),
    ] {
        let mut route = good.clone();
        route["name"] = json!("another");
        route[field] = value.clone();
        let method = reqwest::Method::POST;
        let (status, problem) = server.request(method, ROUTES, Some(route), &token).await?;
        ensure!((400..500).contains(&status), "{field} {value}: {status}");
        ensure!(
            problem.to_string().contains(field),
            "{field} {value}: {problem}"
        );
    }
    let listed = server.list(ROUTES).await?;
    ensure!(listed.len() == 1, "{listed:?}");
    let path = format!("/api/v1/sip/trunks/{trunk}");
    let (status, problem) = server
        .request(reqwest::Method::DELETE, &path, None, &token)
        .await?;
    ensure!(status == 409, "a trunk in use: {status} {problem}");
    Ok(())
}
