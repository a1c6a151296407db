//! What cannot be granted, too much of it, and an actor that falls.

use anyhow::{Result, ensure};
use offhook_tests::phone::{Phone, SipText};
use offhook_tests::server::{Server, ServerSpec};

use super::three_phones;

/// RFC 6665 sections 4.2.1.1 and 8.3: 489 with Allow-Events, 406, 423, 404.
#[tokio::test]
async fn a_subscription_that_cannot_be_is_refused_with_its_reason() -> Result<()> {
    let (_server, phone, ..) = three_phones().await?;
    let refused = phone.subscribes("1001", "conference", &[]).await?.accepted;
    ensure!(refused.status() == Some(489), "{}", refused.start);
    ensure!(refused.header("Allow-Events") == "dialog, message-summary, presence, reg");
    let accept = [("Accept", "application/sdp")];
    let refused = phone.subscribes("1001", "dialog", &accept).await?.accepted;
    ensure!(refused.status() == Some(406), "{}", refused.start);
    let brief = [("Expires", "5")];
    let refused = phone.subscribes("1001", "dialog", &brief).await?.accepted;
    ensure!(refused.status() == Some(423), "{}", refused.start);
    ensure!(refused.header("Min-Expires") == "60");
    let refused = phone.subscribes("7777", "dialog", &[]).await?.accepted;
    ensure!(refused.status() == Some(404), "{}", refused.start);
    Ok(())
}

/// RFC 6665 section 4.4.3: a state can be fetched without subscribing.
#[tokio::test]
async fn a_state_is_fetched_once() -> Result<()> {
    let (server, phone, ..) = three_phones().await?;
    let fetch = phone.watches("1001", "dialog", &[("Expires", "0")]).await?;
    let told = fetch.told().await?;
    super::state(&told, "terminated;reason=timeout")?;
    ensure!(told.body.contains("<dialog-info"), "{}", told.body);
    server
        .figures_vanish(
            &["offhook_sip_subscriptions"],
            std::time::Duration::from_secs(10),
        )
        .await
}

fn keep_alive(from: &str, phone: &Phone, server: &Server, event: &str) -> SipText {
    let proxy = server.sip();
    let branch = format!("z9hG4bK{from}{event}");
    SipText::new(format!("NOTIFY sip:{proxy} SIP/2.0"))
        .with(
            "Via",
            format!("SIP/2.0/UDP {};branch={branch};rport", phone.address()),
        )
        .with("Max-Forwards", "70")
        .with("From", format!("<sip:{from}@{proxy}>;tag=k"))
        .with("To", format!("<sip:{proxy}>"))
        .with("Call-ID", format!("keep-{from}-{event}"))
        .with("CSeq", "1 NOTIFY")
        .with("Event", event)
}

/// RFC 6665 section 4.1.3: a NOTIFY nobody asked for is not for us, but for the ones that only keep
/// a NAT open.
#[tokio::test]
async fn a_keep_alive_notify_is_answered_to_registered_phones() -> Result<()> {
    let (server, phone, ..) = three_phones().await?;
    let mut known = keep_alive("1000", &phone, &server, "keep-alive");
    ensure!(phone.asks(&mut known, server.sip()).await?.status() == Some(200));
    let mut other = keep_alive("1000", &phone, &server, "talk");
    ensure!(phone.asks(&mut other, server.sip()).await?.status() == Some(489));
    let mut foreign = keep_alive("1001", &phone, &server, "keep-alive");
    ensure!(phone.asks(&mut foreign, server.sip()).await?.status() == Some(489));
    Ok(())
}

/// A phone that subscribes and subscribes gets as many subscriptions as it may have, and no more.
#[tokio::test]
async fn subscriptions_of_one_extension_are_bounded() -> Result<()> {
    let spec = ServerSpec {
        config: Some("[sip.subscriptions]\nmax_per_extension = 3\n".to_owned()),
        ..ServerSpec::default()
    };
    let server = Server::start_with(spec).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let mut statuses = Vec::new();
    let mut watches = Vec::new();
    for (user, event) in [
        ("1000", "dialog"),
        ("1000", "presence"),
        ("1001", "dialog"),
        ("1001", "presence"),
        ("1002", "dialog"),
    ] {
        let watch = phone.subscribes(user, event, &[]).await?;
        statuses.push(watch.accepted.status().unwrap_or(0));
        watches.push(watch);
    }
    ensure!(statuses == [200, 200, 200, 403, 403], "{statuses:?}");
    // Who may have no more may still renew what it has.
    ensure!(watches[0].refreshes(600).await? == 200);
    ensure!(server.figure("offhook_sip_subscriptions").await? < 3.5);
    Ok(())
}
