//! REFER after a consultation: the party takes the place of who transferred (RFC 5589 section 7).

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;

use serde_json::Value;

use super::{CALLEE, CALLER, Office, TARGET, carrier, end, hear_each_other, record_from};

/// The first lines of a call's SIP messages.
async fn first_lines(server: &Server, record: &Value) -> Result<Vec<String>> {
    let id = record["id"].as_str().context("an id")?;
    let trace = server.get(&format!("/api/v1/calls/{id}/sip")).await?;
    let messages = trace["messages"].as_array().context("messages")?;
    let line = |message: &Value| message["first_line"].as_str().unwrap_or("").to_owned();
    Ok(messages.iter().map(line).collect())
}

/// RFC 5589 section 7.1.
#[tokio::test]
async fn the_callee_asks_a_colleague_and_joins_the_caller_with_them() -> Result<()> {
    let office = Office::talks().await?;
    office.callee.holds().await?;
    let dialling = office.to.calls("1002").await?;
    let target = office.third.rings().await?.answers().await?;
    let consulted = dialling.is_answered().await?;
    consulted.plays_tone(CALLEE);
    target.plays_tone(TARGET);
    hear_each_other((&consulted, CALLEE), (&target, TARGET)).await?;
    consulted.holds().await?;
    office.callee.transfers_to(&consulted).await?;
    office.callee.hears_notify(200).await?;
    consulted.is_hung_up().await.context("the place is taken")?;
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    office.callee.is_hung_up().await?;
    let call = office.server.call_becomes("connected").await?;
    ensure!(call["legs"].as_array().map(Vec::len) == Some(2), "{call}");
    end(&office.server, office.caller, target).await?;
    let records = office.server.records(2).await?;
    let first = record_from(&records, "1000")?;
    ensure!(first["hangup_cause"] == "transferred", "{first}");
    ensure!(first["disposition"] == "answered", "{first}");
    let second = record_from(&records, "1001")?;
    ensure!(second["hangup_cause"] == "normal_clearing", "{second}");
    ensure!(
        second["legs"].as_array().map(Vec::len) == Some(3),
        "{second}"
    );
    ensure!(first["transferred_by"] == "1001", "{first}");
    ensure!(first["linked_call"] == second["id"], "{first}");
    ensure!(second["linked_call"] == first["id"], "{second}");
    ensure!(second["transferred_to"].is_null(), "{second}");
    // The caller's messages belong to the call they are in: the BYE is the second one's.
    let (before, after) = (
        first_lines(&office.server, first).await?,
        first_lines(&office.server, second).await?,
    );
    let count =
        |lines: &[String], start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    ensure!(count(&before, "INVITE sip:1001@") > 0, "{before:?}");
    ensure!(count(&before, "BYE ") == 1, "who transferred: {before:?}");
    ensure!(
        count(&after, "BYE ") == 3,
        "the replaced leg and both who talked on: {after:?}"
    );
    Ok(())
}

/// RFC 5589 section 7.1, by the one who called.
#[tokio::test]
async fn the_caller_asks_a_colleague_and_joins_the_callee_with_them() -> Result<()> {
    let office = Office::talks().await?;
    let dialling = office.from.calls("1002").await?;
    let target = office.third.rings().await?.answers().await?;
    let consulted = dialling.is_answered().await?;
    target.plays_tone(TARGET);
    office.caller.transfers_to(&consulted).await?;
    office.caller.hears_notify(200).await?;
    ensure!(office.caller.hangs_up().await? == 200);
    consulted.is_hung_up().await?;
    hear_each_other((&office.callee, CALLEE), (&target, TARGET)).await?;
    // Both phones still steer their call.
    office.callee.holds().await?;
    target.hears_something().await?;
    office.callee.unholds().await?;
    hear_each_other((&office.callee, CALLEE), (&target, TARGET)).await?;
    end(&office.server, target, office.callee).await
}

/// The one who was called in both calls.
#[tokio::test]
async fn two_who_called_the_same_phone_are_joined() -> Result<()> {
    let office = Office::talks().await?;
    let dialling = office.third.calls("1001").await?;
    let second = office.to.rings().await?.answers().await?;
    let other = dialling.is_answered().await?;
    other.plays_tone(TARGET);
    office.callee.transfers_to(&second).await?;
    office.callee.hears_notify(200).await?;
    second.is_hung_up().await?;
    hear_each_other((&office.caller, CALLER), (&other, TARGET)).await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, other).await
}

