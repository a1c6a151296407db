//! How a call came to go where it goes: `Diversion` (RFC 5806) and `History-Info` (RFC 7044), for
//! carriers.

use bytes::Bytes;
use offhook_core::sip::HeaderName;
use offhook_core::sip::header::{Diversion, DiversionReason, HistoryInfo};
use offhook_core::sip::message::Request;

/// Steps that are kept; a call that has taken more is going in a circle.
const MOST: usize = 16;

/// The steps of a call, as they are told to whom it is sent on to.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// The latest first, as in the message.
    diversions: Vec<Diversion>,
    /// The oldest first, as in the message.
    steps: Vec<HistoryInfo>,
}

impl History {
    /// What a carrier tells of a call. What cannot be read is left out.
    pub(crate) fn of(request: &Request) -> Self {
        let diversions = request.headers.list(&HeaderName::Diversion);
        let steps = request.headers.list(&HeaderName::HistoryInfo);
        Self {
            diversions: diversions
                .filter_map(|value| Diversion::parse(&value).ok())
                .take(MOST)
                .collect(),
            steps: steps
                .filter_map(|value| HistoryInfo::parse(&value).ok())
                .take(MOST)
                .collect(),
        }
    }

    /// The number that was dialled first, if the call was sent on before it came here.
    pub(crate) fn original(&self) -> Option<String> {
        let first = self.steps.first().and_then(HistoryInfo::number);
        first.or_else(|| self.diversions.last()?.number().ok())
    }

    /// `by` sends the call on to `to`.
    pub(crate) fn sent_on(&mut self, by: Bytes, to: Bytes) {
        if self.is_full() {
            return;
        }
        let last = self.last_step(&by);
        let next = last.then(to);
        self.steps.extend([last, next]);
        let reason = DiversionReason::Deflection;
        self.diversions.insert(0, Diversion { uri: by, reason });
    }

    /// The phone of `by` sends the call on to `to`, by a response with this status.
    pub(crate) fn forwarded(&mut self, by: Bytes, to: Bytes, status: u16, reason: DiversionReason) {
        if self.is_full() {
            return;
        }
        let last = self.last_step(&by);
        let next = last.then(to);
        self.steps.extend([last.refused(status), next]);
        self.diversions.insert(0, Diversion { uri: by, reason });
    }

    fn is_full(&self) -> bool {
        self.steps.len() >= MOST || self.diversions.len() >= MOST
    }

    /// The step that led to `by`.
    fn last_step(&mut self, by: &Bytes) -> HistoryInfo {
        let last = self.steps.pop();
        last.unwrap_or_else(|| HistoryInfo::first(by.clone()))
    }

    /// The headers of an INVITE.
    pub(crate) fn headers(&self) -> Vec<(HeaderName, Bytes)> {
        let diversions = self.diversions.iter();
        let diversions = diversions.map(|step| (HeaderName::Diversion, step.write()));
        let steps = self.steps.iter();
        let steps = steps.map(|step| (HeaderName::HistoryInfo, step.write()));
        diversions.chain(steps).collect()
    }
}

#[cfg(test)]
mod tests {
    use offhook_core::sip::Method;

    use super::*;

    fn request(rows: &[(HeaderName, &'static str)]) -> Request {
        let mut request = Request::new(Method::Invite, "sip:1@h");
        for (name, value) in rows {
            request.headers.push(name.clone(), *value);
        }
        request
    }

    /// RFC 5806 section 4.2, RFC 7044 section 9.
    #[test]
    fn the_first_number_is_told_by_either_header() {
        let diverted = request(&[(
            HeaderName::Diversion,
            "<sip:200@h>;reason=no-answer, <sip:100@h>",
        )]);
        assert_eq!(History::of(&diverted).original().as_deref(), Some("100"));
        let history = request(&[
            (
                HeaderName::HistoryInfo,
                "<sip:100@h>;index=1, <sip:200@h>;index=1.1",
            ),
            (HeaderName::Diversion, "broken <"),
        ]);
        assert_eq!(History::of(&history).original().as_deref(), Some("100"));
        assert_eq!(History::of(&request(&[])).original(), None);
    }

    /// RFC 5806 section 4.1, RFC 7044 section 9.2.
    #[test]
    fn each_transfer_adds_a_step_and_a_circle_does_not_grow_for_ever() {
        let mut history = History::default();
        history.sent_on("sip:100@h".into(), "sip:200@h".into());
        history.sent_on("sip:200@h".into(), "sip:300@h".into());
        let rows: Vec<_> = history
            .headers()
            .into_iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(&value)))
            .collect();
        assert_eq!(
            rows,
            [
                "Diversion: <sip:200@h>;reason=deflection",
                "Diversion: <sip:100@h>;reason=deflection",
                "History-Info: <sip:100@h>;index=1",
                "History-Info: <sip:200@h>;index=1.1;mp=1",
                "History-Info: <sip:300@h>;index=1.1.1;mp=1.1",
            ]
        );
        for _ in 0..100 {
            history.sent_on("sip:100@h".into(), "sip:200@h".into());
        }
        assert!(history.headers().len() <= 2 * MOST);
    }
}
