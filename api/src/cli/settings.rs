//! The configuration: the file, and what the arguments say otherwise.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use offhook_core::config::{Config, ConfigError};
use offhook_core::recording::AudioFormat;
use offhook_media::container::encoder::can_encode;

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
    let config = Config::parse(&text).and_then(|config| possible(&text, config, can_encode));
    config.map_err(|error| Failure::usage(error.in_file(name)))
}

/// The configuration, unless it wants what this build leaves out.
fn possible(
    text: &str,
    config: Config,
    can_encode: impl Fn(AudioFormat) -> bool,
) -> Result<Config, ConfigError> {
    if can_encode(config.recording.format) {
        return Ok(config);
    }
    // MP3 is the one format that can be left out.
    let rule = "this build makes no MP3 files; \"wav\" and \"opus\" it can";
    Err(ConfigError::broken(text, "recording.format", rule))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_that_the_build_leaves_out_is_refused_with_line_and_key() {
        let without_mp3 = |format| format != AudioFormat::Mp3;
        let text = "[recording]\nrate = 16000\nformat = \"mp3\"\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(possible(text, config.clone(), |_| true), Ok(config.clone()));
        let refused = possible(text, config, without_mp3).unwrap_err();
        let said = refused.in_file("offhook.toml").to_string();
        assert!(
            said.starts_with(
                "offhook.toml, line 3: key `recording.format`: this build makes no MP3"
            ),
            "{said}"
        );
        for format in ["wav", "opus"] {
            let text = format!("[recording]\nformat = \"{format}\"\n");
            let config = Config::parse(&text).unwrap();
            assert!(possible(&text, config, without_mp3).is_ok(), "{format}");
        }
    }
}
