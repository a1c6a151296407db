//! What `docs/try-it.md` shows by hand, with the same scenarios of SIPp and the same words to REST.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::free_address;
use super::sipp::{Sipp, registers_all, scenarios};

const TRUNKS: &str = "/api/v1/sip/trunks";

/// SIPp is 1000, who knows its password, and does this with whom it calls.
async fn the_operator_plays(
    server: &Server,
    scenario: &str,
    number: &str,
    more: &[&str],
) -> Result<()> {
    let secret = server.sip_password("1000")?;
    let mut arguments = vec!["-s", number, "-key", "extension", "1000"];
    arguments.extend(["-au", "1000", "-ap", &secret]);
    arguments.extend(more);
    let sipp = Sipp::plays(scenario, server, 1, &arguments)?;
    sipp.approves().await.with_context(|| scenario.to_owned())
}

/// A server, and SIPp as its other three phones, which take two calls.
async fn office() -> Result<(Server, Sipp)> {
    let server = Server::start().await?;
    let address = free_address()?;
    registers_all(&server, address, 4).await?;
    Ok((server, Sipp::waits(address, "phone.xml", 2)?))
}

/// The extensions that are in the one call that goes on, once these two are.
async fn are_joined(server: &Server, extensions: [&str; 2]) -> Result<()> {
    let joined = |page: &Value| {
        let legs = page["items"][0]["legs"].to_string();
        page["items"].as_array().map(Vec::len) == Some(1)
            && extensions.iter().all(|number| legs.contains(number))
    };
    server.get_until("/api/v1/calls", joined).await?;
    Ok(())
}

/// RFC 3515 section 2.4.
#[tokio::test]
async fn by_hand_the_caller_sends_the_callee_elsewhere() -> Result<()> {
    let (server, phones) = office().await?;
    let target = ["-key", "target", "1002"];
    the_operator_plays(&server, "blind-transfer.xml", "1001", &target).await?;
    are_joined(&server, ["1001", "1002"]).await?;
    phones.approves().await?;
    server.has_nothing_left().await
}

/// RFC 5589 section 7.1, RFC 3891.
#[tokio::test]
async fn by_hand_the_caller_joins_two_whom_it_called() -> Result<()> {
    let (server, phones) = office().await?;
    let more = ["-key", "target", "1002", "-cid_str", "%u-%p"];
    the_operator_plays(&server, "attended-transfer.xml", "1001", &more).await?;
    are_joined(&server, ["1001", "1002"]).await?;
    phones.approves().await?;
    server.has_nothing_left().await
}

/// RFC 4028 section 10. That the call ends after a minute is told in virtual time; here it begins as
/// the scenario wants it, up to its one refresh.
#[tokio::test]
async fn by_hand_a_session_begins_that_will_be_forgotten() -> Result<()> {
    let server = Server::start().await?;
    let did = server.credentials().did.clone();
    let _caller = Sipp::plays("session-timer.xml", &server, 1, &["-s", &did])?;
    let refreshed = |stats: &Value| stats["received"]["requests"]["UPDATE"] == 1;
    server.get_until("/api/v1/sip/stats", refreshed).await?;
    let call = server.the_call().await?;
    let path = format!("/api/v1/calls/{}", call["id"].as_str().context("an id")?);
    let answered = |messages: &Value| {
        let messages = messages.to_string();
        messages.contains("90;refresher=uac") && messages.matches(" UPDATE").count() >= 2
    };
    server.get_until(&format!("{path}/sip"), answered).await?;
    Ok(())
}

