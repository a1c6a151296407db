//! Trunks over the wire. Their passwords can be set and are never shown.

use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use offhook_actors::trunk::{TrunkState, TrunkStatus};
use offhook_core::TrunkId;
use offhook_core::directory::{
    CallerPresentation, Directory, EarlyMedia, ForeignCallers, NumberDisplay, NumberPlan, Trunk,
    TrunkInbound, TrunkQualify, TrunkRegistration,
};
use offhook_core::pii::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::trunk_check::TrunkChecks;
pub use super::trunk_words::{
    CallerIdMethodDto, CodecDto, HiddenCallersDto, IdentityHeaderDto, NumberFormatDto,
    TransportDto, TrunkModeDto,
};
use crate::dto::check::whole_seconds;
use crate::dto::destination::DestinationDto;
use crate::dto::protection::SrtpDto;
use crate::error::{ApiError, ApiResult};

/// A link to a carrier or another exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Trunk)]
pub struct TrunkView {
    /// Its id.
    #[schema(value_type = String, example = "trunk_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: TrunkId,
    /// What can be set.
    #[serde(flatten)]
    pub settings: TrunkSettings,
    /// Whether a password is set.
    pub has_password: bool,
    /// How it does.
    pub status: TrunkStatusView,
}

/// Whether a trunk can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrunkState)]
pub enum TrunkStateDto {
    /// It can.
    Up,
    /// Calls do not go out here: the carrier does not answer, or the registration is missing.
    Down,
    /// It was disabled.
    Disabled,
}

/// How a trunk does at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TrunkStatus)]
pub struct TrunkStatusView {
    /// Whether it can be used.
    pub state: TrunkStateDto,
    /// `none` (it does not register), `registering`, `registered`, `refused` or `unreachable`.
    #[schema(example = "registered")]
    pub registration: String,
    /// Where it is registered.
    pub registrar: Option<String>,
    /// Since when the registration is as it is.
    pub since: Option<Timestamp>,
    /// When the registration ends unless it is renewed.
    pub expires_at: Option<Timestamp>,
    /// `off`, `unknown` (no answer yet), `up` or `down`: what OPTIONS say.
    #[schema(example = "up")]
    pub qualify: String,
    /// How long the last answer to OPTIONS took, in milliseconds.
    pub round_trip: Option<u64>,
    /// Calls on it now, both ways.
    pub calls: usize,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// What can be set of a trunk. Durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a form; each is an enum in the domain"
)]
pub struct TrunkSettings {
    /// What operators call it.
    #[schema(example = "carrier")]
    pub name: String,
    /// False: neither accepts nor places calls, and is not registered.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
    /// The carrier's host name or address; null: this trunk only accepts calls.
    #[serde(default)]
    #[schema(example = "sip.carrier.example")]
    pub host: Option<String>,
    /// The carrier's port; null: as DNS says, else 5060, or 5061 for TLS.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub port: Option<u16>,
    /// How to reach the carrier.
    #[serde(default)]
    pub transport: TransportDto,
    /// A SIP URI every request of this trunk visits first.
    #[serde(default)]
    #[schema(example = "sip:proxy.carrier.example;lr")]
    pub outbound_proxy: Option<String>,
    /// How the carrier and we know each other.
    #[serde(default)]
    pub mode: TrunkModeDto,
    /// SIP URIs to register with, the first choice first; empty: the carrier's host.
    #[serde(default)]
    #[schema(example = json!(["sip:registrar.carrier.example"]))]
    pub registrars: Vec<String>,
    /// How long a registration is asked to last.
    #[serde(default = "register_expires")]
    #[schema(default = 600, minimum = 10, maximum = 86400)]
    pub register_expires: u32,
    /// Calls from these networks are this trunk's, without digest authentication.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["192.0.2.0/24"]))]
    pub trusted: Vec<IpNet>,
    /// Calls over TLS whose client certificate has one of these names are this trunk's.
    #[serde(default)]
    #[schema(example = json!(["sbc.carrier.example"]))]
    pub tls_names: Vec<String>,
    /// Where the called number stands: `request_uri`, `to`, or `header:` and the name of a header.
    #[serde(default = "did_source")]
    #[schema(default = "request_uri", example = "header:P-Called-Party-ID")]
    pub did_source: String,
    /// Where calls to numbers go that no DID has; null: they are refused with 404.
    #[serde(default)]
    pub default_destination: Option<DestinationDto>,
    /// The account at the carrier: the user part of the registered address.
    #[serde(default)]
    pub username: Option<String>,
    /// User name for the carrier's digest challenges; null: `username`.
    #[serde(default)]
    pub auth_username: Option<String>,
    /// Password for the carrier's digest challenges. Absent when changing: it stays; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub password: Option<String>,
    /// How often the carrier is asked with OPTIONS if it is there; 0: never.
    #[serde(default)]
    #[schema(maximum = 3600)]
    pub qualify_interval: u32,
    /// Failures in a row after which the carrier counts as down.
    #[serde(default = "down_after")]
    #[schema(default = 3, minimum = 1, maximum = 100)]
    pub qualify_down_after: u32,
    /// Answers in a row after which it counts as up again.
    #[serde(default = "up_after")]
    #[schema(default = 2, minimum = 1, maximum = 100)]
    pub qualify_up_after: u32,
    /// The caller's number shown on calls out; null: the calling extension's.
    #[serde(default)]
    pub caller_id: Option<String>,
    /// Which header tells the carrier who really calls.
    #[serde(default)]
    pub caller_id_method: CallerIdMethodDto,
    /// The header of RFC 3325 that is used where the method wants one.
    #[serde(default)]
    pub identity_header: IdentityHeaderDto,
    /// Whether callers' numbers are hidden from whoever is called.
    #[serde(default)]
    pub block_caller_id: bool,
    /// Whether callers from outside who are sent out again are shown with their own number.
    #[serde(default)]
    pub forward_caller_id: bool,
    /// Which callers who want to stay unknown this carrier is told all the same.
    #[serde(default)]
    pub hidden_callers: HiddenCallersDto,
    /// The host part of our addresses; null: the carrier's host when we register there, else ours.
    #[serde(default)]
    pub from_domain: Option<String>,
    /// How numbers are written to the carrier.
    #[serde(default)]
    pub number_format: NumberFormatDto,
    /// The country's code without plus.
    #[serde(default)]
    #[schema(example = "49")]
    pub country_code: Option<String>,
    /// The code of the place, without the national prefix.
    #[serde(default)]
    #[schema(example = "30")]
    pub area_code: Option<String>,
    /// What is dialled before a country's code.
    #[serde(default = "international_prefix")]
    #[schema(default = "00")]
    pub international_prefix: String,
    /// What is dialled before the code of a place; empty in some countries.
    #[serde(default = "national_prefix")]
    #[schema(default = "0")]
    pub national_prefix: String,
    /// Numbers beginning with this are sent out here; null: none is.
    #[serde(default)]
    #[schema(example = "00")]
    pub outbound_prefix: Option<String>,
    /// Calls at once, both ways together; 0 is no limit.
    #[serde(default)]
    pub max_calls: u32,
    /// New calls per second, for each way; 0 is no limit.
    #[serde(default)]
    pub calls_per_second: u32,
    /// The codecs spoken with the carrier, the best first; empty: all that the server speaks.
    #[serde(default)]
    pub codecs: Vec<CodecDto>,
    /// Whether media is protected on its way to the carrier; null: as the server's configuration says.
    #[serde(default)]
    pub srtp: Option<SrtpDto>,
    /// Whether sound before the answer is passed on.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub early_media: bool,
    /// How long a call may go without a sign of life; 0: as the carrier wishes.
    #[serde(default)]
    #[schema(maximum = 86400)]
    pub session_expires: u32,
}

