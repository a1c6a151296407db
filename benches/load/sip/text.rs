//! Reading SIP, as much of it as we need of a server we know.

use std::net::{IpAddr, SocketAddr};

/// A message, read where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    start: &'a str,
    head: &'a str,
    body: &'a str,
}

impl<'a> Text<'a> {
    /// `None` when it is no message.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (start, head) = head.split_once("\r\n")?;
        start
            .contains("SIP/2.0")
            .then_some(Self { start, head, body })
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &'a str {
        self.start.split(' ').next().unwrap_or("")
    }

    /// The Request-URI.
    pub(crate) fn request_uri(&self) -> &'a str {
        self.start.split(' ').nth(1).unwrap_or("")
    }

    /// Every header as it was written.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let split = |line: &'a str| line.split_once(':');
        let rows = self.head.split("\r\n").filter_map(split);
        rows.map(|(name, value)| (name.trim(), value.trim()))
    }

    /// The first header of this name, or nothing.
    pub(crate) fn header(&self, name: &str) -> &'a str {
        let same = |(known, _): &(&str, &str)| known.eq_ignore_ascii_case(name);
        self.headers().find(same).map_or("", |(_, value)| value)
    }

    /// Number and method.
    pub(crate) fn cseq(&self) -> Option<(u32, &'a str)> {
        let (number, method) = self.header("CSeq").split_once(' ')?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// Where the SDP wants RTP.
    pub(crate) fn rtp(&self) -> Option<SocketAddr> {
        let mut lines = self.body.lines();
        let address = lines.find_map(|line| line.strip_prefix("c=IN IP4 "))?;
        let media = self
            .body
            .lines()
            .find_map(|line| line.strip_prefix("m=audio "))?;
        let address: IpAddr = address.trim().parse().ok()?;
        let port = media.split(' ').next()?.parse().ok()?;
        Some(SocketAddr::new(address, port))
    }
}

/// The URI of a From, To or Contact.
pub(crate) fn uri(value: &str) -> &str {
    match value
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
    {
        Some((uri, _)) => uri,
        None => value.split(';').next().unwrap_or(value),
    }
}

/// The user of a URI.
pub(crate) fn user(uri: &str) -> &str {
    let user = uri.split('@').next().unwrap_or(uri);
    user.split_once(':').map_or(user, |(_, user)| user)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] =
        b"SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\ncontact: \"A\" <sip:1@127.0.0.1:9;x=y>\r\n\r\n\
        v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";

    #[test]
    fn an_answer_says_where_to_send() {
        let text = Text::parse(OK).unwrap();
        assert_eq!(
            (text.status(), text.cseq()),
            (Some(200), Some((7, "INVITE")))
        );
        assert_eq!(uri(text.header("Contact")), "sip:1@127.0.0.1:9;x=y");
        assert_eq!(user(uri(text.header("Contact"))), "1");
        assert_eq!(text.rtp(), "127.0.0.1:4000".parse().ok());
        assert!(Text::parse(b"hello\r\n\r\n").is_none());
    }
}