/// RFC 3263 section 4.3 across trunks: the first carrier has no room.
#[tokio::test]
async fn by_hand_a_carrier_without_room_leaves_the_call_to_the_next() -> Result<()> {
    let server = Server::start().await?;
    let mut trunks = Vec::new();
    let mut carriers = Vec::new();
    for (name, scenario) in [("full", "full.xml"), ("free", "phone.xml")] {
        let address = free_address()?;
        let trunk = json!({ "name": name, "host": "127.0.0.1", "port": address.port() });
        trunks.push(server.post(TRUNKS, trunk).await?["id"].clone());
        carriers.push(Sipp::waits(address, scenario, 1)?);
    }
    let route = json!({ "name": "all", "patterns": ["0."], "trunks": trunks });
    server.post("/api/v1/outbound-routes", route).await?;
    the_operator_plays(&server, "extension.xml", "0301234567", &[]).await?;
    for carrier in carriers {
        carrier.approves().await?;
    }
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    server.has_nothing_left().await
}

/// Another address of this machine, that nobody trusts once the demo trunk does not.
fn strange_address(ip: [u8; 4]) -> Result<SocketAddr> {
    Ok(UdpSocket::bind(SocketAddr::from((ip, 0)))?.local_addr()?)
}

async fn trusts_only_a_carrier(server: &Server) -> Result<()> {
    let trunk = server.find(TRUNKS, "name", "demo").await?;
    let path = format!("{TRUNKS}/{}", trunk["id"].as_str().context("an id")?);
    let change = json!({ "trusted": ["127.0.0.9/32"] });
    server.patch(&path, change).await?;
    Ok(())
}

async fn is_banned(server: &Server, address: &str, reason: &str) -> Result<()> {
    let banned = |page: &Value| {
        let ban = &page["items"][0];
        ban["address"] == address && ban["reason"] == reason
    };
    server.get_until("/api/v1/bans", banned).await?;
    Ok(())
}

#[tokio::test]
async fn by_hand_who_guesses_is_heard_no_more_until_an_operator_forgives() -> Result<()> {
    let server = Server::start().await?;
    trusts_only_a_carrier(&server).await?;
    let from = strange_address([127, 0, 0, 2])?;
    let guess = ["-s", "1000", "-au", "1000", "-ap", "guessed", "-r", "2"];
    // Three are answered, and those that come before the trunk's change is known.
    let tries = Sipp::plays_from(from, "guess.xml", &server, 6, &guess)?;
    ensure!(tries.approves().await.is_err(), "each was answered");
    is_banned(&server, "127.0.0.2", "wrong_passwords").await?;
    server.delete("/api/v1/bans/127.0.0.2").await?;
    let forgiven = Sipp::plays_from(from, "guess.xml", &server, 1, &guess)?;
    forgiven.approves().await?;
    server.has_not_panicked()
}

#[tokio::test]
async fn by_hand_a_flood_of_registrations_is_banned_while_calls_go_on() -> Result<()> {
    let server = Server::start().await?;
    trusts_only_a_carrier(&server).await?;
    let from = strange_address([127, 0, 0, 3])?;
    let flood = Sipp::plays_from(from, "flood.xml", &server, 3000, &["-r", "1000"])?;
    the_operator_plays(&server, "extension.xml", "*43", &[]).await?;
    flood.approves().await?;
    is_banned(&server, "127.0.0.3", "flood").await?;
    Phone::extension(&server, "1001").await?;
    server.has_not_panicked()
}

/// A document whose commands name what is not there helps nobody.
#[tokio::test]
async fn what_the_document_names_is_there() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("docs/try-it.md"))?;
    let words = || text.split(|sign: char| sign.is_whitespace() || "()'\"`".contains(sign));
    let named: Vec<_> = words()
        .filter(|word| word.ends_with(".xml"))
        .map(|word| word.trim_start_matches("tests/sipp/"))
        .collect();
    ensure!(named.len() > 6, "the document is read wrongly: {named:?}");
    for scenario in named {
        ensure!(scenarios().join(scenario).is_file(), "{scenario}");
    }
    let stories: Vec<_> = words()
        .filter(|word| {
            word.split_once("::")
                .is_some_and(|(folder, _)| folder.len() > 2)
        })
        .collect();
    ensure!(stories.len() > 4, "{stories:?}");
    for story in stories {
        let file = format!("tests/it/{}.rs", story.replace("::", "/"));
        ensure!(root.join(&file).is_file(), "{story}");
    }
    Ok(())
}
