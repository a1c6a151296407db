//! What is offered, refused and led together, as phones notice it.

use anyhow::{Context, Result, ensure};
use offhook_tests::g711::Law;
use offhook_tests::phone::Phone;
use offhook_tests::server::{Server, ServerSpec};
use serde_json::{Value, json};

use super::{Conversation, afterwards, expect};

/// Fax in the place of audio, as gateways ask for it when they hear one.
const T38: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=image 40000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
                   a=T38FaxRateManagement:transferredTCF\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

#[tokio::test]
async fn fax_by_t38_in_the_middle_of_a_call_is_refused_and_both_talk_on() -> Result<()> {
    let conversation = Conversation::start().await?;
    for side in [&conversation.caller, &conversation.callee] {
        let status = side.is_refused_offering(T38).await?;
        ensure!(status == 488, "{status}");
        conversation.both_hear().await.context("as before")?;
    }
    conversation.ends().await
}

#[tokio::test]
async fn who_could_speak_the_codec_of_the_other_is_asked_to_and_both_hear() -> Result<()> {
    let config = "[media]\navoid_transcoding = \"reinvite\"\n";
    let server = Server::start_with(ServerSpec::configured(config)).await?;
    let from = Phone::extension_speaking(&server, "1000", &[Law::Mu, Law::A]).await?;
    let to = Phone::extension_speaking(&server, "1001", &[Law::Mu, Law::A]).await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.callee.changes_to(Law::A).await?;
    conversation.caller.has_been_reoffered(1).await?;
    conversation.both_hear().await.context("PCMA with PCMA")?;
    conversation.ends().await
}

/// The path of an extension.
async fn extension(server: &Server, number: &str) -> Result<String> {
    const EXTENSIONS: &str = "/api/v1/sip/extensions";
    let extension = server.find(EXTENSIONS, "extension", number).await?;
    let id = extension["id"].as_str().context("an id")?;
    Ok(format!("{EXTENSIONS}/{id}"))
}

#[tokio::test]
async fn an_extension_that_requires_srtp_takes_and_makes_no_call_without() -> Result<()> {
    let server = Server::start().await?;
    let path = extension(&server, "1000").await?;
    let before: Value = server.get(&path).await?;
    ensure!(before["srtp"] == Value::Null, "{before}");
    let changed = server.patch(&path, json!({ "srtp": "required" })).await?;
    ensure!(changed["srtp"] == "required", "{changed}");

    let phone = Phone::extension(&server, "1000").await?;
    let status = phone.calls("*43").await?.is_refused().await?;
    ensure!(status == 488, "{status}");
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "no_common_codec")?;

    let other = Phone::extension(&server, "1001").await?;
    let dialling = other.calls("1000").await?;
    let ringing = phone.rings().await?;
    let invite = ringing.invite();
    let offer = invite.sdp().context("an offer")?;
    ensure!(offer.contains("RTP/SAVP 0 8 "), "{offer}");
    ensure!(
        offer.contains("a=crypto:1 AEAD_AES_128_GCM inline:"),
        "{offer}"
    );
    ringing.rejects(488);
    ensure!(dialling.is_refused().await? == 488);
    Ok(())
}
