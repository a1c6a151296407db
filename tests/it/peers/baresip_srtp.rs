//! baresip with SRTP: another reading of RFC 3711 and RFC 4568.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::baresip::{Baresip, Speech, TONE, is_registered};

/// With keys in its descriptions, and nothing without them.
const ENCRYPTED: Speech = Speech {
    settings: "module g711.so\nmodule srtp.so\n",
    account: ";mediaenc=srtp-mand",
    ..Speech::PCMU
};

/// What baresip writes when both directions have keys.
const ENABLED: &str = "SRTP is Enabled";

/// Our offer has keys, as the extension wants it, and its answer has; the caller's phone has none.
#[tokio::test]
async fn a_phone_with_srtp_and_one_without_hear_each_other() -> Result<()> {
    let server = Server::start().await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1001")
        .await?;
    let id = extension["id"].as_str().context("an id")?;
    let path = format!("/api/v1/sip/extensions/{id}");
    server.patch(&path, json!({ "srtp": "required" })).await?;
    let baresip = Baresip::start_speaking(&server, "1001", ENCRYPTED, &[])?;
    is_registered(&server, "1001", &baresip).await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("1001").await?;
    talk.plays_tone(440.0);
    talk.hears_tone(TONE).await.with_context(|| baresip.log())?;
    talk.listens_for(Duration::from_secs(2)).await?;
    ensure!(talk.heard().lost == 0, "{} lost", talk.heard().lost);
    ensure!(talk.hangs_up().await? == 200);
    server.the_record().await?;
    let refused = server.figure("offhook_srtp_packets_refused_total").await?;
    ensure!(refused < 1.0, "{refused} packets were refused");
    ensure!(baresip.log().contains(ENABLED), "{}", baresip.log());
    let heard = baresip.ends().await?;
    ensure!(
        heard.time_with_tone(0, 440.0) >= Duration::from_secs(1),
        "{:?}",
        heard.duration()
    );
    server.has_nothing_left().await
}

/// Its offer insists on keys and our answer takes its first suite; both ways through one leg.
#[tokio::test]
async fn a_phone_with_srtp_hears_itself_at_the_echo() -> Result<()> {
    let server = Server::start().await?;
    let baresip = Baresip::start_speaking(&server, "1002", ENCRYPTED, &["/dial *43"])?;
    server
        .call_becomes("answered")
        .await
        .with_context(|| baresip.log())?;
    let call = server.the_call().await?;
    let wait = Phone::extension(&server, "1000").await?;
    // An announcement comes before the echo: whoever dials later hears the end of it later.
    let talk = wait.dials("*43").await?;
    talk.plays_tone(500.0);
    talk.hears_tone(500.0).await?;
    talk.listens_for(Duration::from_secs(3)).await?;
    let path = format!("/api/v1/calls/{}", call["id"].as_str().context("id")?);
    server.delete(&path).await?;
    talk.hangs_up().await?;
    server.records(2).await?;
    ensure!(baresip.log().contains(ENABLED), "{}", baresip.log());
    let heard = baresip.ends().await?;
    ensure!(
        heard.time_with_tone(0, TONE) >= Duration::from_secs(1),
        "{:?}",
        heard.duration()
    );
    server.has_nothing_left().await
}
