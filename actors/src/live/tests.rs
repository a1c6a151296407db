use std::time::Duration;

use offhook_core::id::QueueId;

use super::*;

fn something() -> EventKind {
    EventKind::QueueRecovered {
        queue: QueueId::random(),
    }
}

#[tokio::test]
async fn subscribers_get_every_event_in_order() {
    let live = Live::detached();
    let mut follower = live.subscribe();
    let published: Vec<_> = (0..100).map(|_| live.publish(something())).collect();
    for event in published {
        assert_eq!(follower.next().await, Some(Delivery::Event(event)));
    }
    assert_eq!(live.view(LiveView::last_seq), 100);
    drop(live);
    assert_eq!(follower.next().await, None);
}

#[tokio::test]
async fn a_slow_subscriber_is_told_what_it_lost_and_goes_on() {
    let live = Live::detached();
    let mut slow = live.subscribe();
    for _ in 0..BACKLOG + 3 {
        live.publish(something());
    }
    assert_eq!(slow.next().await, Some(Delivery::Lagged(3)));
    let Some(Delivery::Event(event)) = slow.next().await else {
        panic!("expected an event");
    };
    assert_eq!(event.seq, 4);
}

#[tokio::test]
async fn a_view_and_what_follows_it_leave_no_gap() {
    let live = Live::detached();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let live = live.clone();
            std::thread::spawn(move || {
                for _ in 0..500 {
                    live.publish(something());
                }
            })
        })
        .collect();
    let (last_seen, mut follower) = live.subscribe_with(LiveView::last_seq);
    for thread in threads {
        thread.join().unwrap();
    }
    for expected in last_seen + 1..=2_000 {
        let next = tokio::time::timeout(Duration::from_secs(5), follower.next()).await;
        let Ok(Some(Delivery::Event(event))) = next else {
            panic!("{next:?}");
        };
        assert_eq!(event.seq, expected);
    }
}

#[test]
fn an_events_time_is_what_the_database_can_keep() {
    let event = Live::detached().publish(something());
    assert_eq!(event.at.as_nanosecond() % 1_000, 0);
}
