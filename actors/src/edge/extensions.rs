//! What the configuration makes a peer find supported.

use offhook_core::config::SipConfig;
use offhook_core::sip::invite::SessionTimerMode;

/// What is understood outside of calls: a SUBSCRIBE may require what it needs to be told of a list
/// (RFC 4662), a phone that it registers by proxies or that its connection is kept (RFC 3327, 5626).
const ELSEWHERE: [&str; 3] = ["eventlist", "path", "outbound"];

/// The option tags a peer may require.
pub(crate) fn supported(config: &SipConfig) -> Vec<String> {
    let tags = config.dialog_options().supported().split(", ");
    tags.chain(ELSEWHERE).map(str::to_owned).collect()
}

/// The shortest session timer in seconds; none when there is no session timer.
pub(crate) fn min_se(config: &SipConfig) -> Option<u32> {
    match config.session_timer {
        SessionTimerMode::Off => None,
        SessionTimerMode::Accept | SessionTimerMode::Request => {
            u32::try_from(config.min_se.as_secs()).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use offhook_core::sip::invite::ReliableProvisional;

    use super::*;

    #[test]
    fn what_is_switched_off_may_not_be_required() {
        let mut config = SipConfig::default();
        let calls = ["100rel", "timer", "replaces", "norefersub"];
        let all = [&calls[..], &ELSEWHERE].concat();
        assert_eq!(supported(&config), all);
        assert_eq!(min_se(&config), Some(90));
        config.session_timer = SessionTimerMode::Off;
        config.reliable_provisional = ReliableProvisional::Off;
        assert_eq!(supported(&config), all[2..]);
        assert_eq!(min_se(&config), None);
    }
}
