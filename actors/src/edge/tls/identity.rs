//! The names in a peer's certificate (RFC 5922 section 7.1).

use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// Names kept of one certificate; real ones have a few.
pub(super) const NAMES: usize = 32;

/// What the first certificate of a verified chain says its owner is called, in lower case: the hosts
/// of its `sip:` URIs, its DNS names and its addresses. Its common name counts only if it has no
/// alternative names at all, whatever those are.
pub(crate) fn names_of(chain: Option<&[CertificateDer<'_>]>) -> Option<Arc<[String]>> {
    let (_, certificate) = X509Certificate::from_der(chain?.first()?).ok()?;
    let names: Vec<String> = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => {
            let all = extension.value.general_names.iter();
            all.filter_map(alternative).take(NAMES).collect()
        }
        Ok(None) => {
            let common = certificate.subject().iter_common_name();
            let common = common.filter_map(|name| name.as_str().ok());
            common.map(str::to_ascii_lowercase).take(NAMES).collect()
        }
        Err(_) => Vec::new(),
    };
    Some(names.into())
}

fn alternative(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::URI(uri) => sip_domain(uri),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(*octets).ok().map(IpAddr::from),
            _ => None,
        }
        .map(|ip| ip.to_string()),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

/// The domain a `sip:` URI stands for; one with a user names a person, not a domain, and no other
/// scheme counts.
fn sip_domain(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let sip = scheme.eq_ignore_ascii_case("sip");
    (sip && !rest.is_empty() && !rest.contains('@')).then(|| {
        let host = rest.split([';', '?']).next().unwrap_or(rest);
        host.to_ascii_lowercase()
    })
}
