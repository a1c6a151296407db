//! Which codec, and what protection, each leg is offered; and who changes so that nobody transcodes.

use std::time::Duration;

use bytes::Bytes;
use offhook_core::config::{AvoidTranscoding, MediaConfig};
use offhook_core::sdp::{Codec, Direction, Negotiated, SrtpPolicy};
use offhook_core::sip::invite::UsageEvent;

use super::fixture::{Fixture, Ids, g711};
use super::moving::wants;
use crate::call::{CallInput, MediaEffect, MediaRules, Origin};

const PCMU: &str = "0";
const PCMA: &str = "8";

fn rules(change: impl FnOnce(&mut MediaConfig)) -> MediaRules {
    let mut config = MediaConfig {
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        ..MediaConfig::default()
    };
    change(&mut config);
    MediaRules::of(&config)
}

fn avoiding(avoid_transcoding: AvoidTranscoding) -> MediaRules {
    rules(|media| media.avoid_transcoding = avoid_transcoding)
}

/// A description with this format list.
fn speaking(formats: &str) -> Bytes {
    described(&format!("m=audio 6000 RTP/AVP {formats}\r\n"))
}

fn described(media: &str) -> Bytes {
    let start = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
    format!("{start}{media}").into()
}

/// 1000, who offers `caller`, calls 1001; the number is the phone's leg.
fn dialling(media: MediaRules, caller: &str) -> (Fixture, u32) {
    let call = Fixture::under(media, |_| {}, "1001", &speaking(caller));
    let phone = call.last_rung();
    (call, phone)
}

/// They talk, and a change of codec is allowed: the caller was answered while the phone rang with what
/// the caller likes best, and the phone answered `phone`.
fn talking(caller: &str, phone: &str) -> (Fixture, u32) {
    talking_under(AvoidTranscoding::Reinvite, caller, phone)
}

fn talking_under(avoid: AvoidTranscoding, caller: &str, phone: &str) -> (Fixture, u32) {
    let (mut call, leg) = dialling(avoiding(avoid), caller);
    let first = caller.split(' ').next().unwrap();
    call.phone_sends_early(leg, speaking(first));
    call.phone_answers_with(leg, speaking(phone));
    (call, leg)
}

/// The format list of a description.
fn formats(sdp: &str) -> &str {
    let line = sdp
        .lines()
        .find(|line| line.starts_with("m=audio"))
        .unwrap();
    line.split_once("AVP ").unwrap().1
}

/// How often a leg that was answered before was sent a re-INVITE.
fn asked(call: &Fixture, leg: u32) -> usize {
    let invites = call
        .sent_to(leg)
        .iter()
        .filter(|sent| *sent == "INVITE")
        .count();
    invites - usize::from(leg != 0)
}

/// What the engine was told last of a leg's codec.
fn codec(call: &Fixture, leg: u32) -> Codec {
    agreed(call, leg).codec
}

/// What the engine was told last of a leg.
fn agreed(call: &Fixture, leg: u32) -> &Negotiated {
    let leg = call.leg(leg);
    let told = call.media.iter().rev().find_map(|effect| {
        let MediaEffect::SetRemote(of, agreed) = effect else {
            return None;
        };
        (*of == leg).then_some(agreed)
    });
    told.unwrap()
}

#[test]
fn who_is_called_is_offered_first_what_the_caller_speaks() {
    for (avoid, expected) in [
        (AvoidTranscoding::Off, "111 9 0 8 118 119 110 101 102"),
        (AvoidTranscoding::Offer, "8 9 0 111 118 119 101 110 102"),
    ] {
        let media = rules(|media| {
            media.codecs = Codec::ALL.to_vec();
            media.avoid_transcoding = avoid;
        });
        let (call, phone) = dialling(media, "8 18 9 0");
        assert_eq!(formats(&call.offered(phone)), expected);
    }
}

#[test]
fn who_is_heard_by_narrow_ears_is_asked_for_narrow_sound() {
    let everything = || rules(|media| media.codecs = Codec::ALL.to_vec());
    let (call, phone) = dialling(everything(), PCMU);
    let offer = call.offered(phone);
    assert!(
        offer.contains("a=fmtp:111 maxplaybackrate=8000;"),
        "{offer}"
    );
    let (call, phone) = dialling(everything(), "9");
    let offer = call.offered(phone);
    assert!(
        offer.contains("a=fmtp:111 maxplaybackrate=16000;"),
        "{offer}"
    );
}

