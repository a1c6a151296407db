//! Callers who may not wait any longer.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

#[tokio::test]
async fn when_the_last_agent_logs_out_callers_overflow_to_the_operator() -> Result<()> {
    let server = Server::start().await?;
    let operator = Phone::extension(&server, "1000").await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1000")
        .await?;
    let overflow = json!({ "destination_type": "extension", "destination_id": extension["id"] });
    let change = json!({ "max_wait_no_agent": 1, "overflow": overflow });
    server.sets_queue("301", change).await?;
    let busy = Phone::agent(&server, "1001").await?;
    let first = Phone::trunk(&server).await?;
    let second = Phone::trunk_as(&server, "+49309999999").await?;
    let did = server.credentials().did.clone();
    let _talking = first.dials_and_presses(&did, '1').await?;
    let _agent = busy.rings().await?.answers().await?;

    let waiting = second.dials_and_presses(&did, '1').await?;
    server.queue_has("301", 1).await?;
    server.sets_agent("1001", "logged_out").await?;
    let talk = operator.rings().await.context("overflow")?;
    ensure!(talk.caller() == "+49309999999", "{}", talk.caller());
    let talk = talk.answers().await?;
    talk.plays_tone(600.0);
    waiting.hears_tone(600.0).await?;
    waiting.hangs_up().await?;
    talk.is_hung_up().await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    Ok(())
}

#[tokio::test]
async fn when_nobody_is_logged_in_and_nobody_else_is_named_the_caller_is_told() -> Result<()> {
    let server = Server::start().await?;
    server
        .sets_queue("301", json!({ "max_wait_no_agent": 1 }))
        .await?;
    let caller = Phone::trunk(&server).await?;
    let did = server.credentials().did.clone();
    let talk = caller.dials_and_presses(&did, '1').await?;
    talk.is_hung_up().await.context("after the announcement")?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "no_answer", "{record}");
    ensure!(record["ended_by"] == "system", "{record}");
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_full_queue_takes_nobody_else() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "max_length": 1 })).await?;
    let first = Phone::trunk(&server).await?;
    let second = Phone::trunk_as(&server, "+49309999999").await?;
    let did = server.credentials().did.clone();
    let waiting = first.dials_and_presses(&did, '1').await?;
    server.queue_has("301", 1).await?;
    let refused = second.dials_and_presses(&did, '1').await?;
    refused.is_hung_up().await.context("the second caller")?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "busy", "{record}");
    ensure!(waiting.is_up());
    Ok(())
}

#[tokio::test]
async fn who_has_waited_long_enough_is_let_go() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "max_wait": 1 })).await?;
    let _busy = Phone::agent(&server, "1001").await?;
    server.sends_on_break("1001", "coffee").await?;
    let caller = Phone::trunk(&server).await?;
    let did = server.credentials().did.clone();
    let talk = caller.dials_and_presses(&did, '1').await?;
    talk.is_hung_up()
        .await
        .context("after a second of waiting")?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "no_answer", "{record}");
    ensure!(record["hangup_cause"] == "queue_timeout", "{record}");
    Ok(())
}
