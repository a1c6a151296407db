//! A look at a message without parsing it, for those who count, copy or refuse messages.

use super::lex;

/// The bytes of what may be a message. Every question scans the head once; nothing is allocated.
#[derive(Debug, Clone, Copy)]
pub struct Glimpse<'a>(&'a [u8]);

/// What a message begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request with this method.
    Request(&'a [u8]),
    /// A response with this status.
    Response(u16),
}

impl<'a> Glimpse<'a> {
    /// Looks at these bytes.
    #[must_use]
    pub fn of(data: &'a [u8]) -> Self {
        let start = data.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        Self(&data[start.unwrap_or(data.len())..])
    }

    /// The method or status; `None` for what is no message.
    #[must_use]
    pub fn start(&self) -> Option<Start<'a>> {
        let line = self.first_line();
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let (first, second) = (words.next()?, words.next()?);
        if first.eq_ignore_ascii_case(b"SIP/2.0") {
            let status = lex::number(second, 699).and_then(|status| u16::try_from(status).ok());
            return status.filter(|status| *status >= 100).map(Start::Response);
        }
        let version = words.next()?.rsplit(|byte| *byte == b' ').next()?;
        let known = version.len() == 7 && version[..4].eq_ignore_ascii_case(b"SIP/");
        (known && lex::is_token(first)).then_some(Start::Request(first))
    }

    /// The first line, without its end.
    #[must_use]
    pub fn first_line(&self) -> &'a [u8] {
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let line = &self.0[..end];
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> Option<&'a [u8]> {
        self.header(b"Call-ID", b'i')
    }

    /// The `User-Agent`.
    #[must_use]
    pub fn user_agent(&self) -> Option<&'a [u8]> {
        self.header(b"User-Agent", 0)
    }

    /// The `CSeq`, number and method.
    #[must_use]
    pub fn cseq(&self) -> Option<&'a [u8]> {
        self.header(b"CSeq", 0)
    }

    /// The first row called `name`, or by its one-letter name.
    fn header(&self, name: &[u8], short: u8) -> Option<&'a [u8]> {
        let mut rest = self.0;
        loop {
            let end = memchr::memchr(b'\n', rest)?;
            rest = &rest[end + 1..];
            let first = *rest.first()?;
            if matches!(first, b'\r' | b'\n') {
                return None;
            }
            let long = rest.get(..name.len());
            let after = if long.is_some_and(|long| long.eq_ignore_ascii_case(name)) {
                &rest[name.len()..]
            } else if short != 0 && first.eq_ignore_ascii_case(&short) {
                &rest[1..]
            } else {
                continue;
            };
            let blanks = after
                .iter()
                .position(|byte| !matches!(byte, b' ' | b'\t'))?;
            if after[blanks] != b':' {
                continue;
            }
            let value = &after[blanks + 1..];
            let end = memchr::memchr(b'\n', value).unwrap_or(value.len());
            return Some(lex::trim(&value[..end]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"\r\nINVITE sip:1@h SIP/2.0\r\nVia: x\r\nCall-IDs: no\r\n\
        i : abc@h \r\nuser-agent: Phone 1\r\nCSeq: 4711 INVITE\r\n\r\nCall-ID: body";

    #[test]
    fn a_glimpse_tells_what_the_parser_would() {
        let glimpse = Glimpse::of(INVITE);
        assert_eq!(glimpse.start(), Some(Start::Request(b"INVITE")));
        assert_eq!(glimpse.first_line(), b"INVITE sip:1@h SIP/2.0");
        assert_eq!(glimpse.call_id(), Some(&b"abc@h"[..]));
        assert_eq!(glimpse.user_agent(), Some(&b"Phone 1"[..]));
        assert_eq!(glimpse.cseq(), Some(&b"4711 INVITE"[..]));
        let response = Glimpse::of(b"SIP/2.0 404 Not Found\r\nCall-ID:x\r\n\r\n");
        assert_eq!(response.start(), Some(Start::Response(404)));
        assert_eq!(response.call_id(), Some(&b"x"[..]));
        assert_eq!(response.user_agent(), None);
    }

    #[test]
    fn what_is_no_message_has_no_start() {
        for data in [
            "",
            "\r\n",
            "x",
            "INVITE",
            "INVITE sip:a",
            "INVITE sip:a HTTP/1.1",
            "SIP/2.0 OK",
            "SIP/2.0 99 x",
            "SIP/2.0 700 x",
            "in(vite sip:a SIP/2.0",
        ] {
            assert_eq!(Glimpse::of(data.as_bytes()).start(), None, "{data:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_glimpsed_at(data: Vec<u8>) {
            let glimpse = Glimpse::of(&data);
            let _any = (glimpse.start(), glimpse.call_id(), glimpse.user_agent(), glimpse.cseq());
        }
    }
}
