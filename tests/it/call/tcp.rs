//! Phones on TCP, whose connections end or only seem to be there.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Carrier, Flow, Phone};
use offhook_tests::server::{Server, ServerSpec};
use serde_json::json;

use super::{CALLEE, CALLER, Conversation, afterwards, expect, set_extension};

async fn two_phones() -> Result<(Server, Phone, Phone)> {
    let server = Server::start().await?;
    let from = Phone::extension_over(&server, "1000", Carrier::Tcp).await?;
    let to = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    Ok((server, from, to))
}

#[tokio::test]
async fn two_phones_on_tcp_talk() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.callee.holds().await?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

#[tokio::test]
async fn a_phone_on_tcp_talks_with_one_on_udp() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension_over(&server, "1000", Carrier::Tcp).await?;
    let to = Phone::extension(&server, "1001").await?;
    Conversation::between(server, from, to).await?.ends().await
}

#[tokio::test]
async fn the_callers_connection_ends_while_it_rings() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    dialling.rings().await?;
    from.drops_connection();
    ringing
        .is_cancelled()
        .await
        .context("nobody calls any more")?;
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "network_out_of_order")?;
    expect(&record, "ended_by", "caller")
}

/// RFC 3261 section 18.2.2.
#[tokio::test]
async fn a_caller_whose_connection_ended_is_answered_where_it_listens() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let ringing = to.rings().await?;
    dialling.rings().await?;
    from.listens_instead()?;
    let callee = ringing.answers().await.context("the callee answers")?;
    let caller = dialling.is_answered().await.context("the 200 arrives")?;
    caller.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    let conversation = Conversation {
        server,
        from,
        to,
        caller,
        callee,
    };
    conversation.both_hear().await?;
    conversation.ends().await
}

#[tokio::test]
async fn the_callees_connection_ends_while_it_rings() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let dialling = from.calls("1001").await?;
    let _ringing = to.rings().await?;
    dialling.rings().await?;
    to.drops_connection();
    let status = dialling.is_refused().await?;
    ensure!(status == 502 || status == 480, "{status}");
    afterwards(&server).await?;
    // A binding whose connection is gone rings nobody.
    ensure!(from.calls("1001").await?.is_refused().await? == 480);
    Ok(())
}

#[tokio::test]
async fn an_agents_connection_ends_while_it_rings_and_the_next_rings() -> Result<()> {
    let server = Server::start().await?;
    let agent = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    server.sets_agent("1001", "ready").await?;
    let next = Phone::agent(&server, "1002").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("301").await?;
    let _ringing = agent.rings().await?;
    agent.drops_connection();
    let served = next
        .rings()
        .await
        .context("the next agent")?
        .answers()
        .await?;
    served.plays_tone(CALLEE);
    talk.hears_tone(CALLEE).await?;
    talk.hangs_up().await?;
    served.is_hung_up().await?;
    server.has_nothing_left().await
}

#[tokio::test]
async fn a_conversation_outlives_the_connection_it_began_on() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.from.drops_connection();
    conversation
        .both_hear()
        .await
        .context("audio needs no SIP")?;
    let Conversation {
        server,
        callee,
        to: _to,
        ..
    } = conversation;
    ensure!(callee.hangs_up().await? == 200);
    // There is no way to tell the caller, and nothing waits for one.
    let record = afterwards(&server).await?;
    expect(&record, "ended_by", "callee")
}

#[tokio::test]
async fn a_caller_whose_host_is_gone_is_noticed_by_its_silence() -> Result<()> {
    let config = "[media]\nrtp_timeout = \"2s\"\n".to_owned();
    let spec = ServerSpec {
        config: Some(config),
        ..ServerSpec::default()
    };
    let server = Server::start_with(spec).await?;
    let from = Phone::extension_over(&server, "1000", Carrier::Tcp).await?;
    let to = Phone::extension(&server, "1001").await?;
    let Conversation {
        server,
        from,
        to: _to,
        caller,
        callee,
    } = Conversation::between(server, from, to).await?;
    from.vanishes();
    caller.stops_sending();
    callee.is_hung_up().await?;
    let record = server.the_record().await?;
    expect(&record, "hangup_cause", "media_timeout")?;
    expect(&record, "disposition", "answered")
}

#[tokio::test]
async fn a_phone_that_came_back_is_rung_though_its_old_connection_was_never_closed() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension(&server, "1000").await?;
    let old = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    old.vanishes();
    let to = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    let dialling = from.calls("1001").await?;
    let callee = to.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    callee.hears_tone(CALLER).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    Ok(())
}

#[tokio::test]
async fn a_connection_that_leads_nowhere_is_given_up_with_the_ringing() -> Result<()> {
    let server = Server::start().await?;
    set_extension(&server, "1001", json!({ "ring_timeout": 1 })).await?;
    let from = Phone::extension(&server, "1000").await?;
    let to = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    to.vanishes();
    let status = from.calls("1001").await?.is_refused().await?;
    ensure!(status == 480, "{status}");
    let record = server.the_record().await?;
    expect(&record, "hangup_cause", "no_answer")
}

#[tokio::test]
async fn a_phone_hangs_up_over_a_new_connection() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.caller_comes_back().await?;
    conversation.ends().await
}

#[tokio::test]
async fn a_phone_that_spoke_over_a_new_connection_is_hung_up_on_there() -> Result<()> {
    let (server, from, to) = two_phones().await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.from.drops_connection();
    conversation.from.reconnects().await?;
    conversation.caller.offers(Flow::SendRecv).await?;
    conversation.both_hear().await?;
    conversation.ends_by_the_callee().await
}
