//! How long packets wait on networks of several kinds.

use super::network::{Dice, Line};
use super::*;

const MINUTE: u32 = 3000;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The share of packets that came too late, and the share of time that was made up, in percent.
fn harm(stats: &JitterStats, time: Duration) -> (f64, f64) {
    let late = stats.late as f64 / stats.received as f64;
    (
        late * 100.0,
        stats.concealed.as_secs_f64() / time.as_secs_f64() * 100.0,
    )
}

#[test]
fn fifty_ms_of_jitter_cost_less_than_one_packet_in_a_hundred() {
    // Up to 50 ms later; 50 ms earlier or later; and as a normal distribution has it.
    let kinds: [fn(&mut Dice) -> Duration; 3] = [
        |dice| dice.up_to(millis(50)),
        |dice| dice.up_to(millis(100)),
        |dice| millis(60).mul_f64((1.0 + dice.normal() / 4.0).max(0.0)),
    ];
    for (kind, jitter) in kinds.into_iter().enumerate() {
        for seed in 1..4 {
            let mut dice = Dice::new(seed);
            let mut line = Line::new(FRAME);
            line.talk(5 * MINUTE, |_| Some(jitter(&mut dice)));
            let stats = line.playout.stats();
            let (late, made_up) = harm(&stats, FRAME * 5 * MINUTE);
            assert!(
                late <= 1.0 && made_up <= 1.5,
                "{kind}: {late} {made_up} {stats:?}"
            );
            assert!(stats.mean_delay <= millis(70), "{kind}: {stats:?}");
        }
    }
}

#[test]
fn loss_beside_jitter_is_made_up_once_and_not_twice() {
    let mut dice = Dice::new(5);
    let mut line = Line::new(FRAME);
    line.talk(5 * MINUTE, |_| {
        let delay = dice.up_to(millis(40));
        (dice.roll() > 0.05).then_some(delay)
    });
    let stats = line.playout.stats();
    let (late, made_up) = harm(&stats, FRAME * 5 * MINUTE);
    assert!(late <= 1.0 && made_up <= 7.0, "{late} {made_up} {stats:?}");
    assert!(stats.mean_delay <= millis(60), "{stats:?}");
}

#[test]
fn the_wait_is_short_on_a_calm_network() {
    for ptime in [10, 20, 30, 40, 60] {
        let mut line = Line::new(millis(ptime));
        let packets = u32::try_from(20_000 / ptime).unwrap();
        let mut dice = Dice::new(3);
        line.talk(packets, |_| Some(millis(30) + dice.up_to(millis(2))));
        let stats = line.playout.stats();
        assert!(stats.delay <= millis(34), "{ptime}: {stats:?}");
        assert_eq!((stats.lost, stats.late), (0, 0), "{ptime}");
        assert_eq!(stats.concealed, Duration::ZERO, "{ptime}");
    }
}

#[test]
fn the_wait_is_short_again_seconds_after_a_storm() {
    let mut dice = Dice::new(11);
    let mut line = Line::new(FRAME);
    line.talk(MINUTE, |_| Some(dice.up_to(millis(100))));
    // What the storm held up is still to come.
    line.talk(10, |_| Some(Duration::ZERO));
    let storm = line.playout.stats();
    assert!(storm.delay >= millis(40), "{storm:?}");
    let mut calm = 0;
    while line.playout.stats().delay > millis(30) {
        line.talk(50, |_| Some(Duration::ZERO));
        calm += 1;
        assert!(calm < 8, "{:?}", line.playout.stats());
    }
    let after = line.playout.stats();
    assert_eq!(after.late, storm.late);
    assert_eq!(after.concealed, storm.concealed);
}

#[test]
fn the_wait_is_long_enough_at_once_when_a_storm_begins() {
    let mut dice = Dice::new(12);
    let mut line = Line::new(FRAME);
    line.talk(MINUTE, |_| Some(Duration::ZERO));
    line.talk(50, |_| Some(dice.up_to(millis(80))));
    let first_second = line.playout.stats();
    assert!(first_second.concealed <= millis(160), "{first_second:?}");
    line.talk(MINUTE, |_| Some(dice.up_to(millis(80))));
    let stats = line.playout.stats();
    let (late, made_up) = harm(&stats, FRAME * MINUTE);
    assert!(late <= 1.0 && made_up <= 1.5, "{late} {made_up} {stats:?}");
}

#[test]
fn one_spike_does_not_keep_the_wait_long() {
    let mut line = Line::new(FRAME);
    line.talk(500, |_| Some(Duration::ZERO));
    line.talk(1, |_| Some(millis(150)));
    line.talk(250, |_| Some(Duration::ZERO));
    let stats = line.playout.stats();
    assert!(stats.delay <= millis(30), "{stats:?}");
    assert!(stats.target <= millis(10), "{stats:?}");
}

