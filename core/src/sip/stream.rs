//! Framing of messages on TCP and TLS (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

use bytes::{Buf, Bytes, BytesMut};

use super::header_name::HeaderName;
use super::lex;
use super::parse::{MAX_HEAD, MAX_MESSAGE};

/// What comes next on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one whole message, for [`Message::parse`](super::Message::parse).
    Message(Bytes),
    /// The peer asks whether the connection still works; the answer is one CRLF.
    KeepAlive,
}

/// Why a stream cannot be read any further. The connection has to be closed: where the next
/// message begins is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The head is longer than [`MAX_HEAD`].
    #[error("header section too large")]
    HeadTooLarge,
    /// The message is longer than [`MAX_MESSAGE`].
    #[error("message too large")]
    MessageTooLarge,
    /// `Content-Length` is no number, or two different ones.
    #[error("unusable Content-Length")]
    ContentLength,
}

/// Cuts a stream into messages. Holds at most one message more than what was pushed last.
#[derive(Debug, Clone, Default)]
pub struct StreamParser {
    buffer: BytesMut,
    /// How far the buffer was searched for the end of the head; it need not be searched again.
    scanned: usize,
    /// The length of the message at the start of the buffer, once its head is complete.
    length: Option<usize>,
    failed: Option<FrameError>,
}

impl StreamParser {
    /// A stream of which nothing has been read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Told what was read. Call [`poll_frame`](Self::poll_frame) until it has no more, then push
    /// again. After a failure nothing is kept.
    pub fn push(&mut self, data: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(data);
        }
    }

    /// The next frame, or `None` while it is not complete.
    ///
    /// # Errors
    /// When the stream cannot be cut any further; every later call fails the same way.
    pub fn poll_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let frame = self.cut();
        if let Err(error) = frame {
            self.failed = Some(error);
            self.buffer = BytesMut::new();
        }
        frame
    }

    fn cut(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.length.is_none() {
            if self.scanned == 0 {
                match skip_breaks(&mut self.buffer) {
                    Breaks::KeepAlive => return Ok(Some(Frame::KeepAlive)),
                    Breaks::Undecided => return Ok(None),
                    Breaks::Done => {}
                }
            }
            let Some(head) = head_end(&self.buffer, self.scanned) else {
                if self.buffer.len() > MAX_HEAD {
                    return Err(FrameError::HeadTooLarge);
                }
                // The end may straddle the next push by up to three bytes.
                self.scanned = self.buffer.len().saturating_sub(3);
                return Ok(None);
            };
            if head > MAX_HEAD {
                return Err(FrameError::HeadTooLarge);
            }
            let length = head + content_length(&self.buffer[..head])?;
            if length > MAX_MESSAGE {
                return Err(FrameError::MessageTooLarge);
            }
            self.length = Some(length);
        }
        match self.length {
            Some(length) if self.buffer.len() >= length => {
                self.length = None;
                self.scanned = 0;
                Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())))
            }
            _ => Ok(None),
        }
    }

    /// Bytes held back because their message is not complete.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a message has begun and is not complete. Line breaks before one are none of it
    /// (RFC 3261 section 7.5), though they are held back while they may become a keep-alive.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.buffer
            .iter()
            .any(|byte| !matches!(byte, b'\r' | b'\n'))
    }
}

enum Breaks {
    KeepAlive,
    Undecided,
    Done,
}

/// Takes line breaks between messages away; two in a row are a keep-alive.
fn skip_breaks(buffer: &mut BytesMut) -> Breaks {
    loop {
        match &buffer[..] {
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                buffer.advance(4);
                return Breaks::KeepAlive;
            }
            [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Breaks::Undecided,
            [b'\r' | b'\n', ..] => buffer.advance(1),
            _ => return Breaks::Done,
        }
    }
}

/// The index behind the empty line that ends the head.
fn head_end(buffer: &[u8], from: usize) -> Option<usize> {
    for at in memchr::memchr_iter(b'\n', buffer.get(from..)?) {
        match &buffer[from + at + 1..] {
            [b'\n', ..] => return Some(from + at + 2),
            [b'\r', b'\n', ..] => return Some(from + at + 3),
            _ => {}
        }
    }
    None
}

/// The body length the head announces; 0 when it is silent, since a stream needs a number.
fn content_length(head: &[u8]) -> Result<usize, FrameError> {
    let mut found = None;
    let mut rest = head;
    while !rest.is_empty() {
        let mut end = 0;
        loop {
            end += memchr::memchr(b'\n', &rest[end..]).map_or(rest.len() - end, |at| at + 1);
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, after) = rest.split_at(end);
        rest = after;
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let name = lex::trim(&line[..colon]);
        let long = HeaderName::ContentLength;
        if !name.eq_ignore_ascii_case(long.as_bytes()) && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let length = lex::number(lex::trim(&line[colon + 1..]), u64::from(u32::MAX))
            .and_then(|length| usize::try_from(length).ok())
            .ok_or(FrameError::ContentLength)?;
        if found.is_some_and(|found| found != length) {
            return Err(FrameError::ContentLength);
        }
        found = Some(length);
    }
    Ok(found.unwrap_or(0))
}
