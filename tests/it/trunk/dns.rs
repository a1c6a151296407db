//! Carriers that are found by name.

use std::net::Ipv6Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::dns::{Dns, Mood};
use offhook_tests::phone::{Carrier, Phone, PhoneSpec};
use offhook_tests::server::{IpVersion, Server, ServerSpec};
use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{Instant, interval};

const NUMBER: &str = "0301234567";
const HOST: [u8; 4] = [127, 0, 0, 1];

/// An office whose trunk is called `carrier.test`, as the name server has it.
async fn office(dns: &Dns) -> Result<(Server, Phone)> {
    let (server, phone) = office_over(dns, IpVersion::V4).await?;
    dns.host("sbc.carrier.test", 60, HOST.into());
    Ok((server, phone))
}

/// The same before the carrier has an address. Over IPv6 it listens for browsers over IPv4 as well,
/// so that it may call either; IPv6 comes first.
async fn office_over(dns: &Dns, ip: IpVersion) -> Result<(Server, Phone)> {
    let more = match ip {
        IpVersion::V4 => "",
        IpVersion::V6 => "ws = [\"127.0.0.1:0\"]\n",
    };
    let spec = ServerSpec {
        config: Some(format!("{}failover_after = \"1s\"\n{more}", dns.config())),
        ip,
        ..ServerSpec::default()
    };
    let server = Server::start_with(spec).await?;
    let path = "/api/v1/sip/trunks";
    let trunk = server.find(path, "name", "demo").await?;
    let id = trunk["id"].as_str().context("an id")?;
    let change = json!({ "host": "carrier.test", "outbound_prefix": "0" });
    server.patch(&format!("{path}/{id}"), change).await?;
    let phone = Phone::extension(&server, "1000").await?;
    Ok((server, phone))
}

async fn carrier(over: Carrier) -> Result<Phone> {
    let mut spec = PhoneSpec::new("carrier", None);
    spec.carrier = over;
    Phone::new(spec).await
}

fn serves(dns: &Dns, service: &str, priority: u16, ttl: u32, port: u16) -> Result<()> {
    let row = (priority, 10, port, "sbc.carrier.test");
    dns.srv(&format!("{service}.carrier.test"), ttl, row)
}

/// RFC 3263 section 4.2, RFC 2782: servers of one priority share the calls.
#[tokio::test]
async fn servers_of_one_weight_share_the_calls() -> Result<()> {
    let dns = Dns::start().await?;
    let (_server, phone) = office(&dns).await?;
    let (one, two) = (carrier(Carrier::Udp).await?, carrier(Carrier::Udp).await?);
    for carrier in [&one, &two] {
        serves(&dns, "_sip._udp", 1, 60, carrier.address().port())?;
    }
    let mut calls = [0; 2];
    while calls.contains(&0) {
        ensure!(
            calls[0] + calls[1] < 40,
            "one of them gets no call: {calls:?}"
        );
        let dialling = phone.calls(NUMBER).await?;
        tokio::select! {
            ringing = one.rings() => { calls[0] += 1; ringing?.rejects(486); }
            ringing = two.rings() => { calls[1] += 1; ringing?.rejects(486); }
        }
        ensure!(dialling.is_refused().await? == 486);
    }
    Ok(())
}

/// RFC 3263 section 4.3: the next server gets the call, and later calls go to it at once.
#[tokio::test]
async fn a_server_that_refuses_with_503_is_left_for_the_next() -> Result<()> {
    let dns = Dns::start().await?;
    let (server, phone) = office(&dns).await?;
    let (full, free) = (carrier(Carrier::Udp).await?, carrier(Carrier::Udp).await?);
    serves(&dns, "_sip._udp", 1, 60, full.address().port())?;
    serves(&dns, "_sip._udp", 2, 60, free.address().port())?;
    let dialling = phone.calls(NUMBER).await?;
    full.rings().await?.rejects(503);
    let callee = free.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(440.0);
    callee.hears_tone(440.0).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await?;
    let dialling = phone.calls(NUMBER).await?;
    free.rings().await?.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    full.stays_silent_for(Duration::from_millis(50)).await
}

