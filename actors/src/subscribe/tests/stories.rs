//! Given, when, then.

use super::*;

/// RFC 4235 section 4: caller, dialog and state of a ringing phone.
#[tokio::test(start_paused = true)]
async fn a_watcher_is_told_who_calls_whom() {
    let mut desk = Desk::open().await;
    assert_eq!(desk.subscribes("1001", DIALOG).await.status, 200);
    let (_, idle) = desk.told(200).await;
    assert!(!idle.contains("<dialog "), "{idle}");
    let leg = desk.ring("1001");
    let (_, body) = desk.told(200).await;
    assert!(body.contains("<state>early</state>"), "{body}");
    assert!(body.contains(&format!("call-id=\"{leg}@us\"")), "{body}");
    assert!(
        body.contains("local-tag=\"phones\" remote-tag=\"ours\""),
        "{body}"
    );
    assert!(body.contains("display=\"Anna\">sip:+4930123@"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn watchers_stay_when_the_actor_falls_and_hear_what_they_missed() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    let fallen = desk.actor.clone();
    desk.subscriptions.inject_fault();
    fallen.wait(None).await.unwrap();
    // Nobody is there to see this.
    desk.ring("1001");
    desk.actor = spawn(&desk.subscriptions).await;
    let (_, body) = desk.told(200).await;
    assert!(body.contains("<state>early</state>"), "{body}");
    desk.falls().await;
    assert_eq!(desk.subscriptions.stats().subscriptions, 1);
}

#[tokio::test(start_paused = true)]
async fn news_in_the_moment_of_the_fall_do_not_silence_those_after_it() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    let fallen = desk.actor.clone();
    desk.subscriptions.inject_fault();
    // What follows the events nudges an actor that is about to fall.
    desk.subscriptions.0.touch("1001");
    let leg = desk.ring("1001");
    fallen.wait(None).await.unwrap();
    desk.actor = spawn(&desk.subscriptions).await;
    let (_, body) = desk.told(200).await;
    assert!(body.contains("<state>early</state>"), "{body}");
    desk.live.publish(EventKind::LegEnded {
        leg,
        cause: HangupCause::OriginatorCancel,
    });
    let told = tokio::time::timeout(Duration::from_secs(60), desk.told(200)).await;
    let (_, body) = told.expect("nothing is told any more");
    assert!(body.contains("<state>terminated</state>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_still_expires_when_the_actor_has_fallen() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", "Event: dialog\r\nExpires: 60\r\n")
        .await;
    desk.told(200).await;
    desk.falls().await;
    let (state, _) = desk.told(200).await;
    assert_eq!(state, "terminated;reason=timeout");
}

/// RFC 6665 section 4.2.2.
#[tokio::test(start_paused = true)]
async fn who_answers_481_is_forgotten() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(481).await;
    desk.subscribes("1002", DIALOG).await;
    desk.told(200).await;
    assert_eq!(desk.subscriptions.stats().subscriptions, 1);
}

/// RFC 6665 section 4.1.3: noresource, rejected.
#[tokio::test(start_paused = true)]
async fn what_is_removed_ends_its_subscriptions() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    desk.subscribes("1002", DIALOG).await;
    desk.told(200).await;
    let mut office = desk.directory.load().office().clone();
    office.extensions.retain(|known| known.number != "1001");
    desk.directory.replace(office.clone());
    let changed = || EventKind::DirectoryChanged {
        resource: "sip/extensions".to_owned(),
        id: "x".to_owned(),
    };
    desk.live.publish(changed());
    assert_eq!(desk.told(200).await.0, "terminated;reason=noresource");
    office.extensions.retain(|known| known.number != "1000");
    desk.directory.replace(office);
    desk.live.publish(changed());
    assert_eq!(desk.told(200).await.0, "terminated;reason=rejected");
}

/// RFC 6665 section 4.1.3: else their lamps would show the past until they refresh.
#[tokio::test(start_paused = true)]
async fn watchers_of_a_server_that_stops_are_told_to_come_back() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    desk.subscriptions.close();
    assert_eq!(
        desk.told(200).await.0,
        "terminated;reason=probation;retry-after=30"
    );
    assert_eq!(desk.subscribes("1001", DIALOG).await.status, 503);
}

