//! The client's side of digest authentication (RFC 2617, RFC 7616, RFC 8760).

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use sha2::Sha256;

/// Who answers a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password in clear.
    pub password: String,
}

/// One parsed challenge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    auth: bool,
}

impl Credentials {
    /// The value of `Authorization` for the last challenge in `challenges` that can be answered:
    /// the strongest comes first by RFC 8760, yet every server takes any it named.
    #[must_use]
    pub fn answer<'a>(
        &self,
        challenges: impl Iterator<Item = &'a str>,
        method: &str,
        uri: &str,
    ) -> Option<String> {
        let known = challenges.filter_map(parse).find(|challenge| {
            let name = challenge.algorithm.as_deref().unwrap_or("MD5");
            name.eq_ignore_ascii_case("MD5") || name.eq_ignore_ascii_case("SHA-256")
        })?;
        Some(self.authorize(&known, method, uri, "c0ffee11"))
    }

    fn authorize(&self, challenge: &Challenge, method: &str, uri: &str, cnonce: &str) -> String {
        let name = challenge.algorithm.as_deref().unwrap_or("MD5");
        let hash = if name.eq_ignore_ascii_case("SHA-256") {
            |text: String| HEXLOWER.encode(&Sha256::digest(text))
        } else {
            |text: String| HEXLOWER.encode(&Md5::digest(text))
        };
        let Challenge { realm, nonce, .. } = challenge;
        let user = &self.user;
        let one = hash(format!("{user}:{realm}:{}", self.password));
        let two = hash(format!("{method}:{uri}"));
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\""
        );
        let response = if challenge.auth {
            value.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
            hash(format!("{one}:{nonce}:00000001:{cnonce}:auth:{two}"))
        } else {
            hash(format!("{one}:{nonce}:{two}"))
        };
        value.push_str(&format!(", response=\"{response}\""));
        if let Some(algorithm) = &challenge.algorithm {
            value.push_str(&format!(", algorithm={algorithm}"));
        }
        if let Some(opaque) = &challenge.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }
}

fn parse(value: &str) -> Option<Challenge> {
    let mut rest = value.trim().strip_prefix("Digest ")?;
    let mut challenge = Challenge::default();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        match name.trim_matches([',', ' ']).to_ascii_lowercase().as_str() {
            "realm" => challenge.realm = value.to_owned(),
            "nonce" => challenge.nonce = value.to_owned(),
            "opaque" => challenge.opaque = Some(value.to_owned()),
            "algorithm" => challenge.algorithm = Some(value.trim().to_owned()),
            "qop" => challenge.auth = value.split(',').any(|qop| qop.trim() == "auth"),
            _ => {}
        }
        rest = next;
    }
    (!challenge.nonce.is_empty()).then_some(challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mufasa(password: &str) -> Credentials {
        Credentials {
            user: "Mufasa".to_owned(),
            password: password.to_owned(),
        }
    }

    #[test]
    fn rfc2617_3_5_example() {
        let challenge = parse(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
             opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        );
        let value = mufasa("Circle Of Life").authorize(
            &challenge.unwrap(),
            "GET",
            "/dir/index.html",
            "0a4f113b",
        );
        assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\""));
        assert!(value.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""));
    }

    #[test]
    fn rfc7616_3_9_1_sha_256_example() {
        let challenge = parse(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        );
        let value = mufasa("Circle of Life").authorize(
            &challenge.unwrap(),
            "GET",
            "/dir/index.html",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        );
        let response = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert!(value.contains(response), "{value}");
    }

    #[test]
    fn an_unknown_algorithm_is_passed_over() {
        let challenges = [
            "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256",
            "Digest realm=\"a\", nonce=\"2\", algorithm=MD5",
        ];
        let value = mufasa("x").answer(challenges.into_iter(), "REGISTER", "sip:a");
        assert!(value.unwrap().contains("nonce=\"2\""));
    }
}
