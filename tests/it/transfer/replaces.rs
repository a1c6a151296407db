//! INVITE with `Replaces`: a third phone takes a place (RFC 3891).

use anyhow::{Result, ensure};
use offhook_tests::phone::Phone;

use super::{CALLEE, CALLER, Office, TARGET, end, hear_each_other};

/// RFC 3891 section 3.
#[tokio::test]
async fn another_phone_of_theirs_takes_the_callees_place() -> Result<()> {
    let office = Office::talks().await?;
    let desk = Phone::extension(&office.server, "1001").await?;
    let dialling = desk
        .calls_replacing("1001", &office.callee.replaces())
        .await?;
    let taken = dialling.is_answered().await?;
    taken.plays_tone(TARGET);
    office.callee.is_hung_up().await?;
    hear_each_other((&office.caller, CALLER), (&taken, TARGET)).await?;
    end(&office.server, taken, office.caller).await
}

/// RFC 3891 section 3.
#[tokio::test]
async fn another_phone_of_theirs_takes_the_callers_place() -> Result<()> {
    let office = Office::talks().await?;
    let desk = Phone::extension(&office.server, "1000").await?;
    let dialling = desk
        .calls_replacing("1000", &office.caller.replaces())
        .await?;
    let taken = dialling.is_answered().await?;
    taken.plays_tone(TARGET);
    office.caller.is_hung_up().await?;
    hear_each_other((&taken, TARGET), (&office.callee, CALLEE)).await?;
    end(&office.server, office.callee, taken).await
}

/// RFC 3891 sections 3 and 8: who knows the names of a dialog is not let into it for that.
#[tokio::test]
async fn who_talks_is_not_pushed_aside_by_somebody_else() -> Result<()> {
    let office = Office::talks().await?;
    for talk in [&office.caller, &office.callee] {
        let refused = office
            .third
            .calls_replacing("1001", &talk.replaces())
            .await?;
        let status = refused.is_refused().await?;
        ensure!(status == 403, "{status}");
    }
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    end(&office.server, office.caller, office.callee).await
}

/// RFC 3891 section 3: an early dialog that we began may be taken, which is picking up a call that
/// rings elsewhere.
#[tokio::test]
async fn a_call_that_rings_elsewhere_is_picked_up() -> Result<()> {
    let office = Office::talks().await?;
    office.caller.hangs_up().await?;
    office.callee.is_hung_up().await?;
    let dialling = office.from.calls("1001").await?;
    let ringing = office.to.rings().await?;
    dialling.rings().await?;
    let replaces = format!("{};early-only", ringing.replaces());
    let picked = office.third.calls_replacing("1001", &replaces).await?;
    let picked = picked.is_answered().await?;
    ringing.is_cancelled().await?;
    let caller = dialling.is_answered().await?;
    caller.plays_tone(CALLER);
    picked.plays_tone(TARGET);
    hear_each_other((&caller, CALLER), (&picked, TARGET)).await?;
    end(&office.server, caller, picked).await
}

/// RFC 3891 section 3: 481, 486 and 400.
#[tokio::test]
async fn places_that_cannot_be_had_are_refused_with_the_right_status() -> Result<()> {
    let office = Office::talks().await?;
    let known = office.callee.replaces();
    let other_peer = known
        .rsplit_once('=')
        .map(|(start, _)| format!("{start}=stranger"))
        .unwrap_or_default();
    for (replaces, status) in [
        ("nobody@h;to-tag=a;from-tag=b", 481),
        (other_peer.as_str(), 481),
        (&format!("{known};early-only"), 486),
        ("nonsense", 400),
    ] {
        let refused = office.third.calls_replacing("1001", replaces).await?;
        ensure!(refused.is_refused().await? == status, "{replaces}");
    }
    let both = [("Replaces", &*known), ("Join", &*known)];
    let refused = office.third.calls_with("1001", &both).await?;
    ensure!(refused.is_refused().await? == 400);
    hear_each_other((&office.caller, CALLER), (&office.callee, CALLEE)).await?;
    end(&office.server, office.caller, office.callee).await
}
