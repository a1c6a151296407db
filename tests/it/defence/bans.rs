//! Who is kept out, who is not, and who opens the door again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UdpSocket};

use super::{STRANGER, a_call, bans, floods, guesses, probe, server_with, trusts_only_a_carrier};

/// RFC 3261 section 26.1.1.
#[tokio::test]
async fn three_wrong_passwords_ban_a_phone_until_an_operator_forgives() -> Result<()> {
    let server = Server::start().await?;
    trusts_only_a_carrier(&server).await?;
    let events = server.events().await?;
    // The trunk's change may take a moment to be known at the door.
    let mut tries = 0;
    while bans(&server).await?.is_empty() {
        ensure!(tries < 20, "twenty guesses and no ban");
        // Once it is banned nobody answers.
        if let Ok(status) = guesses(&server, "1000").await {
            ensure!(status == 403, "{status}");
        }
        tries += 1;
    }
    let told = events
        .wait_for(|event| event["type"] == "source_banned")
        .await?;
    ensure!(told["address"] == "127.0.0.1", "{told}");
    ensure!(told["reason"] == "wrong_passwords", "{told}");
    let failed = events
        .wait_for(|event| event["type"] == "login_failed")
        .await?;
    ensure!(
        failed["user"] == "1000" && failed["reason"] == "wrong_password",
        "{failed}"
    );
    let list = bans(&server).await?;
    ensure!(list.len() == 1 && list[0]["count"] == 1, "{list:?}");
    ensure!(list[0]["address"] == "127.0.0.1", "{list:?}");
    ensure!(server.figure("offhook_sip_banned").await? > 0.0);

    server.delete("/api/v1/bans/127.0.0.1").await?;
    events
        .wait_for(|event| event["type"] == "source_unbanned" && event["reason"] == "operator")
        .await?;
    Phone::extension(&server, "1000").await?;
    ensure!(bans(&server).await?.is_empty());
    server.has_not_panicked()
}

/// RFC 3261 section 26.1.5.
#[tokio::test]
async fn a_flood_of_junk_is_banned_while_calls_go_on() -> Result<()> {
    let server = Server::start().await?;
    trusts_only_a_carrier(&server).await?;
    let events = server.events().await?;
    let caller = Phone::extension(&server, "1000").await?;
    let callee = Phone::extension(&server, "1001").await?;
    floods(&server, 5000).await?;
    let dialling = caller.calls("1001").await?;
    floods(&server, 5000).await?;
    let answered = callee.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    floods(&server, 5000).await?;
    ensure!(talk.hangs_up().await? == 200);
    answered.is_hung_up().await?;
    let told = events
        .wait_for(|event| event["type"] == "source_banned")
        .await?;
    ensure!(told["address"] == "127.0.0.2", "{told}");
    ensure!(told["reason"] == "garbage", "{told}");
    let stats = server.get("/api/v1/sip/stats").await?;
    ensure!(
        stats["dropped"]["banned"].as_u64() > Some(5000),
        "most was not even looked at: {stats}"
    );
    server.has_not_panicked()
}