#[test]
fn the_caller_changes_to_what_the_phone_answered() {
    let (mut call, phone) = talking("0 8", PCMA);
    assert_eq!(asked(&call, 0), 0, "not before the 200 is acknowledged");
    call.caller_acknowledges();
    assert_eq!(asked(&call, 0), 1);
    assert_eq!(formats(&call.offered(0)), "8 101");
    assert_eq!(codec(&call, 0), Codec::Pcmu, "until it has agreed");
    call.phone_answers_with(0, speaking(PCMA));
    assert_eq!(
        (codec(&call, 0), codec(&call, phone)),
        (Codec::Pcma, Codec::Pcma)
    );
    call.caller_reoffers("sendonly");
    call.caller_reoffers("sendrecv");
    assert_eq!((asked(&call, 0), asked(&call, phone)), (1, 0), "once");
}

#[test]
fn the_phone_changes_when_only_it_can() {
    let (mut call, phone) = talking(PCMU, "8 0");
    assert_eq!(asked(&call, phone), 1);
    assert_eq!(formats(&call.offered(phone)), "0 101");
    call.phone_answers_with(phone, speaking(PCMU));
    assert_eq!(codec(&call, phone), Codec::Pcmu);
    call.caller_acknowledges();
    assert_eq!((asked(&call, 0), asked(&call, phone)), (0, 1));
}

#[test]
fn nobody_is_asked_who_could_not_or_unless_it_is_wished() {
    let (mut call, phone) = talking(PCMU, PCMA);
    call.caller_acknowledges();
    assert_eq!((asked(&call, 0), asked(&call, phone)), (0, 0));
    for avoid in [AvoidTranscoding::Offer, AvoidTranscoding::Off] {
        let (mut call, phone) = talking_under(avoid, "0 8", PCMA);
        call.caller_acknowledges();
        assert_eq!((asked(&call, 0), asked(&call, phone)), (0, 0));
    }
}

#[test]
fn who_refuses_to_change_talks_on_and_is_not_asked_again() {
    let (mut call, phone) = talking("0 8", PCMA);
    call.caller_acknowledges();
    call.phone_refuses(0, 488);
    assert_eq!(call.ended(), None);
    assert_eq!(
        (codec(&call, 0), codec(&call, phone)),
        (Codec::Pcmu, Codec::Pcma)
    );
    call.phone_reoffers_with(phone, speaking("8 18"));
    assert_eq!(asked(&call, 0), 1);
    // Its own offers are answered as if nothing had been.
    call.caller_offers(speaking("0 8 18"));
    assert_eq!(call.statuses.last(), Some(&200));
    assert_eq!(codec(&call, 0), Codec::Pcma, "what the other speaks");
}

/// RFC 3264 section 4: one offer at a time.
#[test]
fn an_offer_of_the_far_end_goes_before_ours() {
    let (mut call, _) = talking("0 8", PCMA);
    call.caller_acknowledges();
    // They cross: both get 491, and ours waits for its next try.
    call.caller_offers(speaking("0 8 18"));
    assert_eq!(call.statuses.last(), Some(&491));
    call.phone_refuses(0, 491);
    call.caller_reoffers("sendonly");
    assert_eq!(call.statuses.last(), Some(&200));
    call.waits(Duration::from_secs(10));
    assert_eq!(asked(&call, 0), 1, "nobody is asked while on hold");
    assert_eq!(call.ended(), None);
}

#[test]
fn an_offer_of_the_far_end_that_is_refused_does_not_end_the_wish_for_its_codec() {
    let (mut call, _) = talking("0 8", PCMA);
    call.caller_acknowledges();
    call.caller_offers(speaking("0 8 18"));
    call.phone_refuses(0, 491);
    call.caller_offers(speaking("18"));
    assert_eq!(call.statuses.last(), Some(&488));
    call.waits(Duration::from_secs(10));
    assert_eq!(asked(&call, 0), 2);
    assert_eq!(formats(&call.offered(0)), "8 101");
    call.phone_answers_with(0, speaking(PCMA));
    assert_eq!(codec(&call, 0), Codec::Pcma);
}

#[test]
fn a_late_offer_begins_with_what_the_other_side_speaks() {
    let mut call = Fixture::with_offer("1001", &Bytes::new());
    let phone = call.last_rung();
    call.phone_answers_with(phone, speaking(PCMA));
    assert_eq!(formats(&call.answered()), "8 0 101");
}

#[test]
fn a_re_offer_is_answered_with_what_the_other_side_speaks() {
    let (mut call, phone) = dialling(g711(), PCMU);
    call.phone_answers_with(phone, speaking(PCMU));
    call.caller_acknowledges();
    call.phone_reoffers_with(phone, speaking("8 0"));
    assert_eq!(codec(&call, phone), Codec::Pcmu);
}

#[test]
fn fax_by_t38_is_refused_and_the_call_lives() {
    for fax in [
        "m=image 6002 udptl t38\r\n",
        "m=audio 0 RTP/AVP 0\r\nm=image 6002 udptl t38\r\n",
    ] {
        let (mut call, phone) = dialling(g711(), PCMU);
        call.phone_answers_with(phone, speaking(PCMU));
        call.caller_acknowledges();
        call.caller_offers(described(fax));
        assert_eq!(call.statuses.last(), Some(&488));
        assert_eq!(call.ended(), None);
        assert_eq!(call.bridges(), 1);
        call.caller_reoffers("sendonly");
        assert_eq!(call.statuses.last(), Some(&200));
    }
}

