//! Phones behind a NAT: what they write about themselves leads nowhere.

use std::net::Ipv4Addr;

use anyhow::Result;
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;

use super::{Conversation, afterwards};

const AT_HOME: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 2);
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

#[tokio::test]
async fn two_phones_behind_nats_talk() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension_behind(&server, "1000", AT_HOME).await?;
    let to = Phone::extension_behind(&server, "1001", ELSEWHERE).await?;
    Conversation::between(server, from, to).await?.ends().await
}

#[tokio::test]
async fn a_phone_behind_a_nat_is_hung_up_on() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension_behind(&server, "1000", AT_HOME).await?;
    let to = Phone::extension(&server, "1001").await?;
    let Conversation {
        server,
        from: _from,
        to: _to,
        caller,
        callee,
    } = Conversation::between(server, from, to).await?;
    callee.hangs_up().await?;
    caller.is_hung_up().await?;
    afterwards(&server).await?;
    Ok(())
}

#[tokio::test]
async fn hold_works_through_a_nat() -> Result<()> {
    let server = Server::start().await?;
    let from = Phone::extension_behind(&server, "1000", AT_HOME).await?;
    let to = Phone::extension_behind(&server, "1001", ELSEWHERE).await?;
    let conversation = Conversation::between(server, from, to).await?;
    conversation.callee.holds().await?;
    super::hears_music_instead_of(&conversation.caller, super::CALLEE).await?;
    conversation.callee.unholds().await?;
    conversation.both_hear().await?;
    conversation.caller.holds().await?;
    super::hears_music_instead_of(&conversation.callee, super::CALLER).await?;
    conversation.caller.unholds().await?;
    conversation.both_hear().await?;
    conversation.ends().await
}
