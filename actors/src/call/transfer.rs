//! Sending the other party elsewhere: REFER of a phone (RFC 3515), or an operator's wish.
//!
//! ```text
//!   Talking ──▶ the other party is the caller now, and is routed
//!                 │ somebody answers, or it waits, or hears a menu ──▶ who transferred is let go
//!                 │ nobody there: who transferred is still on the line ──▶ Talking, as before
//!                 └ or has gone: rung again by option, else a prompt
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_core::config::LostTransfer;
use offhook_core::dialplan::{self, Dialled, Notes, RouteError};
use offhook_core::directory::Destination;
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::sip::header::ReferTo;
use offhook_core::sip::invite::ReferId;
use offhook_core::sip::{HeaderName, uri};
use offhook_core::{ExtensionId, HangupCause, LegId};
use offhook_media::engine::Source;

use super::effect::{CallEffect, MediaEffect, RingTarget};
use super::input::{DialsAs, Origin, Party};
use super::leg::Role;
use super::machine::{CallMachine, CallTimer, Stage};
use super::moving::{Handover, PATIENCE};
use super::recording::Recorded;
use super::ring::Purpose;
use super::talk::{Answered, DEFAULT_MUSIC, Talk};
use crate::alarm;

/// How long who transferred may stay on the line after it went well.
const PARTING: Duration = Duration::from_secs(4);

/// The ringing of a leg that is in no ringing.
const NO_RING: u32 = u32::MAX;

/// A transfer in progress.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    /// The leg of who transfers, or the one an operator takes out.
    by: u32,
    /// What its phone asked for.
    refer: Option<ReferId>,
    /// Where the party was sent.
    to: String,
    /// The talk as it was.
    talk: Talk,
    caller: u32,
    from: Party,
    origin: Origin,
    /// The extension of who transfers.
    extension: Option<ExtensionId>,
    /// How the talk was recorded.
    recorded: Recorded,
    /// What who is rung is told about it.
    headers: Vec<(HeaderName, Bytes)>,
}

/// What is to be done with a party.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// Who transfers.
    pub(super) by: u32,
    /// What its phone asked for.
    pub(super) refer: Option<ReferId>,
    /// What is dialled.
    pub(super) number: String,
    /// Whose permissions count for it.
    pub(super) dials_as: DialsAs,
    /// What who is rung is told about it.
    pub(super) headers: Vec<(HeaderName, Bytes)>,
}

/// What is asked for.
impl CallMachine {
    /// A phone asks for a transfer.
    pub(crate) fn referred(
        &mut self,
        now: Instant,
        by: u32,
        refer: ReferId,
        target: &ReferTo,
        referred_by: Option<Bytes>,
    ) {
        let (number, dials_as) = match self.may_transfer(by, target) {
            Ok(allowed) => allowed,
            Err(status) => {
                if let Some(usage) = self.usage(by) {
                    usage.reject_refer(refer, status);
                }
                return;
            }
        };
        if let Some(usage) = self.usage(by) {
            usage.accept_refer(now, refer);
        }
        let referred_by = referred_by.or_else(|| self.name_of(by));
        let headers = referred_by.map(|value| (HeaderName::ReferredBy, value));
        let wish = Wish {
            by,
            refer: Some(refer),
            number,
            dials_as,
            headers: headers.into_iter().collect(),
        };
        match &target.replaces {
            Some(replaces) => {
                self.push(CallEffect::FindDialog(replaces.key()));
                let replaces = replaces.clone();
                self.handover = Some(Box::new(Handover::looking(wish, replaces)));
                // Whoever looks may fall over it.
                self.timers.set(CallTimer::Handover, now + PATIENCE);
            }
            None => self.send_on(now, wish),
        }
    }

    /// The number a phone may transfer to and as whom; else the status that refuses it.
    fn may_transfer(&self, by: u32, target: &ReferTo) -> Result<(String, DialsAs), u16> {
        if !self.talks(by) || self.transfer.is_some() || self.handover.is_some() {
            return Err(603);
        }
        // Carriers send no calls through us, nor does an extension that was removed since.
        let extension = self.extension_of(by).ok_or(403_u16)?;
        let number = target.number().ok_or(404_u16)?;
        Ok((number, DialsAs::Extension(extension)))
    }

