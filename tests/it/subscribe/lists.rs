//! Several lamps by one subscription.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{state, three_phones};

const LIST: &str = "/api/v1/blf-lists/reception";

/// RFC 4662 sections 4 and 5.
#[tokio::test]
async fn a_list_of_three_is_watched_by_one_subscription() -> Result<()> {
    let (server, caller, callee, watcher) = three_phones().await?;
    let members = json!({ "extensions": ["1000", "1001", "1002"] });
    server.put(LIST, members).await?;
    let supported = ("Supported", "eventlist");
    let refused = watcher.subscribes("reception", "dialog", &[]).await?;
    ensure!(refused.accepted.status() == Some(421));
    ensure!(refused.accepted.header("Require") == "eventlist");
    let watch = watcher.watches("reception", "dialog", &[supported]).await?;
    ensure!(watch.accepted.header("Require") == "eventlist");
    let all = watch.told().await?;
    ensure!(all.header("Content-Type").starts_with("multipart/related;"));
    ensure!(all.header("Require") == "eventlist");
    ensure!(all.body.contains("fullState=\"true\""), "{}", all.body);
    ensure!(
        all.body.matches("<dialog-info ").count() == 3,
        "{}",
        all.body
    );
    let dialling = caller.calls("1001").await?;
    let ringing = callee.rings().await?;
    let news = watch.told_of(&["<state>early</state>"]).await?;
    ensure!(news.body.contains("fullState=\"false\""), "{}", news.body);
    ensure!(!news.body.contains("entity=\"sip:1002@"), "{}", news.body);
    dialling.cancels().await?;
    ringing.is_cancelled().await?;
    watch.told_of(&["<state>terminated</state>"]).await?;
    Ok(())
}

/// RFC 6665 section 4.1.3: deactivated and noresource.
#[tokio::test]
async fn who_watches_a_list_hears_that_it_was_changed_or_removed() -> Result<()> {
    let (server, _caller, _callee, watcher) = three_phones().await?;
    server.put(LIST, json!({ "extensions": ["1000"] })).await?;
    let supported = ("Supported", "eventlist");
    let watch = watcher.watches("reception", "dialog", &[supported]).await?;
    watch.told().await?;
    server
        .put(LIST, json!({ "extensions": ["1000", "1001"] }))
        .await?;
    loop {
        let notify = watch.told().await?;
        if notify
            .header("Subscription-State")
            .starts_with("terminated")
        {
            state(&notify, "terminated;reason=deactivated")?;
            break;
        }
    }
    let watch = watcher
        .watches("reception", "presence", &[supported])
        .await?;
    let both = watch.told().await?;
    ensure!(
        both.body.matches("<presence ").count() == 2,
        "{}",
        both.body
    );
    server.delete(LIST).await?;
    loop {
        let notify = watch.told().await?;
        if notify
            .header("Subscription-State")
            .starts_with("terminated")
        {
            state(&notify, "terminated;reason=noresource")?;
            break;
        }
    }
    let gone = watcher
        .subscribes("reception", "dialog", &[supported])
        .await?;
    ensure!(gone.accepted.status() == Some(404));
    Ok(())
}

#[tokio::test]
async fn a_list_that_cannot_be_is_refused_by_field() -> Result<()> {
    let (server, ..) = three_phones().await?;
    let ok = json!({ "extensions": ["1000"] });
    for (name, body, field) in [
        (
            "reception",
            json!({ "extensions": ["1000", "9"] }),
            "extensions[1]",
        ),
        ("reception", json!({ "extensions": [] }), "extensions"),
        (
            "reception",
            json!({ "extensions": ["1000", "1000"] }),
            "extensions",
        ),
        ("1000", ok.clone(), "name"),
        ("Reception%20East", ok.clone(), "name"),
    ] {
        let path = format!("/api/v1/blf-lists/{name}");
        let error = server.put(&path, body).await.unwrap_err().to_string();
        ensure!(error.contains(field), "{error}");
    }
    server.put(LIST, ok).await?;
    let list = server.get(LIST).await?;
    ensure!(list["extensions"] == json!(["1000"]), "{list}");
    ensure!(server.list("/api/v1/blf-lists").await?.len() == 1);
    server.delete(LIST).await?;
    ensure!(server.get(LIST).await.is_err());
    Ok(())
}
