//! What can be wrong with a trunk's settings.

use std::net::IpAddr;

use bytes::Bytes;
use offhook_core::directory::{Destination, DidSource, Directory, NumberFormat, TrunkMode};
use offhook_core::sip::Uri;
use offhook_core::sip::uri::Scheme;

use super::trunk::TrunkSettings;
use crate::dto::check::{Checks, MAX_SECONDS};
use crate::error::ApiResult;

/// The shortest session timer RFC 4028 section 4 allows.
const MIN_SESSION: u32 = 90;

/// The checks of one trunk.
#[derive(Debug, Default)]
pub(super) struct TrunkChecks(Checks);

impl TrunkChecks {
    /// Checks everything; answers with what had to be read for that.
    pub(super) fn run(
        mut self,
        settings: &TrunkSettings,
        directory: &Directory,
    ) -> ApiResult<(DidSource, Option<Destination>)> {
        self.0.name("name", &settings.name);
        self.address(settings);
        self.account(settings);
        self.registration(settings);
        self.peers(settings);
        self.numbers(settings);
        self.limits(settings);
        let did_source = settings.did_source.parse::<DidSource>();
        if let Err(error) = &did_source {
            self.0.wrong("did_source", error.to_string());
        }
        let destination = settings.default_destination.as_ref();
        let destination =
            destination.and_then(|dto| dto.read("default_destination.", directory, &mut self.0));
        self.0.finish()?;
        Ok((did_source.unwrap_or_default(), destination))
    }

    fn address(&mut self, settings: &TrunkSettings) {
        let checks = &mut self.0;
        checks.require(settings.port != Some(0), "port", "must be 1 to 65535");
        for (field, host) in [
            ("host", &settings.host),
            ("from_domain", &settings.from_domain),
        ] {
            if let Some(host) = host {
                checks.require(is_host(host), field, "must be a host name or an address");
            }
        }
        if let Some(proxy) = &settings.outbound_proxy {
            let problem = "must be a SIP URI such as sip:proxy.example;lr";
            checks.require(is_sip_uri(proxy), "outbound_proxy", problem);
        }
        let dials = settings.outbound_prefix.is_none() || settings.host.is_some();
        checks.require(dials, "host", "is needed to send calls out");
    }

    fn account(&mut self, settings: &TrunkSettings) {
        for (field, text) in [
            ("username", &settings.username),
            ("auth_username", &settings.auth_username),
            ("password", &settings.password),
        ] {
            self.0.text(field, text.as_deref().unwrap_or_default());
        }
    }

    fn registration(&mut self, settings: &TrunkSettings) {
        let checks = &mut self.0;
        checks.require(
            settings.registrars.len() <= 8,
            "registrars",
            "must have at most 8 URIs",
        );
        for (at, registrar) in settings.registrars.iter().enumerate() {
            if !is_sip_uri(registrar) || registrar.contains('@') {
                checks.wrong(
                    format!("registrars[{at}]"),
                    "must be a SIP URI without a user, such as sip:registrar.example",
                );
            }
        }
        checks.seconds("register_expires", settings.register_expires, 10);
        if TrunkMode::from(settings.mode).registers() {
            let somewhere = settings.host.is_some() || !settings.registrars.is_empty();
            checks.require(somewhere, "registrars", "or a host is needed to register");
            checks.require(
                settings.username.is_some(),
                "username",
                "is needed to register",
            );
        }
    }

    fn peers(&mut self, settings: &TrunkSettings) {
        let checks = &mut self.0;
        checks.require(
            settings.trusted.len() <= 100,
            "trusted",
            "must have at most 100 networks",
        );
        for (at, net) in settings.trusted.iter().enumerate() {
            if net.prefix_len() == 0 {
                checks.wrong(
                    format!("trusted[{at}]"),
                    "would trust the whole internet to place calls without a password",
                );
            }
        }
        checks.require(
            settings.tls_names.len() <= 100,
            "tls_names",
            "must have at most 100 names",
        );
        for (at, name) in settings.tls_names.iter().enumerate() {
            if name.is_empty() || name.len() > 253 || name.contains(char::is_whitespace) {
                checks.wrong(
                    format!("tls_names[{at}]"),
                    "must be a name as it stands in a certificate",
                );
            }
        }
    }

    fn numbers(&mut self, settings: &TrunkSettings) {
        let checks = &mut self.0;
        for (field, number) in [
            ("caller_id", &settings.caller_id),
            ("outbound_prefix", &settings.outbound_prefix),
        ] {
            if let Some(number) = number {
                let problem = "must be digits, or + and digits";
                checks.require(is_dialable(number), field, problem);
            }
        }
        let digits =
            |text: &str, most| text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
        let code = |text: &Option<String>, most| {
            text.as_deref()
                .is_none_or(|text| !text.is_empty() && !text.starts_with('0') && digits(text, most))
        };
        checks.require(
            code(&settings.country_code, 3),
            "country_code",
            "must be 1 to 3 digits, the first of them not 0",
        );
        checks.require(
            code(&settings.area_code, 8),
            "area_code",
            "must be digits without the national prefix",
        );
        checks.require(
            !settings.international_prefix.is_empty() && digits(&settings.international_prefix, 5),
            "international_prefix",
            "must be 1 to 5 digits",
        );
        checks.require(
            digits(&settings.national_prefix, 3),
            "national_prefix",
            "must be at most 3 digits",
        );
        let national = NumberFormat::from(settings.number_format) == NumberFormat::National;
        checks.require(
            !national || settings.country_code.is_some(),
            "country_code",
            "is needed to write national numbers",
        );
        checks.require(
            settings.area_code.is_none() || settings.country_code.is_some(),
            "country_code",
            "is needed beside an area code",
        );
    }

    fn limits(&mut self, settings: &TrunkSettings) {
        let checks = &mut self.0;
        checks.at_most("max_calls", settings.max_calls, 100_000);
        checks.at_most("calls_per_second", settings.calls_per_second, 10_000);
        checks.at_most("qualify_interval", settings.qualify_interval, 3600);
        for (field, count) in [
            ("qualify_down_after", settings.qualify_down_after),
            ("qualify_up_after", settings.qualify_up_after),
        ] {
            checks.require((1..=100).contains(&count), field, "must be from 1 to 100");
        }
        let session = settings.session_expires;
        checks.require(
            session == 0 || (MIN_SESSION..=MAX_SECONDS).contains(&session),
            "session_expires",
            "must be 0, or from 90 to 86400 seconds",
        );
        let twice = |at: usize| settings.codecs[..at].contains(&settings.codecs[at]);
        let once = !(0..settings.codecs.len()).any(twice);
        checks.require(once, "codecs", "must name each codec once");
    }
}

fn is_host(host: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let fits = !host.is_empty() && host.len() <= 253;
    fits && (host.chars().all(name) || host.parse::<IpAddr>().is_ok())
}

fn is_sip_uri(text: &str) -> bool {
    let uri = Uri::parse(&Bytes::copy_from_slice(text.as_bytes()));
    let sip = |uri: Uri| matches!(uri.scheme(), Scheme::Sip | Scheme::Sips);
    text.len() <= 255 && uri.is_ok_and(sip)
}

fn is_dialable(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
