//! Text messages between extensions: page mode (RFC 3428).

use bytes::Bytes;
use offhook_core::directory::Extension;
use offhook_core::event::EventKind;
use offhook_core::pii::Pii;
use offhook_core::sip::endpoint::Path;
use offhook_core::sip::header::{ContentType, MaxForwards, NameAddr};
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::message::Request;
use offhook_core::sip::{HeaderName, Method, Uri};
use offhook_core::{Directory, IdSource};

use super::handle::{MessageRefused, OutgoingMessage, Shared};
use crate::alarm;
use crate::call::Contact;
use crate::edge::{IncomingRequest, Reply};

/// The largest message that may go over UDP (RFC 3428 section 8).
const MAX_DATAGRAM: usize = 1300;

/// How much of a message, and of its type, is remembered: events are kept for weeks.
const EXCERPT: usize = 1024;

/// The hops of a message that begins here.
const HOPS: u8 = 70;

/// The headers of a message that are its recipient's business.
const CONTENT: [HeaderName; 6] = [
    HeaderName::ContentType,
    HeaderName::ContentDisposition,
    HeaderName::ContentEncoding,
    HeaderName::ContentLanguage,
    HeaderName::Subject,
    HeaderName::Date,
];

/// A message on its way.
struct Page<'a> {
    from: &'a Extension,
    to: &'a str,
    content: Vec<(HeaderName, Bytes)>,
    body: Bytes,
    hops: u8,
    /// The way it came; the phone there does not get it back.
    came: Option<Path>,
}

/// Sends a message that begins here.
pub(super) fn send(shared: &Shared, message: &OutgoingMessage) -> Result<(), MessageRefused> {
    let directory = shared.office.directory.load();
    let from = directory.extension(message.from);
    let plain = Bytes::from_static(b"text/plain;charset=UTF-8");
    let page = Page {
        from: from.ok_or(MessageRefused::Unknown)?,
        to: &message.to,
        content: vec![(HeaderName::ContentType, plain)],
        body: message.text.clone().into(),
        hops: HOPS,
        came: None,
    };
    deliver(shared, &directory, page)
}

/// Passes a phone's MESSAGE on; the status to answer it with.
pub(super) fn relay(shared: &Shared, incoming: &IncomingRequest) -> u16 {
    let request = &incoming.request;
    if request.body.len() > shared.message_body {
        return 413;
    }
    let directory = shared.office.directory.load();
    let Some(from) = directory.extension_numbered(&incoming.extension) else {
        return 403;
    };
    let uri = Uri::parse(&request.uri).ok();
    let Some(to) = uri.and_then(|uri| uri.user_text()) else {
        return 404;
    };
    let headers = &request.headers;
    let hops = headers.get(&HeaderName::MaxForwards);
    let hops = hops.and_then(|value| MaxForwards::parse(value).ok());
    let rows = headers.iter().filter(|(name, _)| CONTENT.contains(name));
    let page = Page {
        from,
        to: &to,
        content: rows
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        body: request.body.clone(),
        hops: hops.map_or(HOPS, |hops| hops.0).saturating_sub(1),
        came: Some(incoming.path),
    };
    match deliver(shared, &directory, page) {
        Ok(()) => 202,
        Err(MessageRefused::Unknown) => 404,
        Err(MessageRefused::Offline) => 480,
        Err(MessageRefused::TooLong) => 413,
    }
}

fn deliver(
    shared: &Shared,
    directory: &Directory,
    mut page: Page<'_>,
) -> Result<(), MessageRefused> {
    let extension = directory.extension_numbered(page.to);
    let extension = extension
        .filter(|extension| extension.enabled)
        .ok_or(MessageRefused::Unknown)?;
    let contacts = contacts(shared, extension, &page)?;
    if !page.content.iter().any(|row| row.0 == HeaderName::Date) {
        let date = alarm::wall().strftime("%a, %d %b %Y %H:%M:%S GMT");
        page.content
            .push((HeaderName::Date, date.to_string().into()));
    }
    let mut ids = IdSource::from_entropy();
    for contact in contacts {
        post(shared, &page, contact, &mut ids);
    }
    shared.office.live.publish(received(&page));
    Ok(())
}

