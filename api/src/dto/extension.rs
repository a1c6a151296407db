//! Extensions over the wire.

use std::collections::BTreeSet;

use offhook_core::directory::{Dialable, Directory, Extension, ExtensionKind, Permission};
use offhook_core::pii::Secret;
use offhook_core::{ExtensionId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::{Checks, whole_seconds};
use crate::dto::protection::SrtpDto;
use crate::dto::recording::{FormatDto, own_style, stereo};
use crate::dto::sound::is_music;
use crate::error::ApiResult;

/// The password that asks the server to make one.
pub const AUTO_GENERATED: &str = "auto-generated";

/// What an extension is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExtensionKind)]
pub enum KindDto {
    /// An employee's number.
    #[default]
    Standard,
    /// One of several numbers of a phone.
    Line,
    /// A short dial such as 21.
    ShortTerm,
    /// Reached in the browser only.
    Webrtc,
}

impl From<ExtensionKind> for KindDto {
    fn from(kind: ExtensionKind) -> Self {
        match kind {
            ExtensionKind::Standard => Self::Standard,
            ExtensionKind::Line => Self::Line,
            ExtensionKind::ShortTerm => Self::ShortTerm,
            ExtensionKind::Webrtc => Self::Webrtc,
        }
    }
}

impl From<KindDto> for ExtensionKind {
    fn from(kind: KindDto) -> Self {
        match kind {
            KindDto::Standard => Self::Standard,
            KindDto::Line => Self::Line,
            KindDto::ShortTerm => Self::ShortTerm,
            KindDto::Webrtc => Self::Webrtc,
        }
    }
}

/// An internal number. Its password is never shown here; see `/{id}/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Extension)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of its own over the wire"
)]
pub struct ExtensionView {
    /// Its id.
    #[schema(value_type = String, example = "ext_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: ExtensionId,
    /// The number, which is also the SIP user name.
    #[schema(example = "1002")]
    pub extension: String,
    /// The display name.
    pub name: String,
    /// The SIP domain.
    pub domain: String,
    /// The user it belongs to.
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// What it is for.
    pub kind: KindDto,
    /// False: can neither register, call nor be called.
    pub enabled: bool,
    /// How long it rings before a call to it counts as unanswered, in seconds.
    pub ring_timeout: u32,
    /// Calls at once that may come in; 0 is no limit.
    pub incoming_limit: u32,
    /// What it may dial outside.
    #[schema(value_type = Vec<String>)]
    pub permissions: BTreeSet<Permission>,
    /// The countries its phones may be in, as two capital letters (ISO 3166); empty: anywhere.
    pub countries: Vec<String>,
    /// Whether the media of its phones is protected; null: as the server's configuration says.
    pub srtp: Option<SrtpDto>,
    /// The hold-music class others hear while this extension holds them; null: that of the queue they
    /// came through, or the built-in one.
    pub hold_music: Option<String>,
    /// Whether its conversations are recorded unasked.
    pub record_enabled: bool,
    /// The format of its recordings; null: as the server's configuration says.
    pub record_format: Option<FormatDto>,
    /// Whether each party has a channel in them; null: as the server's configuration says.
    pub record_stereo: Option<bool>,
    /// Whether a phone is registered for it now.
    pub registered: bool,
}

/// What can be set of an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtensionSettings {
    /// The number: 1 to 32 letters, digits, dots, dashes or underscores.
    #[schema(example = "1002")]
    pub extension: String,
    /// The display name.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// The SIP domain; only this server's own is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The user it belongs to.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// The SIP password, 8 to 64 characters. Absent when creating, or `auto-generated`: the server
    /// makes one. Absent when changing: it stays. Read it at `/{id}/config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only, example = "auto-generated")]
    pub password: Option<String>,
    /// False: can neither register, call nor be called.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
    /// What it is for.
    #[serde(default)]
    pub kind: KindDto,
    /// How long it rings before a call to it counts as unanswered, in seconds.
    #[serde(default = "ring_timeout")]
    #[schema(default = 60, minimum = 1, maximum = 86400)]
    pub ring_timeout: u32,
    /// Calls at once that may come in; 0 is no limit.
    #[serde(default)]
    pub incoming_limit: u32,
    /// What it may dial outside: `local`, `national`, `mobile`, `international`, `toll_free`,
    /// `premium`; all but the last if it is not said.
    #[serde(default = "Permission::usual")]
    #[schema(value_type = Vec<String>)]
    pub permissions: BTreeSet<Permission>,
    /// The countries its phones may be in, as two letters (ISO 3166); empty: anywhere. Looked at only
    /// if the server has a database of countries; private addresses may always be used.
    #[serde(default)]
    #[schema(example = json!(["DE", "AT"]))]
    pub countries: Vec<String>,
    /// Whether the media of its phones is protected; null: as the server's configuration says.
    #[serde(default)]
    pub srtp: Option<SrtpDto>,
    /// The hold-music class others hear while this extension holds them; null: that of the queue they
    /// came through, or the built-in one.
    #[serde(default)]
    #[schema(example = "default")]
    pub hold_music: Option<String>,
    /// Whether its conversations are recorded unasked.
    #[serde(default)]
    pub record_enabled: bool,
    /// The format of its recordings; null: as the server's configuration says.
    #[serde(default)]
    pub record_format: Option<FormatDto>,
    /// Whether each party has a channel in them; null: as the server's configuration says.
    #[serde(default)]
    pub record_stereo: Option<bool>,
}