/// RFC 3263 section 4.3: silence is a failure, and the caller does not wait 32 s for it.
#[tokio::test]
async fn a_server_that_says_nothing_is_left_for_the_next() -> Result<()> {
    let dns = Dns::start().await?;
    let (server, phone) = office(&dns).await?;
    let dead = UdpSocket::bind("127.0.0.1:0").await?;
    let alive = carrier(Carrier::Udp).await?;
    serves(&dns, "_sip._udp", 1, 60, dead.local_addr()?.port())?;
    serves(&dns, "_sip._udp", 2, 60, alive.address().port())?;
    let dialling = phone.calls(NUMBER).await?;
    let callee = alive.rings_within(PATIENCE).await?.answers().await?;
    let caller = dialling.is_answered().await?;
    callee.plays_tone(440.0);
    caller.hears_tone(440.0).await?;
    callee.hangs_up().await?;
    caller.is_hung_up().await?;
    server.has_nothing_left().await
}

/// RFC 3263 sections 4.1 and 4.3: NAPTR asks for TCP, whose first server takes no connection.
#[tokio::test]
async fn naptr_asks_for_tcp_and_a_refused_connection_leads_on() -> Result<()> {
    let dns = Dns::start().await?;
    let (server, phone) = office(&dns).await?;
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let (streams, datagrams) = (carrier(Carrier::Tcp).await?, carrier(Carrier::Udp).await?);
    let service =
        |order, name, replacement| dns.naptr("carrier.test", 60, (order, 1, name, replacement));
    service(20, "SIP+D2U", "_sip._udp.carrier.test")?;
    service(10, "SIP+D2T", "_sip._tcp.carrier.test")?;
    serves(&dns, "_sip._udp", 1, 60, datagrams.address().port())?;
    serves(&dns, "_sip._tcp", 1, 60, closed)?;
    serves(&dns, "_sip._tcp", 2, 60, streams.address().port())?;
    let dialling = phone.calls(NUMBER).await?;
    let callee = streams.rings().await?.answers().await?;
    dialling.is_answered().await?.hangs_up().await?;
    callee.is_hung_up().await?;
    datagrams
        .stays_silent_for(Duration::from_millis(50))
        .await?;
    server.has_nothing_left().await
}

/// RFC 3263 section 4: an answer is used for as long as its TTL says, and no longer.
#[tokio::test]
async fn a_carrier_that_moves_is_followed_when_its_ttl_is_over() -> Result<()> {
    let dns = Dns::start().await?;
    let (_server, phone) = office(&dns).await?;
    let (old, new) = (carrier(Carrier::Udp).await?, carrier(Carrier::Udp).await?);
    serves(&dns, "_sip._udp", 1, 2, old.address().port())?;
    let moved_at = Instant::now();
    let dialling = phone.calls(NUMBER).await?;
    old.rings().await?.rejects(486);
    dialling.is_refused().await?;
    dns.clear();
    dns.host("sbc.carrier.test", 60, HOST.into());
    serves(&dns, "_sip._udp", 1, 2, new.address().port())?;
    let mut stayed = 0;
    // A phone that calls without a pause is taken for a flood.
    let mut pace = interval(Duration::from_millis(100));
    loop {
        pace.tick().await;
        ensure!(moved_at.elapsed() < PATIENCE, "it stays with the old one");
        let dialling = phone.calls(NUMBER).await?;
        let moved = tokio::select! {
            ringing = old.rings() => { ringing?.rejects(486); false }
            ringing = new.rings() => { ringing?.rejects(486); true }
        };
        dialling.is_refused().await?;
        if moved {
            break;
        }
        stayed += 1;
    }
    ensure!(stayed > 0, "the answer was not kept at all");
    let elapsed = moved_at.elapsed();
    ensure!(
        elapsed > Duration::from_secs(1),
        "not kept for its TTL: {elapsed:?}"
    );
    Ok(())
}

