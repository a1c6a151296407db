//! Phones on every carrier: TLS, WebSockets, and IPv6.

use anyhow::{Result, ensure};
use offhook_tests::phone::{Carrier, Phone};
use offhook_tests::server::{IpVersion, Server, ServerSpec};

use super::Conversation;

const EVERYTHING: &str =
    "[sip]\ntls = [\"127.0.0.1:0\"]\nws = [\"127.0.0.1:0\"]\nwss = [\"127.0.0.1:0\"]\n";

async fn server() -> Result<Server> {
    Server::start_with(ServerSpec::configured(EVERYTHING)).await
}

async fn two_phones_talk(from: Carrier, to: Carrier) -> Result<()> {
    let server = server().await?;
    let from = Phone::extension_over(&server, "1000", from).await?;
    let to = Phone::extension_over(&server, "1001", to).await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.callee.holds().await?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}

/// RFC 3261 section 26.3.2.
#[tokio::test]
async fn two_phones_talk_over_tls() -> Result<()> {
    two_phones_talk(Carrier::Tls, Carrier::Tls).await
}

/// RFC 7118 section 5.
#[tokio::test]
async fn two_browsers_talk_over_websockets() -> Result<()> {
    two_phones_talk(Carrier::Ws, Carrier::Ws).await
}

/// RFC 7118 section 5.
#[tokio::test]
async fn a_browser_calls_a_desk_phone() -> Result<()> {
    two_phones_talk(Carrier::Wss, Carrier::Udp).await
}

/// RFC 7118 section 5.
#[tokio::test]
async fn a_phone_on_tls_calls_a_browser() -> Result<()> {
    two_phones_talk(Carrier::Tls, Carrier::Wss).await
}

async fn two_phones_talk_over_ipv6(carrier: Carrier) -> Result<()> {
    let mut spec = ServerSpec::configured("[sip]\ntls = [\"[::1]:0\"]\nwss = [\"[::1]:0\"]\n");
    spec.ip = IpVersion::V6;
    let server = Server::start_with(spec).await?;
    ensure!(server.sip_over(carrier)?.is_ipv6());
    let from = Phone::extension_over(&server, "1000", carrier).await?;
    let to = Phone::extension_over(&server, "1001", carrier).await?;
    let page = server.get("/api/v1/sip/registrations").await?;
    ensure!(page.to_string().contains("[::1]:"), "{page}");
    Conversation::between(server, from, to).await?.ends().await
}

/// RFC 5118 section 4.
#[tokio::test]
async fn two_phones_talk_over_ipv6_and_udp() -> Result<()> {
    two_phones_talk_over_ipv6(Carrier::Udp).await
}

/// RFC 5118 section 4.
#[tokio::test]
async fn two_phones_talk_over_ipv6_and_tcp() -> Result<()> {
    two_phones_talk_over_ipv6(Carrier::Tcp).await
}

/// RFC 5118 section 4.
#[tokio::test]
async fn two_phones_talk_over_ipv6_and_tls() -> Result<()> {
    two_phones_talk_over_ipv6(Carrier::Tls).await
}

/// RFC 5118 section 4.
#[tokio::test]
async fn two_browsers_talk_over_ipv6() -> Result<()> {
    two_phones_talk_over_ipv6(Carrier::Wss).await
}

/// RFC 5626 section 5.3, RFC 7118 section 5: the binding ends with its socket.
#[tokio::test]
async fn a_browser_whose_page_is_closed_is_not_rung() -> Result<()> {
    let server = server().await?;
    let from = Phone::extension(&server, "1000").await?;
    let browser = Phone::extension_over(&server, "1001", Carrier::Wss).await?;
    browser.drops_connection();
    let gone = |page: &serde_json::Value| !page.to_string().contains("browser.invalid");
    server.get_until("/api/v1/sip/registrations", gone).await?;
    let status = from.calls("1001").await?.is_refused().await?;
    ensure!(status == 480, "{status}");
    Ok(())
}

/// RFC 5626 section 5.3.
#[tokio::test]
async fn a_browser_that_comes_back_is_hung_up_on_over_its_new_socket() -> Result<()> {
    let server = server().await?;
    let from = Phone::extension_over(&server, "1000", Carrier::Wss).await?;
    let to = Phone::extension(&server, "1001").await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.caller_comes_back().await?;
    conversation.ends_by_the_callee().await
}

/// The same for TCP, where the phone is known again by its contact.
#[tokio::test]
async fn a_phone_on_tcp_that_registered_again_is_hung_up_on_over_its_new_connection() -> Result<()>
{
    let server = Server::start().await?;
    let from = Phone::extension_over(&server, "1000", Carrier::Tcp).await?;
    let to = Phone::extension(&server, "1001").await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.caller_comes_back().await?;
    conversation.ends_by_the_callee().await
}