    /// Whether this leg is one of the two that talk.
    fn talks(&self, number: u32) -> bool {
        matches!(self.stage, Stage::Talking(_))
            && (self.talks_with(number) || self.caller_number() == Some(number))
    }

    /// An operator sends a party elsewhere: the caller if it is not said who.
    pub(crate) fn operator_transfers(
        &mut self,
        now: Instant,
        to: &str,
        leg: Option<LegId>,
        dials_as: DialsAs,
    ) {
        let Stage::Talking(talk) = &self.stage else {
            return;
        };
        let (callee, caller) = (talk.callee, self.caller_number());
        let goes = leg.map(|leg| leg.number).or(caller);
        let Some(by) = (if goes == Some(callee) {
            caller
        } else {
            Some(callee)
        }) else {
            return;
        };
        let wish = Wish {
            by,
            refer: None,
            number: to.to_owned(),
            dials_as,
            headers: Vec::new(),
        };
        self.send_on(now, wish);
    }
}

/// Going there.
impl CallMachine {
    /// The party that talks with `wish.by` goes elsewhere.
    pub(super) fn send_on(&mut self, now: Instant, wish: Wish) {
        let Wish {
            by,
            refer,
            number,
            dials_as,
            headers,
        } = wish;
        let (Stage::Talking(talk), Some(caller)) = (&self.stage, self.caller_number()) else {
            return;
        };
        let talk = talk.clone();
        self.stage = Stage::Starting;
        let goes = if by == caller { talk.callee } else { caller };
        let recorded = self.interrupt_recording();
        self.resume_all(&talk, caller);
        let extension = self.extension_of(by);
        self.transfer = Some(Box::new(Transfer {
            by,
            refer,
            to: number.clone(),
            talk,
            caller,
            from: self.from.clone(),
            origin: self.origin,
            extension,
            recorded,
            headers,
        }));
        if by == caller {
            self.becomes_caller(goes);
        }
        if let Some(leg) = self.legs.get_mut(&by) {
            leg.role = Role::Transferor;
        }
        self.set_caller(goes);
        let (goes, stays) = (self.leg_id(goes), self.leg_id(by));
        self.media(MediaEffect::Unbridge(goes));
        self.media(MediaEffect::SetSource(stays, Source::Silence));
        let music = Source::HoldMusic(DEFAULT_MUSIC.to_owned());
        self.media(MediaEffect::SetSource(goes, music));
        self.publish(EventKind::CallTransferred {
            call: self.id,
            by: refer.map(|_| stays),
            to: number.clone(),
            into: None,
        });
        self.note_step(by, &number);
        self.go_on_to(now, &number, dials_as);
    }

    fn go_on_to(&mut self, now: Instant, number: &str, dials_as: DialsAs) {
        let Some(hops) = self.hops.checked_sub(1).filter(|hops| *hops > 0) else {
            return self.leads_nowhere(now, HangupCause::ProtocolError);
        };
        self.hops = hops;
        match self.leads_to(now, dials_as, number) {
            // These mean the one who dials them.
            Ok(Destination::AgentLogin | Destination::AgentLogout | Destination::HangUp) => {
                self.leads_nowhere(now, HangupCause::NotAllowed);
            }
            Ok(destination) => self.go(now, number, destination),
            Err(error) => self.leads_nowhere(now, error.cause()),
        }
        if !matches!(self.stage, Stage::Dialling(_) | Stage::Over) {
            self.transfer_succeeded(now);
        }
    }

    /// Where a number leads that is dialled as somebody.
    pub(super) fn leads_to(
        &self,
        now: Instant,
        dials_as: DialsAs,
        number: &str,
    ) -> Result<Destination, RouteError> {
        let caller = match dials_as {
            DialsAs::Office => None,
            DialsAs::Extension(extension) => Some(
                self.directory
                    .extension(extension)
                    .ok_or(RouteError::NotPermitted)?,
            ),
        };
        let dialled = Dialled {
            number,
            caller,
            at: alarm::wall_at(now),
        };
        dialplan::from_inside(&self.directory, dialled, &mut Notes::unread())
    }

