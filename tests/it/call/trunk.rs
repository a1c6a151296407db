//! Calls that go out through a carrier.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Carrier, Phone, PhoneSpec};
use offhook_tests::server::Server;
use serde_json::{Value, json};

use super::{CALLEE, CALLER, afterwards, expect};

const NUMBER: &str = "0301234567";

/// Numbers that begin with a nought go to a carrier, who is a phone of the test's.
async fn office_with_carrier(over: Carrier) -> Result<(Server, Phone)> {
    let server = Server::start().await?;
    let mut spec = PhoneSpec::new("carrier", None);
    spec.carrier = over;
    let carrier = Phone::new(spec).await?;
    let transport = format!("{over:?}").to_ascii_lowercase();
    let change = json!({
        "host": "127.0.0.1",
        "port": carrier.address().port(),
        "transport": transport,
        "outbound_prefix": "0",
        "caller_id": "+4930100",
    });
    set_trunk(&server, change).await?;
    Ok((server, carrier))
}

async fn set_trunk(server: &Server, change: Value) -> Result<()> {
    let path = "/api/v1/sip/trunks";
    let trunk = server.find(path, "name", "demo").await?;
    let id = trunk["id"].as_str().context("an id")?;
    server.patch(&format!("{path}/{id}"), change).await?;
    Ok(())
}

async fn a_call_goes_out(over: Carrier) -> Result<()> {
    let (server, carrier) = office_with_carrier(over).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls(NUMBER).await?;
    let ringing = carrier.rings().await?;
    ensure!(ringing.caller() == "+4930100", "{}", ringing.caller());
    let invite = ringing.invite();
    ensure!(
        invite.start.starts_with(&format!("INVITE sip:{NUMBER}@")),
        "{}",
        invite.start
    );
    ensure!(dialling.rings().await? == 180);
    let callee = ringing.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    callee.plays_tone(CALLEE);
    caller.hears_tone(CALLEE).await?;
    callee.hears_tone(CALLER).await?;
    callee.hangs_up().await?;
    caller.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "from", "1000")?;
    expect(&record, "to", NUMBER)?;
    expect(&record, "disposition", "answered")?;
    expect(&record, "ended_by", "callee")
}

#[tokio::test]
async fn a_call_goes_out_over_udp() -> Result<()> {
    a_call_goes_out(Carrier::Udp).await
}

#[tokio::test]
async fn a_call_goes_out_over_tcp() -> Result<()> {
    a_call_goes_out(Carrier::Tcp).await
}

#[tokio::test]
async fn what_the_carrier_plays_before_the_answer_is_heard() -> Result<()> {
    let (server, carrier) = office_with_carrier(Carrier::Udp).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls(NUMBER).await?;
    let ringing = carrier.rings().await?;
    ringing.plays_early(CALLEE);
    dialling.early().hears_tone(CALLEE).await?;
    ringing.rejects(404);
    ensure!(dialling.is_refused().await? == 404);
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "unallocated_number")?;
    expect(&record, "disposition", "failed")
}

#[tokio::test]
async fn a_caller_who_gives_up_gives_up_outside_as_well() -> Result<()> {
    let (server, carrier) = office_with_carrier(Carrier::Udp).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls(NUMBER).await?;
    let ringing = carrier.rings().await?;
    dialling.rings().await?;
    ensure!(dialling.cancels().await? == 487);
    ringing.is_cancelled().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "no_answer")
}

#[tokio::test]
async fn a_carrier_that_is_not_there_is_told_at_once() -> Result<()> {
    let (server, carrier) = office_with_carrier(Carrier::Tcp).await?;
    drop(carrier);
    let phone = Phone::extension(&server, "1000").await?;
    let status = phone.calls(NUMBER).await?.is_refused().await?;
    ensure!(status == 502, "{status}");
    let record = afterwards(&server).await?;
    expect(&record, "hangup_cause", "network_out_of_order")?;
    expect(&record, "disposition", "failed")
}

#[tokio::test]
async fn a_trunk_takes_as_many_calls_as_it_may() -> Result<()> {
    let (server, carrier) = office_with_carrier(Carrier::Udp).await?;
    set_trunk(&server, json!({ "max_calls": 1 })).await?;
    let inside = Phone::extension(&server, "1000").await?;
    let dialling = inside.calls(NUMBER).await?;
    let outside = carrier.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    let second = Phone::extension(&server, "1001").await?;
    let status = second.calls(NUMBER).await?.is_refused().await?;
    ensure!(status == 503, "a second call out: {status}");
    let caller = Phone::trunk(&server).await?;
    let did = &server.credentials().did;
    let status = caller.calls(did).await?.is_refused().await?;
    ensure!(status == 503, "a call in: {status}");
    talk.hangs_up().await?;
    outside.is_hung_up().await?;
    server.has_nothing_left().await?;
    let talk = caller.dials(did).await?;
    talk.hears_something().await.context("there is room again")
}