#[test]
fn clocks_that_drift_apart_cost_no_packet() {
    for parts in [200.0, -200.0] {
        let mut dice = Dice::new(13);
        let mut line = Line::new(FRAME).drifting(parts);
        // Ten minutes: the clocks part by 120 ms.
        line.talk(10 * MINUTE, |_| Some(dice.up_to(millis(5))));
        let stats = line.playout.stats();
        assert_eq!((stats.lost, stats.late), (0, 0), "{parts}: {stats:?}");
        assert!(stats.concealed <= millis(60), "{parts}: {stats:?}");
        assert!(stats.delay <= millis(40), "{parts}: {stats:?}");
        let (taken, added) = (stats.shrunk, stats.grown);
        let apart = taken.as_secs_f64() - added.as_secs_f64();
        assert!(
            (apart - parts * 600.0 / 1e6).abs() < 0.05,
            "{parts}: {stats:?}"
        );
    }
}

#[test]
fn a_longer_way_is_followed_and_a_shorter_one_too() {
    let mut line = Line::new(FRAME);
    line.talk(500, |_| Some(millis(20)));
    line.talk(1000, |_| Some(millis(140)));
    let stats = line.playout.stats();
    assert!(stats.delay <= millis(30), "{stats:?}");
    line.talk(1000, |_| Some(millis(20)));
    let stats = line.playout.stats();
    assert!(stats.delay <= millis(30), "{stats:?}");
}

#[test]
fn bursts_of_several_packets_at_once_are_evened_out() {
    // A radio link: packets are sent on in groups of five.
    let mut line = Line::new(FRAME);
    line.talk(2 * MINUTE, |n| Some(FRAME * (4 - n % 5)));
    let stats = line.playout.stats();
    let (late, made_up) = harm(&stats, FRAME * 2 * MINUTE);
    assert!(late <= 0.1 && made_up <= 0.2, "{late} {made_up} {stats:?}");
}

#[test]
fn the_wait_never_exceeds_its_bound() {
    let mut dice = Dice::new(17);
    let mut line = Line::new(FRAME);
    for _ in 0..60 {
        line.talk(50, |_| Some(dice.up_to(millis(450))));
        let stats = line.playout.stats();
        assert!(stats.delay <= millis(225), "{stats:?}");
        assert!(stats.target <= millis(200), "{stats:?}");
    }
}

#[test]
fn a_way_that_gets_much_longer_is_waited_for_and_nothing_is_cut_out() {
    for longer in [230, 300, 380, 480] {
        let mut line = Line::new(FRAME);
        line.talk(500, |_| Some(millis(20)));
        line.talk(150, |_| Some(millis(20 + longer)));
        let stats = line.playout.stats();
        assert!(stats.shrunk <= millis(40), "{longer}: {stats:?}");
        assert!(
            stats.concealed <= millis(longer + 40),
            "{longer}: {stats:?}"
        );
    }
}

#[test]
fn packets_of_any_length_wait_no_longer_than_they_must_soon_after_a_storm() {
    for ptime in [10, 20, 30, 40, 60] {
        let mut dice = Dice::new(19);
        let mut line = Line::new(millis(ptime));
        let seconds = |n: u64| u32::try_from(n * 1000 / ptime).unwrap();
        line.talk(seconds(20), |_| Some(dice.up_to(millis(100))));
        line.talk(seconds(30), |_| Some(Duration::ZERO));
        let stats = line.playout.stats();
        assert!(stats.delay <= millis(34), "{ptime}: {stats:?}");
    }
}

/// A queue that fills up now and then: 250 ms late, and what is behind it no earlier.
fn spikes(n: u32) -> Duration {
    Duration::from_millis(250).saturating_sub(FRAME * (n % 50))
}

#[test]
fn what_is_passed_over_counts_as_given_up_though_all_came_in_order() {
    let mut line = Line::new(FRAME);
    line.talk(2 * MINUTE, |n| Some(spikes(n)));
    let stats = line.playout.stats();
    assert_eq!((stats.late, stats.lost), (0, 0), "{stats:?}");
    assert!(stats.given_up() > 100, "{stats:?}");
}

#[test]
fn sound_made_up_for_what_comes_after_all_is_a_stall_and_for_what_does_not_is_none() {
    // A second without loss, then the way gets 80 ms longer.
    let mut line = Line::new(FRAME);
    line.talk(50, |_| Some(Duration::ZERO));
    line.talk(100, |_| Some(millis(80)));
    let stats = line.playout.stats();
    assert!(
        (millis(40)..=millis(100)).contains(&stats.stalled),
        "{stats:?}"
    );
    // Lost packets alone.
    let mut line = Line::new(FRAME);
    line.talk(500, |n| (n % 10 != 9).then_some(Duration::ZERO));
    let stats = line.playout.stats();
    assert!(stats.concealed >= FRAME * 45, "{stats:?}");
    assert!(stats.stalled <= FRAME, "{stats:?}");
}
