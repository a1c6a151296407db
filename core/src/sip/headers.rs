//! The header rows of a message, in order, and what they are called.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};

use super::header::{CSeq, NameAddr, Via};
use super::lex;
use super::parse::{HeaderError, HeaderErrorKind};

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
        let known = BY_LENGTH
            .get(text.len())
            .into_iter()
            .flatten()
            .find(|row| text.eq_ignore_ascii_case(row.0.as_bytes()));
        match known {
            Some((_, name)) => Some(name.clone()),
            None => lex::is_token(text).then(|| Self::Other(text.clone())),
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

/// The header rows of a message in the order they have on the wire. Values are raw: slices of the
/// datagram with folds, case and unknown parameters as they came. `Content-Length` is never among
/// them; it is checked while parsing and computed while writing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    rows: Vec<(HeaderName, Bytes)>,
}

impl Headers {
    /// No rows yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No rows yet, with room for `rows` of them.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
        }
    }

    /// The value of the first row called `name`.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&Bytes> {
        self.rows
            .iter()
            .find(|row| row.0 == *name)
            .map(|row| &row.1)
    }

    /// The values of all rows called `name`, a row each.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a Bytes> + 'a {
        self.rows
            .iter()
            .filter(move |row| row.0 == *name)
            .map(|row| &row.1)
    }

    /// The values of all rows called `name`, split at their commas: `a, b` in one row is the same
    /// as `a` and `b` in two. Only for headers defined as lists; a `Date` has commas of its own.
    pub fn list<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = Bytes> + 'a {
        let rows = self.all(name);
        rows.flat_map(|row| lex::split(row, b',').map(|part| lex::share(row, part)))
    }

    /// Whether a row is called `name`.
    #[must_use]
    pub fn has(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// Whether the list header `name` holds the token `token` in any case.
    #[must_use]
    pub fn has_token(&self, name: &HeaderName, token: &str) -> bool {
        self.list(name)
            .any(|item| item.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &Bytes)> {
        self.rows.iter().map(|(name, value)| (name, value))
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row at the end.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        if name != HeaderName::ContentLength {
            self.rows.push((name, value.into()));
        }
    }

    /// Adds a row before all others: a `Via`, a `Record-Route`.
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        if name != HeaderName::ContentLength {
            self.rows.insert(0, (name, value.into()));
        }
    }

    /// Makes `value` the only row called `name`, at the place of the first one.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        match self.rows.iter().position(|row| row.0 == name) {
            Some(first) => {
                self.rows[first].1 = value.into();
                let mut index = 0;
                self.rows.retain(|row| {
                    index += 1;
                    index - 1 <= first || row.0 != name
                });
            }
            None => self.push(name, value),
        }
    }

    /// Removes all rows called `name` and says whether there were any.
    pub fn remove(&mut self, name: &HeaderName) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| row.0 != *name);
        self.rows.len() != before
    }

    /// Replaces the first list item of `name`, leaving the rest of its row as it came. Used for the
    /// topmost `Via`, whose row may carry others behind a comma. Does nothing without such a row.
    pub fn replace_first(&mut self, name: &HeaderName, item: &[u8]) {
        let Some((_, value)) = self.rows.iter_mut().find(|row| row.0 == *name) else {
            return;
        };
        let Some(first) = lex::split(value, b',').next() else {
            *value = Bytes::copy_from_slice(item);
            return;
        };
        let rest = &value[lex::offset(value, first) + first.len()..];
        let mut new = BytesMut::with_capacity(item.len() + rest.len());
        new.extend_from_slice(item);
        new.extend_from_slice(rest);
        *value = new.freeze();
    }

    /// Takes the first list item of `name` away and returns it: the topmost `Via` or `Route`.
    pub fn remove_first(&mut self, name: &HeaderName) -> Option<Bytes> {
        let at = self.rows.iter().position(|row| row.0 == *name)?;
        let value = self.rows[at].1.clone();
        let mut items = lex::split(&value, b',');
        let first = items.next().map(|item| lex::share(&value, item));
        match items.next() {
            Some(second) => self.rows[at].1 = value.slice(lex::offset(&value, second)..),
            None => {
                self.rows.remove(at);
            }
        }
        first.or_else(|| self.remove_first(name))
    }

    /// The topmost `Via`.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn top_via(&self) -> Result<Via, HeaderError> {
        let item = self.list(&HeaderName::Via).next();
        Via::parse(&item.ok_or_else(|| missing(HeaderName::Via))?)
    }

    /// The `From` header.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr(HeaderName::From)
    }

    /// The `To` header.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.name_addr(HeaderName::To)
    }

    /// The first address of the header `name`: `Contact`, `Refer-To`, …
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn name_addr(&self, name: HeaderName) -> Result<NameAddr, HeaderError> {
        let Some(value) = self.get(&name) else {
            return Err(missing(name));
        };
        let item = match name {
            HeaderName::From | HeaderName::To => value.clone(),
            _ => self.list(&name).next().unwrap_or_default(),
        };
        NameAddr::parse(&item, &name)
    }

    /// All addresses of the list header `name`: `Route`, `Record-Route`, `Contact`, …
    ///
    /// # Errors
    /// When one of them is broken.
    pub fn name_addrs(&self, name: &HeaderName) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name)
            .map(|item| NameAddr::parse(&item, name))
            .collect()
    }

    /// The `CSeq` header.
    ///
    /// # Errors
    /// When it is missing or broken.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        let value = self.get(&HeaderName::CSeq);
        CSeq::parse(value.ok_or_else(|| missing(HeaderName::CSeq))?)
    }

    /// The `Call-ID`.
    #[must_use]
    pub fn call_id(&self) -> Option<&Bytes> {
        self.get(&HeaderName::CallId)
    }

    /// The tag of the `From` header.
    #[must_use]
    pub fn from_tag(&self) -> Option<Bytes> {
        self.from().ok()?.tag()
    }

    /// The tag of the `To` header.
    #[must_use]
    pub fn to_tag(&self) -> Option<Bytes> {
        self.to().ok()?.tag()
    }

    /// Adds `tag` to the `To` header unless it has one already (RFC 3261 section 8.2.6.2).
    pub fn add_to_tag(&mut self, tag: &str) {
        let Some((_, value)) = self.rows.iter_mut().find(|row| row.0 == HeaderName::To) else {
            return;
        };
        if NameAddr::parse(value, &HeaderName::To).is_ok_and(|to| to.tag().is_none()) {
            let mut new = BytesMut::with_capacity(value.len() + tag.len() + 5);
            new.extend_from_slice(value);
            new.extend_from_slice(b";tag=");
            new.extend_from_slice(tag.as_bytes());
            *value = new.freeze();
        }
    }
}

fn missing(header: HeaderName) -> HeaderError {
    HeaderError {
        header,
        at: 0,
        kind: HeaderErrorKind::Missing,
    }
}

impl FromIterator<(HeaderName, Bytes)> for Headers {
    fn from_iter<T: IntoIterator<Item = (HeaderName, Bytes)>>(rows: T) -> Self {
        let mut headers = Self::new();
        for (name, value) in rows {
            headers.push(name, value);
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