fn yes() -> bool {
    true
}

fn register_expires() -> u32 {
    whole_seconds(TrunkRegistration::default().expires)
}

fn did_source() -> String {
    TrunkInbound::default().did_source.to_string()
}

fn down_after() -> u32 {
    TrunkQualify::default().down_after
}

fn up_after() -> u32 {
    TrunkQualify::default().up_after
}

fn international_prefix() -> String {
    NumberPlan::default().international_prefix
}

fn national_prefix() -> String {
    NumberPlan::default().national_prefix
}

impl TrunkView {
    /// How a trunk is shown.
    #[must_use]
    pub fn of(trunk: &Trunk, status: TrunkStatus) -> Self {
        Self {
            id: trunk.id,
            settings: TrunkSettings::of(trunk),
            has_password: trunk.password.is_some(),
            status: TrunkStatusView::of(status),
        }
    }
}

impl TrunkStatusView {
    fn of(status: TrunkStatus) -> Self {
        Self {
            state: match status.state {
                TrunkState::Up => TrunkStateDto::Up,
                TrunkState::Down => TrunkStateDto::Down,
                TrunkState::Disabled => TrunkStateDto::Disabled,
            },
            registration: status.registration.as_str().to_owned(),
            registrar: status.registrar,
            since: status.since,
            expires_at: status.expires_at,
            qualify: status.qualify.as_str().to_owned(),
            round_trip: status
                .round_trip
                .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            calls: status.calls,
            last_error: status.last_error,
        }
    }
}

