//! What a registrar's answer means.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    Binding, MAX_EXPIRES, MAX_RETRY_AFTER, RegisterClient, RegisterEffect, RegisterFailure,
    RegisterState, RegisterTimer, Wish,
};
use crate::sip::HeaderName;
use crate::sip::digest::ClientError;
use crate::sip::header::{Expires, NameAddr, RetryAfter};
use crate::sip::message::Response;
use crate::sip::uri::Uri;

impl RegisterClient {
    pub(super) fn answered(&mut self, now: Instant, response: &Response) {
        match response.status {
            401 | 407 => self.challenged(now, response),
            _ if self.wish == Wish::Gone => {}
            200..=299 => self.granted(now, response),
            423 => self.too_brief(now, response),
            status @ (403 | 404 | 410 | 604) => self.fail(now, RegisterFailure::Refused(status)),
            status => {
                self.note_retry_after(response);
                self.fail(now, RegisterFailure::Failed(status));
            }
        }
    }

    fn challenged(&mut self, now: Instant, response: &Response) {
        let taken = self
            .digest
            .as_mut()
            .map(|digest| digest.challenged(response));
        let failure = match taken {
            Some(Ok(())) => return self.send(),
            None => RegisterFailure::NoPassword,
            Some(Err(ClientError::NoChallenge)) => RegisterFailure::Failed(response.status),
            Some(Err(_)) => RegisterFailure::WrongPassword,
        };
        if self.wish == Wish::Registered {
            self.fail(now, failure);
        }
    }

    /// Section 10.2.8: the registrar names the least it takes.
    fn too_brief(&mut self, now: Instant, response: &Response) {
        let least = response.headers.get(&HeaderName::MinExpires);
        let least = least.and_then(|value| Expires::read(value));
        match least {
            Some(Expires(least))
                if least > self.expires && least <= MAX_EXPIRES && self.raised < MOST_RAISES =>
            {
                self.raised += 1;
                self.expires = least;
                self.send();
            }
            _ => self.fail(now, RegisterFailure::Failed(423)),
        }
    }

    fn note_retry_after(&mut self, response: &Response) {
        let value = response.headers.get(&HeaderName::RetryAfter);
        let after = value.and_then(|value| RetryAfter::parse(value).ok());
        let after = after.map_or(Duration::ZERO, RetryAfter::duration);
        self.retry_after = self.retry_after.max(after.min(MAX_RETRY_AFTER));
    }

    fn granted(&mut self, now: Instant, response: &Response) {
        let granted = self.granted_expires(response).min(MAX_EXPIRES);
        if granted == 0 {
            return self.fail(now, RegisterFailure::NotBound);
        }
        let length = Duration::from_secs(u64::from(granted));
        let refresh = self.part_of(length, 80, 95);
        self.timers.set(RegisterTimer::Send, now + refresh);
        self.timers.set(RegisterTimer::Expire, now + length);
        (self.failed, self.rounds, self.retry_after) = (0, 0, Duration::ZERO);
        self.raised = 0;
        self.service_route = response
            .headers
            .list(&HeaderName::ServiceRoute)
            .filter(|route| NameAddr::parse(route, &HeaderName::ServiceRoute).is_ok())
            .take(MAX_ROUTES)
            .collect();
        let before = self.binding.replace(Binding {
            registrar: self.at,
            until: now + length,
        });
        let moved = before.is_none_or(|before| before.registrar != self.at);
        if moved || self.state != RegisterState::Registered {
            self.state = RegisterState::Registered;
            if let Some(registrar) = self.config.registrars.get(self.at) {
                self.effects.push_back(RegisterEffect::Registered {
                    registrar: registrar.uri.clone(),
                });
            }
        }
    }

    /// Section 10.2.4: the registrar lists everybody's bindings. Ours is the one with our URI; some
    /// registrars write the address they see instead, so the user part has to do, and some list
    /// only one that looks like nothing we know.
    fn granted_expires(&self, response: &Response) -> u32 {
        let general = response.headers.get(&HeaderName::Expires);
        let general = general.and_then(|value| Expires::read(value));
        let general = general.map_or(self.expires, |expires| expires.0);
        let contacts = response.headers.list(&HeaderName::Contact);
        let contacts: Vec<NameAddr> = contacts
            .filter_map(|item| NameAddr::parse(&item, &HeaderName::Contact).ok())
            .collect();
        let expires = |contact: &NameAddr| {
            let own = contact.params.get("expires");
            let own = own.and_then(|value| Expires::read(&value));
            own.map_or(general, |expires| expires.0)
        };
        let ours = self.our_contact();
        let same = |contact: &&NameAddr| {
            let uris = Uri::parse(&contact.uri).ok().zip(ours.clone());
            uris.is_some_and(|(one, two)| one.is_equivalent(&two))
        };
        let alike = |contact: &&NameAddr| {
            let user = Uri::parse(&contact.uri)
                .ok()
                .and_then(|uri| uri.user_text());
            user.is_some() && user == ours.as_ref().and_then(Uri::user_text)
        };
        let found = contacts.iter().find(same);
        let found = found.or_else(|| contacts.iter().filter(alike).max_by_key(|one| expires(one)));
        match (found, contacts.as_slice()) {
            (Some(contact), _) => expires(contact),
            (None, []) => general,
            (None, [only]) => expires(only),
            (None, _) => 0,
        }
    }

    fn our_contact(&self) -> Option<Uri> {
        let contact: &Bytes = &self.config.registrars.get(self.at)?.contact;
        let contact = NameAddr::parse(contact, &HeaderName::Contact).ok()?;
        Uri::parse(&contact.uri).ok()
    }
}

/// Service-Route values that are kept; nobody sends calls through more.
const MAX_ROUTES: usize = 8;

/// How often in a row a registrar may want a longer registration: each time it is asked at once.
const MOST_RAISES: u8 = 3;