/// Whether a phone is offered RTP/SAVP, and keys, where its extension and the office say this.
fn offer_under(office: SrtpPolicy, own: Option<SrtpPolicy>) -> (bool, bool) {
    let media = rules(|media| media.srtp = office);
    let set = |lists: &mut offhook_core::directory::Office| {
        for extension in &mut lists.extensions {
            if extension.number == "1001" {
                extension.srtp = own;
            }
        }
    };
    let call = Fixture::under(media, set, "1001", &speaking(PCMU));
    let offer = call.offered(call.last_rung());
    (offer.contains("RTP/SAVP"), offer.contains("a=crypto:"))
}

#[test]
fn an_extension_says_how_it_is_protected_and_the_office_for_all_others() {
    use SrtpPolicy::{BestEffort, Off, Optional, Required};
    assert_eq!(offer_under(Optional, None), (false, false));
    assert_eq!(offer_under(BestEffort, None), (false, true));
    assert_eq!(offer_under(Off, Some(BestEffort)), (false, true));
    assert_eq!(offer_under(Optional, Some(Required)), (true, true));
    assert_eq!(offer_under(BestEffort, Some(Off)), (false, false));
}

#[test]
fn a_caller_in_the_clear_is_refused_where_protection_is_required() {
    let media = rules(|media| media.srtp = SrtpPolicy::Required);
    let call = Fixture::under(media, |_| {}, "1001", &speaking(PCMU));
    assert_eq!(call.statuses.last(), Some(&488));
}

#[test]
fn a_trunk_says_how_it_is_protected() {
    let set = |lists: &mut offhook_core::directory::Office| {
        lists.trunks[0].srtp = Some(SrtpPolicy::Required);
    };
    let call = Fixture::under(g711(), set, "004930123456", &speaking(PCMU));
    let offer = call.offered(call.last_rung());
    assert!(offer.contains("RTP/SAVP 0 8 101"), "{offer}");
}

#[test]
fn both_legs_are_protected_under_keys_of_their_own() {
    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    let line = |tag| format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let secure = |tag| described(&format!("m=audio 6000 RTP/SAVP 0\r\n{}", line(tag)));
    let media = rules(|media| media.srtp = SrtpPolicy::Required);
    let mut call = Fixture::under(media, |_| {}, "1001", &secure(7));
    let phone = call.last_rung();
    let offer = call.offered(phone);
    let tag = offer.lines().find_map(|line| {
        let line = line.strip_prefix("a=crypto:")?;
        line.contains("HMAC_SHA1_80")
            .then(|| line.split(' ').next())?
    });
    call.phone_answers_with(phone, secure(tag.unwrap().parse().unwrap()));
    assert!(
        call.answered()
            .contains("a=crypto:7 AES_CM_128_HMAC_SHA1_80")
    );
    let keys = |leg| agreed(&call, leg).srtp.clone().unwrap();
    assert_ne!(keys(0).send, keys(phone).send);
    assert_eq!(keys(0).receive.key(), b"YS___semctl () {");
}

/// RFC 3261 section 13.2.1: what an unreliable 183 says is not for good.
#[test]
fn the_answer_of_a_200_counts_whatever_a_183_said() {
    let (mut call, phone) = dialling(g711(), "0 8");
    call.phone_sends_early(phone, speaking(PCMU));
    assert_eq!(agreed(&call, phone).remote_rtp.port(), 6000);
    call.phone_sends_early(phone, described("m=audio 6500 RTP/AVP 0\r\n"));
    assert_eq!(agreed(&call, phone).remote_rtp.port(), 6500);
    call.phone_answers_with(phone, described("m=audio 7000 RTP/AVP 8\r\n"));
    let last = agreed(&call, phone);
    assert_eq!((last.remote_rtp.port(), last.codec), (7000, Codec::Pcma));
    assert_eq!(call.ended(), None);
}

#[test]
fn an_early_answer_that_cannot_be_used_does_not_spoil_the_one_that_follows() {
    for early in ["m=audio 0 RTP/AVP 0\r\n", "m=audio 6000 RTP/AVP 18\r\n"] {
        let (mut call, phone) = dialling(g711(), "0 8");
        call.phone_sends_early(phone, described(early));
        call.phone_answers_with(phone, speaking(PCMU));
        assert_eq!(call.ended(), None);
        assert_eq!(call.bridges(), 1);
    }
}

