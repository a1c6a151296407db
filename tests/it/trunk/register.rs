//! Registration.

use anyhow::{Context, Result, ensure};
use offhook_tests::exchange::{Exchange, Policy};
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::{adds_trunk, status_becomes};

fn account() -> Policy {
    Policy {
        account: Some(("office".to_owned(), "secret".to_owned())),
        ..Policy::default()
    }
}

fn registering(registrars: &[String]) -> Value {
    json!({
        "name": "carrier",
        "mode": "register",
        "registrars": registrars,
        "username": "office",
        "password": "secret",
        "from_domain": "carrier.example",
    })
}

const AOR: &str = "sip:office@carrier.example";

/// RFC 3261 section 10.2.
#[tokio::test]
async fn a_trunk_registers_proves_itself_and_is_seen_to_be_registered() -> Result<()> {
    let server = Server::start().await?;
    let exchange = Exchange::udp(account()).await?;
    let events = server.events().await?;
    let path = adds_trunk(&server, registering(&[exchange.uri()])).await?;
    let first = exchange.hears("REGISTER").await?;
    ensure!(first.header("Authorization").is_empty());
    ensure!(first.header("To") == format!("<{AOR}>"), "{first:?}");
    let second = exchange.hears("REGISTER").await?;
    ensure!(second.cseq() == 2 && second.header("Call-ID") == first.header("Call-ID"));
    let trunk = status_becomes(&server, &path, "registration", "registered").await?;
    let status = &trunk["status"];
    ensure!(status["state"] == "up", "{status}");
    ensure!(status["registrar"] == exchange.uri(), "{status}");
    ensure!(status["expires_at"].is_string(), "{status}");
    ensure!(status["last_error"].is_null(), "{status}");
    let id = trunk["id"].as_str().context("an id")?;
    let contact = exchange.binding(AOR).context("a binding")?;
    // Who calls it is the carrier, and the id is no secret.
    ensure!(!contact.contains(id), "{contact}");
    events
        .wait_for(|event| event["type"] == "trunk_registered" && event["trunk"] == id)
        .await?;
    Ok(())
}

/// RFC 3261 section 10.2.4.
#[tokio::test]
async fn a_registration_is_renewed_before_it_runs_out() -> Result<()> {
    let server = Server::start().await?;
    let mut policy = account();
    policy.expires = 2;
    let exchange = Exchange::tcp(policy).await?;
    let uri = format!("{};transport=tcp", exchange.uri());
    let path = adds_trunk(&server, registering(&[uri])).await?;
    for cseq in 1..=4 {
        let request = exchange.hears("REGISTER").await?;
        ensure!(request.cseq() == cseq, "{request:?}");
    }
    let trunk = server.get(&path).await?;
    ensure!(trunk["status"]["registration"] == "registered", "{trunk}");
    ensure!(exchange.bindings() == 1);
    Ok(())
}

