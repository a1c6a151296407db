//! Messages that get lost on the way: whoever misses an answer asks again, and nobody notices.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Loss, Phone};
use offhook_tests::server::Server;

use super::{CALLEE, CALLER, Conversation, afterwards, expect, public_number_rings};

/// A caller from outside reaches 1001 although the messages named get lost.
async fn they_talk_in_spite_of(at_the_caller: &[Loss], at_the_callee: &[Loss]) -> Result<()> {
    let server = Server::start().await?;
    public_number_rings(&server, "1001").await?;
    let from = Phone::trunk(&server).await?;
    let to = Phone::extension(&server, "1001").await?;
    at_the_caller.iter().for_each(|loss| from.loses(*loss));
    at_the_callee.iter().for_each(|loss| to.loses(*loss));
    let dialling = from.calls(&server.credentials().did).await?;
    let callee = to.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    caller.hears_tone(CALLEE).await.context("the caller")?;
    callee.hears_tone(CALLER).await.context("the callee")?;
    from.has_lost_all()?;
    to.has_lost_all()?;
    ensure!(caller.hangs_up().await? == 200);
    callee.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "hangup_cause", "normal_clearing")
}

#[tokio::test]
async fn our_200_to_the_caller_is_lost() -> Result<()> {
    they_talk_in_spite_of(&[Loss::Received2xx], &[]).await
}

#[tokio::test]
async fn the_200_of_the_callee_is_lost() -> Result<()> {
    they_talk_in_spite_of(&[], &[Loss::SentFinal]).await
}

#[tokio::test]
async fn the_ack_of_the_caller_is_lost() -> Result<()> {
    they_talk_in_spite_of(&[Loss::SentAck], &[]).await
}

#[tokio::test]
async fn our_ack_to_the_callee_is_lost() -> Result<()> {
    they_talk_in_spite_of(&[], &[Loss::ReceivedAck]).await
}

#[tokio::test]
async fn everything_is_lost_at_first() -> Result<()> {
    let caller = [Loss::Received2xx, Loss::SentAck];
    let callee = [Loss::SentFinal, Loss::ReceivedAck];
    they_talk_in_spite_of(&caller, &callee).await
}

#[tokio::test]
async fn the_caller_hangs_up_before_its_ack_arrives() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    caller.loses(Loss::SentAck);
    let talk = caller.dials(&server.credentials().did).await?;
    // A BYE tells as well that the 200 has arrived.
    ensure!(talk.hangs_up().await? == 200);
    caller.has_lost_all()?;
    let record = afterwards(&server).await?;
    expect(&record, "ended_by", "caller")
}

#[tokio::test]
async fn the_ack_of_the_menus_200_is_lost() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    caller.loses(Loss::SentAck);
    let talk = caller.dials(&server.credentials().did).await?;
    talk.hears_something().await.context("the menu")?;
    talk.is_answered_again().await?;
    caller.has_lost_all()?;
    // The ACK went out again as well, so the 200 does not come a third time.
    talk.listens_for(Duration::from_millis(1500)).await?;
    ensure!(talk.answers_repeated() == 1 && talk.is_up());
    talk.hangs_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_ack_that_brings_the_answer_is_lost() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::trunk(&server).await?;
    caller.loses(Loss::SentAck);
    let did = &server.credentials().did;
    let talk = caller.calls_without_offer(did).await?.is_answered().await?;
    talk.hears_something().await.context("the menu")?;
    caller.has_lost_all()?;
    talk.hangs_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn the_bye_of_the_caller_is_lost() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.from.loses(Loss::SentBye);
    conversation.ends().await
}

#[tokio::test]
async fn our_bye_to_the_callee_is_lost() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.to.loses(Loss::ReceivedBye);
    conversation.ends().await
}

#[tokio::test]
async fn our_bye_to_the_caller_is_lost() -> Result<()> {
    let Conversation {
        server,
        from,
        to: _to,
        caller,
        callee,
    } = Conversation::start().await?;
    from.loses(Loss::ReceivedBye);
    callee.hangs_up().await?;
    caller.is_hung_up().await?;
    from.has_lost_all()?;
    let record = afterwards(&server).await?;
    expect(&record, "ended_by", "callee")
}

#[tokio::test]
async fn a_refusal_is_lost() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension(&server, "1001").await?;
    to.loses(Loss::SentFinal);
    let dialling = from.calls("1001").await?;
    to.rings().await?.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    to.has_lost_all()?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "busy")
}

#[tokio::test]
async fn an_answer_to_hold_is_lost() -> Result<()> {
    let conversation = Conversation::start().await?;
    conversation.to.loses(Loss::Received2xx);
    conversation.callee.holds().await?;
    super::hears_music_instead_of(&conversation.caller, CALLEE).await?;
    conversation.to.loses(Loss::SentAck);
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    conversation.to.has_lost_all()?;
    conversation.ends().await
}

#[tokio::test]
async fn the_cancel_of_the_caller_is_lost() -> Result<()> {
    a_call_is_cancelled_in_spite_of(&[Loss::SentCancel], &[]).await
}

#[tokio::test]
async fn our_cancel_to_the_callee_is_lost() -> Result<()> {
    a_call_is_cancelled_in_spite_of(&[], &[Loss::ReceivedCancel]).await
}

#[tokio::test]
async fn our_487_to_the_caller_is_lost() -> Result<()> {
    a_call_is_cancelled_in_spite_of(&[Loss::ReceivedRefusal], &[]).await
}

#[tokio::test]
async fn the_487_of_the_callee_is_lost() -> Result<()> {
    a_call_is_cancelled_in_spite_of(&[], &[Loss::SentFinal]).await
}

async fn a_call_is_cancelled_in_spite_of(
    at_the_caller: &[Loss],
    at_the_callee: &[Loss],
) -> Result<()> {
    let server = Server::start().await?;
    public_number_rings(&server, "1001").await?;
    let from = Phone::trunk(&server).await?;
    let to = Phone::extension(&server, "1001").await?;
    at_the_caller.iter().for_each(|loss| from.loses(*loss));
    at_the_callee.iter().for_each(|loss| to.loses(*loss));
    let dialling = from.calls(&server.credentials().did).await?;
    let ringing = to.rings().await?;
    dialling.rings().await?;
    ensure!(dialling.cancels().await? == 487);
    ringing.is_cancelled().await?;
    let record = afterwards(&server).await?;
    from.has_lost_all()?;
    to.has_lost_all()?;
    expect(&record, "hangup_cause", "originator_cancel")
}

#[tokio::test]
async fn who_hangs_up_does_not_wait_for_a_phone_that_vanished() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("301").await?;
    let _served = agent.rings().await?.answers().await?;
    server.agent_becomes("1001", "on_call").await?;
    agent.vanishes();
    ensure!(talk.hangs_up().await? == 200);
    let record = server.the_record().await?;
    expect(&record, "disposition", "answered")?;
    server.agent_becomes("1001", "wrap_up").await?;
    // Only the BYE that nobody answers goes on, for as long as its transaction lasts.
    let gone = [
        "offhook_calls_active",
        "offhook_media_legs",
        "offhook_rtp_ports_in_use",
    ];
    server.figures_vanish(&gone, offhook_tests::PATIENCE).await
}
