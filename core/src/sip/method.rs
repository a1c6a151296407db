//! What a request asks for.

use std::fmt;

use bytes::Bytes;

use super::lex;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The method of a request (RFC 3261 section 7.1). Methods are case-sensitive.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $name,)*
            /// A method this server has no word for, as it was written.
            Other(Bytes),
        }

        impl Method {
            /// The method `name` spells; `None` if it is not a token.
            #[must_use]
            pub fn parse(name: &Bytes) -> Option<Self> {
                Self::parse_in(name, name)
            }

            /// The same for a slice of `whole`, which is shared only when the method is not a
            /// known one.
            pub(super) fn parse_in(whole: &Bytes, name: &[u8]) -> Option<Self> {
                match name {
                    $(text if text == $text.as_bytes() => Some(Self::$name),)*
                    text => lex::is_token(text).then(|| Self::Other(lex::share(whole, text))),
                }
            }

            /// The method as it is written.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                match self {
                    $(Self::$name => $text.as_bytes(),)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    /// Start a call, or change one (RFC 3261 sections 13 and 14).
    Invite = "INVITE";
    /// Confirm a final response to INVITE.
    Ack = "ACK";
    /// End a call.
    Bye = "BYE";
    /// Take back a request that has no final response yet.
    Cancel = "CANCEL";
    /// Ask what the other side can do.
    Options = "OPTIONS";
    /// Bind a contact to an address-of-record.
    Register = "REGISTER";
    /// Say something within a call, such as a digit (RFC 6086).
    Info = "INFO";
    /// Change a call without a new answer by its user (RFC 3311).
    Update = "UPDATE";
    /// Confirm a reliable provisional response (RFC 3262).
    Prack = "PRACK";
    /// Ask to be told about events (RFC 6665).
    Subscribe = "SUBSCRIBE";
    /// Tell about an event (RFC 6665).
    Notify = "NOTIFY";
    /// Publish an event state (RFC 3903).
    Publish = "PUBLISH";
    /// Ask the other side to place a request, such as a transfer (RFC 3515).
    Refer = "REFER";
    /// A text message (RFC 3428).
    Message = "MESSAGE";
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
