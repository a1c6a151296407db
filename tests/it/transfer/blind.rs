//! REFER without a consultation.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;

use super::{CALLEE, CALLER, Office, TARGET, carrier, end, hear_each_other};

/// RFC 3515 section 2.4.
#[tokio::test]
async fn the_callee_sends_the_caller_to_a_colleague_and_is_let_go() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("1002").await?;
    office.callee.hears_notify(100).await?;
    let ringing = office.third.rings().await?;
    ensure!(ringing.caller() == "1000", "{}", ringing.caller());
    let referred = ringing.invite().header("Referred-By").to_owned();
    ensure!(referred.contains("1001"), "{referred}");
    office.callee.hears_notify(180).await?;
    office
        .caller
        .hears_something()
        .await
        .context("ringback or music")?;
    let target = ringing.answers().await?;
    target.plays_tone(TARGET);
    office.callee.hears_notify(200).await?;
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    let told = office.callee.told();
    ensure!(told.last() == Some(&(200, true)), "{told:?}");
    // It does not hang up by itself.
    office.callee.is_hung_up().await?;
    ensure!(office.caller.is_up() && target.is_up());
    end(&office.server, office.caller, target).await?;
    let record = office.server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    ensure!(
        record["legs"].as_array().map(Vec::len) == Some(3),
        "{record}"
    );
    ensure!(record["transferred_to"] == "1002", "{record}");
    ensure!(record["transferred_by"] == "1001", "{record}");
    ensure!(record["linked_call"].is_null(), "{record}");
    Ok(())
}

/// RFC 3515 section 2.4, the other way round.
#[tokio::test]
async fn the_caller_sends_the_callee_to_a_colleague() -> Result<()> {
    let office = Office::talks().await?;
    office.caller.transfers_blind("1002").await?;
    let ringing = office.third.rings().await?;
    ensure!(ringing.caller() == "1001", "{}", ringing.caller());
    let target = ringing.answers().await?;
    target.plays_tone(TARGET);
    office.caller.hears_notify(200).await?;
    ensure!(office.caller.hangs_up().await? == 200);
    hear_each_other((&office.callee, CALLEE), (&target, TARGET)).await?;
    end(&office.server, target, office.callee).await
}

/// RFC 5057 section 4.1: who hangs up after the 202 is told nothing but the transfer goes on.
#[tokio::test]
async fn who_hangs_up_right_after_the_202_has_transferred_all_the_same() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("1002").await?;
    ensure!(office.callee.hangs_up().await? == 200);
    let target = office.third.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    end(&office.server, office.caller, target).await
}

#[tokio::test]
async fn a_party_that_was_held_is_sent_on_and_heard() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.holds().await?;
    office.caller.hears_something().await?;
    office.callee.transfers_blind("1002").await?;
    let target = office.third.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    end(&office.server, office.caller, target).await
}

#[tokio::test]
async fn who_is_sent_on_hangs_up_while_it_rings_there() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("1002").await?;
    let ringing = office.third.rings().await?;
    ensure!(office.caller.hangs_up().await? == 200);
    ringing.is_cancelled().await?;
    office.callee.hears_notify(487).await?;
    office.callee.is_hung_up().await?;
    office.server.has_nothing_left().await
}

/// RFC 5806, RFC 7044, RFC 3892: a carrier learns who sent the call on.
#[tokio::test]
async fn a_carrier_is_told_who_sent_the_call_on() -> Result<()> {
    let server = Server::start().await?;
    let outside = carrier(&server).await?;
    let office = Office::talks_on(server).await?;
    office.callee.transfers_blind("0301234567").await?;
    let ringing = outside.rings().await?;
    let invite = ringing.invite();
    ensure!(
        invite.start.starts_with("INVITE sip:0301234567@"),
        "{}",
        invite.start
    );
    let diversion = invite.header("Diversion");
    ensure!(diversion.contains("1001"), "{diversion}");
    let history: Vec<_> = invite.all("History-Info").collect();
    ensure!(
        history.len() == 2 && history[1].contains("0301234567"),
        "{history:?}"
    );
    ensure!(invite.header("Referred-By").contains("1001"));
    let target = ringing.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    end(&office.server, target, office.caller).await
}

#[tokio::test]
async fn a_caller_is_sent_to_a_menu() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("300").await?;
    office.callee.hears_notify(200).await?;
    office.callee.is_hung_up().await?;
    office.caller.hears_something().await?;
    office.server.call_becomes("in_menu").await?;
    ensure!(office.caller.hangs_up().await? == 200);
    office.server.has_nothing_left().await
}

#[tokio::test]
async fn a_caller_is_sent_to_the_echo_test() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("*43").await?;
    office.callee.hears_notify(200).await?;
    office.caller.hears_tone(CALLER).await?;
    ensure!(office.caller.hangs_up().await? == 200);
    office.callee.is_hung_up().await?;
    office.server.has_nothing_left().await
}

/// RFC 3515 section 2.4.2: a second transfer while one is under way is declined.
#[tokio::test]
async fn one_transfer_at_a_time() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.transfers_blind("1002").await?;
    let ringing = office.third.rings().await?;
    let again = [("Refer-To", "<sip:300@offhook>")];
    ensure!(office.callee.refers(&again).await? == 603);
    ensure!(office.caller.refers(&again).await? == 603);
    let target = ringing.answers().await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, target).await
}

/// RFC 3515 section 2.4.2, RFC 3261 section 21.4.14.
#[tokio::test]
async fn transfers_that_make_no_sense_are_refused_and_the_talk_goes_on() -> Result<()> {
    let office = Office::talks().await?;
    for (headers, status) in [
        (&[][..], 400),
        (&[("Refer-To", "<sip:1@h>, <sip:2@h>")], 400),
        (&[("Refer-To", "<sip:offhook.example>")], 404),
        (&[("Refer-To", "<mailto:a@h>")], 416),
        (&[("Refer-To", "<sip:1002@h;method=BYE>")], 603),
        (&[("Refer-To", "<sip:1002@h?Replaces=x>")], 400),
    ] {
        ensure!(
            office.callee.refers(headers).await? == status,
            "{headers:?}"
        );
    }
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    end(&office.server, office.caller, office.callee).await
}

/// Carriers do not send our calls elsewhere.
#[tokio::test]
async fn a_caller_from_outside_may_not_transfer() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1000").await?;
    let outside = carrier(&server).await?;
    let dialling = phone.calls("0301234567").await?;
    let callee = outside.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    let wish = [("Refer-To", "<sip:1001@offhook>")];
    ensure!(callee.refers(&wish).await? == 403);
    caller.listens_for(Duration::from_millis(200)).await?;
    ensure!(caller.is_up());
    end(&server, caller, callee).await
}

/// RFC 4488: a phone that wants no NOTIFY gets none.
#[tokio::test]
async fn a_phone_that_wants_to_hear_nothing_is_told_nothing() -> Result<()> {
    let office = Office::talks().await?;
    let wish = [
        ("Refer-To", "<sip:1002@offhook>"),
        ("Refer-Sub", "false"),
        ("Require", "norefersub"),
    ];
    ensure!(office.callee.refers(&wish).await? == 202);
    let target = office.third.rings().await?.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    ensure!(
        office.callee.told().is_empty(),
        "{:?}",
        office.callee.told()
    );
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, target).await
}
