//! The loudest few are mixed, and who talks is told.

use super::*;

fn crowd(tones: &[f64], quiet: usize) -> Party {
    let mut party = Party::new(Rate::Narrow);
    for tone in tones {
        party.joins(*tone);
    }
    for _ in 0..quiet {
        party.joins(0.0);
    }
    party
}

#[test]
fn only_the_loudest_five_are_mixed() {
    let mut party = crowd(&TONES, 1);
    for (n, guest) in party.guests.iter_mut().enumerate() {
        guest.peak = PEAK / if n % 3 == 2 { 8.0 } else { 1.0 } / 4.0;
    }
    party.frames(40);
    party.forgets();
    party.frames(10);
    let listener = TONES.len();
    let levels: Vec<f64> = (0..TONES.len())
        .map(|n| party.level(listener, n) + 12.04)
        .collect();
    let heard: Vec<usize> = (0..TONES.len()).filter(|&n| levels[n] > -1.0).collect();
    assert_eq!(heard.len(), 5, "{levels:?}");
    assert!(heard.iter().all(|n| n % 3 != 2), "{heard:?}");
    assert!(
        levels.iter().all(|level| *level > -1.0 || *level < -40.0),
        "{levels:?}"
    );
}

#[test]
fn equals_do_not_take_turns() {
    let mut party = crowd(&TONES, 1);
    let mut state = 7u32;
    let mut places = Vec::new();
    for _ in 0..300 {
        for guest in &mut party.guests[..TONES.len()] {
            // Each wavers by ±1 dB from frame to frame.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let decibels = f64::from(state >> 16) / 32_768.0 - 1.0;
            guest.peak = PEAK / 4.0 * 10f64.powf(decibels / 20.0);
        }
        party.frame();
        let members = party.mixer.members.iter();
        places.push(
            members
                .map(|(_, member)| member.slot.is_some())
                .collect::<Vec<_>>(),
        );
    }
    places.drain(..60);
    places.dedup();
    assert_eq!(places.len(), 1, "{places:?}");
}

#[test]
fn somebody_clearly_louder_takes_the_place_of_the_quietest_without_a_click() {
    let mut party = crowd(&TONES[..5], 2);
    let (late, listener) = (5, 6);
    for (n, guest) in party.guests.iter_mut().enumerate() {
        guest.peak = 1500.0 + 200.0 * n as f64;
    }
    party.frames(30);
    party.guests[late].hertz = TONES[6];
    party.guests[late].peak = PEAK;
    party.forgets();
    party.frames(4);
    party.frames(10);
    let step = largest_step(&party.guests[listener].heard);
    assert!(step < 14_000, "{step}");
    party.forgets();
    party.frames(10);
    assert!(party.level(listener, late) > -0.2);
    assert!(party.level(listener, 0) < -40.0);
    assert!(party.level(listener, 1) > -16.0);
}

#[test]
fn noise_is_not_mixed_in_a_crowd_but_is_among_few() {
    let mut party = crowd(&TONES[..6], 1);
    for guest in &mut party.guests {
        guest.peak = 60.0;
    }
    party.settles();
    party.frames(10);
    assert!(party.guests[6].kinds.iter().all(|&kind| kind == '-'));
    let mut party = crowd(&TONES[..3], 1);
    for guest in &mut party.guests {
        guest.peak = 60.0;
    }
    party.settles();
    party.frames(10);
    assert!((party.level(3, 0) - party.level(3, 1)).abs() < 0.5);
    assert!(party.level(3, 0) > -44.0);
}

#[test]
fn talk_is_told_when_it_begins_and_when_it_is_over() {
    let mut party = crowd(&[300.0, 0.0], 0);
    let key = party.key(0);
    party.frames(2);
    assert!(party.events().is_empty() && !party.mixer.is_talking(key));
    party.frame();
    assert_eq!(party.events(), [MixerEvent::TalkStarted(key)]);
    assert!(party.mixer.is_talking(key));
    assert_eq!(party.mixer.level_of(key), Some(Level(16)));
    party.guests[0].hertz = 0.0;
    party.frames(20);
    assert!(party.events().is_empty());
    party.frame();
    assert_eq!(party.events(), [MixerEvent::TalkStopped(key)]);
}

#[test]
fn who_is_muted_while_talking_talks_no_more_and_who_leaves_is_not_told_of() {
    let mut party = crowd(&[300.0, 500.0], 0);
    party.frames(3);
    party.events();
    let (muted, gone) = (party.key(0), party.key(1));
    party.changes(0, |settings| settings.speech = Speech::Muted);
    party.frames(20);
    party.guests[1].hertz = 0.0;
    party.frames(21);
    assert!(party.mixer.leave(gone));
    assert_eq!(party.events(), [MixerEvent::TalkStopped(muted)]);
}

#[test]
fn a_threshold_of_ones_own_counts_for_him_alone() {
    let mut party = crowd(&[300.0, 500.0], 0);
    party.guests.iter_mut().for_each(|guest| guest.peak = 500.0);
    party.changes(0, |settings| settings.threshold = Some(Level(20)));
    party.frames(10);
    let talking = party.key(1);
    assert_eq!(party.events(), [MixerEvent::TalkStarted(talking)]);
}
