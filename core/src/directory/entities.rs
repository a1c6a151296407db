//! Extensions, DIDs and menus.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::directory::{Destination, Permission};
use crate::id::{DidId, ExtensionId, IvrMenuId, TrunkId, UserId};
use crate::pii::Secret;
use crate::recording::OwnStyle;
use crate::sdp::SrtpPolicy;

/// What a login or token may do; each role may do all that the ones after it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, the office's set-up and secrets included.
    Admin,
    /// See and steer every call, queue and agent.
    Supervisor,
    /// Answer calls: own agent state and own calls.
    Agent,
    /// An ordinary extension user.
    User,
}

impl Role {
    /// The word used over REST and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Supervisor => "supervisor",
            Self::Agent => "agent",
            Self::User => "user",
        }
    }

    /// Whether this role may do what `needed` may.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self <= needed
    }
}

/// What an extension is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionKind {
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

/// An internal number with SIP credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its id.
    pub id: ExtensionId,
    /// The number, which is also the SIP user name.
    pub number: String,
    /// The display name.
    pub name: String,
    /// The owner.
    pub user: Option<UserId>,
    /// What it is for.
    pub kind: ExtensionKind,
    /// False: can neither register, call nor be called.
    pub enabled: bool,
    /// The SIP password.
    pub password: Secret,
    /// How long it rings before a call to it counts as unanswered; 60 s by default.
    pub ring_timeout: Duration,
    /// Calls at once that may come in; 0 is no limit, 1 is no call waiting.
    pub incoming_limit: u32,
    /// What it may dial outside.
    pub permissions: BTreeSet<Permission>,
    /// The countries its phones may be in, as ISO 3166 names them in two capital letters; none:
    /// anywhere.
    pub countries: Vec<String>,
    /// Whether the media of its phones is protected; none: as the configuration says.
    pub srtp: Option<SrtpPolicy>,
    /// The hold-music class that others hear while this extension holds them; none: that of the
    /// queue they came through, or the built-in one.
    pub hold_music: Option<String>,
    /// Whether its conversations are recorded unasked.
    pub record: bool,
    /// What its recordings are like.
    pub record_style: OwnStyle,
}

/// A public number and where calls to it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Did {
    /// Its id.
    pub id: DidId,
    /// The number in E.164 form with its plus sign.
    pub number: String,
    /// What operators call it.
    pub name: String,
    /// Only calls from this trunk reach it; none: from any trunk.
    pub trunk: Option<TrunkId>,
    /// Where calls go.
    pub destination: Destination,
}

/// A menu that answers, speaks and listens for digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IvrMenu {
    /// Its id.
    pub id: IvrMenuId,
    /// What operators call it.
    pub name: String,
    /// The number it answers at, if it can be dialled.
    pub extension: Option<String>,
    /// The prompt that lists the choices, by its id in `sounds/prompts.toml`.
    pub prompt: String,
    /// The language that calls which come through here are spoken to in, as its ISO 639-1 code; none:
    /// as before.
    pub language: Option<String>,
    /// What each digit does.
    pub choices: BTreeMap<char, MenuAction>,
    /// Whether an extension's number may be dialled.
    pub dial_extension: bool,
    /// How long to wait for the first digit after the prompt.
    pub first_digit_timeout: Duration,
    /// How long to wait for the next digit of a number.
    pub inter_digit_timeout: Duration,
    /// How often the menu is repeated after a wrong or missing choice.
    pub retries: u32,
    /// What happens when all tries are used up.
    pub on_failure: MenuAction,
}

/// What a choice in a menu does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", content = "destination", rename_all = "snake_case")]
pub enum MenuAction {
    /// The call goes there.
    Go(Destination),
    /// The menu is spoken again.
    Repeat,
    /// The caller hears a good-bye and the call ends.
    HangUp,
}
