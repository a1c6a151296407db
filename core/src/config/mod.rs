//! The configuration file: addresses, ports, limits and logs. Everything else about the office is in
//! the database.
//!
//! A file is parsed once into [`Config`], whose fields are all present; what a file leaves out has
//! the default that is written, with its reason, where the `Default` of each section sets it. There
//! is no half-checked configuration: [`Config::parse`] returns a usable one or says which key of
//! which line is wrong.
//!
//! Durations are texts such as `"20s"` or `"1h30m"`, sizes texts such as `"64KB"`, addresses
//! `"127.0.0.1:5060"`, networks `"192.0.2.0/24"`, port ranges `"30000-31999"`.

mod defence;
mod encryption;
mod error;
mod fax;
mod http;
mod limits;
mod log;
mod media;
mod observe;
mod office;
mod opus;
mod ping;
mod recording;
mod redirects;
mod sip;
mod subscriptions;
mod transcoding;
mod transfer;
mod units;
mod websocket;

pub use defence::{DefenceConfig, DefenceLimits, Rate};
pub use encryption::{CertificateOwner, ClientAuth, EncryptionConfig};
pub use error::{ConfigError, ConfigFault};
pub use fax::FaxMode;
pub use http::HttpConfig;
pub use limits::LimitsConfig;
pub use log::{LogConfig, LogFormat};
pub use media::MediaConfig;
pub use observe::{GeoConfig, HepConfig, TraceConfig};
pub use office::OfficeConfig;
pub use opus::{OpusConfig, OpusFec};
pub use ping::PingPhones;
pub use recording::RecordingConfig;
pub use redirects::FollowRedirects;
pub use sip::{RegistrarConfig, SipConfig, SipLimits};
pub use subscriptions::{SubscriptionConfig, WatchPolicy};
pub use transcoding::AvoidTranscoding;
pub use transfer::LostTransfer;
pub use units::{PortRange, UnitError, parse_duration, parse_size, show_duration, show_size};
pub use websocket::WebSocketConfig;

use serde::{Deserialize, Serialize};

/// The whole configuration, every field present.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// SIP sockets, the registrar and their limits.
    pub sip: SipConfig,
    /// The HTTP API.
    pub http: HttpConfig,
    /// RTP.
    pub media: MediaConfig,
    /// Recordings.
    pub recording: RecordingConfig,
    /// How much at once, and how long to wait at the end.
    pub limits: LimitsConfig,
    /// What callers hear of the server itself.
    pub office: OfficeConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Which country an address is in.
    pub geo: GeoConfig,
}

/// A rule that a section breaks: its key within the file, and the rule in words.
pub(crate) type Broken = (&'static str, &'static str);

impl Config {
    /// Reads a configuration file's text.
    ///
    /// # Errors
    /// Names the line and the key, and says what is wrong with it. The file's name is the caller's
    /// to add, with [`ConfigError::in_file`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let deserializer = toml::Deserializer::parse(text)
            .map_err(|error| ConfigError::from_toml(text, &error))?;
        let config: Self = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| ConfigError::from_serde(text, &error))?;
        config
            .check()
            .map_err(|(key, rule)| ConfigError::broken(text, key, rule))?;
        Ok(config)
    }

    /// Checks what types cannot say: how values must agree with each other. Arguments of the command
    /// line that replace values are checked by calling this again.
    ///
    /// # Errors
    /// The key and the rule it breaks.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        self.sip.check()?;
        self.http.check()?;
        self.media.check()?;
        self.recording.check()?;
        self.limits.check()?;
        self.office.check()?;
        self.log.check()
    }

    /// The whole as a configuration file, defaults included; parsing it gives an equal `Config`.
    #[must_use]
    pub fn effective(&self) -> String {
        // Every section is a plain table of scalars and lists, which TOML can always hold.
        toml::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