impl TrunkSettings {
    /// What would make this trunk again, but for its password.
    #[must_use]
    pub fn of(trunk: &Trunk) -> Self {
        let (inbound, caller, numbers) = (&trunk.inbound, &trunk.caller, &trunk.numbers);
        Self {
            name: trunk.name.clone(),
            enabled: trunk.enabled,
            host: trunk.host.clone(),
            port: trunk.port,
            transport: trunk.transport.into(),
            outbound_proxy: trunk.outbound_proxy.clone(),
            mode: trunk.mode.into(),
            registrars: trunk.registration.registrars.clone(),
            register_expires: whole_seconds(trunk.registration.expires),
            trusted: trunk.trusted.clone(),
            tls_names: inbound.tls_names.clone(),
            did_source: inbound.did_source.to_string(),
            default_destination: inbound.default_destination.as_ref().map(DestinationDto::of),
            username: trunk.username.clone(),
            auth_username: trunk.auth_username.clone(),
            password: None,
            qualify_interval: trunk.qualify.interval.map_or(0, whole_seconds),
            qualify_down_after: trunk.qualify.down_after,
            qualify_up_after: trunk.qualify.up_after,
            caller_id: trunk.caller_id.clone(),
            caller_id_method: caller.method.into(),
            identity_header: caller.header.into(),
            block_caller_id: caller.display == NumberDisplay::Block,
            forward_caller_id: caller.foreign == ForeignCallers::AsTheyAre,
            hidden_callers: caller.hidden.into(),
            from_domain: caller.domain.clone(),
            number_format: numbers.format.into(),
            country_code: numbers.country_code.clone(),
            area_code: numbers.area_code.clone(),
            international_prefix: numbers.international_prefix.clone(),
            national_prefix: numbers.national_prefix.clone(),
            outbound_prefix: trunk.outbound_prefix.clone(),
            max_calls: trunk.max_calls,
            calls_per_second: trunk.calls_per_second,
            codecs: trunk
                .codecs
                .iter()
                .copied()
                .filter_map(CodecDto::of)
                .collect(),
            srtp: trunk.srtp.map(Into::into),
            early_media: trunk.early_media == EarlyMedia::Pass,
            session_expires: trunk.session_expires.map_or(0, whole_seconds),
        }
    }

    /// The trunk these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or that the name is taken.
    pub fn build(self, old: Option<&Trunk>, directory: &Directory) -> ApiResult<Trunk> {
        let id = old.map_or_else(TrunkId::random, |old| old.id);
        let taken = |trunk: &Trunk| trunk.name == self.name && trunk.id != id;
        if directory.office().trunks.iter().any(taken) {
            return Err(ApiError::duplicate("name", "is the name of another trunk"));
        }
        let (did_source, default_destination) = TrunkChecks::default().run(&self, directory)?;
        let password = match &self.password {
            None => old.and_then(|old| old.password.clone()),
            Some(password) if password.is_empty() => None,
            Some(password) => Some(Secret::new(password.clone())),
        };
        let (caller, numbers) = (self.presentation(), self.number_plan());
        Ok(Trunk {
            enabled: self.enabled,
            host: self.host,
            port: self.port,
            transport: self.transport.into(),
            outbound_proxy: self.outbound_proxy,
            mode: self.mode.into(),
            registration: TrunkRegistration {
                registrars: self.registrars,
                expires: seconds(self.register_expires),
            },
            trusted: self.trusted,
            inbound: TrunkInbound {
                tls_names: self.tls_names,
                did_source,
                default_destination,
            },
            username: self.username,
            auth_username: self.auth_username,
            password,
            qualify: TrunkQualify {
                interval: (self.qualify_interval > 0).then(|| seconds(self.qualify_interval)),
                down_after: self.qualify_down_after,
                up_after: self.qualify_up_after,
            },
            caller_id: self.caller_id,
            caller,
            numbers,
            outbound_prefix: self.outbound_prefix,
            max_calls: self.max_calls,
            calls_per_second: self.calls_per_second,
            codecs: self.codecs.into_iter().map(Into::into).collect(),
            srtp: self.srtp.map(Into::into),
            early_media: if self.early_media {
                EarlyMedia::Pass
            } else {
                EarlyMedia::Withhold
            },
            session_expires: (self.session_expires > 0).then(|| seconds(self.session_expires)),
            ..Trunk::new(id, &self.name)
        })
    }

    fn presentation(&self) -> CallerPresentation {
        CallerPresentation {
            method: self.caller_id_method.into(),
            header: self.identity_header.into(),
            display: if self.block_caller_id {
                NumberDisplay::Block
            } else {
                NumberDisplay::Show
            },
            foreign: if self.forward_caller_id {
                ForeignCallers::AsTheyAre
            } else {
                ForeignCallers::AsOurs
            },
            hidden: self.hidden_callers.into(),
            domain: self.from_domain.clone(),
        }
    }

    fn number_plan(&self) -> NumberPlan {
        NumberPlan {
            format: self.number_format.into(),
            country_code: self.country_code.clone(),
            area_code: self.area_code.clone(),
            international_prefix: self.international_prefix.clone(),
            national_prefix: self.national_prefix.clone(),
        }
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}
