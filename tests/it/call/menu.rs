//! Menus: what callers press, and what they do not.

use anyhow::{Context, Result, ensure};
use offhook_sounds::Language;
use offhook_tests::ears::Wav;
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::{CALLEE, CALLER, afterwards, expect};

/// A caller from outside in the menu, whose prompt is short.
struct Story {
    server: Server,
    _caller: Phone,
    talk: Talk,
}

const PROMPT: &str = "queue/please-hold";

async fn in_the_menu(change: Value) -> Result<Story> {
    let server = Server::start().await?;
    enter(server, change).await
}

async fn enter(server: Server, change: Value) -> Result<Story> {
    let path = "/api/v1/ivr-menus";
    let menu = server.find(path, "extension", "300").await?;
    let path = format!("{path}/{}", menu["id"].as_str().context("an id")?);
    let short = json!({ "prompt": PROMPT, "inter_digit_timeout": 1, "retries": 1 });
    server.patch(&path, short).await?;
    server.patch(&path, change).await?;
    let caller = Phone::trunk(&server).await?;
    let talk = caller.dials(&server.credentials().did).await?;
    Ok(Story {
        server,
        _caller: caller,
        talk,
    })
}

#[tokio::test]
async fn an_extension_is_dialled_in_the_menu() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({})).await?;
    let phone = Phone::extension(&server, "1002").await?;
    talk.types("1002").await?;
    let ringing = phone.rings().await?;
    ensure!(ringing.caller() == "+49301234567", "{}", ringing.caller());
    talk.hears_something().await.context("ringback")?;
    let callee = ringing.answers().await?;
    talk.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    talk.hears_tone(CALLEE).await?;
    callee.hears_tone(CALLER).await?;
    talk.hangs_up().await?;
    callee.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "to", &server.credentials().did)
}

#[tokio::test]
async fn nought_is_the_operator() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({})).await?;
    let operator = Phone::extension(&server, "1000").await?;
    talk.presses('0').await?;
    let callee = operator.rings().await?.answers().await?;
    callee.plays_tone(CALLEE);
    talk.hears_tone(CALLEE).await
}

#[tokio::test]
async fn the_first_key_silences_the_menu() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({ "prompt": "menu/demo-office", "inter_digit_timeout": 5 })).await?;
    let phone = Phone::extension(&server, "1002").await?;
    talk.hears_something().await.context("the menu")?;
    talk.presses('1').await?;
    talk.hears_silence().await.context("the menu is over")?;
    talk.types("002").await?;
    phone.rings().await?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_key_is_told_and_the_menu_comes_again() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({})).await?;
    let operator = Phone::extension(&server, "1000").await?;
    talk.presses('9').await?;
    talk.hears_words(&words("error/invalid-choice")?).await?;
    talk.hears_words(&words(PROMPT)?)
        .await
        .context("the menu")?;
    talk.presses('0').await?;
    operator.rings().await?;
    Ok(())
}

#[tokio::test]
async fn too_many_wrong_keys_end_the_call() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({})).await?;
    talk.presses('9').await?;
    talk.hears_words(&words("error/invalid-choice")?).await?;
    talk.presses('8').await?;
    talk.hears_words(&words("error/invalid-choice")?).await?;
    talk.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "no_answer")?;
    expect(&record, "ended_by", "system")
}

#[tokio::test]
async fn who_presses_nothing_is_asked_again_and_then_let_go() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({ "first_digit_timeout": 1 })).await?;
    talk.hears_words(&words("menu/no-input")?).await?;
    talk.hears_words(&words(PROMPT)?)
        .await
        .context("the menu")?;
    talk.hears_words(&words("menu/no-input")?).await?;
    talk.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "no_answer")?;
    expect(&record, "ended_by", "system")
}

#[tokio::test]
async fn who_presses_nothing_can_be_sent_elsewhere() -> Result<()> {
    let server = Server::start().await?;
    let operator = Phone::extension(&server, "1000").await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1000")
        .await?;
    let on_failure = json!({
        "action": "go",
        "destination_type": "extension",
        "destination_id": extension["id"],
    });
    let change = json!({ "on_failure": on_failure, "first_digit_timeout": 1, "retries": 0 });
    let Story {
        talk,
        _caller,
        server: _server,
    } = enter(server, change).await?;
    talk.hears_words(&words("menu/no-input")?).await?;
    let callee = operator.rings().await?.answers().await?;
    callee.plays_tone(CALLEE);
    talk.hears_tone(CALLEE).await
}

#[tokio::test]
async fn half_a_number_is_no_number() -> Result<()> {
    let Story {
        talk,
        _caller,
        server: _server,
    } = in_the_menu(json!({})).await?;
    talk.types("100").await?;
    talk.hears_words(&words("error/invalid-choice")?).await
}

#[tokio::test]
async fn the_star_repeats_the_menu() -> Result<()> {
    let Story {
        talk,
        _caller,
        server: _server,
    } = in_the_menu(json!({ "first_digit_timeout": 30 })).await?;
    talk.hears_words(&words(PROMPT)?)
        .await
        .context("the menu")?;
    talk.presses('*').await?;
    talk.hears_words(&words(PROMPT)?).await.context("again")
}

#[tokio::test]
async fn when_the_chosen_extension_has_no_phone_the_caller_is_back_in_the_menu() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({})).await?;
    let operator = Phone::extension(&server, "1000").await?;
    talk.types("1002").await?;
    talk.hears_words(&words("error/extension-not-available")?)
        .await?;
    talk.hears_words(&words(PROMPT)?)
        .await
        .context("the menu")?;
    talk.presses('0').await?;
    operator.rings().await?;
    Ok(())
}

#[tokio::test]
async fn when_the_chosen_extension_is_busy_the_caller_hears_so() -> Result<()> {
    let Story {
        server,
        talk,
        _caller,
    } = in_the_menu(json!({})).await?;
    let phone = Phone::extension(&server, "1002").await?;
    talk.types("1002").await?;
    phone.rings().await?.rejects(486);
    talk.hears_words(&words("error/busy")?).await?;
    talk.hears_words(&words(PROMPT)?).await.context("the menu")
}

#[tokio::test]
async fn an_extension_reaches_the_menu_as_well() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1001").await?;
    let operator = Phone::extension(&server, "1000").await?;
    let talk = phone.dials("300").await?;
    talk.hears_something().await?;
    talk.presses('0').await?;
    let ringing = operator.rings().await?;
    ensure!(ringing.caller() == "1001", "{}", ringing.caller());
    Ok(())
}

/// The middle of a prompt, half a second long, at the rate of a phone.
fn words(id: &str) -> Result<Vec<i16>> {
    let prompt = offhook_sounds::prompt(Language::En, id).context("a prompt")?;
    let wav = Wav::parse(prompt.wav)?;
    ensure!(wav.rate == 16_000, "prompts have 16 kHz");
    let halves = wav.channels[0].chunks_exact(2);
    // The mean of two neighbours is filter enough for speech.
    let samples: Vec<i16> = halves.map(|pair| pair[0] / 2 + pair[1] / 2).collect();
    let start = samples.len().saturating_sub(4000) / 2;
    Ok(samples[start..].iter().copied().take(4000).collect())
}
