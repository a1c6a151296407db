//! The session timer (RFC 4028): a session that nobody refreshes ends.

use std::time::{Duration, Instant};

use super::authorize::MOST_TRIES;
use super::message::{EndedSide, RequestTag};
use super::options::{SessionTimerMode, SessionTimerPolicy};
use super::reason;
use super::sent::Purpose;
use super::usage::{InviteUsage, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::sip::header::{MinSe, Refresher, SessionExpires};
use crate::sip::message::{Request, Response};
use crate::sip::{HeaderName, Headers};

/// A peer that asks for longer sessions than this in a 422 is not worth a second try.
const LONGEST_MIN_SE: u32 = 86_400;

/// The longest time before the end at which a session is given up (section 10).
const LATEST_BYE: Duration = Duration::from_secs(32);

/// Refusals of a refresh that come from the peer itself and no proxy on the way.
const SAID_BY_PEERS: [u16; 12] = [400, 403, 405, 406, 415, 420, 421, 488, 491, 493, 501, 606];

/// Who refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Us,
    /// We do, and the peer knows nothing of it.
    Alone,
    Peer,
}

/// How we refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshBy {
    /// Without a word about the session (section 7.4).
    Update,
    /// With the description that holds, for a peer without UPDATE.
    Reinvite,
}

/// What both sides have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Agreed {
    seconds: u32,
    refresher: Side,
}

/// The session timer of one dialog.
#[derive(Debug, Clone)]
pub(super) struct Session {
    agreed: Option<Agreed>,
    /// The longest minimum anybody has asked for, in seconds.
    min_se: u32,
    by: RefreshBy,
}

impl Agreed {
    fn interval(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// When we refresh.
    fn half(self) -> Duration {
        self.interval() / 2
    }

    /// When the session has not been refreshed in time (section 10).
    fn end(self) -> Duration {
        self.interval() - LATEST_BYE.min(self.interval() / 3)
    }

    /// The same in a request of ours.
    fn header(self) -> SessionExpires {
        let refresher = match self.refresher {
            Side::Us | Side::Alone => Refresher::Uac,
            Side::Peer => Refresher::Uas,
        };
        SessionExpires {
            seconds: self.seconds,
            refresher: Some(refresher),
        }
    }
}

impl Session {
    /// `headers` are those of the peer's INVITE, empty before it has said anything.
    pub(super) fn new(policy: &SessionTimerPolicy, headers: &Headers) -> Self {
        let mut session = Self {
            agreed: None,
            min_se: seconds(policy.min_se),
            by: RefreshBy::Reinvite,
        };
        session.note(headers);
        session
    }

    /// What the peer says it can.
    fn note(&mut self, headers: &Headers) {
        if headers.has(&HeaderName::Allow) {
            self.by = if headers.has_token(&HeaderName::Allow, "UPDATE") {
                RefreshBy::Update
            } else {
                RefreshBy::Reinvite
            };
        }
    }

    pub(super) fn by(&self) -> RefreshBy {
        self.by
    }

    /// The peer turned out not to know UPDATE.
    pub(super) fn refresh_by_reinvite(&mut self) {
        self.by = RefreshBy::Reinvite;
    }

    /// What a re-INVITE or UPDATE of ours says about the timer.
    pub(super) fn put(&self, policy: &SessionTimerPolicy, request: &mut Request) {
        if policy.mode == SessionTimerMode::Off {
            return;
        }
        let Some(agreed) = self.agreed else {
            return;
        };
        let headers = &mut request.headers;
        headers.push(HeaderName::SessionExpires, agreed.header().write());
        put_min_se(headers, self.min_se);
    }

