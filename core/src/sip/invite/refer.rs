//! The peer asks us to call somebody else (REFER, RFC 3515), and is told how that goes.
//!
//! A REFER that is accepted makes a subscription to itself inside the dialog: each step of the new
//! call is told by NOTIFY with the first line of a response as its body. Of steps that come up while
//! a NOTIFY is on its way only the latest is told. The subscription outlives the call for the last
//! step (RFC 5057 section 4.1), and its failure ends nothing but itself.

use std::time::{Duration, Instant};

use super::message::{RequestTag, UsageEvent};
use super::sent::{Purpose, Sent};
use super::usage::{InviteUsage, Stage, UsageTimer};
use crate::sip::HeaderName;
use crate::sip::endpoint::ServerTxn;
use crate::sip::header::{Expires, Params, ReferTo};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::status::phrase;
use crate::sip::transaction::timer::TIMEOUT;

/// The most that one dialog tells of at once; the next REFER has to wait.
const MOST: usize = 8;

/// How long the peer is told, longer than anybody is rung.
const LIFETIME: Duration = Duration::from_secs(180);

/// Names a REFER of one dialog: its CSeq number, as in the `id` of its NOTIFYs (RFC 3515 section
/// 2.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReferId(pub u32);

/// What the peer asked for and has not heard the end of.
#[derive(Debug, Clone, Default)]
pub(super) struct Referrals {
    all: Vec<Referral>,
    /// Whether one was accepted before: from the second on, NOTIFY says which it is about.
    first: Option<ReferId>,
}

#[derive(Debug, Clone)]
struct Referral {
    refer: ReferId,
    stage: Progress,
}

#[derive(Debug, Clone)]
enum Progress {
    /// The call has not decided.
    Asked {
        txn: ServerTxn,
        request: Box<Request>,
        told: Told,
    },
    /// Accepted: the peer is told.
    Told(Telling),
}

/// Whether the peer wants to be told (RFC 4488).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Yes,
    /// `Refer-Sub: false`.
    No,
}

/// A subscription.
#[derive(Debug, Clone)]
struct Telling {
    /// The status to tell, or told last.
    status: u16,
    /// The NOTIFY without an answer yet.
    sent: Option<RequestTag>,
    /// Whether `status` is still to be told.
    owed: bool,
    /// Why nothing more will come.
    over: Option<&'static str>,
    /// How long it was last granted.
    granted: Duration,
}

impl Referrals {
    /// Whether a peer is still to be told something.
    pub(super) fn are_told(&self) -> bool {
        self.all
            .iter()
            .any(|referral| matches!(referral.stage, Progress::Told(_)))
    }

    fn telling(&mut self, refer: ReferId) -> Option<&mut Telling> {
        let referral = self.all.iter_mut().find(|known| known.refer == refer)?;
        match &mut referral.stage {
            Progress::Told(telling) => Some(telling),
            Progress::Asked { .. } => None,
        }
    }

    fn remove(&mut self, refer: ReferId) {
        self.all.retain(|known| known.refer != refer);
    }

    /// Takes a question out that the call decides now.
    fn take_asked(&mut self, refer: ReferId) -> Option<(ServerTxn, Request, Told)> {
        let asked = |known: &Referral| {
            known.refer == refer && matches!(known.stage, Progress::Asked { .. })
        };
        let at = self.all.iter().position(asked)?;
        match self.all.remove(at).stage {
            Progress::Asked { txn, request, told } => Some((txn, *request, told)),
            Progress::Told(_) => None,
        }
    }

    /// The value of `Event`.
    fn event(&self, refer: ReferId) -> String {
        if self.first == Some(refer) {
            "refer".to_owned()
        } else {
            format!("refer;id={}", refer.0)
        }
    }
}

/// What the call decides.
impl InviteUsage {
    /// Takes a REFER: 202, and the peer is told `100 Trying`, unless it does not want to be told
    /// anything (RFC 4488). [`notify_refer`](Self::notify_refer) has to follow, with a final status
    /// in the end. Does nothing when the question does not stand any more.
    pub fn accept_refer(&mut self, now: Instant, refer: ReferId) {
        let Some((txn, request, told)) = self.referrals.take_asked(refer) else {
            return;
        };
        let mut response = self.signature.full_response(&request, 202);
        if told == Told::No {
            response.headers.push(HeaderName::ReferSub, "false");
            return self.outbox.respond(txn, response);
        }
        self.outbox.respond(txn, response);
        self.referrals.first.get_or_insert(refer);
        self.timers
            .set(UsageTimer::Referral(refer.0), now + LIFETIME);
        self.referrals.all.push(Referral {
            refer,
            stage: Progress::Told(Telling {
                status: 100,
                sent: None,
                owed: true,
                over: None,
                granted: LIFETIME,
            }),
        });
        self.tell_refer(refer);
    }

