//! What callers hear before anybody answers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;

use super::dialled::two_phones;
use super::{CALLEE, CALLER, afterwards, expect, hears_music_instead_of};

#[tokio::test]
async fn early_media_is_heard_before_the_answer() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    ringing.plays_early(CALLEE);
    let early = dialling.early();
    early
        .hears_tone(CALLEE)
        .await
        .context("before the answer")?;
    let shown = server.the_call().await?;
    ensure!(shown["answered_at"].is_null(), "{shown}");
    let callee = ringing.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    callee.hears_tone(CALLER).await?;
    caller.hears_tone(CALLEE).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    afterwards(&server).await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_after_early_media_is_a_refusal() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    ringing.plays_early(CALLEE);
    dialling.early().hears_tone(CALLEE).await?;
    ringing.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "busy")
}

#[tokio::test]
async fn with_two_phones_ringing_nobodys_early_media_is_heard() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let other = Phone::extension(&server, "1001").await?;
    let dialling = from.calls("1001").await?;
    let (ringing, too) = (to.rings().await?, other.rings().await?);
    ringing.plays_early(CALLEE);
    ensure!(dialling.rings().await? == 180);
    dialling
        .early()
        .hears_nothing_for(Duration::from_millis(300))
        .await?;
    let callee = too.answers().await?;
    let caller = dialling.is_answered().await?;
    callee.plays_tone(600.0);
    caller.hears_tone(600.0).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_answered_caller_hears_early_media_and_what_comes_after_its_end() -> Result<()> {
    let server = Server::start().await?;
    let operator = Phone::extension(&server, "1000").await?;
    let caller = Phone::trunk(&server).await?;
    let talk = caller
        .dials_and_presses(&server.credentials().did, '0')
        .await?;
    let ringing = operator.rings().await?;
    ringing.plays_early(CALLEE);
    talk.hears_tone(CALLEE).await.context("early media")?;
    ringing.rejects(486);
    let others = |piece: &[i16]| {
        let loud = offhook_tests::ears::level(piece) > offhook_tests::ears::AUDIBLE;
        loud && !offhook_tests::ears::has_tone(piece, 8000, CALLEE)
    };
    talk.hears("words", others)
        .await
        .context("that they are busy")?;
    talk.hangs_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_agents_early_media_does_not_interrupt_the_music() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("301").await?;
    let ringing = agent.rings().await?;
    ringing.plays_early(CALLEE);
    hears_music_instead_of(&talk, CALLEE).await?;
    let served = ringing.answers().await?;
    talk.hears_tone(CALLEE).await?;
    talk.plays_tone(CALLER);
    served.hears_tone(CALLER).await
}
