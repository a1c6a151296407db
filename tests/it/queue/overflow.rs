//! Callers who may not wait any longer.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::{Caller, ends, prompt};

async fn to_the_operator(server: &Server) -> Result<Value> {
    let extensions = "/api/v1/sip/extensions";
    let extension = server.find(extensions, "extension", "1000").await?;
    Ok(json!({ "destination_type": "extension", "destination_id": extension["id"] }))
}

#[tokio::test]
async fn when_the_last_agent_logs_out_callers_overflow_to_the_operator() -> Result<()> {
    let server = Server::start().await?;
    let operator = Phone::extension(&server, "1000").await?;
    let overflow = to_the_operator(&server).await?;
    let change = json!({ "max_wait_no_agent": 1, "overflow": overflow });
    server.sets_queue("301", change).await?;
    let busy = Phone::agent(&server, "1001").await?;
    let first = Caller::chooses_support(&server).await?;
    let agent = busy.rings().await?.answers().await?;

    let second = Caller::from(&server, "+49309999999").await?;
    server.queue_has("301", 1).await?;
    server.sets_agent("1001", "logged_out").await?;
    let talk = operator.rings().await.context("overflow")?;
    ensure!(talk.caller() == "+49309999999", "{}", talk.caller());
    let talk = talk.answers().await?;
    talk.plays_tone(600.0);
    second.talk.hears_tone(600.0).await?;
    ensure!(agent.is_up() && first.talk.is_up(), "the last call goes on");
    second.talk.hangs_up().await?;
    talk.is_hung_up().await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    ends(&server, first, agent).await
}

#[tokio::test]
async fn when_the_last_agent_logs_out_while_being_rung_the_caller_overflows() -> Result<()> {
    let server = Server::start().await?;
    let operator = Phone::extension(&server, "1000").await?;
    let overflow = to_the_operator(&server).await?;
    let change = json!({ "max_wait_no_agent": 1, "overflow": overflow });
    server.sets_queue("301", change).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    let ringing = agent.rings().await?;
    server.sets_agent("1001", "logged_out").await?;
    ringing.is_cancelled().await?;
    let served = operator.rings().await.context("overflow")?;
    let served = served.answers().await?;
    ends(&server, caller, served).await
}

#[tokio::test]
async fn who_waits_too_long_goes_on_to_another_queue_and_its_agents() -> Result<()> {
    let server = Server::start().await?;
    let sales = server.queue("302").await?;
    let overflow = json!({ "destination_type": "queue", "destination_id": sales["id"] });
    let change = json!({ "max_wait": 1, "overflow": overflow, "agents": [] });
    server.sets_queue("301", change).await?;
    let seller = Phone::agent(&server, "1003").await?;
    let caller = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    let ringing = seller.rings().await.context("after a second")?;
    server.queue_has("301", 0).await?;
    let served = ringing.answers().await?;
    ends(&server, caller, served).await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    ensure!(record["queue"] == sales["id"], "{record}");
    let waited = record["wait_seconds"].as_f64();
    ensure!(waited.is_some_and(|waited| waited >= 1.0), "{record}");
    Ok(())
}

#[tokio::test]
async fn who_waits_too_long_goes_back_to_the_menu_and_may_choose_again() -> Result<()> {
    let server = Server::start().await?;
    let operator = Phone::extension(&server, "1000").await?;
    let menu = server.find("/api/v1/ivr-menus", "extension", "300").await?;
    let overflow = json!({ "destination_type": "ivr_menu", "destination_id": menu["id"] });
    let change = json!({ "max_wait": 1, "overflow": overflow });
    server.sets_queue("301", change).await?;
    let caller = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    let words = prompt("menu/demo-office")?;
    caller.talk.hears_words(&words).await.context("the menu")?;
    caller.talk.presses('0').await?;
    let served = operator.rings().await?.answers().await?;
    ends(&server, caller, served).await
}

#[tokio::test]
async fn when_nobody_is_logged_in_and_nobody_else_is_named_the_caller_is_told() -> Result<()> {
    let server = Server::start().await?;
    server
        .sets_queue("301", json!({ "max_wait_no_agent": 1 }))
        .await?;
    let caller = Caller::chooses_support(&server).await?;
    let over = caller.talk.is_hung_up().await;
    over.context("after the announcement")?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "no_answer", "{record}");
    ensure!(record["ended_by"] == "system", "{record}");
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_full_queue_takes_nobody_else() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "max_length": 1 })).await?;
    let first = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    let second = Caller::from(&server, "+49309999999").await?;
    let refused = second.talk.is_hung_up().await;
    refused.context("the second caller")?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "busy", "{record}");
    ensure!(first.talk.is_up());
    first.talk.hangs_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn who_has_waited_long_enough_is_let_go() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "max_wait": 1 })).await?;
    let _busy = Phone::agent(&server, "1001").await?;
    server.sends_on_break("1001", "coffee").await?;
    let caller = Caller::chooses_support(&server).await?;
    let over = caller.talk.is_hung_up().await;
    over.context("after a second of waiting")?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "no_answer", "{record}");
    ensure!(record["hangup_cause"] == "queue_timeout", "{record}");
    server.has_nothing_left().await
}