    /// Refuses a REFER with `status`; one that is no failure counts as 603.
    pub fn reject_refer(&mut self, refer: ReferId, status: u16) {
        let Some((txn, request, _)) = self.referrals.take_asked(refer) else {
            return;
        };
        let status = if (400..700).contains(&status) {
            status
        } else {
            603
        };
        self.refuse(txn, &request, status);
    }

    /// Tells how far the new call has come, by the status its INVITE got: 180, 200, 486. A final one
    /// ends the subscription. Does nothing when the peer is not told (any more).
    pub fn notify_refer(&mut self, refer: ReferId, status: u16) {
        let Some(telling) = self.referrals.telling(refer) else {
            return;
        };
        if telling.over.is_some() || telling.status == status {
            return;
        }
        telling.status = status;
        telling.owed = true;
        if status >= 200 {
            telling.over = Some("noresource");
        }
        self.tell_refer(refer);
        self.settle();
    }
}

/// What the peer says.
impl InviteUsage {
    pub(super) fn handle_refer(&mut self, txn: ServerTxn, request: &Request) {
        let headers = &request.headers;
        if !matches!(self.stage, Stage::Established(_)) || self.referrals.all.len() == MOST {
            return self.refuse_for_now(txn, request);
        }
        let mut targets = headers.list(&HeaderName::ReferTo);
        let (Some(target), None, Ok(cseq)) = (targets.next(), targets.next(), headers.cseq())
        else {
            // RFC 3515 section 2.4.2.
            return self.refuse(txn, request, 400);
        };
        let target = match ReferTo::parse(&target) {
            Ok(target) => target,
            Err(error) => return self.refuse(txn, request, error.status()),
        };
        let refer = ReferId(cseq.number);
        let told = if headers.has_token(&HeaderName::ReferSub, "false") {
            Told::No
        } else {
            Told::Yes
        };
        let referred_by = headers.get(&HeaderName::ReferredBy).cloned();
        self.referrals.all.push(Referral {
            refer,
            stage: Progress::Asked {
                txn,
                request: Box::new(request.clone()),
                told,
            },
        });
        self.outbox.tell(UsageEvent::Referred {
            refer,
            target,
            referred_by,
        });
    }

    /// The peer asks for more time, or wants to be told no more (RFC 3515 section 2.4.4).
    pub(super) fn handle_subscribe(&mut self, now: Instant, txn: ServerTxn, request: &Request) {
        let Some(wanted) = wanted_refer(request) else {
            let mut response = self.signature.response(request, 489);
            response.headers.push(HeaderName::AllowEvents, "refer");
            return self.outbox.respond(txn, response);
        };
        let refer = wanted.map(ReferId).or(self.referrals.first);
        let Some((refer, telling)) =
            refer.and_then(|refer| Some((refer, self.referrals.telling(refer)?)))
        else {
            return self.refuse(txn, request, 481);
        };
        let asked = request.headers.get(&HeaderName::Expires);
        let asked = asked.and_then(|value| Expires::parse(value).ok());
        let granted = asked.map_or(LIFETIME, |asked| asked.duration().min(LIFETIME));
        telling.owed = true;
        telling.granted = granted;
        // Who wants to be told no more is told so, which needs its time (RFC 6665 section 4.2.1.4).
        let lasts = if granted.is_zero() {
            telling.over.get_or_insert("timeout");
            TIMEOUT
        } else {
            granted
        };
        self.timers.set(UsageTimer::Referral(refer.0), now + lasts);
        let mut response = self.signature.full_response(request, 200);
        let seconds = granted.as_secs().to_string();
        response.headers.push(HeaderName::Expires, seconds);
        self.outbox.respond(txn, response);
        self.tell_refer(refer);
    }

