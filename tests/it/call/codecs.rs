//! What phones speak.

use anyhow::{Context, Result, ensure};
use offhook_media::codec::{Coding, Encoder, EncoderSettings};
use offhook_media::dsp::tone::sine;
use offhook_media::time::Rate;
use offhook_tests::g711::Law;
use offhook_tests::phone::{Phone, PhoneSpec};
use offhook_tests::server::Server;

use super::{CALLEE, CALLER, Conversation, afterwards, expect, public_number_rings};

async fn two_who_speak(one: &[Law], other: &[Law]) -> Result<Conversation> {
    let server = Server::start().await?;
    let from = Phone::extension_speaking(&server, "1000", one).await?;
    let to = Phone::extension_speaking(&server, "1001", other).await?;
    Conversation::between(server, from, to).await
}

#[tokio::test]
async fn pcma_talks_with_pcmu() -> Result<()> {
    let conversation = two_who_speak(&[Law::A], &[Law::Mu]).await?;
    conversation.caller.types("12").await?;
    conversation.callee.receives_keys("12").await?;
    conversation.ends().await
}

#[tokio::test]
async fn pcmu_talks_with_pcma() -> Result<()> {
    two_who_speak(&[Law::Mu], &[Law::A]).await?.ends().await
}

#[tokio::test]
async fn pcma_talks_with_pcma() -> Result<()> {
    two_who_speak(&[Law::A], &[Law::A]).await?.ends().await
}

#[tokio::test]
async fn the_callee_is_offered_first_what_the_caller_speaks() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension_speaking(&server, "1000", &[Law::A]).await?;
    let to = Phone::extension(&server, "1001").await?;
    let _dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    let offer = ringing.invite();
    let offer = offer.sdp().context("an offer")?;
    let audio = offer.lines().find(|line| line.starts_with("m=audio"));
    let first = audio.and_then(|line| line.split(' ').nth(3));
    ensure!(first == Some("8"), "nobody needs to transcode: {offer}");
    Ok(())
}

/// An offer of nothing but G.729, as some gateways make it.
const G729: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                    m=audio 40000 RTP/AVP 18 101\r\na=rtpmap:18 G729/8000\r\n\
                    a=rtpmap:101 telephone-event/8000\r\n";

#[tokio::test]
async fn an_offer_of_g729_alone_is_not_acceptable() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    let did = &server.credentials().did;
    let status = caller.calls_offering(did, G729).await?.is_refused().await?;
    ensure!(status == 488, "{status}");
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "no_common_codec")?;
    expect(&record, "disposition", "failed")
}

#[tokio::test]
async fn an_offer_that_is_no_sdp_is_refused() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    let did = &server.credentials().did;
    let dialling = caller
        .calls_offering(did, "v=0\r\nthis is none\r\n")
        .await?;
    let status = dialling.is_refused().await?;
    ensure!([400, 488].contains(&status), "{status}");
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_late_offer_reaches_the_menu() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    let did = &server.credentials().did;
    let talk = caller.calls_without_offer(did).await?.is_answered().await?;
    talk.hears_something().await.context("the menu")?;
    talk.hangs_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn after_a_late_offer_both_talk() -> Result<()> {
    let server = Server::start().await?;
    public_number_rings(&server, "1001").await?;
    let caller = Phone::trunk_speaking(&server, &[Law::A]).await?;
    let to = Phone::extension_speaking(&server, "1001", &[Law::Mu]).await?;
    let did = &server.credentials().did;
    let dialling = caller.calls_without_offer(did).await?;
    let callee = to.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    talk.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    talk.hears_tone(CALLEE).await?;
    callee.hears_tone(CALLER).await?;
    talk.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_late_offer_with_early_media_waits_for_the_answer() -> Result<()> {
    let server = Server::start().await?;
    public_number_rings(&server, "1001").await?;
    let caller = Phone::trunk(&server).await?;
    let to = Phone::extension(&server, "1001").await?;
    let did = &server.credentials().did;
    let dialling = caller.calls_without_offer(did).await?;
    let ringing = to.rings().await?;
    ringing.plays_early(CALLEE);
    ensure!(dialling.rings().await? == 180);
    let callee = ringing.answers().await?;
    let talk = dialling.is_answered().await?;
    talk.plays_tone(CALLER);
    talk.hears_tone(CALLEE).await?;
    callee.hears_tone(CALLER).await
}

#[tokio::test]
async fn a_phone_changes_its_codec_in_the_middle_of_a_call() -> Result<()> {
    let conversation = two_who_speak(&[Law::Mu, Law::A], &[Law::Mu, Law::A]).await?;
    conversation.caller.changes_to(Law::A).await?;
    conversation.both_hear().await.context("PCMA with PCMU")?;
    conversation.callee.changes_to(Law::A).await?;
    conversation.both_hear().await.context("PCMA with PCMA")?;
    conversation.caller.changes_to(Law::Mu).await?;
    conversation.both_hear().await.context("PCMU with PCMA")?;
    conversation.ends().await
}

#[tokio::test]
async fn a_late_offer_that_is_never_answered_ends_the_call() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    let did = &server.credentials().did;
    let talk = caller
        .calls_without_answer(did)
        .await?
        .is_answered()
        .await?;
    talk.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "protocol_error")
}

