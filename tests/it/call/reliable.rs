//! Ringing and early media that may not get lost.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Loss, Phone};
use offhook_tests::server::Server;

use super::{CALLEE, afterwards, expect, public_number_rings};
use crate::peers::free_address;
use crate::peers::sipp::{Sipp, registers_all};

/// RFC 3262 section 3, by a caller that is not ours: each gets its PRACK, and that its 200.
#[tokio::test]
async fn a_caller_who_requires_it_acknowledges_ringing_and_early_media() -> Result<()> {
    let server = Server::start().await?;
    public_number_rings(&server, "1001").await?;
    let phone = Phone::extension(&server, "1001").await?;
    let did = server.credentials().did.clone();
    let caller = Sipp::plays("prack-caller.xml", &server, 1, &["-s", &did])?;
    let ringing = phone.rings().await?;
    ringing.plays_early(CALLEE);
    let talk = ringing.answers().await?;
    talk.is_hung_up().await?;
    caller.approves().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")
}

/// RFC 3262 section 4, by a phone that is not ours.
#[tokio::test]
async fn a_phone_that_requires_it_gets_a_prack_of_its_early_media_and_its_ringing() -> Result<()> {
    let server = Server::start().await?;
    let address = free_address()?;
    registers_all(&server, address, 4).await?;
    let phone = Sipp::waits(address, "prack-phone.xml", 1)?;
    let caller = Phone::trunk(&server).await?;
    public_number_rings(&server, "1002").await?;
    let talk = caller.dials(&server.credentials().did).await?;
    ensure!(talk.hangs_up().await? == 200);
    phone.approves().await?;
    afterwards(&server).await?;
    Ok(())
}

/// RFC 3262 section 4: whoever is called repeats its response, and we our PRACK.
#[tokio::test]
async fn a_prack_of_ours_that_gets_lost_is_sent_again() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::extension(&server, "1000").await?;
    let phone = Phone::extension(&server, "1001").await?;
    let dialling = caller.calls("1001").await?;
    let ringing = phone.rings().await?;
    ensure!(ringing.invite().header("Supported").contains("100rel"));
    phone.loses(Loss::ReceivedPrack);
    let first = ringing.progresses_reliably(4711).await?;
    phone.has_lost_all()?;
    let second = ringing.progresses_reliably(4712).await?;
    let invite = ringing.invite();
    let named = |number: u32| format!("{number} {} INVITE", invite.cseq());
    ensure!(first.header("RAck") == named(4711), "{first:?}");
    ensure!(second.header("RAck") == named(4712), "{second:?}");
    ensure!(first.cseq() > invite.cseq() && second.cseq() > first.cseq());
    ensure!(dialling.rings().await? == 183);
    let answered = ringing.answers().await?;
    let talk = dialling.is_answered().await?;
    ensure!(talk.hangs_up().await? == 200);
    answered.is_hung_up().await?;
    let record = afterwards(&server).await?;
    expect(&record, "disposition", "answered")
}

/// RFC 3262 section 3: we repeat our response until its PRACK comes, and only then answer.
#[tokio::test]
async fn early_media_or_its_prack_may_get_lost_and_the_caller_hears_it_all_the_same() -> Result<()>
{
    for loss in [Loss::ReceivedReliable, Loss::SentPrack] {
        let server = Server::start().await?;
        let caller = Phone::extension(&server, "1000").await?;
        let phone = Phone::extension(&server, "1001").await?;
        caller.loses(loss);
        let wish = [("Supported", "100rel")];
        let dialling = caller.calls_with("1001", &wish).await?;
        let ringing = phone.rings().await?;
        ringing.plays_early(CALLEE);
        let early = dialling.early().hears_tone(CALLEE).await;
        early.with_context(|| format!("{loss:?}"))?;
        let answered = ringing.answers().await?;
        let talk = dialling.is_answered().await?;
        caller.has_lost_all()?;
        ensure!(talk.hangs_up().await? == 200);
        answered.is_hung_up().await?;
        let record = afterwards(&server).await?;
        expect(&record, "disposition", "answered")?;
    }
    Ok(())
}
