//! Presence and registrations.

use anyhow::{Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;

use super::three_phones;

/// RFC 3856 and RFC 3863: closed, open, on the phone.
#[tokio::test]
async fn presence_follows_registration_and_calls() -> Result<()> {
    let server = Server::start().await?;
    let watcher = Phone::extension(&server, "1000").await?;
    let watch = watcher.watches("1001", "presence", &[]).await?;
    watch.told_of(&["<basic>closed</basic>"]).await?;
    let watched = Phone::extension(&server, "1001").await?;
    watch.told_of(&["<basic>open</basic>"]).await?;
    let dialling = watcher.calls("1001").await?;
    let talk = watched.rings().await?.answers().await?;
    let answered = dialling.is_answered().await?;
    watch.told_of(&["rpid:on-the-phone"]).await?;
    answered.hangs_up().await?;
    talk.is_hung_up().await?;
    let free = watch.told().await?;
    ensure!(!free.body.contains("on-the-phone"), "{}", free.body);
    Ok(())
}

/// RFC 3680 section 5.
#[tokio::test]
async fn an_extension_is_told_of_its_registered_phones() -> Result<()> {
    let (server, first, ..) = three_phones().await?;
    let watch = first.watches("1000", "reg", &[]).await?;
    let one = watch.told().await?;
    ensure!(one.body.matches("<contact ").count() == 1, "{}", one.body);
    let second = Phone::extension(&server, "1000").await?;
    let both = watch.told().await?;
    ensure!(both.body.matches("<contact ").count() == 2, "{}", both.body);
    second.unregisters().await?;
    let one = watch.told().await?;
    ensure!(one.body.matches("<contact ").count() == 1, "{}", one.body);
    // Whose phones are registered is nobody else's business.
    let other = first.subscribes("1001", "reg", &[]).await?;
    ensure!(other.accepted.status() == Some(403));
    let other = first.subscribes("1001", "message-summary", &[]).await?;
    ensure!(other.accepted.status() == Some(403));
    Ok(())
}