/// RFC 5626 section 4.5 and RFC 3261 section 10.2.8.
#[tokio::test]
async fn the_next_registrar_is_asked_when_one_cannot_help() -> Result<()> {
    let server = Server::start().await?;
    let broken = Exchange::udp(Policy {
        register: Some(503),
        ..Policy::default()
    })
    .await?;
    let gone = Exchange::tcp(Policy::default()).await?;
    let refused = format!("{};transport=tcp", gone.uri());
    drop(gone);
    let mut policy = account();
    policy.min_expires = 1200;
    let exchange = Exchange::udp(policy).await?;
    let registrars = [broken.uri(), refused, exchange.uri()];
    let path = adds_trunk(&server, registering(&registrars)).await?;
    broken.hears("REGISTER").await?;
    let wants_more = |request: &offhook_tests::phone::SipText| request.header("Expires") == "1200";
    exchange.hears_such("REGISTER", wants_more).await?;
    let trunk = status_becomes(&server, &path, "registration", "registered").await?;
    ensure!(trunk["status"]["registrar"] == exchange.uri(), "{trunk}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_seen_and_one_that_is_set_right_is_tried_at_once() -> Result<()> {
    let server = Server::start().await?;
    let exchange = Exchange::udp(account()).await?;
    let mut settings = registering(&[exchange.uri()]);
    settings["password"] = json!("guessed");
    let path = adds_trunk(&server, settings).await?;
    let trunk = status_becomes(&server, &path, "registration", "refused").await?;
    let status = &trunk["status"];
    ensure!(status["state"] == "down", "{status}");
    let error = status["last_error"].as_str().unwrap_or_default();
    ensure!(error.contains("password"), "{status}");
    ensure!(exchange.bindings() == 0);
    ensure!(
        !server.log().contains("guessed"),
        "the log tells the password"
    );
    server.patch(&path, json!({ "password": "secret" })).await?;
    status_becomes(&server, &path, "registration", "registered").await?;
    Ok(())
}

/// RFC 3261 section 10.2.2.
#[tokio::test]
async fn whoever_is_somebody_else_from_now_on_takes_the_old_registration_back() -> Result<()> {
    let server = Server::start().await?;
    let exchange = Exchange::udp(Policy::default()).await?;
    let path = adds_trunk(&server, registering(&[exchange.uri()])).await?;
    status_becomes(&server, &path, "registration", "registered").await?;
    let before = exchange.hears("REGISTER").await?;
    // Another length of time is the same registration: nothing is taken back.
    server
        .patch(&path, json!({ "register_expires": 900 }))
        .await?;
    let longer = exchange.hears("REGISTER").await?;
    ensure!(longer.header("Expires") == "900", "{longer:?}");
    ensure!(longer.header("To") == before.header("To"));
    server.patch(&path, json!({ "username": "branch" })).await?;
    let back = |request: &offhook_tests::phone::SipText| request.header("Expires") == "0";
    let back = exchange.hears_such("REGISTER", back).await?;
    ensure!(back.header("To") == before.header("To"), "{back:?}");
    status_becomes(&server, &path, "registration", "registered").await?;
    ensure!(exchange.binding("sip:branch@carrier.example").is_some());
    ensure!(exchange.binding(AOR).is_none());
    server.patch(&path, json!({ "enabled": false })).await?;
    exchange.hears("REGISTER").await?;
    let trunk = status_becomes(&server, &path, "state", "disabled").await?;
    ensure!(trunk["status"]["registration"] == "none", "{trunk}");
    Ok(())
}

#[tokio::test]
async fn a_trunk_that_is_removed_and_a_server_that_stops_are_not_registered_any_more() -> Result<()>
{
    let mut server = Server::start().await?;
    let exchange = Exchange::udp(account()).await?;
    let stays = adds_trunk(&server, registering(&[exchange.uri()])).await?;
    let other = Exchange::udp(account()).await?;
    let mut settings = registering(&[other.uri()]);
    settings["name"] = json!("other");
    let goes = adds_trunk(&server, settings).await?;
    for path in [&stays, &goes] {
        status_becomes(&server, path, "registration", "registered").await?;
    }
    server.delete(&goes).await?;
    let back = |request: &offhook_tests::phone::SipText| request.header("Expires") == "0";
    other.hears_such("REGISTER", back).await?;
    ensure!(server.terminates().await?.success());
    ensure!(
        exchange.bindings() == 0,
        "the last word was to take it back"
    );
    server.has_not_panicked()
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_field() -> Result<()> {
    let server = Server::start().await?;
    let token = server.credentials().admin.token.clone();
    let cases = [
        (
            json!({ "mode": "register" }),
            vec!["registrars", "username"],
        ),
        (json!({ "registrars": ["mailto:x"] }), vec!["registrars[0]"]),
        (json!({ "registrars": ["sip:u@h"] }), vec!["registrars[0]"]),
        (json!({ "register_expires": 1 }), vec!["register_expires"]),
        (json!({ "outbound_proxy": "proxy" }), vec!["outbound_proxy"]),
        (json!({ "did_source": "from" }), vec!["did_source"]),
        (json!({ "number_format": "national" }), vec!["country_code"]),
        (json!({ "session_expires": 30 }), vec!["session_expires"]),
        (json!({ "qualify_up_after": 0 }), vec!["qualify_up_after"]),
        (json!({ "tls_names": [""] }), vec!["tls_names[0]"]),
        (json!({ "codecs": ["pcmu", "pcmu"] }), vec!["codecs"]),
        (json!({ "caller_id_method": 4 }), vec!["caller_id_method"]),
        (
            json!({ "default_destination": { "destination_type": "queue" } }),
            vec!["default_destination.destination_id"],
        ),
    ];
    for (settings, fields) in cases {
        let mut body = json!({ "name": "carrier" });
        if let (Some(body), Some(more)) = (body.as_object_mut(), settings.as_object()) {
            body.extend(more.clone());
        }
        let post = reqwest::Method::POST;
        let (status, problem) = server
            .request(post, super::TRUNKS, Some(body), &token)
            .await?;
        ensure!(
            (400..500).contains(&status),
            "{settings}: {status} {problem}"
        );
        for field in fields {
            ensure!(problem.to_string().contains(field), "{field}: {problem}");
        }
    }
    Ok(())
}
