//! Two endpoints, a bad link, and anything in any order.

use std::time::Duration;

use super::pair::{Pair, Weather};
use super::*;
use crate::id::IdSource;
use crate::sip::subscription::EndReason;

/// How many different lives a subscription has here.
const SEEDS: u64 = 10_000;

fn progress(chance: &mut IdSource) -> Progress {
    match chance.below(3) {
        0 => Progress::Trying,
        1 => Progress::Early,
        _ => Progress::Confirmed,
    }
}

/// Whether the subscription is one that had to survive, and whether it did.
fn live(seed: u64) -> Option<bool> {
    let mut chance = IdSource::seeded(seed);
    let weather = Weather {
        loss: chance.below(40),
        doubled: chance.below(30),
        jitter: chance.below(800),
    };
    let mut pair = Pair::new(seed, weather);
    let first = 60 + u32::try_from(chance.below(200)).unwrap_or(0);
    pair.subscribes(first);
    let mut until = Some(pair.now + Duration::from_secs(u64::from(first)));
    for _ in 0..chance.below(12) {
        match chance.below(6) {
            0 => {
                let again = pair.now + Duration::from_secs(60);
                // Of two that overtake each other the later one counts.
                until = until.filter(|until| pair.now < *until).map(|_| again);
                pair.subscribes(60);
            }
            1 | 2 => {
                let calls = usize::try_from(chance.below(3)).unwrap_or(0);
                pair.changes(busy(calls, progress(&mut chance)));
            }
            3 => pair.pass(Duration::from_millis(chance.below(2_000))),
            4 => pair.pass(Duration::from_millis(chance.below(40_000))),
            _ if chance.below(6) == 0 => {
                until = None;
                pair.subscribes(0);
            }
            _ if chance.below(8) == 0 => {
                until = None;
                pair.ends(EndReason::NoResource);
            }
            _ => {}
        }
        until = until.filter(|until| pair.now < *until);
    }
    // The link gets better, and what is under way comes to its end.
    let lossless = weather.loss == 0;
    pair.weather = Weather {
        loss: 0,
        doubled: 0,
        jitter: 0,
    };
    pair.pass(Duration::from_secs(40));
    let survives = pair.live() > 0 && !pair.watcher.is_over;
    let survived = until.filter(|until| pair.now < *until).map(|_| survives);
    assert!(survived != Some(false) || !lossless, "seed {seed}");
    agree(seed, &mut pair);
    // Nobody refreshes any more.
    pair.pass(Duration::from_secs(400));
    assert_eq!(pair.live(), 0, "seed {seed}");
    assert!(pair.is_idle(), "seed {seed}");
    for subscription in &pair.subscriptions {
        assert_eq!(subscription.poll_timeout(), None, "seed {seed}");
    }
    survived
}

/// If both believe in the subscription, the watcher knows the state; if the watcher does not, the
/// notifier has given it up, or will at its next NOTIFY or its expiry at the latest.
fn agree(seed: u64, pair: &mut Pair) {
    if pair.watcher.is_over || pair.live() == 0 {
        return;
    }
    let told = pair.watcher.body.clone().unwrap_or_default();
    let told = String::from_utf8_lossy(&told).into_owned();
    let Document::Dialogs(now) = &pair.document else {
        panic!("calls are watched here");
    };
    assert_eq!(
        told.matches("<dialog ").count(),
        now.dialogs.len(),
        "seed {seed}: {told}"
    );
    let last = now.dialogs.last().map(|dialog| match dialog.progress {
        Progress::Trying => "trying",
        Progress::Early => "early",
        Progress::Confirmed => "confirmed",
        Progress::Terminated => "terminated",
    });
    if let Some(word) = last {
        let said = told.rsplit("<state>").next().unwrap_or_default();
        assert!(said.starts_with(word), "seed {seed}: {word} {told}");
    }
}

/// RFC 6665 section 4.2: whatever the link does to SUBSCRIBE, NOTIFY and their answers, both sides
/// agree in the end and nothing is left.
#[test]
fn both_sides_agree_in_the_end_whatever_the_link_does() {
    let survived: Vec<bool> = (0..SEEDS).filter_map(live).collect();
    let lost = survived.iter().filter(|survived| !**survived).count();
    let all = survived.len();
    assert!(lost * 10 <= all, "{lost} of {all} subscriptions were lost");
}
