//! Busy lamps, waiting messages, presence and text messages.

use anyhow::{Result, ensure};
use offhook_tests::phone::{Phone, SipText};
use offhook_tests::server::Server;

mod blf;
mod lists;
mod message;
mod mwi;
mod odd;
mod state;

/// A server with the phones of 1000, 1001 and 1002.
async fn three_phones() -> Result<(Server, Phone, Phone, Phone)> {
    let server = Server::start().await?;
    let first = Phone::extension(&server, "1000").await?;
    let second = Phone::extension(&server, "1001").await?;
    let third = Phone::extension(&server, "1002").await?;
    Ok((server, first, second, third))
}

/// The value of an attribute, the first of this name behind the declaration.
fn attribute<'a>(xml: &'a str, name: &str) -> &'a str {
    let xml = xml.split_once("?>").map_or(xml, |(_, rest)| rest);
    let start = xml.split_once(&format!(" {name}=\""));
    start.map_or("", |(_, rest)| rest.split('"').next().unwrap_or(""))
}

/// The NOTIFY says that the subscription goes on, or has ended for this reason.
fn state(notify: &SipText, wanted: &str) -> Result<()> {
    let said = notify.header("Subscription-State");
    ensure!(said.starts_with(wanted), "{said} is not {wanted}");
    Ok(())
}
