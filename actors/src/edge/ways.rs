//! The trunks a number outside is tried by.

use jiff::Timestamp;
use offhook_core::dialplan::{self, Notes, RouteError};
use offhook_core::directory::Trunk;
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::locate::{Locate, LocateError, Target};
use offhook_core::sip::{HeaderName, Uri};
use offhook_core::{HangupCause, IdSource, TrunkId};

use super::SipCore;
use crate::alarm;
use crate::call::Contact;

/// A trunk that takes a number.
#[derive(Debug, Clone)]
pub struct WayOut {
    /// The trunk.
    pub trunk: TrunkId,
    /// What operators call it.
    pub name: String,
    /// What it is sent, or why it is passed over now.
    pub contact: Result<Contact, HangupCause>,
}

impl SipCore {
    /// Where a number outside is rung: each trunk of its route in its turn. Who is calling has been
    /// looked at by the dial plan already.
    ///
    /// # Errors
    /// Why the number leads nowhere (see [`RouteError::cause`]); [`HangupCause::Congestion`] when
    /// the last trunk of its route has as many calls as it may have,
    /// [`HangupCause::NetworkOutOfOrder`] when it is down.
    pub fn contacts_outside(&self, number: &str) -> Result<Vec<Contact>, HangupCause> {
        let ways = self.ways(number, alarm::wall());
        let (mut contacts, mut refusal) = (Vec::new(), HangupCause::NetworkOutOfOrder);
        for way in ways.map_err(RouteError::cause)? {
            match way.contact {
                Ok(contact) => contacts.push(contact),
                Err(cause) => refusal = cause,
            }
        }
        if contacts.is_empty() {
            return Err(refusal);
        }
        Ok(contacts)
    }

    /// Every trunk that takes a number at a moment, those that are passed over included; none when
    /// the number leads nowhere.
    #[must_use]
    pub fn ways_out(&self, number: &str, at: Timestamp) -> Vec<WayOut> {
        self.ways(number, at).unwrap_or_default()
    }

    fn ways(&self, number: &str, at: Timestamp) -> Result<Vec<WayOut>, RouteError> {
        let directory = self.shared.directory.load();
        let outbound = dialplan::outbound(&directory, None, number, at, &mut Notes::unread())?;
        let limits = !outbound.ignores_limits();
        let mut turn = 0;
        let way = |trunk: &&Trunk| {
            let takes = if limits {
                self.shared.trunk_takes_call(trunk)
            } else {
                Ok(())
            };
            let contact = takes.and_then(|()| {
                let contact = self.trunk_contact(&outbound.number, trunk);
                contact.ok_or(HangupCause::NetworkOutOfOrder)
            });
            let contact = contact.map(|mut contact| {
                contact.turn = turn;
                turn += 1;
                contact
            });
            WayOut {
                trunk: trunk.id,
                name: trunk.name.clone(),
                contact,
            }
        };
        Ok(outbound.trunks.iter().map(way).collect())
    }

    /// Where a call to this contact would be sent, best first (RFC 3263). Records of one priority
    /// are drawn anew each time.
    ///
    /// # Errors
    /// Why nowhere.
    pub async fn resolve(&self, contact: &Contact) -> Result<Vec<Target>, LocateError> {
        let proxy = contact.routes.first();
        let proxy = proxy.and_then(|route| NameAddr::parse(route, &HeaderName::Route).ok());
        let uri = proxy.map_or_else(|| contact.uri.clone(), |proxy| proxy.uri);
        let uri = Uri::parse(&uri).map_err(|_| LocateError::NoHost)?;
        let shared = &self.shared;
        let locate = Locate::start(&uri, &shared.means, IdSource::from_entropy())?;
        shared.names.locate(locate).await
    }
}
