//! Phones that send their caller on: an extension's phone that answers with a redirection (3xx)
//! because somebody set it to forward its calls.
//!
//! Whoever answers must not decide whom we call at our cost. So a place counts only if it is a number
//! of this server, and is dialled with the permissions of the extension; each extension sends a
//! caller on once, and nobody to an emergency number.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use offhook_core::dialplan::{self, Notes};
use offhook_core::directory::Destination;
use offhook_core::event::EventKind;
use offhook_core::sip::header::DiversionReason;
use offhook_core::sip::uri::{self, Scheme, Uri};
use offhook_core::{ExtensionId, HangupCause};

use super::effect::RingTarget;
use super::input::DialsAs;
use super::machine::{CallMachine, Stage};
use super::ring::Purpose;
use super::turn::Failure;
use crate::alarm;

/// How often one caller is sent on.
const MOST: usize = 5;

/// What becomes of redirections.
#[derive(Debug, Clone, Default)]
pub enum Redirects {
    /// They are refusals.
    #[default]
    Refused,
    /// They are followed to numbers at these hosts, which are ours.
    Inside(Arc<[String]>),
}

/// A wish to send the caller on, for when nobody else can answer.
#[derive(Debug, Clone)]
pub(crate) struct Redirection {
    /// The leg of the phone.
    leg: u32,
    /// Whose phone it is.
    by: ExtensionId,
    /// Our host as the phone knows it.
    host: String,
    /// Where it wants the caller to go.
    number: String,
    status: u16,
    reason: DiversionReason,
}

/// Why a caller is not sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    /// The extension has sent them on before, or they would come to one that has.
    Circle,
    /// They were sent on often enough.
    TooOften,
    /// The number leads nowhere, or not for this extension.
    Nowhere,
}

/// Who has sent the caller on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forwards {
    by: Vec<ExtensionId>,
}

impl Forwards {
    /// Notes that this extension sends the caller on, if it may.
    fn note(&mut self, by: ExtensionId, to: &Destination) -> Result<(), Stays> {
        let is_back = matches!(to, Destination::Extension(id) if *id == by || self.by.contains(id));
        if is_back || self.by.contains(&by) {
            return Err(Stays::Circle);
        }
        if self.by.len() >= MOST {
            return Err(Stays::TooOften);
        }
        self.by.push(by);
        Ok(())
    }
}

/// The number at the best of these places that is ours; a number without a host is ours to dial.
fn number_at(places: &[Bytes], hosts: &[String], as_known: &str) -> Option<String> {
    let is_ours = |host: &[u8]| {
        let mut known = hosts.iter().map(String::as_str).chain([as_known]);
        known.any(|known| known.as_bytes().eq_ignore_ascii_case(host))
    };
    let number = |place: &Bytes| {
        let uri = Uri::parse(place).ok()?;
        let ours = match uri.scheme() {
            Scheme::Sip | Scheme::Sips => is_ours(uri.host()),
            Scheme::Tel => true,
            Scheme::Other => false,
        };
        let number = uri.user_text().filter(|number| !number.is_empty());
        number.filter(|_| ours)
    };
    places.iter().find_map(number)
}

/// Whether such a response sends a caller to somebody else. 305 names a proxy to go by and 380
/// another service (RFC 3261 section 21.3), which are no forwards.
fn forwards(status: u16) -> bool {
    matches!(status, 300..=302)
}

/// What is heard.
impl CallMachine {
    /// A rung phone names other places. Nothing comes of it while others may answer.
    pub(crate) fn redirected(
        &mut self,
        number: u32,
        leg: u32,
        places: &[Bytes],
        (status, said): (u16, Option<DiversionReason>),
    ) {
        let Redirects::Inside(hosts) = self.redirects.clone() else {
            return;
        };
        let rang = self.legs.get(&leg).is_some_and(|leg| leg.has_rung());
        let Some(ring) = self.rings.get(&number) else {
            return;
        };
        let RingTarget::Extension(by) = ring.target else {
            return;
        };
        if ring.purpose != Purpose::Destination || ring.forward.is_some() || !forwards(status) {
            return;
        }
        let host = self.own_host(leg).unwrap_or_default();
        let Some(to) = number_at(places, &hosts, &host) else {
            tracing::warn!(call = %self.id, leg, "a phone forwards to a place that is not ours: refused");
            return;
        };
        // Phones that forward unconditionally do so at once.
        let guessed = if rang {
            DiversionReason::NoAnswer
        } else {
            DiversionReason::Unconditional
        };
        let redirection = Redirection {
            leg,
            by,
            host,
            number: to,
            status,
            reason: said.unwrap_or(guessed),
        };
        if let Some(ring) = self.rings.get_mut(&number) {
            ring.forward = Some(redirection);
        }
    }

    /// How a redirection counts that is not followed: the party is not there, unless its phone said
    /// why.
    pub(crate) fn unless_redirected(&self, number: u32, failure: Failure) -> Failure {
        let ring = self.rings.get(&number);
        let inside =
            ring.filter(|ring| ring.purpose == Purpose::Destination && !ring.target.is_outside());
        let (Some(ring), Some(300..=399)) = (inside, failure.status) else {
            return failure;
        };
        let cause = match ring.forward.as_ref().map(|forward| forward.reason) {
            Some(DiversionReason::UserBusy) => HangupCause::UserBusy,
            Some(DiversionReason::NoAnswer) => HangupCause::NoAnswer,
            Some(
                DiversionReason::Unknown
                | DiversionReason::Unavailable
                | DiversionReason::Unconditional
                | DiversionReason::Deflection,
            )
            | None => HangupCause::SubscriberAbsent,
        };
        Failure { cause, ..failure }
    }
}

