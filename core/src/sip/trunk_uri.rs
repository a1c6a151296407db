//! The addresses of a trunk: where its requests go, and what they are called.

use std::net::Ipv6Addr;

use bytes::Bytes;

use crate::directory::{SipTransport, Trunk};
use crate::sip::header::NameAddr;
use crate::sip::uri::{self, Uri};

/// The Request-URI of a call to `number`, written as the carrier wants it; none without a host.
#[must_use]
pub fn request_uri(trunk: &Trunk, number: &str) -> Option<Bytes> {
    address(trunk, Some(&trunk.numbers.called(number)))
}

/// The carrier's own address: what OPTIONS ask, and where a trunk without registrars registers.
#[must_use]
pub fn carrier(trunk: &Trunk) -> Option<Bytes> {
    address(trunk, None)
}

/// With whom a trunk registers, the first choice first.
#[must_use]
pub fn registrars(trunk: &Trunk) -> Vec<Bytes> {
    let given = &trunk.registration.registrars;
    if given.is_empty() {
        return carrier(trunk).into_iter().collect();
    }
    given.iter().map(|uri| uri.clone().into()).collect()
}

/// The Route value of the outbound proxy. It is a loose router also where that is not written: no
/// proxy of today is anything else.
#[must_use]
pub fn outbound_proxy(trunk: &Trunk) -> Option<Bytes> {
    let proxy = Bytes::from(trunk.outbound_proxy.clone()?);
    let loose = Uri::parse(&proxy).is_ok_and(|uri| uri.has_param("lr"));
    let uri = if loose {
        proxy
    } else {
        [&proxy[..], b";lr"].concat().into()
    };
    Some(NameAddr::new(uri).write())
}

/// The host part of our addresses with this carrier: its own when we register there, as carriers
/// want it, else `ours`.
#[must_use]
pub fn domain(trunk: &Trunk, ours: &str) -> String {
    if let Some(domain) = &trunk.caller.domain {
        return bracketed(domain);
    }
    let host = trunk.host.as_deref().filter(|_| trunk.mode.registers());
    let registrar = || {
        let first = trunk.registration.registrars.first();
        let first = first.filter(|_| trunk.mode.registers())?;
        let uri = Uri::parse(&first.clone().into()).ok()?;
        Some(String::from_utf8_lossy(uri.host()).into_owned())
    };
    host.map(bracketed)
        .or_else(registrar)
        .unwrap_or_else(|| ours.to_owned())
}

fn address(trunk: &Trunk, user: Option<&str>) -> Option<Bytes> {
    let host = trunk.host.as_deref()?;
    let uri = uri::sip(user, &bracketed(host), trunk.port);
    let parameter: &[u8] = match trunk.transport {
        SipTransport::Auto => b"",
        // A port alone means datagrams already (RFC 3263 section 4.1).
        SipTransport::Udp if trunk.port.is_some() => b"",
        SipTransport::Udp => b";transport=udp",
        SipTransport::Tcp => b";transport=tcp",
        SipTransport::Tls => b";transport=tls",
    };
    Some([&uri[..], parameter].concat().into())
}

/// An IPv6 address needs brackets in a URI.
fn bracketed(host: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]"),
        Err(_) => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{NumberFormat, TrunkMode};
    use crate::id::{IdSource, TrunkId};

    fn trunk() -> Trunk {
        let id = TrunkId::new(&mut IdSource::seeded(1));
        Trunk {
            host: Some("sip.example".to_owned()),
            ..Trunk::new(id, "carrier")
        }
    }

    fn text(uri: Option<Bytes>) -> String {
        String::from_utf8(uri.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_number_is_asked_for_at_the_carrier_in_its_own_writing() {
        let mut trunk = trunk();
        assert_eq!(text(request_uri(&trunk, "0301")), "sip:0301@sip.example");
        trunk.numbers.country_code = Some("49".to_owned());
        trunk.numbers.format = NumberFormat::E164;
        trunk.port = Some(5080);
        assert_eq!(
            text(request_uri(&trunk, "03012345")),
            "sip:+493012345@sip.example:5080"
        );
        trunk.host = None;
        assert_eq!(request_uri(&trunk, "0301"), None);
    }

    /// RFC 3263 section 4.1.
    #[test]
    fn a_transport_is_written_unless_dns_or_the_port_decides() {
        let mut trunk = trunk();
        let mut with = |transport, port| {
            (trunk.transport, trunk.port) = (transport, port);
            text(carrier(&trunk))
        };
        assert_eq!(with(SipTransport::Auto, None), "sip:sip.example");
        assert_eq!(
            with(SipTransport::Udp, None),
            "sip:sip.example;transport=udp"
        );
        assert_eq!(with(SipTransport::Udp, Some(5060)), "sip:sip.example:5060");
        assert_eq!(
            with(SipTransport::Tls, Some(5061)),
            "sip:sip.example:5061;transport=tls"
        );
    }

    #[test]
    fn a_trunk_registers_with_its_host_unless_told_otherwise() {
        let mut trunk = trunk();
        assert_eq!(registrars(&trunk), ["sip:sip.example"]);
        trunk.registration.registrars = vec!["sip:a.example".into(), "sip:b.example:5070".into()];
        assert_eq!(registrars(&trunk), ["sip:a.example", "sip:b.example:5070"]);
    }

    #[test]
    fn our_domain_is_the_carriers_only_where_we_register() {
        let mut trunk = trunk();
        assert_eq!(domain(&trunk, "office.example"), "office.example");
        trunk.mode = TrunkMode::Register;
        assert_eq!(domain(&trunk, "office.example"), "sip.example");
        trunk.host = None;
        trunk.registration.registrars = vec!["sip:[2001:db8::1]:5070".to_owned()];
        assert_eq!(domain(&trunk, "office.example"), "[2001:db8::1]");
        trunk.caller.domain = Some("from.example".to_owned());
        assert_eq!(domain(&trunk, "office.example"), "from.example");
    }

    #[test]
    fn an_outbound_proxy_is_a_loose_router() {
        let mut trunk = trunk();
        assert_eq!(outbound_proxy(&trunk), None);
        for proxy in ["sip:proxy.example", "sip:proxy.example;lr"] {
            trunk.outbound_proxy = Some(proxy.to_owned());
            assert_eq!(text(outbound_proxy(&trunk)), "<sip:proxy.example;lr>");
        }
    }
}
