//! How targets did lately: which ones to leave for last, and which one a dialogue stays with.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::sip::HeaderName;
use offhook_core::sip::endpoint::SipTransport;
use offhook_core::sip::locate::Target;
use offhook_core::sip::message::Response;

/// How long a target that failed is left for last.
const PENALTY: Duration = Duration::from_secs(30);

/// The longest `Retry-After` of a 503 that is believed.
const LONGEST_PENALTY: Duration = Duration::from_secs(600);

/// Targets under penalty, and Call-IDs per generation. More are forgotten.
const MOST: usize = 4096;

type Place = (SipTransport, SocketAddr);

fn place(target: &Target) -> Place {
    (target.transport, target.address)
}

/// What is remembered of targets.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    penalties: AHashMap<Place, Instant>,
    /// Who answered the last request of a Call-ID: a request that is sent again with credentials,
    /// and the ACK of a 2xx, belong to the same server. Two generations, the older of which is
    /// dropped whole.
    young: AHashMap<Bytes, Place>,
    old: AHashMap<Bytes, Place>,
}

impl Standing {
    /// This target refused, could not be reached or kept silent (RFC 3263 section 4.3).
    pub(crate) fn penalise(&mut self, now: Instant, target: &Target, how_long: Option<Duration>) {
        if self.penalties.len() >= MOST {
            self.penalties.retain(|_, until| *until > now);
        }
        if self.penalties.len() < MOST {
            let how_long = how_long.unwrap_or(PENALTY).min(LONGEST_PENALTY);
            self.penalties.insert(place(target), now + how_long);
        }
    }

    /// This target answered a request with this Call-ID.
    pub(crate) fn answered(&mut self, call_id: &Bytes, target: &Target) {
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(call_id.clone(), place(target));
    }

    /// Puts targets into the order they are to be tried in: who answered for this Call-ID before,
    /// then those in good standing, then the others, each in the order of the DNS.
    pub(crate) fn order(&self, now: Instant, call_id: Option<&Bytes>, targets: &mut [Target]) {
        let known = |id: &Bytes| self.young.get(id).or_else(|| self.old.get(id)).copied();
        let friend = call_id.and_then(known);
        targets.sort_by_key(|target| {
            let place = place(target);
            let punished = self.penalties.get(&place).is_some_and(|until| *until > now);
            (punished, friend != Some(place))
        });
    }
}

/// How long a 503 asks to be left alone.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers.get(&HeaderName::RetryAfter)?;
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    let digits: Vec<u8> = digits.copied().collect();
    let seconds: u64 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm;

    fn targets() -> Vec<Target> {
        let target = |port| Target {
            transport: SipTransport::Udp,
            address: SocketAddr::from(([192, 0, 2, 1], port)),
            host: "carrier.example".to_owned(),
        };
        [1, 2, 3].map(target).to_vec()
    }

    fn order(standing: &Standing, now: Instant, call_id: &'static str) -> Vec<u16> {
        let mut targets = targets();
        standing.order(now, Some(&call_id.into()), &mut targets);
        targets.iter().map(|target| target.address.port()).collect()
    }

    /// RFC 3263 section 4.3.
    #[test]
    fn a_target_that_failed_is_left_for_last_for_a_while() {
        let now = alarm::now();
        let mut standing = Standing::default();
        standing.penalise(now, &targets()[0], None);
        assert_eq!(order(&standing, now, "a"), [2, 3, 1]);
        assert_eq!(order(&standing, now + PENALTY, "a"), [1, 2, 3]);
        let long = Duration::from_secs(1_000_000);
        standing.penalise(now, &targets()[1], Some(long));
        assert_eq!(order(&standing, now + PENALTY, "a"), [1, 3, 2]);
        assert_eq!(order(&standing, now + LONGEST_PENALTY, "a"), [1, 2, 3]);
    }

    #[test]
    fn who_answered_a_call_is_asked_first_again() {
        let now = alarm::now();
        let mut standing = Standing::default();
        standing.answered(&"a".into(), &targets()[2]);
        assert_eq!(order(&standing, now, "a"), [3, 1, 2]);
        assert_eq!(order(&standing, now, "b"), [1, 2, 3]);
        standing.penalise(now, &targets()[2], None);
        assert_eq!(
            order(&standing, now, "a"),
            [1, 2, 3],
            "unless it failed since"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = alarm::now();
        let mut standing = Standing::default();
        for n in 0..MOST * 3 {
            standing.answered(&n.to_string().into(), &targets()[0]);
            let mut target = targets().remove(0);
            let [_, a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
            target.address.set_ip([10, a, b, c].into());
            standing.penalise(now, &target, None);
        }
        assert!(standing.young.len() + standing.old.len() <= 2 * MOST);
        assert!(standing.penalties.len() <= MOST);
    }

    #[test]
    fn retry_after_may_have_words_behind_it() {
        let mut response = Response {
            status: 503,
            reason: "x".into(),
            headers: offhook_core::sip::Headers::new(),
            body: Bytes::new(),
        };
        assert_eq!(retry_after(&response), None);
        for (value, seconds) in [("120", 120), ("18 (maintenance)", 18), ("0", 1)] {
            response.headers.set(HeaderName::RetryAfter, value);
            assert_eq!(retry_after(&response), Some(Duration::from_secs(seconds)));
        }
        response.headers.set(HeaderName::RetryAfter, "soon");
        assert_eq!(retry_after(&response), None);
    }
}