fn yes() -> bool {
    true
}

fn ring_timeout() -> u32 {
    60
}

/// What a phone needs to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PhoneConfig {
    /// The number, which is the SIP user name.
    pub extension: String,
    /// The display name.
    pub name: String,
    /// The SIP user name for registering and digest authentication.
    pub username: String,
    /// The SIP password in clear.
    pub password: String,
    /// The SIP domain.
    pub domain: String,
    /// The realm of digest challenges.
    pub realm: String,
    /// Where to register: host and port.
    #[schema(example = "192.0.2.10:5060")]
    pub server: String,
    /// How to reach it.
    #[schema(example = json!(["udp", "tcp"]))]
    pub transports: Vec<String>,
    /// Codecs, best first.
    pub codecs: Vec<String>,
}

impl ExtensionView {
    /// How an extension is shown.
    #[must_use]
    pub fn of(extension: &Extension, domain: &str, registered: bool) -> Self {
        Self {
            id: extension.id,
            extension: extension.number.clone(),
            name: extension.name.clone(),
            domain: domain.to_owned(),
            user_id: extension.user,
            kind: extension.kind.into(),
            enabled: extension.enabled,
            ring_timeout: whole_seconds(extension.ring_timeout),
            incoming_limit: extension.incoming_limit,
            permissions: extension.permissions.clone(),
            countries: extension.countries.clone(),
            srtp: extension.srtp.map(Into::into),
            hold_music: extension.hold_music.clone(),
            record_enabled: extension.record,
            record_format: extension.record_style.format.map(Into::into),
            record_stereo: stereo(extension.record_style),
            registered,
        }
    }
}

impl ExtensionSettings {
    /// What would make this extension again, but for its password.
    #[must_use]
    pub fn of(extension: &Extension) -> Self {
        Self {
            extension: extension.number.clone(),
            name: extension.name.clone(),
            domain: None,
            user_id: extension.user,
            password: None,
            enabled: extension.enabled,
            kind: extension.kind.into(),
            ring_timeout: whole_seconds(extension.ring_timeout),
            incoming_limit: extension.incoming_limit,
            permissions: extension.permissions.clone(),
            countries: extension.countries.clone(),
            srtp: extension.srtp.map(Into::into),
            hold_music: extension.hold_music.clone(),
            record_enabled: extension.record,
            record_format: extension.record_style.format.map(Into::into),
            record_stereo: stereo(extension.record_style),
        }
    }

    /// The extension these settings make. `old` is what it was; `generate` makes a password.
    ///
    /// # Errors
    /// What is wrong with them, or whose number it is already.
    pub fn build(
        self,
        old: Option<&Extension>,
        directory: &Directory,
        domain: &str,
        generate: impl FnOnce() -> Secret,
    ) -> ApiResult<Extension> {
        let id = old.map_or_else(ExtensionId::random, |old| old.id);
        let mut checks = Checks::default();
        checks.internal_number(
            "extension",
            &self.extension,
            directory,
            Some(Dialable::Extension(id)),
        )?;
        checks.name("name", &self.name);
        if self.domain.as_deref().is_some_and(|asked| asked != domain) {
            checks.wrong("domain", format!("this server's domain is {domain}"));
        }
        if let Some(password) = &self.password {
            checks.require(
                (8..=64).contains(&password.chars().count())
                    && !password.chars().any(char::is_control),
                "password",
                "must have 8 to 64 characters, none of them a control character",
            );
        }
        let ring_timeout = checks.seconds("ring_timeout", self.ring_timeout, 1);
        checks.require(
            self.hold_music
                .as_deref()
                .is_none_or(|music| is_music(music, directory)),
            "hold_music",
            "is not a hold-music class of this server",
        );
        let record_style = own_style(self.record_format, self.record_stereo, &mut checks);
        checks.at_most("incoming_limit", self.incoming_limit, 1000);
        let countries = self.countries.iter().map(|code| code.to_ascii_uppercase());
        let countries: Vec<String> = countries.collect();
        let is_code =
            |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        checks.require(
            countries.iter().all(is_code) && countries.len() <= 250,
            "countries",
            "must be countries as two letters, such as DE",
        );
        checks.finish()?;
        let password = match (self.password, old) {
            (Some(chosen), _) if chosen != AUTO_GENERATED => Secret::new(chosen),
            (None, Some(old)) => old.password.clone(),
            _ => generate(),
        };
        Ok(Extension {
            id,
            number: self.extension,
            name: self.name,
            user: self.user_id,
            kind: self.kind.into(),
            enabled: self.enabled,
            password,
            ring_timeout,
            incoming_limit: self.incoming_limit,
            permissions: self.permissions,
            countries,
            srtp: self.srtp.map(Into::into),
            hold_music: self.hold_music,
            record: self.record_enabled,
            record_style,
        })
    }
}