/// The phones that get the message.
fn contacts(
    shared: &Shared,
    extension: &Extension,
    page: &Page<'_>,
) -> Result<Vec<Contact>, MessageRefused> {
    let phones = shared.office.registrar.phones(&extension.number);
    let path_of = |contact: &Contact| {
        let phone = phones.iter().find(|phone| phone.uri == contact.uri);
        phone.map(|phone| phone.path)
    };
    let wire = &shared.office.wire;
    let mut contacts = wire
        .contacts(extension.id)
        .map_err(|_| MessageRefused::Offline)?;
    let is_sender = |path: Path| {
        page.came
            .is_some_and(|came| came.flow == path.flow && came.peer == path.peer)
    };
    contacts.retain(|contact| !path_of(contact).is_some_and(is_sender));
    if contacts.is_empty() {
        return Err(MessageRefused::Offline);
    }
    if page.body.len() > MAX_DATAGRAM {
        let takes = |path: Path| path.transport.is_reliable();
        contacts.retain(|contact| path_of(contact).is_some_and(takes));
    }
    if contacts.is_empty() {
        return Err(MessageRefused::TooLong);
    }
    Ok(contacts)
}

fn post(shared: &Shared, page: &Page<'_>, contact: Contact, ids: &mut IdSource) {
    let mut from = NameAddr::new(shared.address(&page.from.number));
    if !page.from.name.is_empty() {
        from = from.with_display(&page.from.name);
    }
    let mut request = outside(shared, Method::Message, &contact, &from, ids);
    let hops = page.hops.to_string();
    request.headers.set(HeaderName::MaxForwards, hops);
    for (name, value) in &page.content {
        request.headers.push(name.clone(), value.clone());
    }
    request.body = page.body.clone();
    let to = page.to.to_owned();
    let reply = Reply::new(move |answer| match answer {
        Ok(response) if response.is_success() => {}
        Ok(response) => tracing::debug!(to, status = response.status, "a message was refused"),
        Err(failure) => tracing::debug!(to, ?failure, "a message was not delivered"),
    });
    shared.office.wire.ask(request, next_hop(contact), reply);
}

/// A request to a phone, outside of any dialog, without Via and body.
pub(super) fn outside(
    shared: &Shared,
    method: Method,
    contact: &Contact,
    from: &NameAddr,
    ids: &mut IdSource,
) -> Request {
    let from = from.clone().with_tag(&ids.token());
    let call_id = format!("{}@{}", ids.token(), shared.domain);
    let cseq = format!("1 {method}");
    let mut request = Request::new(method, contact.uri.clone());
    let headers = &mut request.headers;
    for route in &contact.routes {
        headers.push(HeaderName::Route, route.clone());
    }
    headers.push(HeaderName::MaxForwards, HOPS.to_string());
    headers.push(HeaderName::From, from.write());
    headers.push(HeaderName::To, contact.to.clone());
    headers.push(HeaderName::CallId, call_id);
    headers.push(HeaderName::CSeq, cseq);
    headers.push(HeaderName::UserAgent, contact.local.product.clone());
    request
}

/// Where a request to a phone goes.
pub(super) fn next_hop(contact: Contact) -> NextHop {
    let route = contact.routes.first();
    let route = route.and_then(|route| NameAddr::parse(route, &HeaderName::Route).ok());
    NextHop {
        uri: route.map_or(contact.uri, |route| route.uri),
        flow: contact.local.flow,
        address: contact.local.address,
    }
}

fn received(page: &Page<'_>) -> EventKind {
    let rows = page.content.iter();
    let value = rows
        .filter(|row| row.0 == HeaderName::ContentType)
        .map(|row| &row.1)
        .next();
    let kind = value.and_then(|value| ContentType::parse(value).ok());
    let is_text = kind.is_none_or(|kind| kind.kind.eq_ignore_ascii_case(b"text"));
    EventKind::MessageReceived {
        from: page.from.number.clone(),
        to: page.to.to_owned(),
        content_type: value.map_or_else(|| "text/plain".to_owned(), |value| excerpt(value)),
        text: is_text.then(|| Pii(excerpt(&page.body))),
    }
}

/// The beginning of a text, whole characters only.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    // No character is longer than four bytes, so the last one that counts is whole.
    let enough = bytes.get(..EXCERPT + 4).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(enough).into_owned();
    text.truncate(text.floor_char_boundary(EXCERPT));
    text
}
