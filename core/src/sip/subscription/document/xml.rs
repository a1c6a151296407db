//! XML being written.

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// Attributes: names and values, the latter without escapes.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// A document that grows. Values are escaped, and what XML 1.0 has no room for is left out: a
/// display name comes from a phone and may hold anything.
pub(super) struct Xml(Writer<Vec<u8>>);

impl Xml {
    /// The declaration alone.
    pub(super) fn new() -> Self {
        let mut xml = Self(Writer::new(Vec::with_capacity(512)));
        xml.put(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml
    }

    /// `<name …>`; [`close`](Self::close) must follow.
    pub(super) fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.put(Event::Start(start(name, attributes)));
    }

    /// `</name>`.
    pub(super) fn close(&mut self, name: &str) {
        self.put(Event::End(BytesEnd::new(name)));
    }

    /// `<name …/>`.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.put(Event::Empty(start(name, attributes)));
    }

    /// `<name …>text</name>`.
    pub(super) fn text(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.open(name, attributes);
        self.put(Event::Text(BytesText::new(&printable(text))));
        self.close(name);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.into_inner()
    }

    fn put(&mut self, event: Event<'_>) {
        // Writing to memory cannot fail.
        self.0.write_event(event).ok();
    }
}

fn start<'a>(name: &'a str, attributes: Attributes<'_>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (key, value) in attributes {
        start.push_attribute((*key, &*printable(value)));
    }
    start
}

/// The characters that XML 1.0 allows (section 2.2).
fn printable(text: &str) -> Cow<'_, str> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(allowed) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|c| allowed(*c)).collect())
    }
}
