//! Why a call ended: one table between our word, the SIP status and the Q.850 cause.
//!
//! Sources: RFC 3398 section 7.2 (Q.850 to SIP) and 8.2 (SIP to Q.850), RFC 4497, RFC 3326 for the
//! `Reason` header that carries the Q.850 number.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $sip:literal, $q850:literal, $phrase:literal;)*) => {
        /// Why a call or a leg ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum HangupCause { $($(#[$doc])* $name,)* }

        impl HangupCause {
            /// Every cause, in table order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word used in CDRs and over REST.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The SIP status that refuses an INVITE for this cause.
            #[must_use]
            pub fn sip_status(self) -> u16 {
                match self { $(Self::$name => $sip,)* }
            }

            /// The Q.850 cause number for a `Reason` header.
            #[must_use]
            pub fn q850(self) -> u8 {
                match self { $(Self::$name => $q850,)* }
            }

            /// The reason phrase that goes with [`sip_status`](Self::sip_status).
            #[must_use]
            pub fn phrase(self) -> &'static str {
                match self { $(Self::$name => $phrase,)* }
            }
        }
    };
}

causes! {
    /// Somebody hung up after the call was answered.
    NormalClearing, "normal_clearing", 480, 16, "Normal Call Clearing";
    /// The caller gave up before an answer.
    OriginatorCancel, "originator_cancel", 487, 16, "Request Terminated";
    /// Another leg answered first.
    AnsweredElsewhere, "answered_elsewhere", 487, 26, "Answered Elsewhere";
    /// Who was talked with was sent elsewhere, or somebody else took their place.
    Transferred, "transferred", 487, 16, "Transferred";
    /// Nobody has this number.
    UnallocatedNumber, "unallocated_number", 404, 1, "Not Found";
    /// The callee is in another call.
    UserBusy, "user_busy", 486, 17, "Busy Here";
    /// The callee's phone did not respond.
    NoUserResponse, "no_user_response", 408, 18, "Request Timeout";
    /// It rang, and nobody answered.
    NoAnswer, "no_answer", 480, 19, "No Answer";
    /// No phone is registered for the callee.
    SubscriberAbsent, "subscriber_absent", 480, 20, "Temporarily Unavailable";
    /// The callee refused.
    CallRejected, "call_rejected", 603, 21, "Decline";
    /// The number cannot be a number.
    InvalidNumber, "invalid_number", 484, 28, "Address Incomplete";
    /// The caller may not dial this.
    NotAllowed, "not_allowed", 403, 57, "Forbidden";
    /// The way out is closed at this time of the day.
    OutsideHours, "outside_hours", 480, 31, "Outside Opening Hours";
    /// The two sides share no codec.
    NoCommonCodec, "no_common_codec", 488, 88, "Not Acceptable Here";
    /// A limit of calls, ports or queue places is reached.
    Congestion, "congestion", 503, 42, "Service Unavailable";
    /// The network or peer on the way is down.
    NetworkOutOfOrder, "network_out_of_order", 502, 38, "Bad Gateway";
    /// The peer broke the protocol.
    ProtocolError, "protocol_error", 400, 111, "Bad Request";
    /// A timer ran out: no ACK, no RTP, no answer to a BYE.
    RecoveryOnTimerExpiry, "recovery_on_timer_expiry", 504, 102, "Server Time-out";
    /// The media stopped for longer than allowed.
    MediaTimeout, "media_timeout", 480, 102, "Media Timeout";
    /// Waited in a queue for as long as the queue allows.
    QueueTimeout, "queue_timeout", 480, 31, "Queue Timeout";
    /// Ended by an operator, over REST or at shutdown.
    Administrative, "administrative", 480, 31, "Ended By Operator";
    /// A fault of ours.
    InternalError, "internal_error", 500, 41, "Internal Server Error";
}

impl fmt::Display for HangupCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl HangupCause {
    /// What a failed outbound INVITE with this SIP status means (RFC 3398 section 8.2.6.1).
    #[must_use]
    pub fn from_sip_status(status: u16) -> Self {
        match status {
            404 | 410 | 604 => Self::UnallocatedNumber,
            486 | 600 => Self::UserBusy,
            408 => Self::NoUserResponse,
            480 => Self::NoAnswer,
            603 | 606 | 607 | 608 => Self::CallRejected,
            484 | 485 | 416 | 414 => Self::InvalidNumber,
            401 | 402 | 403 | 407 | 433 => Self::NotAllowed,
            415 | 488 => Self::NoCommonCodec,
            487 => Self::OriginatorCancel,
            503 => Self::Congestion,
            502 => Self::NetworkOutOfOrder,
            504 => Self::RecoveryOnTimerExpiry,
            400 | 405 | 420 | 421 | 481 | 482 | 483 | 493 | 501 | 505 | 513 => Self::ProtocolError,
            _ if status >= 600 => Self::CallRejected,
            _ if status >= 500 => Self::NetworkOutOfOrder,
            _ => Self::CallRejected,
        }
    }

    /// What a Q.850 number from a peer's `Reason` header means, where it says more than the status.
    #[must_use]
    pub fn from_q850(cause: u8) -> Option<Self> {
        Some(match cause {
            1 | 2 | 3 | 22 => Self::UnallocatedNumber,
            16 | 31 => Self::NormalClearing,
            17 => Self::UserBusy,
            18 => Self::NoUserResponse,
            19 => Self::NoAnswer,
            20 => Self::SubscriberAbsent,
            21 => Self::CallRejected,
            26 => Self::AnsweredElsewhere,
            28 => Self::InvalidNumber,
            38 | 27 => Self::NetworkOutOfOrder,
            34 | 41 | 42 | 44 => Self::Congestion,
            50 | 55 | 57 => Self::NotAllowed,
            65 | 79 | 88 => Self::NoCommonCodec,
            102 => Self::RecoveryOnTimerExpiry,
            111 => Self::ProtocolError,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_refuses_with_a_failure_status() {
        for cause in HangupCause::ALL {
            assert!((400..700).contains(&cause.sip_status()), "{cause}");
            assert!((1..128).contains(&cause.q850()), "{cause}");
        }
    }

    #[test]
    fn the_word_is_the_one_on_the_wire() {
        for cause in HangupCause::ALL {
            let json = serde_json::to_string(cause).unwrap();
            assert_eq!(json, format!("\"{cause}\""));
        }
    }

    #[test]
    fn common_statuses_mean_what_people_expect() {
        assert_eq!(HangupCause::from_sip_status(486), HangupCause::UserBusy);
        assert_eq!(
            HangupCause::from_sip_status(404),
            HangupCause::UnallocatedNumber
        );
        assert_eq!(HangupCause::from_sip_status(603), HangupCause::CallRejected);
        assert_eq!(HangupCause::from_sip_status(503), HangupCause::Congestion);
        assert_eq!(HangupCause::from_sip_status(699), HangupCause::CallRejected);
    }
}