    /// The party of this leg is the caller from now on: it is shown to whom is rung.
    pub(super) fn becomes_caller(&mut self, number: u32) {
        let Some(leg) = self.legs.get(&number) else {
            return;
        };
        let extension = leg.extension.as_deref();
        let extension = extension.and_then(|number| self.directory.extension_numbered(number));
        self.from = Party {
            number: leg.remote.clone(),
            name: extension
                .map(|extension| extension.name.clone())
                .filter(|name| !name.is_empty()),
            ..Party::default()
        };
        if let Some(extension) = extension {
            self.origin = Origin::Extension(extension.id);
        } else if let Some(trunk) = leg.trunk {
            self.origin = Origin::Trunk(trunk);
        }
    }

    /// Who is held is so no longer.
    pub(super) fn resume_all(&mut self, talk: &Talk, caller: u32) {
        for number in [caller, talk.callee] {
            if talk.is_held(number, caller) {
                let leg = self.leg_id(number);
                self.publish(EventKind::LegResumed { leg });
            }
        }
    }

    fn note_step(&mut self, by: u32, to: &str) {
        let Some(host) = self.own_host(by) else {
            return;
        };
        let number = self.legs.get(&by).map(|leg| leg.remote.clone());
        let by = uri::sip(number.as_deref(), &host, None);
        self.history.sent_on(by, uri::sip(Some(to), &host, None));
    }

    /// How who transfers is called, for `Referred-By` (RFC 3892).
    fn name_of(&self, by: u32) -> Option<Bytes> {
        let host = self.own_host(by)?;
        let number = self.legs.get(&by)?.extension.as_deref();
        let address = uri::sip(number, &host, None);
        Some([b"<", &address[..], b">"].concat().into())
    }

    /// Our own host as a party sees it.
    pub(super) fn own_host(&self, number: u32) -> Option<String> {
        let usage = self.legs.get(&number)?.usage.as_ref()?;
        usage.local_host()
    }

    /// What who is rung is told about how that came.
    pub(crate) fn ring_headers(&self, ring: u32) -> Vec<(HeaderName, Bytes)> {
        let purpose = self.rings.get(&ring).map(|ring| ring.purpose);
        match (purpose, &self.transfer) {
            (Some(Purpose::Originator), _) => self.originator_headers.clone(),
            (Some(Purpose::Destination), Some(transfer)) => transfer.headers.clone(),
            _ => Vec::new(),
        }
    }
}

/// How it ends.
impl CallMachine {
    /// Tells who transferred how far it has come.
    pub(crate) fn tell_transferor(&mut self, status: u16) {
        let Some((by, Some(refer))) = self.transfer.as_ref().map(|t| (t.by, t.refer)) else {
            return;
        };
        self.notify(by, refer, status);
    }

    pub(super) fn notify(&mut self, by: u32, refer: ReferId, status: u16) {
        if let Some(usage) = self.usage(by) {
            usage.notify_refer(refer, status);
        }
    }

    /// The party has arrived.
    pub(crate) fn transfer_succeeded(&mut self, now: Instant) {
        if self.transfer.is_none() {
            return;
        }
        self.tell_transferor(200);
        let Some(transfer) = self.transfer.take() else {
            return;
        };
        self.stop_talking(&transfer.talk);
        self.disengage(transfer.extension);
        self.part_soon(now, transfer.by);
    }

    /// Who has nobody to talk with any more is given time to hang up by themselves.
    pub(super) fn part_soon(&mut self, now: Instant, number: u32) {
        if self.is_live(number) {
            self.timers.set(CallTimer::Part(number), now + PARTING);
        }
    }

    pub(super) fn is_live(&self, number: u32) -> bool {
        self.legs.get(&number).is_some_and(|leg| leg.is_live())
    }

