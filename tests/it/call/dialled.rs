//! Extensions that call each other, and feature codes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;

use super::{CALLEE, CALLER, Conversation, afterwards, expect, set_extension};

pub(super) async fn two_phones() -> Result<(Server, Phone, Phone)> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    Ok((server, from, to))
}

#[tokio::test]
async fn one_extension_calls_another_and_both_talk() -> Result<()> {
    let conversation = Conversation::start().await?;
    let call = conversation.server.the_call().await?;
    expect(&call, "state", "connected")?;
    expect(&call, "from", "1000")?;
    expect(&call, "to", "1001")?;
    ensure!(call["legs"][0]["extension"] == "1000", "{call}");
    ensure!(call["legs"][1]["extension"] == "1001", "{call}");
    conversation.ends().await
}

#[tokio::test]
async fn the_callee_may_be_the_one_who_hangs_up() -> Result<()> {
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    ensure!(callee.hangs_up().await? == 200);
    caller.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "ended_by", "callee")
}

#[tokio::test]
async fn both_may_hang_up_at_once() -> Result<()> {
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    let (one, other) = tokio::join!(caller.hangs_up(), callee.hangs_up());
    // Whose BYE comes second finds its dialog over, or crosses ours.
    ensure!(
        [one?, other?]
            .iter()
            .all(|status| [200, 481].contains(status))
    );
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")
}

/// RFC 4733.
#[tokio::test]
async fn keys_go_through_a_conversation() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.caller.types("159#").await?;
    conversation.callee.receives_keys("159#").await?;
    conversation.callee.types("*0").await?;
    conversation.caller.receives_keys("*0").await?;
    conversation
        .both_hear()
        .await
        .context("and voices after them")?;
    conversation.ends().await
}

#[tokio::test]
async fn a_busy_phone_is_busy() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    to.rings().await?.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "busy")?;
    expect(&record, "hangup_cause", "user_busy")
}

#[tokio::test]
async fn a_phone_that_declines_declines() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    to.rings().await?.rejects(603);
    ensure!(dialling.is_refused().await? == 603);
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "rejected")?;
    expect(&record, "hangup_cause", "call_rejected")
}

#[tokio::test]
async fn a_limit_of_incoming_calls_makes_an_extension_busy() -> Result<()> {
    let conversation = Conversation::start().await?;
    let Conversation { server, to, .. } = &conversation;
    set_extension(server, "1001", json!({ "incoming_limit": 1 })).await?;
    let third = Phone::extension(server, "1002").await?;
    let status = third.calls("1001").await?.is_refused().await?;
    ensure!(status == 486, "{status}");
    to.stays_silent_for(Duration::from_millis(100)).await?;
    conversation.both_hear().await
}

#[tokio::test]
async fn without_a_phone_nobody_can_be_reached() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    ensure!(from.calls("1001").await?.is_refused().await? == 480);
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "subscriber_absent")?;
    expect(&record, "disposition", "no_answer")
}

#[tokio::test]
async fn a_number_nobody_has_is_not_found() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    ensure!(from.calls("4711").await?.is_refused().await? == 404);
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "unallocated_number")?;
    expect(&record, "disposition", "failed")
}

#[tokio::test]
async fn the_caller_gives_up() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    dialling.rings().await?;
    server.call_becomes("ringing").await?;
    let early = dialling.early();
    early.hears_nothing_for(Duration::from_millis(300)).await?;
    ensure!(early.heard().packets == 0, "its phone makes the ringback");
    ensure!(dialling.cancels().await? == 487);
    ringing.is_cancelled().await?;
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "originator_cancel")?;
    expect(&record, "disposition", "no_answer")?;
    expect(&record, "ended_by", "caller")
}

#[tokio::test]
async fn the_caller_gives_up_in_the_millisecond_of_the_answer() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    dialling.rings().await?;
    let callee = ringing.picks_up();
    let status = dialling.cancels().await?;
    ensure!([200, 487].contains(&status), "{status}");
    callee.is_hung_up().await.context("no zombie call")?;
    let record = afterwards(&server).await?;
    expect(&record, "ended_by", "caller")
}

#[tokio::test]
async fn nobody_picks_up() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    set_extension(&server, "1001", json!({ "ring_timeout": 1 })).await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    ensure!(dialling.rings().await? == 180);
    ringing.is_cancelled().await.context("after a second")?;
    ensure!(dialling.is_refused().await? == 480);
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "no_answer")?;
    expect(&record, "disposition", "no_answer")
}

#[tokio::test]
async fn of_two_phones_of_an_extension_the_first_to_answer_gets_the_call() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let other = Phone::extension(&server, "1001").await?;
    let dialling = from.calls("1001").await?;
    let (ringing, too) = (to.rings().await?, other.rings().await?);
    let callee = too.answers().await?;
    let reason = ringing.is_cancelled().await?;
    ensure!(
        reason.contains("cause=200"),
        "it was answered elsewhere: {reason:?}"
    );
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    callee.hears_tone(CALLER).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")
}

#[tokio::test]
async fn when_both_phones_of_an_extension_answer_one_call_remains() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let other = Phone::extension(&server, "1001").await?;
    let dialling = from.calls("1001").await?;
    let (ringing, too) = (to.rings().await?, other.rings().await?);
    let (one, two) = (ringing.picks_up(), too.picks_up());
    let caller = dialling.is_answered().await?;
    one.plays_tone(500.0);
    two.plays_tone(800.0);
    caller.plays_tone(CALLER);
    let (winner, loser) = tokio::select! {
        heard = one.hears_tone(CALLER) => { heard?; (one, two) }
        heard = two.hears_tone(CALLER) => { heard?; (two, one) }
    };
    loser.is_hung_up().await.context("who was too late")?;
    ensure!(winner.is_up());
    caller.hangs_up().await?;
    winner.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn the_echo_test_says_what_it_is_and_gives_back_what_is_said() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let talk = phone.dials("*43").await?;
    talk.hears_something().await.context("what it is")?;
    talk.plays_tone(CALLER);
    talk.hears_tone(CALLER).await?;
    talk.plays_tone(CALLEE);
    talk.hears_tone(CALLEE).await?;
    talk.hangs_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "to", "*43")
}

#[tokio::test]
async fn an_extension_can_call_itself_without_harm() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls("1000").await?;
    let callee = phone.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    callee.hears_tone(CALLER).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_phone_that_unregisters_goes_on_talking() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.to.unregisters().await?;
    conversation.from.unregisters().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

#[tokio::test]
async fn a_phone_that_unregisters_while_it_rings_may_answer_all_the_same() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    to.unregisters().await?;
    let callee = ringing.answers().await?;
    let caller = dialling.is_answered().await?;
    callee.plays_tone(CALLEE);
    caller.hears_tone(CALLEE).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_extension_that_is_deleted_goes_on_talking() -> Result<()> {
    let conversation = Conversation::start().await?;
    let server = &conversation.server;
    let path = "/api/v1/sip/extensions";
    let extension = server.find(path, "extension", "1000").await?;
    let id = extension["id"].as_str().context("an id")?;
    // The menu's key for the operator goes with it.
    let menu = server.find("/api/v1/ivr-menus", "extension", "300").await?;
    let menu = menu["id"].as_str().context("an id")?;
    let choices = json!({ "choices": { "0": null } });
    server
        .patch(&format!("/api/v1/ivr-menus/{menu}"), choices)
        .await?;
    server.delete(&format!("{path}/{id}")).await?;
    conversation.both_hear().await?;
    conversation.caller.holds().await?;
    conversation.caller.unholds().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}