/// RFC 5589 section 7.6: the colleague's phone still rings.
#[tokio::test]
async fn a_caller_is_sent_to_a_colleague_whose_phone_still_rings() -> Result<()> {
    let office = Office::talks().await?;
    let dialling = office.to.calls("1002").await?;
    let ringing = office.third.rings().await?;
    dialling.rings().await?;
    office.callee.transfers_to_ringing(&dialling).await?;
    office.callee.hears_notify(200).await?;
    ensure!(dialling.is_refused().await? == 487);
    office.caller.hears_something().await.context("ringback")?;
    let target = ringing.answers().await?;
    target.plays_tone(TARGET);
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, target).await
}

/// A second transfer of the same party.
#[tokio::test]
async fn a_party_can_be_passed_on_again() -> Result<()> {
    let office = Office::talks().await?;
    let dialling = office.to.calls("1002").await?;
    let target = office.third.rings().await?.answers().await?;
    let consulted = dialling.is_answered().await?;
    office.callee.transfers_to(&consulted).await?;
    office.callee.hears_notify(200).await?;
    office.callee.hangs_up().await?;
    consulted.is_hung_up().await?;
    target.transfers_blind("1001").await?;
    let back = office.to.rings().await?.answers().await?;
    back.plays_tone(CALLEE);
    target.is_hung_up().await?;
    hear_each_other((&office.caller, CALLER), (&back, CALLEE)).await?;
    let again = office.to.calls("1002").await?;
    let last = office.third.rings().await?.answers().await?;
    let asked = again.is_answered().await?;
    last.plays_tone(TARGET);
    back.transfers_to(&asked).await?;
    back.is_hung_up().await?;
    asked.is_hung_up().await?;
    hear_each_other((&office.caller, CALLER), (&last, TARGET)).await?;
    end(&office.server, last, office.caller).await
}

/// RFC 3891 section 3: a dialog that is not there.
#[tokio::test]
async fn a_place_that_is_not_there_leaves_all_as_it_was() -> Result<()> {
    let office = Office::talks().await?;
    let nowhere = "nobody@nowhere;to-tag=a;from-tag=b";
    office.callee.transfers_into(nowhere).await?;
    office.callee.hears_notify(481).await?;
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    end(&office.server, office.caller, office.callee).await
}

/// RFC 3891 section 5: nobody gives away the place of others.
#[tokio::test]
async fn the_place_of_somebody_else_is_not_to_be_had() -> Result<()> {
    let office = Office::talks().await?;
    let strangers = Phone::extension(&office.server, "1003").await?;
    let dialling = strangers.calls("1002").await?;
    let target = office.third.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    target.plays_tone(TARGET);
    talk.plays_tone(600.0);
    office.callee.transfers_into(&talk.replaces()).await?;
    office.callee.hears_notify(403).await?;
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    hear_each_other((&talk, 600.0), (&target, TARGET)).await?;
    ensure!(talk.hangs_up().await? == 200);
    target.is_hung_up().await?;
    end(&office.server, office.caller, office.callee).await
}

/// RFC 3891 section 4: another exchange has the dialog.
#[tokio::test]
async fn a_dialog_of_another_exchange_is_asked_for_there() -> Result<()> {
    let server = Server::start().await?;
    let outside = carrier(&server).await?;
    let office = Office::talks_on(server).await?;
    let wish = "<sip:0301234567@elsewhere.example?Replaces=far%40away%3Bto-tag%3Da%3Bfrom-tag%3Db>";
    ensure!(office.callee.refers(&[("Refer-To", wish)]).await? == 202);
    let ringing = outside.rings().await?;
    let replaces = ringing.invite().header("Replaces").to_owned();
    ensure!(replaces == "far@away;to-tag=a;from-tag=b", "{replaces}");
    let target = ringing.answers().await?;
    target.plays_tone(TARGET);
    office.callee.hears_notify(200).await?;
    hear_each_other((&office.caller, CALLER), (&target, TARGET)).await?;
    office.callee.is_hung_up().await?;
    end(&office.server, office.caller, target).await
}
