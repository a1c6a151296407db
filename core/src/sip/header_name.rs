//! What header rows are called.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use bytes::Bytes;

use super::lex;

macro_rules! names {
    ($($name:ident = $text:literal $(, $compact:literal)?;)*) => {
        /// The name of a header. Names are case-insensitive (RFC 3261 section 7.3.1), compact forms
        /// are the same name, and the ones listed here are written in their usual spelling.
        #[derive(Clone)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $text, "`")] $name,)*
            /// A header this server has no word for, spelled as it was sent.
            Other(Bytes),
        }

        const KNOWN: &[(&str, HeaderName)] = &[
            $(($text, HeaderName::$name), $(($compact, HeaderName::$name),)?)*
        ];

        impl HeaderName {
            /// The name as it is written.
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

names! {
    Accept = "Accept";
    AcceptContact = "Accept-Contact", "a";
    AcceptEncoding = "Accept-Encoding";
    AcceptLanguage = "Accept-Language";
    AlertInfo = "Alert-Info";
    Allow = "Allow";
    AllowEvents = "Allow-Events", "u";
    AuthenticationInfo = "Authentication-Info";
    Authorization = "Authorization";
    CSeq = "CSeq";
    CallId = "Call-ID", "i";
    CallInfo = "Call-Info";
    Contact = "Contact", "m";
    ContentDisposition = "Content-Disposition";
    ContentEncoding = "Content-Encoding", "e";
    ContentLanguage = "Content-Language";
    ContentLength = "Content-Length", "l";
    ContentType = "Content-Type", "c";
    Date = "Date";
    Diversion = "Diversion";
    ErrorInfo = "Error-Info";
    Event = "Event", "o";
    Expires = "Expires";
    FlowTimer = "Flow-Timer";
    From = "From", "f";
    HistoryInfo = "History-Info";
    Identity = "Identity", "y";
    InReplyTo = "In-Reply-To";
    InfoPackage = "Info-Package";
    MaxForwards = "Max-Forwards";
    MimeVersion = "MIME-Version";
    MinExpires = "Min-Expires";
    MinSe = "Min-SE";
    Organization = "Organization";
    PAssertedIdentity = "P-Asserted-Identity";
    PPreferredIdentity = "P-Preferred-Identity";
    Path = "Path";
    Priority = "Priority";
    Privacy = "Privacy";
    ProxyAuthenticate = "Proxy-Authenticate";
    ProxyAuthenticationInfo = "Proxy-Authentication-Info";
    ProxyAuthorization = "Proxy-Authorization";
    ProxyRequire = "Proxy-Require";
    RAck = "RAck";
    RSeq = "RSeq";
    Reason = "Reason";
    RecordRoute = "Record-Route";
    RecvInfo = "Recv-Info";
    ReferSub = "Refer-Sub";
    ReferTo = "Refer-To", "r";
    ReferredBy = "Referred-By", "b";
    RejectContact = "Reject-Contact", "j";
    RemotePartyId = "Remote-Party-ID";
    Replaces = "Replaces";
    ReplyTo = "Reply-To";
    RequestDisposition = "Request-Disposition", "d";
    Require = "Require";
    RetryAfter = "Retry-After";
    Route = "Route";
    Server = "Server";
    ServiceRoute = "Service-Route";
    SessionExpires = "Session-Expires", "x";
    SipEtag = "SIP-ETag";
    SipIfMatch = "SIP-If-Match";
    Subject = "Subject", "s";
    SubscriptionState = "Subscription-State";
    Supported = "Supported", "k";
    Timestamp = "Timestamp";
    To = "To", "t";
    Unsupported = "Unsupported";
    UserAgent = "User-Agent";
    Via = "Via", "v";
    Warning = "Warning";
    WwwAuthenticate = "WWW-Authenticate";
}

/// The known names sorted into buckets by length, because lengths tell most of them apart.
static BY_LENGTH: LazyLock<Vec<Vec<(&str, HeaderName)>>> = LazyLock::new(|| {
    let longest = KNOWN
        .iter()
        .map(|row| row.0.len())
        .max()
        .unwrap_or_default();
    let bucket = |length| {
        KNOWN
            .iter()
            .filter(|row| row.0.len() == length)
            .cloned()
            .collect()
    };
    (0..=longest).map(bucket).collect()
});

impl HeaderName {
    /// The name `text` spells; `None` if it is not a token.
    #[must_use]
    pub fn parse(text: &Bytes) -> Option<Self> {
        Self::parse_in(text, text)
    }

    /// The same for a slice of `whole`, which is shared only when the name is not a known one.
    pub(super) fn parse_in(whole: &Bytes, text: &[u8]) -> Option<Self> {
        let same = |row: &&(&str, Self)| text.eq_ignore_ascii_case(row.0.as_bytes());
        match BY_LENGTH
            .get(text.len())
            .and_then(|names| names.iter().find(same))
        {
            Some((_, name)) => Some(name.clone()),
            None => lex::is_token(text).then(|| Self::Other(lex::share(whole, text))),
        }
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(one), Self::Other(two)) => one.eq_ignore_ascii_case(two),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for HeaderName {}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.as_bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
