//! The lines of callers and agents: several phones, TCP, and lines that go dead.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Carrier, Phone, PhoneSpec};
use offhook_tests::server::{Server, ServerSpec};
use serde_json::json;

use super::{Caller, ends};

/// A server that takes a line for dead after a second without RTP.
async fn an_impatient_server() -> Result<Server> {
    let spec = ServerSpec {
        config: Some("[media]\nrtp_timeout = \"1s\"\n".to_owned()),
        ..ServerSpec::default()
    };
    let server = Server::start_with(spec).await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    Ok(server)
}

#[tokio::test]
async fn an_agent_with_two_phones_picks_up_either() -> Result<()> {
    let server = Server::start().await?;
    let desk = Phone::agent(&server, "1001").await?;
    let mobile = Phone::extension(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    let (one, other) = (desk.rings().await?, mobile.rings().await?);
    let served = other.answers().await?;
    let why = one.is_cancelled().await.context("the other phone")?;
    ensure!(
        why.contains("cause=26") || why.contains("cause=200"),
        "{why}"
    );
    served.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    ends(&server, caller, served).await?;
    let agent = server.agent("1001").await?;
    ensure!(agent["answered"] == 1 && agent["missed"] == 0, "{agent}");
    Ok(())
}

#[tokio::test]
async fn one_of_two_phones_declines_and_the_other_is_picked_up() -> Result<()> {
    let server = Server::start().await?;
    let desk = Phone::agent(&server, "1001").await?;
    let mobile = Phone::extension(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    let (one, other) = (desk.rings().await?, mobile.rings().await?);
    one.rejects(486);
    let served = other.answers().await?;
    served.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    ends(&server, caller, served).await
}

#[tokio::test]
async fn callers_and_agents_may_come_over_tcp() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let agent = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    server.sets_agent("1001", "ready").await?;
    let mut spec = PhoneSpec::new("+49301234567", Some(server.sip()));
    spec.carrier = Carrier::Tcp;
    let caller = Caller::dials(&server, Phone::new(spec).await?).await?;
    let served = agent.rings().await?.answers().await?;
    served.plays_tone(700.0);
    caller.talk.plays_tone(500.0);
    caller.talk.hears_tone(700.0).await?;
    served.hears_tone(500.0).await?;
    ends(&server, caller, served).await?;
    server.agent_becomes("1001", "ready").await?;
    Ok(())
}

#[tokio::test]
async fn a_caller_whose_line_goes_dead_loses_their_place() -> Result<()> {
    let server = an_impatient_server().await?;
    let caller = Caller::chooses_support(&server).await?;
    server.queue_has("301", 1).await?;
    caller.talk.stops_sending();
    caller.talk.is_hung_up().await.context("after a second")?;
    server.queue_has("301", 0).await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "abandoned", "{record}");
    ensure!(record["hangup_cause"] == "media_timeout", "{record}");
    server.has_nothing_left().await
}

#[tokio::test]
async fn an_agent_whose_line_goes_dead_is_free_again_and_the_caller_is_let_go() -> Result<()> {
    let server = an_impatient_server().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Caller::chooses_support(&server).await?;
    let served = agent.rings().await?.answers().await?;
    served.plays_tone(700.0);
    caller.talk.hears_tone(700.0).await?;
    served.stops_sending();
    caller.talk.is_hung_up().await.context("the caller")?;
    served.is_hung_up().await.context("the agent")?;
    server.agent_becomes("1001", "ready").await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    ensure!(record["hangup_cause"] == "media_timeout", "{record}");
    server.has_nothing_left().await
}

#[tokio::test]
async fn over_tcp_a_call_that_comes_to_nothing_leaves_not_even_a_transaction() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::extension_over(&server, "1000", Carrier::Tcp).await?;
    let callee = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    let dialling = caller.calls("1001").await?;
    let ringing = callee.rings().await?;
    ensure!(dialling.cancels().await? == 487);
    ringing.is_cancelled().await?;
    let dialling = caller.calls("1001").await?;
    callee.rings().await?.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    server.has_nothing_left().await?;
    // On a stream nothing comes again, so nothing need be remembered (RFC 3261 17.1.1.2, 17.2.1);
    // datagrams keep a transaction for 32 seconds.
    let remembered = ["offhook_sip_transactions"];
    let at_once = std::time::Duration::from_secs(2);
    server.figures_vanish(&remembered, at_once).await
}