    pub(super) fn handle_notify_response(
        &mut self,
        refer: ReferId,
        tag: RequestTag,
        response: &Response,
    ) {
        if let Some(again) = self.answer_challenge(tag, response) {
            if let Some(telling) = self.referrals.telling(refer) {
                telling.sent = Some(again);
            }
            return;
        }
        self.sent.remove(tag);
        let Some(telling) = self.referrals.telling(refer) else {
            return;
        };
        telling.sent = None;
        let done = telling.over.is_some() && !telling.owed;
        if done || !response.is_success() {
            self.end_referral(refer);
        } else if telling.owed {
            self.send_notify(refer);
        }
    }

    /// Nobody hears us; that is the end of this subscription, and of nothing else.
    pub(super) fn handle_notify_failed(&mut self, refer: ReferId, tag: RequestTag) {
        self.sent.remove(tag);
        self.end_referral(refer);
    }
}

impl InviteUsage {
    /// The time of a subscription is over.
    pub(super) fn handle_referral_over(&mut self, now: Instant, number: u32) {
        let refer = ReferId(number);
        let Some(telling) = self.referrals.telling(refer) else {
            return;
        };
        if telling.sent.is_some() && telling.over.is_some() && !telling.owed {
            return self.end_referral(refer);
        }
        telling.over.get_or_insert("timeout");
        telling.owed = true;
        if telling.sent.is_some() {
            // It goes out when the one before it is answered; that one gives up by then.
            self.timers.set(UsageTimer::Referral(number), now + TIMEOUT);
        }
        self.tell_refer(refer);
    }

    /// The call ends: what it has not decided it will not decide any more (RFC 3261 section
    /// 15.1.2).
    pub(super) fn drop_asked_refers(&mut self) {
        let (asked, told): (Vec<_>, Vec<_>) = std::mem::take(&mut self.referrals.all)
            .into_iter()
            .partition(|referral| matches!(referral.stage, Progress::Asked { .. }));
        self.referrals.all = told;
        for referral in asked {
            if let Progress::Asked { txn, request, .. } = referral.stage {
                self.refuse(txn, &request, 487);
            }
        }
    }

    fn end_referral(&mut self, refer: ReferId) {
        self.timers.stop(UsageTimer::Referral(refer.0));
        self.referrals.remove(refer);
    }

    /// Tells what is owed, unless a NOTIFY is on its way: one at a time, or they overtake each other.
    fn tell_refer(&mut self, refer: ReferId) {
        if let Some(telling) = self.referrals.telling(refer)
            && telling.sent.is_none()
            && telling.owed
        {
            self.send_notify(refer);
        }
    }

    fn send_notify(&mut self, refer: ReferId) {
        let event = self.referrals.event(refer);
        let dialog = match &mut self.stage {
            Stage::Established(established) => Some(&mut established.dialog),
            Stage::Leaving(leaving) => leaving.dialog.as_mut(),
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Terminated => None,
        };
        let (Some(dialog), Some(telling)) = (dialog, self.referrals.telling(refer)) else {
            return self.end_referral(refer);
        };
        telling.owed = false;
        let state = match telling.over {
            Some(reason) => format!("terminated;reason={reason}"),
            None => format!("active;expires={}", telling.granted.as_secs()),
        };
        let body = format!("SIP/2.0 {} {}\r\n", telling.status, phrase(telling.status));
        let mut request = dialog.request(Method::Notify);
        let next_hop = self.signature.next_hop(dialog.next_hop());
        if let Some(digest) = &mut self.digest {
            digest.authorize(&mut request, &mut self.ids);
        }
        self.signature.introduce(&mut request);
        let headers = &mut request.headers;
        headers.push(HeaderName::Event, event);
        headers.push(HeaderName::SubscriptionState, state);
        headers.push(HeaderName::ContentType, "message/sipfrag;version=2.0");
        request.body = body.into();
        let tag = self.sent.send(
            &mut self.outbox,
            Sent {
                purpose: Purpose::Notify(refer),
                request,
                next_hop,
                tries: 0,
            },
        );
        if let Some(telling) = self.referrals.telling(refer) {
            telling.sent = Some(tag);
        }
    }
}

/// The REFER a SUBSCRIBE is about, if it is about one: the first when it names none.
fn wanted_refer(request: &Request) -> Option<Option<u32>> {
    let value = request.headers.get(&HeaderName::Event)?;
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    if !value[..end].trim_ascii().eq_ignore_ascii_case(b"refer") {
        return None;
    }
    let params = Params::parse(&value.slice(end..)).ok()?;
    let Some(id) = params.text("id") else {
        return Some(None);
    };
    let id = std::str::from_utf8(&id).ok()?.parse().ok()?;
    Some(Some(id))
}
