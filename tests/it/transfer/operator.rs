//! Transfers over REST, and calls that pick up by themselves.

use anyhow::{Context, Result, ensure};
use offhook_tests::server::Server;
use reqwest::Method;
use serde_json::json;

use super::{CALLEE, CALLER, Office, TARGET, carrier, end, hear_each_other};

#[tokio::test]
async fn an_operator_sends_the_caller_to_a_colleague() -> Result<()> {
    let office = Office::talks().await?;
    let call = office.server.the_call().await?;
    let path = format!(
        "/api/v1/calls/{}/transfer",
        call["id"].as_str().context("id")?
    );
    office.server.post(&path, json!({ "to": "1002" })).await?;
    let target = office.third.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, target).await?;
    let record = office.server.the_record().await?;
    ensure!(record["transferred_to"] == "1002", "{record}");
    ensure!(record["transferred_by"].is_null(), "{record}");
    Ok(())
}

#[tokio::test]
async fn an_operator_sends_the_callee_to_a_colleague_or_nobody() -> Result<()> {
    let office = Office::talks().await?;
    let call = office.server.the_call().await?;
    let path = format!(
        "/api/v1/calls/{}/transfer",
        call["id"].as_str().context("id")?
    );
    let callee = call["legs"][1]["id"].as_str().context("a leg")?;
    let wish = json!({ "to": "1002", "leg": callee });
    office.server.post(&path, wish.clone()).await?;
    office.third.rings().await?.rejects(486);
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    office.server.call_becomes("connected").await?;
    office.server.post(&path, wish).await?;
    let target = office.third.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.callee, CALLEE), (&target, TARGET)).await?;
    office.caller.is_hung_up().await?;
    end(&office.server, office.callee, target).await
}

/// The bearer token of somebody who has only the phone 1000, which may not dial outside.
async fn logs_in_as_1000(server: &Server) -> Result<String> {
    let new = json!({ "user": "kim", "role": "user", "password": "correct horse" });
    let user = server.post("/api/v1/users", new).await?;
    let path = "/api/v1/sip/extensions";
    let extension = server.find(path, "extension", "1000").await?;
    let path = format!("{path}/{}", extension["id"].as_str().context("an id")?);
    let own = json!({ "user_id": user["id"], "permissions": [] });
    server.patch(&path, own).await?;
    let login = json!({ "user": "kim", "password": "correct horse" });
    let told = server.post("/api/v1/login", login).await?;
    Ok(told["token"].as_str().context("a token")?.to_owned())
}

/// Who may not dial a number does not get there by a transfer over REST either.
#[tokio::test]
async fn a_user_transfers_only_to_what_their_phone_may_dial() -> Result<()> {
    let office = Office::talks().await?;
    let carrier = carrier(&office.server).await?;
    let trunk = office
        .server
        .find("/api/v1/sip/trunks", "name", "demo")
        .await?;
    let route = json!({
        "name": "dear", "patterns": ["0900."], "permissions": ["premium"], "trunks": [trunk["id"]],
    });
    office.server.post("/api/v1/outbound-routes", route).await?;
    let kim = logs_in_as_1000(&office.server).await?;
    let call = office.server.the_call().await?;
    let path = format!(
        "/api/v1/calls/{}/transfer",
        call["id"].as_str().context("id")?
    );
    for (number, token, wanted) in [
        ("0900123", &kim, 422),
        // These mean whoever dials them.
        ("*45", &office.server.credentials().admin.token, 422),
        ("1002", &kim, 200),
    ] {
        let wish = Some(json!({ "to": number }));
        let (status, answer) = office
            .server
            .request(Method::POST, &path, wish, token)
            .await?;
        ensure!(status == wanted, "{number}: {status} {answer}");
        ensure!(
            status == 200 || answer["errors"][0]["field"] == "to",
            "{answer}"
        );
    }
    office.third.rings().await?.rejects(486);
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    office.server.call_becomes("connected").await?;
    office
        .server
        .post(&path, json!({ "to": "0900123" }))
        .await?;
    let dear = carrier.rings().await?.answers().await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, dear).await
}

/// RFC 3261 sections 20.4 and 20.9.
#[tokio::test]
async fn a_phone_that_is_asked_to_picks_up_by_itself() -> Result<()> {
    let office = Office::talks().await?;
    office.caller.hangs_up().await?;
    office.callee.is_hung_up().await?;
    let wish = json!({ "from": "1000", "to": "1002", "auto_answer": true });
    office.server.post("/api/v1/calls", wish).await?;
    let ringing = office.from.rings().await?;
    let invite = ringing.invite();
    ensure!(
        invite.header("Call-Info").contains("answer-after=0"),
        "{invite:?}"
    );
    ensure!(
        invite.header("Alert-Info").contains("alert-autoanswer"),
        "{invite:?}"
    );
    let caller = ringing.answers().await?;
    let there = office.third.rings().await?;
    ensure!(there.invite().header("Call-Info").is_empty());
    let callee = there.answers().await?;
    end(&office.server, caller, callee).await
}

/// `application/dtmf-relay`: heard by the other party as RFC 4733.
#[tokio::test]
async fn a_key_sent_by_info_reaches_the_other_party() -> Result<()> {
    let office = Office::talks().await?;
    office.caller.presses_by_info('5').await?;
    office.callee.receives_keys("5").await?;
    end(&office.server, office.caller, office.callee).await
}
