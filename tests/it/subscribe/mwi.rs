//! The message waiting indicator.

use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::{Value, json};

async fn path_of(server: &Server, number: &str) -> Result<String> {
    let extension = server
        .find("/api/v1/sip/extensions", "extension", number)
        .await?;
    let id = extension["id"].as_str().unwrap_or_default();
    Ok(format!("/api/v1/sip/extensions/{id}/message-summary"))
}

async fn sets(server: &Server, number: &str, summary: Value) -> Result<()> {
    let path = path_of(server, number).await?;
    server.put(&path, summary).await?;
    Ok(())
}

/// RFC 3842 sections 3 and 5.
#[tokio::test]
async fn a_phone_is_told_how_many_messages_wait() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let events = server.events().await?;
    let accept = ("Accept", "application/simple-message-summary");
    let watch = phone.watches("1000", "message-summary", &[accept]).await?;
    let none = watch.told().await?;
    ensure!(none.header("Content-Type") == "application/simple-message-summary");
    ensure!(none.body.contains("Messages-Waiting: no"), "{}", none.body);
    sets(
        &server,
        "1000",
        json!({ "new": 2, "old": 8, "urgent_old": 2 }),
    )
    .await?;
    watch
        .told_of(&["Messages-Waiting: yes\r\n", "Voice-Message: 2/8 (0/2)\r\n"])
        .await?;
    events
        .wait_for(|event| event["type"] == "message_summary_changed" && event["new"] == 2)
        .await?;
    let path = path_of(&server, "1000").await?;
    let summary = server.get(&path).await?;
    ensure!(
        summary["new"] == 2 && summary["urgent_old"] == 2,
        "{summary}"
    );
    sets(&server, "1000", json!({ "new": 0 })).await?;
    watch.told_of(&["Messages-Waiting: no\r\n"]).await?;
    Ok(())
}

#[tokio::test]
async fn messages_still_wait_after_a_restart() -> Result<()> {
    let server = Server::start().await?;
    sets(&server, "1000", json!({ "new": 3 })).await?;
    let server = server.restarts().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let watch = phone.watches("1000", "message-summary", &[]).await?;
    watch.told_of(&["Voice-Message: 3/0 (0/0)\r\n"]).await?;
    Ok(())
}

/// Old phones do not subscribe: told when they register and when there is news, by option.
#[tokio::test]
async fn a_phone_that_has_not_asked_is_told_by_option() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let mail = phone.reads();
    sets(&server, "1000", json!({ "new": 1 })).await?;
    mail.stays_empty_for(Duration::from_millis(300)).await?;
    sets(
        &server,
        "1000",
        json!({ "new": 2, "unsolicited_mwi": true }),
    )
    .await?;
    let told = mail.next().await?;
    ensure!(told.method() == "NOTIFY" && told.header("Event") == "message-summary");
    ensure!(told.body.contains("Voice-Message: 2/0"), "{}", told.body);
    phone.unregisters().await?;
    phone.registers().await?;
    let told = mail.next().await?;
    ensure!(told.body.contains("Voice-Message: 2/0"), "{}", told.body);
    // Once it asks itself, that is enough.
    let watch = phone.watches("1000", "message-summary", &[]).await?;
    watch.told().await?;
    sets(
        &server,
        "1000",
        json!({ "new": 5, "unsolicited_mwi": true }),
    )
    .await?;
    watch.told_of(&["Voice-Message: 5/0"]).await?;
    mail.stays_empty_for(Duration::from_millis(300)).await
}

#[tokio::test]
async fn a_summary_that_cannot_be_is_refused_by_field() -> Result<()> {
    let server = Server::start().await?;
    let path = path_of(&server, "1000").await?;
    let wrong = json!({ "new": 1, "urgent_new": 2 });
    let error = server.put(&path, wrong).await.unwrap_err().to_string();
    ensure!(error.contains("urgent_new"), "{error}");
    Ok(())
}
