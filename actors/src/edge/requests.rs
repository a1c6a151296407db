//! Requests that belong to no call and are not answered by rote: SUBSCRIBE, MESSAGE and NOTIFY.

use offhook_core::sip::endpoint::{Path, ServerTxn};
use offhook_core::sip::header::Event;
use offhook_core::sip::invite::LocalParty;
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::status::phrase;
use offhook_core::sip::subscription::bad_event;
use offhook_core::sip::{HeaderName, Uri};

use crate::registrar::Registrar;

/// A request outside of calls whose sender is known.
#[derive(Debug, Clone)]
pub struct IncomingRequest {
    /// What to answer.
    pub txn: ServerTxn,
    /// The way it came.
    pub path: Path,
    /// The number of the extension that proved to have sent it.
    pub extension: String,
    /// The request.
    pub request: Request,
    /// What we call ourselves to its sender, and the way back.
    pub local: LocalParty,
}

/// Who takes requests outside of calls. Called from the one task that all signalling runs on, so it
/// returns at once: it puts a message into a mailbox.
pub trait RequestSide: Send + Sync {
    /// Takes a request in; it is answered later. False when too many wait.
    fn request(&self, incoming: IncomingRequest) -> bool;
}

/// The answer to a NOTIFY outside of any dialog of ours. Phones keep a NAT's mapping open with one
/// that nobody asked for, and only want an answer.
pub(crate) fn answer_notify(
    registrar: Option<&Registrar>,
    path: &Path,
    request: &Request,
) -> Response {
    let headers = &request.headers;
    let event = headers.get(&HeaderName::Event).map(Event::parse);
    let is_keep_alive = event.is_some_and(|event| event.is_ok_and(|event| event.is("keep-alive")));
    if is_keep_alive && registrar.is_some_and(|known| is_registered(known, path, request)) {
        return Response::to(request, 200, phrase(200));
    }
    *bad_event(request)
}

/// Whether a phone of the extension in `From` registered this way.
fn is_registered(registrar: &Registrar, path: &Path, request: &Request) -> bool {
    let from = request.headers.from().ok();
    let user = from.and_then(|from| Uri::parse(&from.uri).ok()?.user_text());
    let same = |known: &Path| known.flow == path.flow && known.peer == path.peer;
    user.is_some_and(|user| {
        registrar
            .phones(&user)
            .iter()
            .any(|phone| same(&phone.path))
    })
}