/// RFC 3842: only one's own messages; by the watcher's own extension when none is named.
#[tokio::test(start_paused = true)]
async fn messages_are_told_to_their_owner_alone() {
    let mut desk = Desk::open().await;
    let summary = "Event: message-summary\r\n";
    assert_eq!(desk.subscribes("1001", summary).await.status, 403);
    assert_eq!(desk.subscribes("1000", summary).await.status, 200);
    desk.told(200).await;
    let waiting = WaitingMessages {
        counts: MessageCounts {
            new: 4,
            ..MessageCounts::default()
        },
        unsolicited: false,
    };
    desk.subscriptions.set_waiting(desk.id("1000"), waiting);
    let (_, body) = desk.told(200).await;
    assert!(body.contains("Voice-Message: 4/0 (0/0)"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn watching_can_be_left_to_ones_own() {
    let mut config = SipConfig::default();
    config.subscriptions.watch = offhook_core::config::WatchPolicy::Own;
    config.subscriptions.max = 1;
    let mut desk = Desk::with(&config).await;
    assert_eq!(desk.subscribes("1001", DIALOG).await.status, 403);
    assert_eq!(desk.subscribes("1000", DIALOG).await.status, 200);
    desk.told(200).await;
    let full = desk.subscribes("1000", "Event: presence\r\n").await;
    assert_eq!(full.status, 503);
    assert!(full.headers.has(&HeaderName::RetryAfter));
}

/// RFC 6665 section 4.2.1: within a dialog only its own watcher is listened to.
#[tokio::test(start_paused = true)]
async fn a_subscription_is_refreshed_by_its_watcher_alone() {
    let mut desk = Desk::open().await;
    let answer = desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    let tag = answer.headers.to_tag().unwrap();
    let tag = String::from_utf8_lossy(&tag);
    let refresh = |tag: &str| {
        format!(
            "SUBSCRIBE sip:offhook@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bKr\r\n\
             From: <sip:1000@offhook.local>;tag=w\r\nTo: <sip:1001@offhook.local>;tag={tag}\r\n\
             Call-ID: c1\r\nCSeq: 2 SUBSCRIBE\r\nContact: <sip:1000@127.0.0.1:5062>\r\n\
             Event: dialog\r\n\r\n"
        )
    };
    assert_eq!(desk.asks(&refresh("unknown")).await.status, 481);
    let mut stranger = incoming(&refresh(&tag));
    stranger.extension = "1002".to_owned();
    assert!(desk.subscriptions.request(stranger));
    match desk.sent.recv().await {
        Some(Sent::Response(response)) => assert_eq!(response.status, 403),
        other => panic!("{other:?}"),
    }
    assert_eq!(desk.asks(&refresh(&tag)).await.status, 200);
    desk.told(200).await;
}

/// RFC 4662 section 4: a list of those there are; 421 for who cannot read one.
#[tokio::test(start_paused = true)]
async fn a_list_is_told_as_one() {
    let mut desk = Desk::open().await;
    let (one, two) = (desk.id("1001"), desk.id("1002"));
    desk.subscriptions.set_list(WatchList {
        name: "reception".to_owned(),
        extensions: vec![one, two, ExtensionId::random()],
    });
    assert_eq!(desk.subscribes("reception", DIALOG).await.status, 421);
    let able = "Event: dialog\r\nSupported: eventlist\r\n";
    assert_eq!(desk.subscribes("reception", able).await.status, 200);
    let (_, body) = desk.told(200).await;
    assert_eq!(body.matches("<dialog-info ").count(), 2, "{body}");
    desk.ring("1002");
    let (_, body) = desk.told(200).await;
    assert_eq!(body.matches("<dialog-info ").count(), 1, "{body}");
    assert!(body.contains("fullState=\"false\""), "{body}");
}

/// However many SUBSCRIBEs one phone sends, it has so many subscriptions and no more.
#[tokio::test(start_paused = true)]
async fn a_flood_of_subscriptions_is_bounded() {
    let mut config = SipConfig::default();
    config.subscriptions.max_per_extension = 5;
    let mut desk = Desk::with(&config).await;
    let mut granted = 0;
    for number in 0..1_000 {
        let text = format!(
            "SUBSCRIBE sip:1001@offhook.local SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK{number}\r\n\
             From: <sip:1000@offhook.local>;tag=w\r\nTo: <sip:1001@offhook.local>\r\n\
             Call-ID: f{number}\r\nCSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:1000@127.0.0.1:{number}>\r\nEvent: dialog\r\n\r\n"
        );
        assert!(desk.subscriptions.request(incoming(&text)));
    }
    let mut replies = Vec::new();
    for _ in 0..1_005 {
        match desk.sent.recv().await {
            Some(Sent::Response(response)) => granted += usize::from(response.status == 200),
            Some(Sent::Request(_, reply)) => replies.push(reply),
            None => panic!("gone"),
        }
    }
    assert_eq!((granted, replies.len()), (5, 5));
    assert_eq!(desk.subscriptions.stats().subscriptions, 5);
}

/// RFC 4235 section 4.1.1 with RFC 3891 section 8: who knows Call-ID and tags of a dialog can do
/// with it as its phone can, so they are told only while the call can be picked up.
#[tokio::test(start_paused = true)]
async fn an_answered_call_is_told_without_what_names_its_dialog() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    let leg = desk.ring("1001");
    let (_, body) = desk.told(200).await;
    assert!(body.contains("call-id="), "{body}");
    desk.live.publish(EventKind::LegAnswered { leg });
    let (_, body) = desk.told(200).await;
    assert!(body.contains("<state>confirmed</state>"), "{body}");
    assert!(
        !body.contains("call-id=") && !body.contains("-tag="),
        "{body}"
    );
}

/// RFC 3891 section 3: nobody else can have the place of who calls and has no answer yet.
#[tokio::test(start_paused = true)]
async fn the_dialog_of_who_calls_is_not_named() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    desk.calls_out("1001", "1002");
    let (_, body) = desk.told(200).await;
    assert!(body.contains("direction=\"initiator\""), "{body}");
    assert!(
        !body.contains("call-id=") && !body.contains("-tag="),
        "{body}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_lamps_of_a_call_go_out_with_it_whatever_became_of_its_legs() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    let leg = desk.ring("1001");
    desk.told(200).await;
    // A call whose machine cannot end it any more ends without its legs.
    desk.live.publish(EventKind::CallEnded {
        call: leg.call,
        cause: HangupCause::InternalError,
        ended_by: EndedBy::System,
    });
    let told = tokio::time::timeout(Duration::from_secs(60), desk.told(200)).await;
    let (_, body) = told.expect("the lamp goes out");
    assert!(body.contains("<state>terminated</state>"), "{body}");
    desk.live.publish(EventKind::LegAnswered { leg });
    desk.subscribes("1001", "Event: dialog\r\nExpires: 0\r\n")
        .await;
    let (_, body) = desk.told(200).await;
    assert!(body.contains("<state>terminated</state>"), "{body}");
}

/// RFC 3323 section 4.1.1.3: whom the called phone does not see, its watchers do not see either.
#[tokio::test(start_paused = true)]
async fn a_caller_who_stays_unknown_is_unknown_to_watchers_too() {
    let mut desk = Desk::open().await;
    desk.subscribes("1001", DIALOG).await;
    desk.told(200).await;
    let leg = desk.call_with("1002", "1001", Direction::Inbound, Privacy::Hidden);
    desk.add(leg, "1001", Direction::Outbound);
    let (_, body) = desk.told(200).await;
    let anonymous = "display=\"Anonymous\">sip:anonymous@anonymous.invalid<";
    assert!(body.contains(anonymous), "{body}");
    assert!(
        !body.contains("sip:1002@") && !body.contains("Anna"),
        "{body}"
    );
    // One who follows from here on learns it from the calls that are there.
    desk.falls().await;
    desk.subscribes("1001", "Event: dialog\r\nExpires: 0\r\n")
        .await;
    let (_, body) = desk.told(200).await;
    assert!(body.contains(anonymous), "{body}");
}