/// Going there.
impl CallMachine {
    /// Nobody answered, and a phone has said where the caller is to go; else why they stay.
    pub(crate) fn send_forward(
        &mut self,
        now: Instant,
        redirection: Redirection,
        cause: HangupCause,
    ) {
        let to = self.follow(now, &redirection);
        let Redirection {
            leg,
            by,
            host,
            number,
            status,
            reason,
        } = redirection;
        let destination = match to {
            Ok(destination) => destination,
            Err(stays) => {
                tracing::info!(call = %self.id, ?stays, "a phone's forward is not followed");
                return self.leads_nowhere(now, cause);
            }
        };
        let extension = self.directory.extension(by).map(|e| e.number.clone());
        let extension = extension.unwrap_or_default();
        let from = uri::sip(Some(&extension), &host, None);
        let to = uri::sip(Some(&number), &host, None);
        self.history.forwarded(from, to, status, reason);
        self.publish(EventKind::CallForwarded {
            call: self.id,
            by: self.leg_id(leg),
            extension,
            to: number.clone(),
        });
        self.go(now, &number, destination);
        // Who was transferred has arrived, unless somebody else is rung now.
        if !matches!(self.stage, Stage::Dialling(_) | Stage::Over) {
            self.transfer_succeeded(now);
        }
    }

    fn follow(&mut self, now: Instant, wish: &Redirection) -> Result<Destination, Stays> {
        let destination = self
            .leads_to(now, DialsAs::Extension(wish.by), &wish.number)
            .map_err(|_| Stays::Nowhere)?;
        let hops = self.hops.checked_sub(1).filter(|hops| *hops > 0);
        let hops = hops.ok_or(Stays::TooOften)?;
        match &destination {
            // These mean the one who dials them.
            Destination::AgentLogin | Destination::AgentLogout | Destination::HangUp => {
                return Err(Stays::Nowhere);
            }
            Destination::External(number) if self.is_emergency(now, wish.by, number) => {
                return Err(Stays::Nowhere);
            }
            Destination::External(_)
            | Destination::Extension(_)
            | Destination::Queue(_)
            | Destination::IvrMenu(_)
            | Destination::Echo => {}
        }
        self.forwards.note(wish.by, &destination)?;
        self.hops = hops;
        Ok(destination)
    }

    /// Whether this number outside is one that is called for help.
    fn is_emergency(&self, now: Instant, by: ExtensionId, number: &str) -> bool {
        let (caller, at) = (self.directory.extension(by), alarm::wall_at(now));
        let notes = &mut Notes::unread();
        let out = dialplan::outbound(&self.directory, caller, number, at, notes);
        out.is_ok_and(|out| out.ignores_limits())
    }
}

#[cfg(test)]
mod tests {
    use offhook_core::IdSource;

    use super::*;

    #[test]
    fn a_caller_is_sent_on_five_times_and_by_nobody_twice() {
        let ids = &mut IdSource::seeded(1);
        let extensions: Vec<_> = (0..7).map(|_| ExtensionId::new(ids)).collect();
        let to = |index: usize| Destination::Extension(extensions[index]);
        let mut forwards = Forwards::default();
        assert_eq!(forwards.note(extensions[0], &to(0)), Err(Stays::Circle));
        for from in 0..MOST {
            assert_eq!(forwards.note(extensions[from], &to(from + 1)), Ok(()));
            assert_eq!(
                forwards.note(extensions[from], &to(6)),
                Err(Stays::Circle),
                "once each"
            );
            let back = forwards.note(extensions[from + 1], &to(0));
            assert_eq!(back, Err(Stays::Circle));
        }
        let too_often = forwards.note(extensions[MOST], &to(6));
        assert_eq!(too_often, Err(Stays::TooOften));
    }

    #[test]
    fn only_a_number_at_a_host_of_ours_counts() {
        let hosts = ["offhook.example".to_owned(), "[2001:db8::1]".to_owned()];
        let number = |place: &'static str| number_at(&[place.into()], &hosts, "192.0.2.1");
        for (place, wanted) in [
            ("sip:1002@offhook.example", Some("1002")),
            ("SIPS:1002@OFFHOOK.EXAMPLE:5061;transport=tls", Some("1002")),
            ("sip:1002@192.0.2.1:5999", Some("1002")),
            ("sip:%2A43@[2001:DB8::1]", Some("*43")),
            ("tel:+49-30-1", Some("+49-30-1")),
            ("sip:1002@192.0.2.2", None),
            ("sip:1002@offhook.example.evil", None),
            ("sip:192.0.2.1", None),
            ("sip:@192.0.2.1", None),
            ("http://1002@192.0.2.1", None),
            ("", None),
        ] {
            assert_eq!(number(place).as_deref(), wanted, "{place}");
        }
    }
}
