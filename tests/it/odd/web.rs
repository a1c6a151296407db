//! Bytes on the HTTP port that are no request, and requests that make no sense.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::server::Server;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{a_call_works, memory};

/// The status line that answers these bytes; empty if the connection is closed without one.
async fn answer_to(server: &Server, bytes: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(server.http()?).await?;
    stream.write_all(bytes).await.ok();
    stream.shutdown().await.ok();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    read.context("the connection stays open")?.ok();
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_is_no_http_is_refused_or_closed() -> Result<()> {
    let server = Server::start().await?;
    let before = memory(&server).await?;
    let mut random = SmallRng::seed_from_u64(9110);
    for _ in 0..200 {
        let length = random.random_range(1..2000);
        let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        let line = answer_to(&server, &bytes).await?;
        ensure!(line.is_empty() || line.contains(" 400 "), "{line}");
    }
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(1_000_000)
    );
    let line = answer_to(&server, long.as_bytes()).await?;
    ensure!(line.is_empty() || line.contains(" 431 "), "{line}");
    let huge = "POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
        Content-Length: 99999999999\r\n\r\n{";
    let line = answer_to(&server, huge.as_bytes()).await?;
    ensure!(line.contains(" 413 ") || line.contains(" 400 "), "{line}");
    ensure!(server.get("/healthz").await?["status"] == "ok");
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server.has_not_panicked()
}

/// Makes sure that an answer is problem details of this status about this field.
fn is_problem(answer: &(u16, Value), status: u16, field: Option<&str>) -> Result<()> {
    let (found, body) = answer;
    ensure!(*found == status, "{found} {body}");
    ensure!(body["status"] == status, "{body}");
    for name in ["type", "title", "detail"] {
        ensure!(body[name].is_string(), "no {name}: {body}");
    }
    if let Some(field) = field {
        let errors = body["errors"].as_array().context("no errors")?;
        ensure!(errors.iter().any(|error| error["field"] == field), "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn requests_that_make_no_sense_are_problems_that_name_the_field() -> Result<()> {
    let server = Server::start().await?;
    let token = server.credentials().admin.token.clone();
    let extensions = "/api/v1/sip/extensions";
    let post = |path: &'static str, body: Value| {
        let (server, token) = (&server, &token);
        async move { server.request(Method::POST, path, Some(body), token).await }
    };
    let get = |path: &'static str| {
        let (server, token) = (&server, &token);
        async move { server.request(Method::GET, path, None, token).await }
    };
    is_problem(&post(extensions, json!([])).await?, 422, None)?;
    is_problem(&post(extensions, json!("text")).await?, 422, None)?;
    let wrong = json!({ "extension": 7, "name": "Seven" });
    is_problem(&post(extensions, wrong).await?, 422, Some("extension"))?;
    let unknown = json!({ "extension": "1700", "name": "Seven", "colour": "red" });
    is_problem(&post(extensions, unknown).await?, 422, Some("colour"))?;
    let twice = json!({ "extension": "1001", "name": "Alice again" });
    is_problem(&post(extensions, twice).await?, 409, Some("extension"))?;
    let change = json!({ "state": "asleep" });
    let agent = server.agent("1001").await?;
    let state = format!(
        "/api/v1/agents/{}/state",
        agent["id"].as_str().context("id")?
    );
    let answer = server
        .request(Method::PUT, &state, Some(change), &token)
        .await?;
    is_problem(&answer, 422, Some("state"))?;

    is_problem(&get("/api/v1/calls/nobody").await?, 404, None)?;
    is_problem(
        &get("/api/v1/calls/call_00000000000000000000000000").await?,
        404,
        None,
    )?;
    is_problem(&get("/api/v1/nothing").await?, 404, None)?;
    is_problem(&get("/api/v1/cdrs?limit=many").await?, 400, Some("limit"))?;
    is_problem(&get("/api/v1/cdrs?cursor=%00%ff").await?, 400, None)?;
    is_problem(
        &get("/api/v1/events?type=nonsense").await?,
        400,
        Some("type"),
    )?;
    let nobody = server
        .request(Method::GET, "/api/v1/calls", None, "wrong")
        .await?;
    is_problem(&nobody, 401, None)?;
    is_problem(&post("/healthz", json!({})).await?, 405, None)?;
    server.has_not_panicked()
}