#[tokio::test]
async fn a_scanner_is_banned_by_its_name_and_a_restart_does_not_forgive() -> Result<()> {
    let server = Server::start().await?;
    trusts_only_a_carrier(&server).await?;
    let events = server.events().await?;
    let scanner = UdpSocket::bind(STRANGER).await?;
    let from = scanner.local_addr()?.to_string();
    // As above: the first ones may come before the trunk's change is known.
    let banned = async {
        let mut again = tokio::time::interval(Duration::from_millis(100));
        loop {
            again.tick().await;
            let probe = probe("friendly-scanner", &from);
            scanner.send_to(probe.as_bytes(), server.sip()).await?;
            if !bans(&server).await?.is_empty() {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(offhook_tests::PATIENCE, banned).await??;
    let told = events
        .wait_for(|event| event["type"] == "source_banned")
        .await?;
    ensure!(told["reason"] == "scanner", "{told}");
    // It is written down before the next question is answered, or soon after.
    let before = bans(&server).await?;
    let mut server = server;
    ensure!(server.terminates().await?.success());
    let server = server.restarts().await?;
    let after = bans(&server).await?;
    let same = |field: &str| before[0][field] == after[0][field];
    ensure!(
        same("address") && same("reason") && same("count"),
        "{after:?}"
    );
    server.has_not_panicked()
}

#[tokio::test]
async fn a_trusted_trunk_is_never_banned() -> Result<()> {
    let server = Server::start().await?;
    floods(&server, 3000).await?;
    for _ in 0..5 {
        ensure!(guesses(&server, "1000").await? == 403);
    }
    a_call(&server).await?;
    ensure!(bans(&server).await?.is_empty());
    ensure!(server.figure("offhook_sip_kept_out_total").await? < 1.0);
    Ok(())
}

#[tokio::test]
async fn denied_networks_are_not_heard_and_allowed_ones_are_never_banned() -> Result<()> {
    let server =
        server_with("[sip.defence]\ndeny = [\"127.0.0.2/32\"]\nallow = [\"127.0.0.1/32\"]\n")
            .await?;
    trusts_only_a_carrier(&server).await?;
    floods(&server, 10).await?;
    server
        .get_until("/api/v1/sip/stats", |stats| {
            stats["dropped"]["denied"] == 10
        })
        .await?;
    for _ in 0..6 {
        ensure!(guesses(&server, "1000").await? == 403);
    }
    ensure!(bans(&server).await?.is_empty());
    Phone::extension(&server, "1000").await?;
    Ok(())
}

#[tokio::test]
async fn one_address_has_as_many_connections_as_it_may() -> Result<()> {
    let server = server_with("[sip.limits]\nmax_connections_per_source = 5\n").await?;
    let tcp = server.sip_over_tcp()?;
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(TcpStream::connect(tcp).await?);
    }
    server
        .figure_reaches("offhook_sip_connections_refused_total", 7.0)
        .await?;
    ensure!(server.figure("offhook_sip_connections").await? <= 5.0);
    a_call(&server).await
}

#[tokio::test]
async fn operators_ban_networks_and_are_told_what_is_wrong() -> Result<()> {
    let server = Server::start().await?;
    let body = json!({ "address": "127.0.0.2/31", "duration": 3600, "reason": "abuse desk" });
    let ban = server.post("/api/v1/bans", body).await?;
    ensure!(ban["address"] == "127.0.0.2/31", "{ban}");
    ensure!(
        ban["reason"] == "operator" && ban["note"] == "abuse desk",
        "{ban}"
    );
    floods(&server, 10).await?;
    server
        .get_until("/api/v1/sip/stats", |stats| {
            stats["dropped"]["banned"] == 10
        })
        .await
        .context("even of a trunk's network")?;
    server.delete("/api/v1/bans/127.0.0.2%2F31").await?;

    let admin = server.credentials().admin.token.clone();
    let wrong: [(Value, &str); 4] = [
        (json!({ "address": "nobody", "duration": 60 }), "address"),
        (json!({ "address": "0.0.0.0/0", "duration": 60 }), "address"),
        (json!({ "address": "192.0.2.1", "duration": 0 }), "duration"),
        (json!({ "address": "192.0.2.1" }), "duration"),
    ];
    for (body, field) in wrong {
        let shown = body.to_string();
        let (status, answer) = server
            .request(Method::POST, "/api/v1/bans", Some(body), &admin)
            .await?;
        ensure!(status == 422, "{shown}: {status} {answer}");
        ensure!(answer["errors"][0]["field"] == field, "{shown}: {answer}");
    }
    for path in ["192.0.2.1", "nonsense"] {
        let path = format!("/api/v1/bans/{path}");
        let (status, _) = server.request(Method::DELETE, &path, None, &admin).await?;
        ensure!(status == 404, "{path}: {status}");
    }
    let supervisor = server.credentials().supervisor.token.clone();
    let (status, _) = server
        .request(Method::GET, "/api/v1/bans", None, &supervisor)
        .await?;
    ensure!(status == 403, "{status}");
    Ok(())
}

#[tokio::test]
async fn extensions_have_lists_of_countries() -> Result<()> {
    let server = Server::start().await?;
    let path = "/api/v1/sip/extensions";
    let extension = server.find(path, "extension", "1000").await?;
    ensure!(extension["countries"] == json!([]), "{extension}");
    let path = format!("{path}/{}", extension["id"].as_str().context("an id")?);
    let changed = server
        .patch(&path, json!({ "countries": ["de", "AT"] }))
        .await?;
    ensure!(changed["countries"] == json!(["DE", "AT"]), "{changed}");
    // There is no database of countries, and this machine is in none of them.
    Phone::extension(&server, "1000").await?;
    let admin = server.credentials().admin.token.clone();
    let body = json!({ "countries": ["Germany"] });
    let (status, answer) = server
        .request(Method::PATCH, &path, Some(body), &admin)
        .await?;
    ensure!(
        status == 422 && answer["errors"][0]["field"] == "countries",
        "{answer}"
    );
    Ok(())
}
