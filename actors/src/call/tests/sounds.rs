use offhook_media::engine::Source;

use super::fixture::{Fixture, sdp};
use crate::call::MediaRules;
use crate::queue::QueueToCall;

#[test]
fn a_german_menu_is_german_and_so_is_what_follows_it() {
    let german = |lists: &mut offhook_core::directory::Office| {
        lists.ivr_menus[0].language = Some("de".into());
    };
    let offer = sdp(6000, "sendrecv");
    let mut call = Fixture::under(MediaRules::default(), german, "300", &offer);
    call.caller_acknowledges();
    assert_eq!(call.played(), ["de/menu/demo-office"]);
    call.caller_presses("1");
    call.waits(super::fixture::INTER_DIGIT);
    call.queue_says(QueueToCall::Announce {
        queue: call.ids.queue,
        position: 21,
    });
    let place = [
        "de/queue/you-are-caller-number",
        "de/number/1-and",
        "de/number/20",
    ];
    assert_eq!(call.played()[1..], place);
}

#[test]
fn a_prompt_of_the_offices_own_is_spoken_as_it_is() {
    let own = |lists: &mut offhook_core::directory::Office| {
        lists.ivr_menus[0].language = Some("de".into());
        lists.ivr_menus[0].prompt = "office/welcome".into();
    };
    let offer = sdp(6000, "sendrecv");
    let call = Fixture::under(MediaRules::default(), own, "300", &offer);
    assert_eq!(call.played(), ["office/welcome"]);
}

#[test]
fn who_holds_chooses_the_music() {
    let own = |lists: &mut offhook_core::directory::Office| {
        for extension in &mut lists.extensions {
            if extension.number == "1001" {
                extension.hold_music = Some("jazz".into());
            }
        }
    };
    let offer = sdp(6000, "sendrecv");
    let mut call = Fixture::under(MediaRules::default(), own, "1001", &offer);
    let phone = call.last_rung();
    call.phone_answers(phone);
    call.caller_acknowledges();
    call.phone_reoffers(phone, "sendonly");
    assert_eq!(call.last_source(0), Some(&Source::HoldMusic("jazz".into())));
    call.phone_reoffers(phone, "sendrecv");
    call.caller_reoffers("sendonly");
    let heard = call.last_source(phone);
    assert_eq!(heard, Some(&Source::HoldMusic("default".into())));
}