#[tokio::test]
async fn a_phone_begins_a_new_stream_in_the_middle_of_a_call() -> Result<()> {
    for laws in [[Law::Mu, Law::Mu], [Law::Mu, Law::A]] {
        let conversation = two_who_speak(&laws[..1], &laws[1..]).await?;
        conversation.caller.begins_new_stream();
        conversation.both_hear().await?;
        conversation.callee.begins_new_stream();
        conversation.both_hear().await?;
        conversation.caller.types("7").await?;
        conversation.callee.receives_keys("7").await?;
        conversation.ends().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_offer_of_g729_in_the_middle_of_a_call_changes_nothing() -> Result<()> {
    let conversation = Conversation::start().await?;
    let status = conversation.caller.is_refused_offering(G729).await?;
    ensure!(status == 488, "{status}");
    conversation.both_hear().await.context("as before")?;
    let status = conversation.callee.is_refused_offering("no SDP").await?;
    ensure!([400, 488].contains(&status), "{status}");
    conversation.both_hear().await.context("as before")?;
    conversation
        .callee
        .holds()
        .await
        .context("and can be changed")?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

async fn phone_with_events(server: &Server, number: &str, events: Option<u8>) -> Result<Phone> {
    let mut spec = PhoneSpec::new(number, Some(server.sip()));
    spec.password = Some(server.sip_password(number)?);
    spec.events = events;
    let phone = Phone::new(spec).await?;
    phone.registers().await?;
    Ok(phone)
}

/// RFC 4733 section 2.4.
#[tokio::test]
async fn each_phone_numbers_its_keys_as_it_likes() -> Result<()> {
    let server = Server::start().await?;
    let from = phone_with_events(&server, "1000", Some(96)).await?;
    let to = Phone::extension(&server, "1001").await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.caller.types("123").await?;
    conversation.callee.receives_keys("123").await?;
    conversation.callee.types("456").await?;
    conversation.caller.receives_keys("456").await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

#[tokio::test]
async fn a_phone_without_keys_is_spared_those_of_the_other() -> Result<()> {
    let server = Server::start().await?;
    let from = phone_with_events(&server, "1000", None).await?;
    let to = Phone::extension(&server, "1001").await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.callee.types("456").await?;
    conversation.both_hear().await?;
    ensure!(conversation.caller.heard().digits.is_empty());
    conversation.ends().await
}

#[tokio::test]
async fn the_echo_test_speaks_pcma() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension_speaking(&server, "1000", &[Law::A]).await?;
    let talk = phone.dials("*43").await?;
    talk.hears_something().await?;
    talk.plays_tone(CALLER);
    talk.hears_tone(CALLER).await
}

/// A second of the callee's tone as packets of G.722.
fn sung_in_g722() -> Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(Coding::G722, Rate::Wide, &EncoderSettings::default())?;
    // The generator counts by 8000 a second.
    let pcm = sine(CALLEE / 2.0, 16_000, 10_000.0);
    let packets = pcm.chunks(320).map(|pcm| {
        let mut payload = vec![0; 160];
        let length = encoder.encode(pcm, &mut payload)?;
        payload.truncate(length);
        Ok(payload)
    });
    packets.collect()
}

/// RFC 3264 section 6.1: it may send any that it named, and Asterisk sends what our offer likes best.
#[tokio::test]
async fn a_phone_that_answers_with_two_codecs_is_heard_in_either() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension_speaking(&server, "1000", &[Law::A]).await?;
    let mut spec = PhoneSpec::new("1001", Some(server.sip()));
    spec.password = Some(server.sip_password("1001")?);
    spec.laws = vec![Law::A];
    spec.also = vec![(9, "G722/8000")];
    let to = Phone::new(spec).await?;
    to.registers().await?;
    let dialling = from.calls("1001").await?;
    let callee = to.rings().await?.answers().await?;
    callee.plays_payloads(9, sung_in_g722()?);
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    caller.hears_tone(CALLEE).await.context("G.722")?;
    callee.hears_tone(CALLER).await.context("PCMA")?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}
