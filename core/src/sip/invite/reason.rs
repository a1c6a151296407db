//! `Reason` (RFC 3326): our word for why, in BYE, CANCEL and failure responses.

use crate::cause::HangupCause;
use crate::sip::header::Reason;
use crate::sip::{HeaderName, Headers};

/// The header value for `cause`. A call that was answered elsewhere also says so the way phones
/// understand, so that it is not shown as missed.
pub(crate) fn write(cause: HangupCause) -> String {
    let q850 = Reason::new("Q.850", u16::from(cause.q850()), cause.phrase()).write();
    let q850 = String::from_utf8_lossy(&q850).into_owned();
    if cause == HangupCause::AnsweredElsewhere {
        format!("SIP;cause=200;text=\"Call completed elsewhere\", {q850}")
    } else {
        q850
    }
}

/// The header value for a session that was not refreshed in time (RFC 4028 section 10): the reason
/// in both protocols, because Q.850 alone cannot tell it from other timers.
pub(crate) fn session_expired() -> String {
    let expired = Reason::new("SIP", 408, "Session timer expired").write();
    let expired = String::from_utf8_lossy(&expired).into_owned();
    format!("{expired}, {}", write(HangupCause::RecoveryOnTimerExpiry))
}

/// What a peer's `Reason` says, if it says anything we have a word for. Q.850 comes before SIP,
/// because it tells more causes apart.
pub(crate) fn read(headers: &Headers) -> Option<HangupCause> {
    let reasons: Vec<Reason> = headers
        .list(&HeaderName::Reason)
        .filter_map(|value| Reason::parse(&value).ok())
        .collect();
    let of = |protocol: &str| {
        let protocol = protocol.to_owned();
        reasons
            .iter()
            .filter(move |reason| reason.protocol.eq_ignore_ascii_case(protocol.as_bytes()))
            .filter_map(Reason::cause)
    };
    let q850 = of("Q.850").find_map(|cause| HangupCause::from_q850(u8::try_from(cause).ok()?));
    let sip = || of("SIP").find_map(from_sip);
    q850.or_else(sip)
}

fn from_sip(cause: u16) -> Option<HangupCause> {
    match cause {
        200 => Some(HangupCause::AnsweredElsewhere),
        300..=699 => Some(HangupCause::from_sip_status(cause)),
        _ => None,
    }
}

/// Why a failure response refused our INVITE. A `Reason` counts where it is more than "cleared".
pub(crate) fn of_failure(status: u16, headers: &Headers) -> HangupCause {
    read(headers)
        .filter(|cause| *cause != HangupCause::NormalClearing)
        .unwrap_or_else(|| HangupCause::from_sip_status(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &'static str) -> Headers {
        [(HeaderName::Reason, value.into())].into_iter().collect()
    }

    #[test]
    fn what_we_write_is_read_as_a_cause_with_the_same_number() {
        for cause in HangupCause::ALL {
            let mut headers = Headers::new();
            headers.push(HeaderName::Reason, write(*cause));
            let read = read(&headers);
            assert_eq!(read, HangupCause::from_q850(cause.q850()), "{cause}");
        }
    }

    /// RFC 3326 section 2.
    #[test]
    fn q850_counts_before_sip_and_nonsense_counts_for_nothing() {
        let both = headers("SIP;cause=486;text=\"a, b\", Q.850;cause=19");
        assert_eq!(read(&both), Some(HangupCause::NoAnswer));
        let elsewhere = headers("SIP;cause=200;text=\"Call completed elsewhere\"");
        assert_eq!(read(&elsewhere), Some(HangupCause::AnsweredElsewhere));
        for value in [
            "",
            "SIP",
            "Q.850;cause=999",
            "SIP;cause=x",
            "preemption;cause=1",
            ";;",
        ] {
            assert_eq!(read(&headers(value)), None, "{value}");
        }
    }

    #[test]
    fn a_failure_with_cause_16_is_judged_by_its_status() {
        let cleared = headers("Q.850;cause=16");
        assert_eq!(of_failure(486, &cleared), HangupCause::UserBusy);
        let busy = headers("Q.850;cause=17");
        assert_eq!(of_failure(480, &busy), HangupCause::UserBusy);
    }
}
