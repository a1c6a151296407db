//! The configuration: the file, and what the arguments say otherwise.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use offhook_core::config::Config;

use super::Failure;
use super::arguments::ServeArguments;

/// Where the demo office listens for SIP over TLS.
const DEMO_TLS: u16 = 5061;

/// Where it listens for SIP over WebSockets inside TLS.
const DEMO_WSS: u16 = 7443;

/// Reads a configuration file; without one, the defaults.
pub(super) fn load(path: Option<&Path>) -> Result<Config, Failure> {
    let Some(path) = path else {
        return Ok(Config::default());
    };
    let name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::Usage(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage(format!("{name} is not a text file (UTF-8)")))?;
    Config::parse(&text).map_err(|error| Failure::usage(error.in_file(name)))
}

/// The file's configuration with what the arguments say otherwise.
pub(super) fn with_arguments(arguments: &ServeArguments) -> Result<Config, Failure> {
    let mut config = load(arguments.config.as_deref())?;
    if arguments.demo && arguments.config.is_none() && arguments.sip.is_none() {
        // Whoever tries things out can try encryption and browsers as well.
        config.sip.tls = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, DEMO_TLS))];
        config.sip.wss = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, DEMO_WSS))];
    }
    if let Some(address) = arguments.sip {
        config.sip.udp = vec![address];
        config.sip.tcp = vec![address];
        // Phones that reach SIP by this address would be told to send their voice to loopback.
        if config.media.address.is_loopback() && !address.ip().is_loopback() {
            config.media.address = address.ip();
        }
    }
    if let Some(address) = arguments.http {
        config.http.listen = address;
    }
    if let Some(ports) = arguments.rtp_ports {
        config.media.rtp_ports = ports;
    }
    config
        .check()
        .map_err(|(key, rule)| Failure::Usage(format!("key `{key}`: {rule}")))?;
    Ok(config)
}