/// What is known goes on without a name service; what is not fails, and says so.
#[tokio::test]
async fn a_name_service_that_is_down_costs_only_what_is_not_known() -> Result<()> {
    let dns = Dns::start().await?;
    let (_server, phone) = office(&dns).await?;
    let known = carrier(Carrier::Udp).await?;
    dns.becomes(Mood::Fails);
    let status = phone.calls(NUMBER).await?.is_refused().await?;
    ensure!(status == 502, "{status}");
    dns.becomes(Mood::Answers);
    let status = phone.calls(NUMBER).await?.is_refused().await?;
    ensure!(status == 502, "a name without any record: {status}");
    serves(&dns, "_sip._udp", 1, 60, known.address().port())?;
    for mood in [Mood::Answers, Mood::Silent] {
        // What does not exist is asked for again each time: nobody said how long that holds.
        if mood == Mood::Answers {
            dns.naptr(
                "carrier.test",
                60,
                (1, 1, "SIP+D2U", "_sip._udp.carrier.test"),
            )?;
        }
        dns.becomes(mood);
        let dialling = phone.calls(NUMBER).await?;
        known.rings().await?.rejects(486);
        ensure!(dialling.is_refused().await? == 486);
    }
    Ok(())
}

/// The name service says nothing at all: the call fails while its caller still listens.
#[tokio::test]
async fn a_silent_name_service_does_not_hold_a_caller_for_ever() -> Result<()> {
    let dns = Dns::start().await?;
    let (server, phone) = office(&dns).await?;
    dns.becomes(Mood::Silent);
    let status = phone.calls(NUMBER).await?.is_refused().await?;
    ensure!(status == 502, "{status}");
    ensure!(dns.asked() >= 2, "it is asked again before it is given up");
    server.has_nothing_left().await
}

/// RFC 3263 section 4.2: AAAA records alone.
#[tokio::test]
async fn a_carrier_that_has_only_ipv6_is_called_there() -> Result<()> {
    let dns = Dns::start().await?;
    let (server, phone) = office_over(&dns, IpVersion::V6).await?;
    dns.host("sbc.carrier.test", 60, Ipv6Addr::LOCALHOST.into());
    // It binds where its proxy can be reached.
    let carrier = Phone::new(PhoneSpec::new("carrier", Some(server.sip()))).await?;
    ensure!(carrier.address().is_ipv6());
    serves(&dns, "_sip._udp", 1, 60, carrier.address().port())?;
    is_called(&server, &phone, &carrier).await
}

/// RFC 3263 section 4.3: the addresses of one server are tried one after the other, of either version.
#[tokio::test]
async fn a_carrier_that_does_not_answer_by_ipv6_is_called_by_ipv4() -> Result<()> {
    let dns = Dns::start().await?;
    let (server, phone) = office_over(&dns, IpVersion::V6).await?;
    dns.host("sbc.carrier.test", 60, Ipv6Addr::LOCALHOST.into());
    dns.host("sbc.carrier.test", 60, HOST.into());
    let carrier = carrier(Carrier::Tcp).await?;
    ensure!(carrier.address().is_ipv4());
    serves(&dns, "_sip._tcp", 1, 60, carrier.address().port())?;
    is_called(&server, &phone, &carrier).await
}

/// A server without IPv6 cannot call who has nothing else, and says so at once.
#[tokio::test]
async fn a_carrier_that_has_only_ipv6_is_out_of_reach_without_it() -> Result<()> {
    let dns = Dns::start().await?;
    let (server, phone) = office_over(&dns, IpVersion::V4).await?;
    dns.host("sbc.carrier.test", 60, Ipv6Addr::LOCALHOST.into());
    serves(&dns, "_sip._udp", 1, 60, 5060)?;
    let status = phone.calls(NUMBER).await?.is_refused().await?;
    ensure!(status == 502, "{status}");
    server.has_nothing_left().await
}

/// A call out is answered and heard.
async fn is_called(server: &Server, phone: &Phone, carrier: &Phone) -> Result<()> {
    let dialling = phone.calls(NUMBER).await?;
    let callee = carrier.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(440.0);
    callee.hears_tone(440.0).await?;
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    server.has_nothing_left().await
}
