//! What the configuration makes a peer find supported.

use offhook_core::config::SipConfig;
use offhook_core::sip::invite::SessionTimerMode;

/// The option tags a peer may require.
pub(crate) fn supported(config: &SipConfig) -> Vec<String> {
    let tags = config.dialog_options().supported();
    let tags = tags.split(", ").filter(|tag| !tag.is_empty());
    // RFC 4662: a SUBSCRIBE may require what it needs to be told of a list. RFC 3327 and 5626: so may
    // a phone that registers by proxies, or wants its connection kept.
    tags.chain(["eventlist", "path", "outbound"])
        .map(str::to_owned)
        .collect()
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
