//! Where a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::listener::Peer;
use crate::state::AppState;

/// The address a request comes from, seen through proxies we trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source(pub IpAddr);

impl FromRequestParts<AppState> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        // Without a connection there is a test, or a caller inside the process.
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.0.ip());
        let proxies = &state.config().http.trusted_proxies;
        Ok(Self(true_source(peer, &parts.headers, proxies)))
    }
}

/// The last address in `X-Forwarded-For` that is no proxy of ours. What stands before it was written
/// by whoever sent the request.
fn true_source(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let ours = |address: IpAddr| {
        proxies
            .iter()
            .any(|net| net.contains(&address.to_canonical()))
    };
    if !ours(peer) {
        return peer;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter();
    let forwarded: Vec<_> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for address in forwarded.iter().rev() {
        match address.trim().parse() {
            Ok(address) if ours(address) => {}
            Ok(address) => return address,
            Err(_) => return peer,
        }
    }
    peer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-forwarded-for",
            "6.6.6.6, 198.51.100.7, 10.0.0.2".parse().unwrap(),
        );
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let source = |peer: &str| true_source(peer.parse().unwrap(), &headers, &proxies);
        assert_eq!(
            source("10.0.0.1"),
            "198.51.100.7".parse::<IpAddr>().unwrap()
        );
        assert_eq!(source("192.0.2.9"), "192.0.2.9".parse::<IpAddr>().unwrap());
    }
}
