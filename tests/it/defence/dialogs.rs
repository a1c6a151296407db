//! Who may act in a call.

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Phone, SipText};
use offhook_tests::server::Server;

/// The BYE of whoever is named by this `Replaces`, from this phone's address.
fn bye(server: &Server, phone: &Phone, replaces: &str, cseq: u32) -> Result<SipText> {
    let (call_id, tags) = replaces.split_once(";to-tag=").context("a To tag")?;
    let (to, from) = tags.split_once(";from-tag=").context("a From tag")?;
    let (proxy, at) = (server.sip(), phone.address());
    let via = format!("SIP/2.0/UDP {at};branch=z9hG4bKbye{cseq};rport");
    Ok(SipText::new(format!("BYE sip:offhook@{proxy} SIP/2.0"))
        .with("Via", via)
        .with("Max-Forwards", "70")
        .with("From", format!("<sip:1000@{proxy}>;tag={from}"))
        .with("To", format!("<sip:1001@{proxy}>;tag={to}"))
        .with("Call-ID", call_id)
        .with("CSeq", format!("{cseq} BYE")))
}

/// RFC 3261 section 26.1.4: whoever has overheard a dialog cannot end its call. Its phone can,
/// wherever it is by now.
#[tokio::test]
async fn who_overhears_a_dialog_cannot_end_its_call() -> Result<()> {
    let server = Server::start().await?;
    let caller = Phone::extension(&server, "1000").await?;
    let callee = Phone::extension(&server, "1001").await?;
    let dialling = caller.calls("1001").await?;
    let called = callee.rings().await?.answers().await?;
    let calling = dialling.is_answered().await?;
    let names = calling.replaces();

    let colleague = Phone::extension(&server, "1002").await?;
    let mut theirs = bye(&server, &colleague, &names, 50)?;
    let refused = colleague.asks(&mut theirs, server.sip()).await?;
    ensure!(refused.status() == Some(403), "{}", refused.start);
    calling.plays_tone(440.0);
    called.hears_tone(440.0).await?;

    let moved = Phone::extension(&server, "1000").await?;
    let mut own = bye(&server, &moved, &names, 60)?;
    let granted = moved.asks(&mut own, server.sip()).await?;
    ensure!(granted.status() == Some(200), "{}", granted.start);
    called.is_hung_up().await?;
    server.has_not_panicked()
}