    /// What the 2xx to a request of the peer's has to say; `None` ends the timer (section 9). Says
    /// also whether the peer knows the extension.
    fn grant(&mut self, policy: &SessionTimerPolicy, request: &Headers) -> Option<SessionExpires> {
        let asked = request.get(&HeaderName::SessionExpires);
        let asked = asked.and_then(|value| SessionExpires::parse(value).ok());
        let theirs = request.get(&HeaderName::MinSe);
        let theirs = theirs.and_then(|value| MinSe::parse(value).ok());
        let least = theirs.map_or(0, |min| min.0.min(LONGEST_MIN_SE));
        let least = least.max(self.min_se);
        let wanted = match (asked, policy.mode) {
            (_, SessionTimerMode::Off) | (None, SessionTimerMode::Accept) => return None,
            (Some(asked), _) => asked.seconds.min(seconds(policy.expires)),
            (None, SessionTimerMode::Request) => seconds(policy.expires),
        };
        let now = self.agreed.map(|agreed| match agreed.refresher {
            Side::Us | Side::Alone => Refresher::Uas,
            Side::Peer => Refresher::Uac,
        });
        let refresher = if knows_timer(request) {
            let chosen = asked.and_then(|asked| asked.refresher).or(now);
            chosen.unwrap_or(Refresher::Uac)
        } else {
            Refresher::Uas
        };
        Some(SessionExpires {
            seconds: wanted.max(least),
            refresher: Some(refresher),
        })
    }
}

/// Asks for a session timer in the INVITE that starts a call. The peer chooses who refreshes.
pub(super) fn ask(policy: &SessionTimerPolicy, invite: &mut Request) {
    if policy.mode != SessionTimerMode::Request {
        return;
    }
    let value = SessionExpires {
        seconds: seconds(policy.expires),
        refresher: None,
    };
    let headers = &mut invite.headers;
    headers.push(HeaderName::SessionExpires, value.write());
    put_min_se(headers, seconds(policy.min_se));
}

/// Everybody knows the default.
fn put_min_se(headers: &mut Headers, min_se: u32) {
    if min_se > MinSe::DEFAULT.0 {
        headers.set(HeaderName::MinSe, MinSe(min_se).write());
    }
}

fn knows_timer(headers: &Headers) -> bool {
    [HeaderName::Supported, HeaderName::Require]
        .iter()
        .any(|name| headers.has_token(name, "timer"))
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

impl InviteUsage {
    /// Takes note of what a message of the peer's says it can.
    pub(super) fn note_peer(&mut self, headers: &Headers) {
        self.session.note(headers);
    }

    /// Puts into the 2xx to a request of the peer's how long the session lasts from now on.
    pub(super) fn grant_session_timer(
        &mut self,
        now: Instant,
        request: &Request,
        response: &mut Response,
    ) {
        let policy = self.signature.local.options.timer;
        let granted = self.session.grant(&policy, &request.headers);
        if let Some(value) = granted {
            let headers = &mut response.headers;
            headers.push(HeaderName::SessionExpires, value.write());
            if knows_timer(&request.headers) {
                headers.push(HeaderName::Require, "timer");
            }
        }
        let agreed = granted.map(|value| Agreed {
            seconds: value.seconds,
            refresher: match value.refresher {
                Some(Refresher::Uas) if knows_timer(&request.headers) => Side::Us,
                Some(Refresher::Uas) => Side::Alone,
                Some(Refresher::Uac) | None => Side::Peer,
            },
        });
        self.agree(now, agreed);
    }

    /// Takes from the 2xx to a request of ours how long the session lasts from now on (section 7.2).
    pub(super) fn take_session_timer(&mut self, now: Instant, response: &Headers) {
        let policy = self.signature.local.options.timer;
        let value = response.get(&HeaderName::SessionExpires);
        let value = value.and_then(|value| SessionExpires::parse(value).ok());
        let agreed = match (value, policy.mode) {
            (_, SessionTimerMode::Off) | (None, SessionTimerMode::Accept) => None,
            (Some(value), _) => Some(Agreed {
                // Nobody may grant less than was asked for; we need not refresh twice a second.
                seconds: value.seconds.max(MinSe::DEFAULT.0),
                refresher: match value.refresher {
                    Some(Refresher::Uas) => Side::Peer,
                    Some(Refresher::Uac) | None => Side::Us,
                },
            }),
            // It does not know the extension: then we find out for ourselves whether it is there.
            (None, SessionTimerMode::Request) => Some(Agreed {
                seconds: seconds(policy.expires).max(self.session.min_se),
                refresher: Side::Alone,
            }),
        };
        self.agree(now, agreed);
    }

    fn agree(&mut self, now: Instant, agreed: Option<Agreed>) {
        self.session.agreed = agreed;
        self.timers.stop(UsageTimer::Refresh);
        self.timers.stop(UsageTimer::SessionEnd);
        if let Some(agreed) = agreed {
            self.timers.set(UsageTimer::SessionEnd, now + agreed.end());
            if agreed.refresher != Side::Peer {
                self.timers.set(UsageTimer::Refresh, now + agreed.half());
            }
        }
    }

    /// Refreshes the session; any change that is under way does that too.
    pub(super) fn handle_refresh_due(&mut self, now: Instant) {
        if !self.refresh(now) {
            self.refresh_later(now);
        }
    }

    /// The peer refused a refresh with this status. One that does not know the timer has said all
    /// that the refresh asked: that it is there.
    pub(super) fn hear_refusal(&mut self, now: Instant, status: u16) {
        let alone = |agreed: &Agreed| agreed.refresher == Side::Alone;
        if SAID_BY_PEERS.contains(&status)
            && let Some(agreed) = self.session.agreed.filter(alone)
        {
            self.agree(now, Some(agreed));
        }
    }

    /// Tries again to refresh halfway between now and the end.
    pub(super) fn refresh_later(&mut self, now: Instant) {
        let Some(end) = self.timers.deadline(UsageTimer::SessionEnd) else {
            return;
        };
        let wait = end.saturating_duration_since(now) / 2;
        if wait >= Duration::from_secs(1) {
            self.timers.set(UsageTimer::Refresh, now + wait);
        }
    }

    /// Nobody refreshed the session in time.
    pub(super) fn handle_session_over(&mut self, now: Instant) {
        if !matches!(self.stage, Stage::Established(_)) {
            return;
        }
        let cause = HangupCause::RecoveryOnTimerExpiry;
        self.outbox.end(cause, EndedSide::Local, None);
        self.drop_reoffers();
        self.ack_without_answer(now);
        self.leave_established(Some(reason::session_expired()));
    }

    /// Sends a request again that asked for too short a session (section 7.3). The new one has the
    /// same Call-ID and the next number.
    pub(super) fn lengthen_session(
        &mut self,
        tag: RequestTag,
        response: &Response,
    ) -> Option<RequestTag> {
        let policy = self.signature.local.options.timer;
        if response.status != 422 || policy.mode == SessionTimerMode::Off {
            return None;
        }
        let least = response.headers.get(&HeaderName::MinSe)?;
        let least = MinSe::parse(least).ok()?.0;
        let before = self.sent.get(tag)?;
        if least > LONGEST_MIN_SE || before.tries == MOST_TRIES {
            return None;
        }
        let mut sent = self.sent.remove(tag)?;
        self.session.min_se = self.session.min_se.max(least);
        let least = self.session.min_se;
        self.renumber(&mut sent)?;
        let headers = &mut sent.request.headers;
        let asked = headers.get(&HeaderName::SessionExpires);
        let asked = asked.and_then(|value| SessionExpires::parse(value).ok());
        let value = SessionExpires {
            seconds: asked.map_or(0, |asked| asked.seconds).max(least),
            refresher: asked.and_then(|asked| asked.refresher),
        };
        headers.set(HeaderName::SessionExpires, value.write());
        headers.set(HeaderName::MinSe, MinSe(least).write());
        self.authorize(&mut sent.request);
        sent.tries += 1;
        debug_assert!(matches!(
            sent.purpose,
            Purpose::Invite | Purpose::Reinvite | Purpose::Update
        ));
        Some(self.sent.send(&mut self.outbox, sent))
    }
}
