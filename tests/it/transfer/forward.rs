//! Phones that were set to forward their calls: 302 (RFC 3261 section 21.3.3).

use anyhow::{Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::{Server, ServerSpec};

use super::{CALLEE, CALLER, carrier, end, hear_each_other};

/// Extensions 1000, 1001 and 1002.
async fn phones(server: &Server) -> Result<[Phone; 3]> {
    Ok([
        Phone::extension(server, "1000").await?,
        Phone::extension(server, "1001").await?,
        Phone::extension(server, "1002").await?,
    ])
}

/// A number of this server, as a phone writes it.
fn here(server: &Server, number: &str) -> String {
    format!("<sip:{number}@{}>", server.sip())
}

/// RFC 3261 section 21.3.3.
#[tokio::test]
async fn a_phone_forwards_to_a_colleague_and_the_record_says_so() -> Result<()> {
    let server = Server::start().await?;
    let [from, to, colleague] = phones(&server).await?;
    let dialling = from.calls("1001").await?;
    to.rings().await?.forwards_to(&here(&server, "1002"));
    let ringing = colleague.rings().await?;
    ensure!(ringing.caller() == "1000", "{}", ringing.caller());
    ensure!(dialling.rings().await? == 180);
    let callee = ringing.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    hear_each_other((&caller, CALLER), (&callee, CALLEE)).await?;
    end(&server, caller, callee).await?;
    let record = server.the_record().await?;
    ensure!(record["forwarded_by"] == "1001", "{record}");
    ensure!(record["to"] == "1001", "{record}");
    ensure!(record["disposition"] == "answered", "{record}");
    Ok(())
}

/// RFC 5806, RFC 7044: a carrier learns whose phone forwards.
#[tokio::test]
async fn a_phone_forwards_to_a_number_outside_that_its_extension_may_dial() -> Result<()> {
    let server = Server::start().await?;
    let outside = carrier(&server).await?;
    let [from, to, _] = phones(&server).await?;
    let dialling = from.calls("1001").await?;
    to.rings().await?.forwards_to(&here(&server, "0301234567"));
    let ringing = outside.rings().await?;
    let invite = ringing.invite();
    let diversion = invite.header("Diversion");
    ensure!(
        diversion.contains("1001") && diversion.contains("reason=no-answer"),
        "{diversion}"
    );
    let history: Vec<_> = invite.all("History-Info").collect();
    ensure!(
        history.len() == 2 && history[0].contains("cause%3D302"),
        "{history:?}"
    );
    let callee = ringing.answers().await?;
    let caller = dialling.is_answered().await?;
    end(&server, caller, callee).await
}

/// RFC 3261 section 21.3: who answers does not decide whom we call.
#[tokio::test]
async fn a_phone_that_forwards_to_a_stranger_or_in_a_circle_is_not_there() -> Result<()> {
    let server = Server::start().await?;
    let [from, to, colleague] = phones(&server).await?;
    let dialling = from.calls("1001").await?;
    to.rings().await?.forwards_to("<sip:1002@192.0.2.66>");
    ensure!(dialling.is_refused().await? == 480);
    let dialling = from.calls("1001").await?;
    to.rings().await?.forwards_to(&here(&server, "1002"));
    colleague.rings().await?.forwards_to(&here(&server, "1001"));
    ensure!(dialling.is_refused().await? == 480);
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_office_that_follows_no_forwards_refuses_them() -> Result<()> {
    let spec = ServerSpec::configured("[sip]\nfollow_redirects = \"never\"\n");
    let server = Server::start_with(spec).await?;
    let [from, to, _] = phones(&server).await?;
    let dialling = from.calls("1001").await?;
    to.rings().await?.forwards_to(&here(&server, "1002"));
    ensure!(dialling.is_refused().await? == 480);
    server.has_nothing_left().await
}
