//! Sessions that are confirmed now and then. What takes a minute of waiting is told in virtual time, beside the machines.

use anyhow::{Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::{Server, ServerSpec};

use super::{afterwards, expect};
use crate::peers::free_address;
use crate::peers::sipp::{Sipp, registers_all};

/// RFC 4028 sections 5, 6 and 7.4, by a caller that is not ours: 422 for half a minute, then UPDATE and
/// re-INVITE.
#[tokio::test]
async fn a_caller_refreshes_its_session_as_often_as_it_may() -> Result<()> {
    let server = Server::start().await?;
    let did = server.credentials().did.clone();
    Sipp::plays("refresh-caller.xml", &server, 3, &["-s", &did])?
        .approves()
        .await?;
    for record in server.records(3).await? {
        expect(&record, "ended_by", "caller")?;
        expect(&record, "hangup_cause", "normal_clearing")?;
    }
    server.has_nothing_left().await
}

/// RFC 4028 sections 7.1, 7.3 and 9, by a phone that is not ours: it refuses our timer as too short,
/// and refreshes the longer one itself.
#[tokio::test]
async fn a_phone_refreshes_the_session_it_found_too_short() -> Result<()> {
    let spec = ServerSpec::configured("[sip]\nsession_timer = \"request\"\n");
    let server = Server::start_with(spec).await?;
    let address = free_address()?;
    registers_all(&server, address, 4).await?;
    let phone = Sipp::waits(address, "refresh-phone.xml", 1)?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("1002").await?;
    let heard = talk.is_hung_up().await?;
    ensure!(!heard.contains("408"), "{heard}");
    phone.approves().await?;
    let record = afterwards(&server).await?;
    expect(&record, "ended_by", "callee")
}