    /// Time is up for who transferred.
    pub(crate) fn part_with(&mut self, now: Instant, number: u32) {
        if matches!(self.stage, Stage::Parting) {
            self.end(now, HangupCause::Transferred, EndedBy::System);
        } else {
            self.drop_leg(now, number, HangupCause::Transferred);
        }
    }

    /// Who transferred hangs up; the party goes on.
    pub(crate) fn transferor_left(&mut self, now: Instant, number: u32, cause: HangupCause) {
        self.drop_leg(now, number, cause);
        self.timers.stop(CallTimer::Part(number));
        if let Some(transfer) = &mut self.transfer
            && transfer.by == number
        {
            let talk = transfer.talk.clone();
            transfer.talk.answered = Answered::Dialled;
            let extension = transfer.extension;
            self.stop_talking(&talk);
            self.disengage(extension);
        } else if matches!(self.stage, Stage::Parting) && self.handover.is_none() {
            self.end(now, HangupCause::Transferred, EndedBy::System);
        }
    }

    /// Nobody is there.
    pub(crate) fn transfer_failed(&mut self, now: Instant, cause: HangupCause) {
        self.tell_transferor(cause.sip_status());
        let Some(transfer) = self.transfer.take() else {
            return;
        };
        self.publish(EventKind::CallTransferFailed {
            call: self.id,
            to: transfer.to.clone(),
            cause,
        });
        if self.is_live(transfer.by) {
            return self.talk_again(now, *transfer);
        }
        if self.lost_transfer == LostTransfer::Returns
            && let Some(extension) = transfer.extension
        {
            return self.dial(now, RingTarget::Extension(extension));
        }
        self.leads_nowhere(now, cause);
    }

    /// The two talk as before.
    fn talk_again(&mut self, now: Instant, transfer: Transfer) {
        let Transfer {
            by,
            talk,
            caller,
            from,
            origin,
            recorded,
            ..
        } = transfer;
        self.stop_playing();
        self.from = from;
        self.origin = origin;
        if by == caller {
            self.rung_no_more(talk.callee);
        } else {
            self.rung_no_more(by);
        }
        self.set_caller(caller);
        self.resume_talk(now, &talk, caller);
        self.record_again(now, recorded);
    }

    /// This leg is the one that was rung, in a ringing that is over.
    pub(super) fn rung_no_more(&mut self, number: u32) {
        if let Some(leg) = self.legs.get_mut(&number) {
            leg.role = Role::Rung(NO_RING);
        }
    }

    /// Takes a talk up again, with the holds its phones want by now.
    pub(super) fn resume_talk(&mut self, now: Instant, talk: &Talk, caller: u32) {
        let callee = talk.callee;
        let agent = match talk.answered {
            Answered::Dialled => None,
            Answered::Queue { by, .. } => by.rung(),
        };
        let operator = talk.holders.contains(&super::talk::Holder::Operator);
        self.stage = Stage::Talking(Talk {
            holders: std::collections::BTreeSet::new(),
            ..talk.clone()
        });
        let (caller_id, callee_id) = (self.leg_id(caller), self.leg_id(callee));
        self.media(MediaEffect::Bridge(caller_id, callee_id));
        self.publish(EventKind::Bridged {
            call: self.id,
            caller: caller_id,
            callee: callee_id,
            agent,
        });
        self.heed_hold(caller);
        self.heed_hold(callee);
        if operator {
            self.operator_holds();
        }
        self.tune(now);
    }

    /// The call ends before the transfer does.
    pub(crate) fn abandon_transfer(&mut self) {
        self.tell_transferor(487);
        if let Some(transfer) = self.transfer.take() {
            self.stop_talking(&transfer.talk);
        }
        if let Some((by, refer)) = self.handover.take().and_then(|handover| handover.asked()) {
            self.notify(by, refer, 487);
        }
    }

    pub(super) fn disengage(&mut self, extension: Option<ExtensionId>) {
        if let Some(extension) = extension
            && self.engaged.remove(&extension)
        {
            self.push(CallEffect::Disengaged(extension));
        }
    }
}
