//! Who may watch what.

use offhook_core::IdSource;
use std::sync::atomic::Ordering;

use offhook_core::config::WatchPolicy;
use offhook_core::directory::Directory;
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::status::phrase;
use offhook_core::sip::subscription::{Asked, Opening, Package, Subscription};
use offhook_core::sip::{HeaderName, Uri};

use super::book::{Entry, Watched};
use super::handle::Shared;
use crate::alarm;
use crate::edge::IncomingRequest;

impl Shared {
    /// The subscription that a SUBSCRIBE outside of any dialog makes.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn grant(
        &self,
        directory: &Directory,
        incoming: IncomingRequest,
    ) -> Result<Entry, Box<Response>> {
        let IncomingRequest {
            txn,
            extension: watcher,
            request,
            local,
            ..
        } = incoming;
        let terms = self.config.terms();
        let asked = Asked::read(&request, &terms)?;
        let watched = self.find(directory, &watcher, &asked, &request)?;
        if !self.may_watch(&watcher, asked.package, &watched) {
            return Err(refusal(&request, 403));
        }
        self.check_room(&watcher, &request)?;
        let opening = Opening {
            txn,
            list: watched.is_list(),
            asked,
            terms,
            local,
            local_tag: IdSource::from_entropy().token(),
        };
        let subscription = Subscription::accept(alarm::now(), &request, opening)
            .map_err(|_| refusal(&request, 400))?;
        Ok(Entry {
            subscription,
            watcher,
            watched,
        })
    }

    /// What the Request-URI names. Without a user part it is the watcher's own extension: phones
    /// ask for their messages so.
    fn find(
        &self,
        directory: &Directory,
        watcher: &str,
        asked: &Asked,
        request: &Request,
    ) -> Result<Watched, Box<Response>> {
        let uri = Uri::parse(&request.uri).ok();
        let user = uri.and_then(|uri| uri.user_text());
        let user = user.unwrap_or_else(|| watcher.to_owned());
        let extension = directory.extension_numbered(&user);
        if extension.is_some_and(|extension| extension.enabled) {
            return Ok(Watched::Extension(user));
        }
        let list = self.desk.read().lists.get(&user).cloned();
        let Some(list) = list else {
            return Err(refusal(request, 404));
        };
        asked.check_list(request)?;
        let numbers = list
            .iter()
            .filter_map(|id| directory.extension(*id))
            .map(|extension| extension.number.clone());
        Ok(Watched::List(user, numbers.collect()))
    }

    fn may_watch(&self, watcher: &str, package: Package, watched: &Watched) -> bool {
        let is_own = watched.numbers().iter().all(|number| number == watcher);
        match package {
            Package::MessageSummary | Package::Reg => is_own,
            Package::Dialog | Package::Presence => is_own || self.config.watch == WatchPolicy::All,
        }
    }

    fn check_room(&self, watcher: &str, request: &Request) -> Result<(), Box<Response>> {
        let book = self.book.lock();
        if book.count_of(watcher) >= self.config.max_per_extension {
            return Err(refusal(request, 403));
        }
        if book.len() >= self.config.max || self.closed.load(Ordering::Relaxed) {
            let mut response = refusal(request, 503);
            response.headers.push(HeaderName::RetryAfter, "60");
            return Err(response);
        }
        Ok(())
    }
}

pub(super) fn refusal(request: &Request, status: u16) -> Box<Response> {
    Box::new(Response::to(request, status, phrase(status)))
}
