//! What is asked of the DNS, and what it says.

use std::net::IpAddr;

/// The kind of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// An A record.
    V4,
    /// An AAAA record.
    V6,
}

/// A question for the DNS. Aliases (CNAME) are the resolver's business.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// The services of a domain.
    Naptr(String),
    /// The servers of a service.
    Srv(String),
    /// The addresses of a host.
    Address(String, Family),
}

/// A NAPTR record (RFC 3403 section 4), without the regular expression, which SIP does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower ones are to be taken first.
    pub order: u16,
    /// Among equal orders lower ones are better.
    pub preference: u16,
    /// `s` says that the replacement is the name of an SRV record.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T` …
    pub service: String,
    /// Where to go on.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower ones are to be tried first.
    pub priority: u16,
    /// The share of those of the same priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` says that the service is not offered.
    pub target: String,
}

/// What came back for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Question::Srv`].
    Srv(Vec<Srv>),
    /// To [`Question::Address`].
    Addresses(Vec<IpAddr>),
    /// There is no such name, or it has no such record.
    Nothing,
    /// Nobody answered, or with a failure: it may exist all the same.
    Failed,
}
