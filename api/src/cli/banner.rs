//! What is printed at the start: where the server listens, who may log in, and how to try it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use offhook_core::config::Config;
use offhook_core::sip::endpoint::SipTransport;

use super::credentials::{Addresses, Office, demo_file};

/// The whole text.
pub(super) fn banner(
    config: &Config,
    data: &Path,
    listening: &[(SipTransport, SocketAddr)],
    addresses: &Addresses,
    office: &Office,
) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    render(&mut text, config, data, listening, addresses, office).ok();
    text
}

fn render(
    text: &mut String,
    config: &Config,
    data: &Path,
    listening: &[(SipTransport, SocketAddr)],
    addresses: &Addresses,
    office: &Office,
) -> std::fmt::Result {
    writeln!(
        text,
        "\nOffhook {} takes calls.\n",
        env!("CARGO_PKG_VERSION")
    )?;
    for (transport, address) in listening {
        let transport = transport.as_str().to_ascii_lowercase();
        writeln!(text, "  SIP    {transport:<4} {address}")?;
    }
    let media = &config.media;
    writeln!(
        text,
        "  RTP    udp  {}, ports {}",
        media.address, media.rtp_ports
    )?;
    writeln!(
        text,
        "  HTTP   {}   (API and docs at {0}/docs)",
        addresses.http
    )?;
    writeln!(text, "  Data   {}\n", data.display())?;
    match office {
        Office::Demo(demo) => {
            writeln!(
                text,
                "The demo office, also in {}:\n",
                demo_file(data).display()
            )?;
            writeln!(text, "  extension   password")?;
            for phone in &demo.extensions {
                writeln!(text, "  {:<11} {}", phone.extension, phone.password)?;
            }
            writeln!(text, "\n  user        password               token")?;
            for login in [&demo.admin, &demo.supervisor] {
                writeln!(
                    text,
                    "  {:<11} {:<22} {}",
                    login.user, login.password, login.token
                )?;
            }
            try_it(text, addresses, &demo.did)
        }
        Office::Empty(admin) => {
            writeln!(
                text,
                "The office is empty. Its administrator, shown this once:\n"
            )?;
            writeln!(text, "  user      {}", admin.user)?;
            writeln!(text, "  password  {}", admin.password)?;
            writeln!(text, "  token     {}\n", admin.token)
        }
        Office::Known { demo_did: None } => Ok(()),
        Office::Known {
            demo_did: Some(did),
        } => {
            let file = demo_file(data);
            writeln!(
                text,
                "The demo office's passwords and tokens are in {}.",
                file.display()
            )?;
            try_it(text, addresses, did)
        }
    }
}

fn try_it(text: &mut String, addresses: &Addresses, did: &str) -> std::fmt::Result {
    writeln!(
        text,
        "
Try it:
  1. Register a phone as 1000 and another as 1001 at {sip}.
  2. On 1001 dial *45: its agent is ready for callers.
  3. On 1000 dial 300 and press 1: music, then 1001 rings. (*43 lets you hear yourself.)
  4. Or call {did} from outside, as the trunk does:
     an INVITE to sip:{did}@{sip} from this machine needs no password.
  5. See who talks:
     curl -H 'Authorization: Bearer TOKEN' {http}/api/v1/calls
",
        sip = addresses.sip,
        http = addresses.http,
    )
}
