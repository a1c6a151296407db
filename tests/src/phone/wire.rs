//! SIP messages as text: a small reader and writer of the phone's own.

use std::net::{IpAddr, SocketAddr};

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipText {
    /// The first line.
    pub start: String,
    /// Headers in order, names in full and as the RFCs write them where the phone knows them.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: String,
}

/// Compact names (RFC 3261 section 7.3.3) and what they stand for.
const COMPACT: &[(&str, &str)] = &[
    ("c", "Content-Type"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("s", "Subject"),
    ("t", "To"),
    ("v", "Via"),
];

impl SipText {
    /// A message with this first line and nothing else.
    #[must_use]
    pub fn new(start: impl Into<String>) -> Self {
        Self {
            start: start.into(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A response to `request`: Via, From, To, Call-ID and CSeq are the request's.
    #[must_use]
    pub fn response_to(request: &Self, status: u16, local_tag: &str) -> Self {
        let mut response = Self::new(format!("SIP/2.0 {status} {}", reason(status)));
        for (name, value) in &request.headers {
            let copied = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];
            if !copied.contains(&name.as_str()) {
                continue;
            }
            if name == "To" && tag(value).is_none() && status > 100 {
                response.push("To", format!("{value};tag={local_tag}"));
            } else {
                response.push(name, value);
            }
        }
        response
    }

    /// Reads one message; the body is all that follows the empty line. `None` when it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut lines = head.split("\r\n");
        let mut message = Self::new(lines.next()?);
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let name = name.trim();
            let mut full = COMPACT.iter();
            let full = full.find(|(short, _)| short.eq_ignore_ascii_case(name));
            message.push(full.map_or(name, |(_, full)| *full), value.trim());
        }
        message.body = body.to_owned();
        message.start.contains("SIP/2.0").then_some(message)
    }

    /// The message as bytes, with its Content-Length.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            if name != "Content-Length" {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        text.push_str(&self.body);
        text.into_bytes()
    }

    /// Appends a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// Appends a header and hands the message back.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// The message with this SDP as body.
    #[must_use]
    pub fn with_sdp(self, sdp: String) -> Self {
        let mut message = self.with("Content-Type", "application/sdp");
        message.body = sdp;
        message
    }

    /// The first header of this name, or an empty text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or("")
    }

    /// Every header of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let rest = self.start.strip_prefix("SIP/2.0 ")?;
        rest.get(..3)?.parse().ok()
    }

    /// The method of a request, or what a response answers.
    #[must_use]
    pub fn method(&self) -> &str {
        self.header("CSeq").split_whitespace().nth(1).unwrap_or("")
    }

    /// The number in CSeq.
    #[must_use]
    pub fn cseq(&self) -> u32 {
        let mut parts = self.header("CSeq").split_whitespace();
        parts.next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// The branch of the topmost Via.
    #[must_use]
    pub fn branch(&self) -> &str {
        parameter(self.header("Via"), "branch").unwrap_or("")
    }

    /// The body, if it is SDP.
    #[must_use]
    pub fn sdp(&self) -> Option<&str> {
        let sdp = self.header("Content-Type").starts_with("application/sdp");
        (sdp && !self.body.is_empty()).then_some(&self.body)
    }
}

/// The `tag` of a From or To value.
#[must_use]
pub fn tag(value: &str) -> Option<&str> {
    let after = value.split_once('>').map_or(value, |(_, after)| after);
    parameter(after, "tag")
}

/// The value of a `;name=value` parameter.
#[must_use]
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|part| {
        let (known, value) = part.split_once('=')?;
        let value = value.split(',').next().unwrap_or(value);
        known
            .trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}

/// The URI of a name-addr, or the value itself without header parameters.
#[must_use]
pub fn uri_of(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(rest, |(uri, _)| uri),
        None => value.split(';').next().unwrap_or(value).trim(),
    }
}

/// The user part of a URI.
#[must_use]
pub fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let user = rest.split_once('@').map_or("", |(user, _)| user);
    user.split(';').next().unwrap_or(user)
}

/// Where a URI with an IP literal points; port 5060 if it names none.
#[must_use]
pub fn address_of(uri: &str) -> Option<SocketAddr> {
    let rest = uri.split_once(':')?.1;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next()?;
    let with_port = host.parse().ok();
    with_port.or_else(|| format!("{host}:5060").parse().ok())
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        404 => "Not Found",
        408 => "Request Timeout",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Whatever",
    }
}

/// The host of an address as a URI writes it.
pub(crate) fn host(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_bytes() {
        let message = SipText::new("OPTIONS sip:a@b SIP/2.0")
            .with("Via", "SIP/2.0/UDP 1.2.3.4:5;branch=z9hG4bKx;rport")
            .with("CSeq", "7 OPTIONS")
            .with_sdp("v=0\r\n".to_owned());
        let again = SipText::parse(&message.write()).unwrap();
        assert_eq!(again.branch(), "z9hG4bKx");
        assert_eq!((again.cseq(), again.method()), (7, "OPTIONS"));
        assert_eq!(again.sdp(), Some("v=0\r\n"));
        assert_eq!(again.header("content-length"), "5");
        assert_eq!(again.status(), None);
    }

    #[test]
    fn compact_and_folded_headers_are_understood() {
        let bytes = b"SIP/2.0 180 Ringing\r\nt: <sip:x@y>;\r\n tag=abc\r\ni:42\r\n\r\n";
        let message = SipText::parse(bytes).unwrap();
        assert_eq!(message.status(), Some(180));
        assert_eq!(tag(message.header("To")), Some("abc"));
        assert_eq!(message.header("Call-ID"), "42");
        assert_eq!(SipText::parse(b"\r\n\r\n"), None);
        assert_eq!(SipText::parse(b"hello"), None);
    }

    #[test]
    fn a_uri_tells_where_and_who() {
        let uri = uri_of("\"Ann\" <sip:+49345;x=1@127.0.0.1:5070;transport=tcp>;tag=1");
        assert_eq!(user_of(uri), "+49345");
        assert_eq!(address_of(uri), "127.0.0.1:5070".parse().ok());
        assert_eq!(address_of("sip:[::1]"), "[::1]:5060".parse().ok());
        assert_eq!(address_of("sip:host.example"), None);
    }
}
