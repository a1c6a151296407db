//! Chimes, announcements, music for who is alone.

use super::*;

fn play(pcm: &mut [i16], frame: usize, hertz: f64) {
    let count = pcm.len();
    for (n, sample) in (frame * count..).zip(pcm) {
        *sample = crate::dsp::tone::clamp(PEAK * (TAU * hertz * n as f64 / 8000.0).sin());
    }
}

#[test]
fn an_announcement_into_the_room_is_heard_by_all_who_hear() {
    let mut party = Party::new(Rate::Narrow);
    let (a, b, c) = (party.joins(300.0), party.joins(0.0), party.joins(0.0));
    party.changes(c, |settings| settings.hearing = Hearing::Deaf);
    party.settles();
    for frame in 0..12 {
        play(party.mixer.insert(Follows::More), frame, 1000.0);
        party.frame();
    }
    let heard = &party.guests[a].heard[320..];
    assert!(party.level_in(heard, 1000.0).abs() < 0.2);
    assert!(party.level_in(heard, 300.0) < -60.0);
    let heard = &party.guests[b].heard[320..];
    assert!(party.level_in(heard, 1000.0).abs() < 0.2);
    assert!(party.level_in(heard, 300.0).abs() < 0.2);
    assert_eq!(party.guests[b].kinds, ['s'; 12]);
    assert!(party.guests[c].heard.iter().all(|&sample| sample == 0));
}

#[test]
fn an_announcement_to_one_is_heard_by_him_alone() {
    let mut party = Party::new(Rate::Narrow);
    let (a, b) = (party.joins(0.0), party.joins(0.0));
    let key = party.key(a);
    for frame in 0..12 {
        play(
            party.mixer.insert_for(key, Follows::More).unwrap(),
            frame,
            1000.0,
        );
        party.frame();
    }
    assert!(party.level_in(&party.guests[a].heard[320..], 1000.0).abs() < 0.2);
    assert_eq!(party.guests[b].kinds, ['-'; 12]);
    assert!(
        party
            .mixer
            .insert_for(MemberKey(9), Follows::More)
            .is_none()
    );
}

#[test]
fn an_announcement_that_is_broken_off_does_not_click() {
    let mut party = Party::new(Rate::Narrow);
    let a = party.joins(0.0);
    for frame in 0..6 {
        let follows = if frame == 5 {
            Follows::Nothing
        } else {
            Follows::More
        };
        play(party.mixer.insert(follows), frame, 303.0);
        party.frame();
    }
    party.frames(2);
    let heard = &party.guests[a].heard;
    assert!(largest_step(heard) < 1930, "{}", largest_step(heard));
    assert!(heard[960..].iter().all(|&sample| sample == 0));
}

#[test]
fn coming_and_going_sound_different_and_a_hidden_one_does_neither() {
    let mut party = Party::with(MixerSettings {
        chimes: ChimeMode::On,
        ..MixerSettings::at(Rate::Narrow)
    });
    let listener = party.joins(0.0);
    party.frames(20);
    party.forgets();
    let guest = party.joins(0.0);
    party.frames(20);
    let heard = party.guests[listener].heard.clone();
    let first = |pcm: &[i16]| Goertzel::new(587.0).share(&pcm[..800]) > 0.9;
    let second = |pcm: &[i16]| Goertzel::new(880.0).share(&pcm[1000..1800]) > 0.9;
    assert!(first(&heard) && second(&heard));
    assert!(heard[2400..].iter().all(|&sample| sample == 0));
    party.forgets();
    assert!(party.mixer.leave(party.key(guest)));
    party.guests.remove(guest);
    party.frames(20);
    let heard = &party.guests[listener].heard;
    assert!(!first(heard) && Goertzel::new(880.0).share(&heard[..800]) > 0.9);
    assert!(Goertzel::new(587.0).share(&heard[1000..1800]) > 0.9);
    party.forgets();
    let hidden = MemberSettings {
        presence: Presence::Hidden,
        ..MemberSettings::default()
    };
    let supervisor = party.joins_as(0.0, hidden);
    party.frames(20);
    assert!(party.mixer.leave(party.key(supervisor)));
    party.guests.remove(supervisor);
    party.frames(20);
    assert!(
        party.guests[listener]
            .heard
            .iter()
            .all(|&sample| sample == 0)
    );
}

#[test]
fn a_hundred_who_come_at_once_do_not_chime_for_a_minute() {
    let mut party = Party::with(MixerSettings {
        chimes: ChimeMode::On,
        ..MixerSettings::at(Rate::Full)
    });
    for _ in 0..100 {
        party.joins(0.0);
    }
    party.frames(60);
    assert!(party.guests[0].kinds[..36].iter().all(|&kind| kind == 's'));
    assert!(party.guests[0].kinds[36..].iter().all(|&kind| kind == '-'));
}

#[test]
fn music_plays_for_who_is_alone_and_fades_when_somebody_comes() {
    let mut party = Party::with(MixerSettings {
        lone: LoneMode::Music,
        ..MixerSettings::at(Rate::Narrow)
    });
    assert!(party.mixer.music().is_none());
    let first = party.joins(0.0);
    let hidden = MemberSettings {
        presence: Presence::Hidden,
        ..MemberSettings::default()
    };
    let supervisor = party.joins_as(0.0, hidden);
    let frame = |party: &mut Party| {
        let at = party.frames;
        let wanted = party.mixer.music().map(|pcm| play(pcm, at, 303.0));
        party.frame();
        wanted.is_some()
    };
    for _ in 0..10 {
        assert!(frame(&mut party));
    }
    assert!(
        party
            .level_in(&party.guests[first].heard[320..], 303.0)
            .abs()
            < 0.2
    );
    assert_eq!(party.guests[supervisor].kinds, ['-'; 10]);
    let second = party.joins(0.0);
    assert!(frame(&mut party), "once more, to fade");
    assert!(!frame(&mut party));
    let heard = &party.guests[first].heard;
    assert!(largest_step(heard) < 1930);
    assert!(heard[heard.len() - 160..].iter().all(|&sample| sample == 0));
    assert!(party.guests[second].heard.iter().all(|&sample| sample == 0));
    assert!(party.mixer.leave(party.key(first)));
    party.guests.remove(first);
    assert!(frame(&mut party));
    party.mixer.leave(party.guests[1].key);
    assert!(!frame(&mut party));
}