/// RFC 3264 sections 6.1 and 8.2.
#[test]
fn audio_that_was_removed_is_sent_no_more_and_a_refresh_leaves_it_so() {
    let (mut call, phone) = talking(PCMU, PCMU);
    call.caller_acknowledges();
    call.phone_reoffers_with(phone, described("m=audio 0 RTP/AVP 0\r\n"));
    assert_eq!(call.last_status(phone), Some(200));
    assert_eq!(agreed(&call, phone).direction, Direction::Inactive);
    let sdp = described("m=audio 0 RTP/AVP 0\r\na=x\r\n");
    let now = crate::alarm::now();
    call.call
        .usage_event(now, phone, UsageEvent::Refreshed { sdp });
    call.pump();
    assert_eq!(call.ended(), None);
    assert_eq!(agreed(&call, phone).direction, Direction::Inactive);
    call.phone_reoffers_with(phone, speaking(PCMU));
    assert_eq!(agreed(&call, phone).direction, Direction::SendRecv);
}

#[test]
fn the_answer_to_a_refresh_is_not_taken_for_that_to_a_change() {
    let (mut call, phone) = talking(PCMU, "8 0");
    assert_eq!(asked(&call, phone), 1);
    let sdp = described("m=audio 6002 RTP/AVP 8\r\n");
    let now = crate::alarm::now();
    call.call
        .usage_event(now, phone, UsageEvent::Refreshed { sdp });
    call.pump();
    assert_eq!(call.ended(), None);
    assert_eq!(agreed(&call, phone).remote_rtp.port(), 6002);
    assert_eq!(codec(&call, phone), Codec::Pcma);
    call.phone_answers_with(phone, speaking(PCMU));
    assert_eq!(codec(&call, phone), Codec::Pcmu);
    assert_eq!(asked(&call, phone), 1);
}

#[test]
fn who_is_joined_with_another_is_asked_again_for_all_it_once_offered() {
    let (mut call, phone) = talking("0 8", PCMA);
    call.caller_acknowledges();
    call.phone_answers_with(0, speaking(PCMA));
    assert_eq!(asked(&call, 0), 1);
    let own = |ids: &Ids| Origin::Extension(ids.agent_extension);
    let arrival = wants(&call, phone, own, &speaking(PCMU));
    call.handle(CallInput::Arrives(arrival));
    assert_eq!(asked(&call, 0), 2, "the other has PCMU only");
    assert_eq!(formats(&call.offered(0)), "0 101");
}

/// A caller that offers Opus first, and G.711.
fn wideband() -> Bytes {
    described("m=audio 6000 RTP/AVP 111 8\r\na=rtpmap:111 opus/48000/2\r\n")
}

fn usual() -> MediaRules {
    MediaRules::of(&MediaConfig::default())
}

#[test]
fn a_caller_is_answered_with_what_the_phone_it_reaches_has_answered() {
    let mut call = Fixture::under(usual(), |_| {}, "1001", &wideband());
    let phone = call.last_rung();
    assert!(formats(&call.offered(phone)).starts_with("111 8 "));
    call.phone_answers_with(phone, speaking(PCMA));
    assert_eq!(formats(&call.answered()), "8");
    assert_eq!(codec(&call, 0), Codec::Pcma);
    // A phone that speaks what the caller likes best is talked with so.
    let mut call = Fixture::under(usual(), |_| {}, "1001", &wideband());
    let phone = call.last_rung();
    call.phone_answers_with(phone, wideband());
    assert_eq!(formats(&call.answered()), "111");
    // A browser that has nothing narrower is asked for what the other can hear.
    let opus = described("m=audio 6000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n");
    let mut call = Fixture::under(usual(), |_| {}, "1001", &opus);
    let phone = call.last_rung();
    call.phone_answers_with(phone, speaking(PCMA));
    let answer = call.answered();
    assert!(answer.contains("maxplaybackrate=8000"), "{answer}");
}

#[test]
fn a_caller_is_told_nothing_else_by_the_200_than_by_the_183() {
    let mut call = Fixture::under(usual(), |_| {}, "1001", &wideband());
    let phone = call.last_rung();
    call.phone_sends_early(phone, speaking(PCMA));
    assert_eq!(codec(&call, 0), Codec::Pcma);
    call.phone_answers_with(phone, wideband());
    assert_eq!(formats(&call.answered()), "8");
    assert_eq!(
        (codec(&call, 0), codec(&call, phone)),
        (Codec::Pcma, Codec::Opus)
    );
}

#[test]
fn where_transcoding_is_not_avoided_the_callers_order_counts() {
    let media = rules(|media| {
        media.codecs = Codec::ALL.to_vec();
        media.avoid_transcoding = AvoidTranscoding::Off;
    });
    let mut call = Fixture::under(media, |_| {}, "1001", &wideband());
    let phone = call.last_rung();
    call.phone_answers_with(phone, speaking(PCMA));
    assert_eq!(formats(&call.answered()), "111");
}
