//! Calls from carriers: whose they are, and which number they are for. The carrier is SIPp.

use anyhow::{Context, Result, ensure};
use offhook_tests::exchange::{Exchange, Policy};
use offhook_tests::phone::Phone;
use offhook_tests::server::{Server, ServerSpec};
use serde_json::{Value, json};

use super::{adds_trunk, demo_trunk, status_becomes};
use crate::peers::sipp::Sipp;

/// SIPp calls `user` with this number in To and that one in X-Called.
async fn carrier_calls(server: &Server, user: &str, to: &str, did: &str) -> Result<()> {
    let keys = ["-s", user, "-key", "to", to, "-key", "did", did];
    let sipp = Sipp::plays("carrier.xml", server, 1, &keys)?;
    sipp.approves().await
}

#[tokio::test]
async fn the_called_number_is_found_where_the_trunk_writes_it() -> Result<()> {
    let server = Server::start().await?;
    let trunk = demo_trunk(&server).await?;
    let did = server.credentials().did.clone();
    carrier_calls(&server, &did, "nobody", "0").await?;
    ensure!(carrier_calls(&server, "account", &did, "0").await.is_err());
    server.patch(&trunk, json!({ "did_source": "to" })).await?;
    carrier_calls(&server, "account", &did, "0").await?;
    let digits = did.trim_start_matches('+');
    server
        .patch(&trunk, json!({ "did_source": "header:X-Called" }))
        .await?;
    carrier_calls(&server, "account", "nobody", digits).await?;
    let records = server.records(3).await?;
    for record in &records {
        ensure!(record["from"] == "+49301234567", "{record}");
        ensure!(!record["did"].is_null(), "{record}");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_to_the_registered_contact_is_the_trunks_whose_contact_it_is() -> Result<()> {
    let server = Server::start().await?;
    // Nobody's address is trusted any more.
    let path = demo_trunk(&server).await?;
    server.patch(&path, json!({ "trusted": [] })).await?;
    let exchange = Exchange::udp(Policy::default()).await?;
    let settings = json!({
        "name": "carrier",
        "mode": "register",
        "registrars": [exchange.uri()],
        "username": "office",
    });
    let trunk = adds_trunk(&server, settings).await?;
    let trunk = status_becomes(&server, &trunk, "registration", "registered").await?;
    let id = trunk["id"].as_str().context("an id")?;
    let did = server.find("/api/v1/sip/dids", "number", &server.credentials().did);
    let did = did.await?;
    let did_path = format!("/api/v1/sip/dids/{}", did["id"].as_str().context("id")?);
    server.patch(&did_path, json!({ "trunk_id": id })).await?;
    let number = server.credentials().did.clone();
    carrier_calls(&server, id, &number, "0").await?;
    let record = server.the_record().await?;
    ensure!(record["trunk"] == id, "{record}");
    // A Contact that is nobody's is a stranger's call.
    let stranger = Phone::trunk(&server).await?;
    let refused = stranger.calls(&number).await?.is_refused().await?;
    ensure!(matches!(refused, 401 | 403), "{refused}");
    Ok(())
}

#[tokio::test]
async fn numbers_no_did_has_go_where_the_trunk_says_or_nowhere() -> Result<()> {
    let server = Server::start().await?;
    let trunk = demo_trunk(&server).await?;
    let caller = Phone::trunk(&server).await?;
    let unknown = "+4930999999";
    ensure!(caller.calls(unknown).await?.is_refused().await? == 404);
    let echo = json!({ "default_destination": { "destination_type": "echo" } });
    server.patch(&trunk, echo).await?;
    let talk = caller.dials(unknown).await?;
    talk.hangs_up().await?;
    let records = server.records(1).await?;
    ensure!(records[0]["to"] == unknown, "{records:?}");
    ensure!(records[0]["did"].is_null(), "{records:?}");
    let none = json!({ "default_destination": null });
    server.patch(&trunk, none).await?;
    ensure!(caller.calls(unknown).await?.is_refused().await? == 404);
    Ok(())
}

/// RFC 3323 section 4.1.1.3 and RFC 3325 section 9.3.
#[tokio::test]
async fn a_caller_who_stays_unknown_rings_as_anonymous() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::extension(&server, "1001").await?;
    let path = demo_trunk(&server).await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1001")
        .await?;
    let to_1001 = json!({ "default_destination": {
        "destination_type": "extension", "destination_id": extension["id"],
    } });
    server.patch(&path, to_1001).await?;
    let caller = Phone::trunk_as(&server, "anonymous").await?;
    let dialling = caller.calls("+4930999999").await?;
    let ringing = agent.rings().await?;
    let from = ringing.invite().header("From").to_owned();
    ensure!(from.contains("<sip:anonymous@anonymous.invalid>"), "{from}");
    ringing.rejects(486);
    dialling.is_refused().await?;
    Ok(())
}

/// RFC 3261 section 20.4: the phone is told where the caller is, and not what the caller says itself.
#[tokio::test]
async fn a_phone_rings_as_the_office_wants_for_callers_inside_and_outside() -> Result<()> {
    let spec = ServerSpec {
        config: Some("[sip]\nalert_info_internal = \"<urn:alert:source:internal>\"\n".to_owned()),
        ..ServerSpec::default()
    };
    let server = Server::start_with(spec).await?;
    let phone = Phone::extension(&server, "1001").await?;
    let path = demo_trunk(&server).await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1001")
        .await?;
    let to_1001 = json!({ "default_destination": {
        "destination_type": "extension", "destination_id": extension["id"],
    } });
    server.patch(&path, to_1001).await?;
    let answers_itself = [("Alert-Info", "<http://x>;info=alert-autoanswer")];
    let carrier = Phone::trunk_as(&server, "+4917012345").await?;
    let colleague = Phone::extension(&server, "1000").await?;
    for (caller, number, source) in [
        (&carrier, "+4930999999", "<urn:alert:source:external>"),
        (&colleague, "1001", "<urn:alert:source:internal>"),
    ] {
        let dialling = caller.calls_with(number, &answers_itself).await?;
        let ringing = phone.rings().await?;
        let alerts: Vec<_> = ringing
            .invite()
            .all("Alert-Info")
            .map(str::to_owned)
            .collect();
        ensure!(alerts == [source], "{alerts:?}");
        ringing.rejects(486);
        dialling.is_refused().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_default_destination_leads_to_cannot_be_removed() -> Result<()> {
    let server = Server::start().await?;
    let path = demo_trunk(&server).await?;
    let queues = server.list("/api/v1/queues").await?;
    let queue = queues[0]["id"].as_str().context("an id")?;
    let settings: Value = json!({ "default_destination": {
        "destination_type": "queue", "destination_id": queue,
    } });
    let trunk = server.patch(&path, settings).await?;
    ensure!(trunk["default_destination"]["destination_id"] == queue);
    let token = server.credentials().admin.token.clone();
    let delete = reqwest::Method::DELETE;
    let queue = format!("/api/v1/queues/{queue}");
    let (status, problem) = server.request(delete, &queue, None, &token).await?;
    ensure!(status == 409, "{status} {problem}");
    Ok(())
}
