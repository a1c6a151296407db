//! Hold: who is held hears music, who holds hears nothing, and afterwards both talk again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::g711::Law;
use offhook_tests::phone::{Flow, Phone};
use offhook_tests::server::{Server, ServerSpec};
use serde_json::json;

use super::{CALLEE, CALLER, Conversation, hears_music_instead_of, the_call};

#[tokio::test]
async fn an_operator_holds_the_caller_and_takes_them_back() -> Result<()> {
    let conversation = Conversation::start().await?;
    let Conversation {
        server,
        caller,
        callee,
        ..
    } = &conversation;
    let call = the_call(server).await?;

    let held = server.post(&format!("{call}/hold"), json!({})).await?;
    ensure!(held["state"] == "on_hold", "{held}");
    ensure!(held["legs"][0]["state"] == "held", "{held}");
    hears_music_instead_of(caller, CALLEE)
        .await
        .context("held")?;
    callee.hears_silence().await.context("the other party")?;
    let again = server.post(&format!("{call}/hold"), json!({})).await?;
    ensure!(
        again["state"] == "on_hold",
        "holding twice is no error: {again}"
    );

    let talking = server.post(&format!("{call}/unhold"), json!({})).await?;
    ensure!(talking["state"] == "connected", "{talking}");
    conversation.both_hear().await.context("taken back")?;
    conversation.ends().await
}

#[tokio::test]
async fn the_callee_holds_by_reinvite_and_takes_back() -> Result<()> {
    let conversation = Conversation::start().await?;
    let Conversation {
        server,
        caller,
        callee,
        ..
    } = &conversation;
    callee.holds().await?;
    hears_music_instead_of(caller, CALLEE)
        .await
        .context("held")?;
    server.call_becomes("on_hold").await?;
    callee
        .hears_nothing_for(Duration::from_millis(300))
        .await
        .context("who only sends wants to hear nothing")?;
    callee.unholds().await?;
    conversation.both_hear().await.context("taken back")?;
    server.call_becomes("connected").await?;
    conversation.ends().await
}

#[tokio::test]
async fn the_caller_holds_by_reinvite_and_takes_back() -> Result<()> {
    let conversation = Conversation::start().await?;
    let Conversation {
        server,
        caller,
        callee,
        ..
    } = &conversation;
    caller.holds().await?;
    hears_music_instead_of(callee, CALLER)
        .await
        .context("held")?;
    let call = server.call_becomes("on_hold").await?;
    ensure!(call["legs"][1]["state"] == "held", "{call}");
    caller.unholds().await?;
    conversation.both_hear().await.context("taken back")?;
    conversation.ends().await
}

#[tokio::test]
async fn inactive_is_hold_as_well() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.callee.offers(Flow::Inactive).await?;
    hears_music_instead_of(&conversation.caller, CALLEE).await?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await.context("taken back")?;
    conversation.ends().await
}

#[tokio::test]
async fn an_address_nobody_listens_at_is_hold_as_well() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.callee.holds_by_address().await?;
    hears_music_instead_of(&conversation.caller, CALLEE).await?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await.context("taken back")?;
    conversation.ends().await
}

#[tokio::test]
async fn a_reinvite_that_changes_nothing_changes_nothing() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.callee.offers(Flow::SendRecv).await?;
    conversation.both_hear().await?;
    conversation.caller.offers(Flow::SendRecv).await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

#[tokio::test]
async fn when_both_hold_both_have_to_take_back() -> Result<()> {
    let conversation = Conversation::start().await?;
    let Conversation {
        server,
        caller,
        callee,
        ..
    } = &conversation;
    caller.holds().await?;
    callee.holds().await?;
    caller.unholds().await?;
    hears_music_instead_of(caller, CALLEE)
        .await
        .context("still held by the callee")?;
    server.call_becomes("on_hold").await?;
    callee.unholds().await?;
    conversation
        .both_hear()
        .await
        .context("taken back by both")?;
    conversation.ends().await
}

#[tokio::test]
async fn an_operators_hold_outlasts_that_of_the_phone() -> Result<()> {
    let conversation = Conversation::start().await?;
    let Conversation {
        server,
        caller,
        callee,
        ..
    } = &conversation;
    let call = the_call(server).await?;
    callee.holds().await?;
    server.post(&format!("{call}/hold"), json!({})).await?;
    callee.unholds().await?;
    hears_music_instead_of(caller, CALLEE)
        .await
        .context("held by the operator")?;
    let shown = server.get(&call).await?;
    ensure!(shown["state"] == "on_hold", "{shown}");
    server.post(&format!("{call}/unhold"), json!({})).await?;
    conversation
        .both_hear()
        .await
        .context("taken back by both")?;
    conversation.ends().await
}

