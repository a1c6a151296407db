//! Many watchers: what they cost, and that others do not wait for them.

use super::*;

const LIST: u16 = 50;
const WATCHERS: usize = 100;
const ABLE: &str = "Event: dialog\r\nSupported: eventlist\r\n";

/// An office in which every phone of a list rings and so many watch it.
async fn crowd() -> Desk {
    let mut desk = Desk::of(&SipConfig::default(), LIST).await;
    let numbers: Vec<String> = (1000..1000 + LIST).map(|n| n.to_string()).collect();
    desk.subscriptions.set_list(WatchList {
        name: "all".to_owned(),
        extensions: numbers.iter().map(|number| desk.id(number)).collect(),
    });
    for number in &numbers {
        desk.ring(number);
    }
    // Of the same phone the second would count as the first, restarted.
    for at in 0..WATCHERS {
        let at = format!("127.0.0.1:{}", 6000 + at);
        assert_eq!(desk.subscribes_at(&at, "all", ABLE).await.status, 200);
        desk.told(200).await;
    }
    desk.settles().await;
    desk
}

impl Desk {
    /// Everything that is to happen at this moment has.
    async fn settles(&self) {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }

    fn documents(&self) -> usize {
        self.looked_up.swap(0, Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn one_more_watcher_of_a_list_costs_one_document() {
    let mut desk = crowd().await;
    desk.documents();
    desk.subscribes("all", ABLE).await;
    desk.told(200).await;
    desk.settles().await;
    assert_eq!(desk.documents(), usize::from(LIST));
}

#[tokio::test(start_paused = true)]
async fn several_changes_at_once_cost_each_watcher_one_document() {
    let mut desk = crowd().await;
    tokio::time::advance(Duration::from_secs(2)).await;
    desk.documents();
    for number in 1000..1010 {
        desk.ring(&number.to_string());
    }
    for _ in 0..WATCHERS {
        let (_, body) = desk.told(200).await;
        assert_eq!(body.matches("<dialog-info ").count(), 10, "{body}");
    }
    desk.settles().await;
    let legs = usize::from(LIST) + 10;
    assert_eq!(desk.documents(), WATCHERS * legs);
    // What comes within the package's pause is not even described.
    for number in 1010..1020 {
        desk.ring(&number.to_string());
    }
    desk.settles().await;
    assert_eq!(desk.documents(), 0);
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "a neighbour on the same thread")]
async fn others_have_their_turn_while_a_crowd_is_told() {
    let mut desk = crowd().await;
    tokio::time::advance(Duration::from_secs(2)).await;
    desk.documents();
    let looked_up = Arc::clone(&desk.looked_up);
    let neighbour = tokio::spawn(async move {
        let mut longest = 0;
        for _ in 0..1_000 {
            longest = longest.max(looked_up.swap(0, Ordering::Relaxed));
            tokio::task::yield_now().await;
        }
        longest
    });
    desk.ring("1000");
    for _ in 0..WATCHERS {
        desk.told(200).await;
    }
    let longest = neighbour.await.unwrap();
    assert!((1..=150).contains(&longest), "{longest} documents at once");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_changed_ends_for_all_who_watch_it() {
    let mut desk = crowd().await;
    desk.subscriptions.remove_list("all");
    for _ in 0..WATCHERS {
        assert_eq!(desk.told(200).await.0, "terminated;reason=noresource");
    }
    desk.settles().await;
    assert_eq!(desk.subscriptions.stats().subscriptions, 0);
}
