//! What kind of message bytes are, told from their first word.

/// The kinds of messages that are limited apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// REGISTER.
    Register,
    /// INVITE.
    Invite,
    /// OPTIONS.
    Options,
    /// SUBSCRIBE, MESSAGE and PUBLISH.
    Subscribe,
    /// Every other request.
    Other,
    /// A response. One that matches no request of ours counts as [`Garbage`](Self::Garbage) as soon as
    /// that is known.
    Response,
    /// Nothing SIP begins with.
    Garbage,
    /// A new connection, before its first byte.
    Connection,
}

impl Class {
    /// How many kinds there are.
    pub(super) const COUNT: usize = 8;

    /// The kind of a message. Only the first word is looked at; what is broken further on is told by
    /// the parser.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        let start = data.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        let data = &data[start.unwrap_or(data.len())..];
        // No method is longer than this.
        let word = data.iter().take(33).position(|byte| *byte == b' ');
        let Some(word) = word.map(|end| &data[..end]) else {
            return Self::Garbage;
        };
        match word {
            b"REGISTER" => Self::Register,
            b"INVITE" => Self::Invite,
            b"OPTIONS" => Self::Options,
            b"SUBSCRIBE" | b"MESSAGE" | b"PUBLISH" => Self::Subscribe,
            word if word.eq_ignore_ascii_case(b"SIP/2.0") => Self::Response,
            word if crate::sip::lex::is_token(word) => Self::Other,
            _ => Self::Garbage,
        }
    }

    /// The word for it in figures and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Invite => "invite",
            Self::Options => "options",
            Self::Subscribe => "subscribe",
            Self::Other => "other",
            Self::Response => "response",
            Self::Garbage => "garbage",
            Self::Connection => "connection",
        }
    }
}