#[tokio::test]
async fn who_holds_can_hang_up() -> Result<()> {
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    callee.holds().await?;
    ensure!(callee.hangs_up().await? == 200);
    caller.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn who_is_held_can_hang_up() -> Result<()> {
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    callee.holds().await?;
    ensure!(caller.hangs_up().await? == 200);
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn music_comes_in_the_codec_of_who_is_held() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension_speaking(&server, "1000", &[Law::A]).await?;
    let to = Phone::extension_speaking(&server, "1001", &[Law::Mu]).await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.callee.holds().await?;
    hears_music_instead_of(&conversation.caller, CALLEE).await?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

#[tokio::test]
async fn hold_is_on_the_recording_of_a_queues_call() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("301").await?;
    let served = agent.rings().await?.answers().await?;
    talk.plays_tone(CALLER);
    served.plays_tone(CALLEE);
    talk.hears_tone(CALLEE).await?;
    served.holds().await?;
    hears_music_instead_of(&talk, CALLEE).await?;
    served.unholds().await?;
    talk.hears_tone(CALLEE).await?;
    served.hears_tone(CALLER).await?;
    talk.listens_for(Duration::from_secs(1)).await?;
    talk.hangs_up().await?;
    served.is_hung_up().await?;
    let record = super::afterwards(&server).await?;
    let id = record["recordings"][0].as_str().context("a recording")?;
    let wav = server.recording(id).await?;
    let length = |channel, tone| wav.time_with_tone(channel, tone);
    let second = Duration::from_secs(1);
    ensure!(
        length(1, CALLEE) >= second,
        "the agent, after the hold as well"
    );
    ensure!(length(0, CALLER) >= second * 2, "the caller, all the time");
    ensure!(length(0, CALLEE).is_zero() && length(1, CALLER).is_zero());
    Ok(())
}

#[tokio::test]
async fn hold_by_a_reinvite_without_offer() -> Result<()> {
    let conversation = Conversation::start().await?;
    let Conversation {
        server,
        caller,
        callee,
        ..
    } = &conversation;
    callee.asks_for_offer(Some(Flow::SendOnly)).await?;
    hears_music_instead_of(caller, CALLEE)
        .await
        .context("held")?;
    server.call_becomes("on_hold").await?;
    callee.asks_for_offer(Some(Flow::SendRecv)).await?;
    conversation.both_hear().await.context("taken back")?;
    server.call_becomes("connected").await?;
    conversation.ends().await
}

#[tokio::test]
async fn an_offer_that_is_never_answered_changes_nothing() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.callee.asks_for_offer(None).await?;
    conversation.both_hear().await?;
    conversation
        .callee
        .holds()
        .await
        .context("the next re-INVITE")?;
    hears_music_instead_of(&conversation.caller, CALLEE).await?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

#[tokio::test]
async fn who_answers_a_caller_on_hold_hears_music_until_they_are_back() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let from = Phone::extension(&server, "1000").await?;
    let caller = from.dials("301").await?;
    caller.plays_tone(CALLER);
    let ringing = agent.rings().await?;
    caller.holds().await?;
    let callee = ringing.answers().await?;
    callee.plays_tone(CALLEE);
    hears_music_instead_of(&callee, CALLER).await?;
    server.call_becomes("on_hold").await?;
    caller.unholds().await?;
    caller.hears_tone(CALLEE).await?;
    callee.hears_tone(CALLER).await?;
    server.call_becomes("connected").await?;
    Ok(())
}

#[tokio::test]
async fn a_phone_swaps_between_two_calls() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let one = Phone::extension(&server, "1001").await?;
    let other = Phone::extension(&server, "1002").await?;
    let first = phone.calls("1001").await?;
    let ann = one.rings().await?.answers().await?;
    let first = first.is_answered().await?;
    ann.plays_tone(500.0);
    first.hears_tone(500.0).await?;
    first.holds().await?;
    let second = phone.calls("1002").await?;
    let ben = other.rings().await?.answers().await?;
    let second = second.is_answered().await?;
    ben.plays_tone(800.0);
    second.plays_tone(CALLER);
    second.hears_tone(800.0).await?;
    hears_music_instead_of(&ann, CALLER)
        .await
        .context("the first waits")?;
    second.holds().await?;
    first.unholds().await?;
    first.plays_tone(CALLER);
    ann.hears_tone(CALLER).await.context("the first is back")?;
    hears_music_instead_of(&ben, CALLER)
        .await
        .context("the second waits")?;
    first.hangs_up().await?;
    ann.is_hung_up().await?;
    second.unholds().await?;
    ben.hears_tone(CALLER).await?;
    second.hangs_up().await?;
    ben.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn who_holds_may_be_silent_for_longer_than_others() -> Result<()> {
    let spec = ServerSpec {
        config: Some("[media]\nrtp_timeout = \"1s\"\n".to_owned()),
        ..ServerSpec::default()
    };
    let server = Server::start_with(spec).await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.callee.offers(Flow::Inactive).await?;
    conversation
        .caller
        .listens_for(Duration::from_millis(2500))
        .await?;
    ensure!(conversation.callee.is_up(), "silence on hold is no fault");
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = conversation;
    callee.stops_sending();
    caller
        .is_hung_up()
        .await
        .context("silence without hold is one")?;
    let record = super::afterwards(&server).await?;
    super::expect(&record, "hangup_cause", "media_timeout")
}

#[tokio::test]
async fn an_operator_holds_the_caller_of_a_queue() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let from = Phone::extension(&server, "1000").await?;
    let caller = from.dials("301").await?;
    let callee = agent.rings().await?.answers().await?;
    caller.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    caller.hears_tone(CALLEE).await?;
    let call = the_call(&server).await?;
    server.post(&format!("{call}/hold"), json!({})).await?;
    hears_music_instead_of(&caller, CALLEE).await?;
    callee.hears_silence().await?;
    server.agent_becomes("1001", "on_call").await?;
    server.post(&format!("{call}/unhold"), json!({})).await?;
    caller.hears_tone(CALLEE).await?;
    callee.hears_tone(CALLER).await
}
