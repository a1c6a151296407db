//! Everybody hears the others, as loud as they should be.

use super::*;

#[test]
fn everybody_hears_all_others_and_not_himself_at_every_rate() {
    for rate in [Rate::Narrow, Rate::Wide, Rate::Full] {
        let mut party = Party::new(rate);
        for tone in &TONES[..4] {
            party.joins(*tone);
        }
        party
            .guests
            .iter_mut()
            .for_each(|guest| guest.peak = PEAK / 2.0);
        party.settles();
        party.frames(10);
        for listener in 0..4 {
            for speaker in 0..4 {
                let level = party.level(listener, speaker) + 6.02;
                if listener == speaker {
                    assert!(level < -60.0, "{rate:?} {listener}: {level}");
                } else {
                    assert!(level.abs() < 0.2, "{rate:?} {listener} {speaker}: {level}");
                }
            }
        }
    }
}

#[test]
fn gains_are_what_they_say_in_decibels() {
    let mut party = Party::new(Rate::Narrow);
    let (a, b, c) = (party.joins(300.0), party.joins(500.0), party.joins(0.0));
    party.guests[a].peak = PEAK / 4.0;
    party.changes(a, |settings| settings.gain_in = Gain::of_decibels(6.0));
    party.changes(c, |settings| settings.gain_out = Gain::of_decibels(-10.0));
    party.settles();
    party.frames(10);
    let expected = [(b, a, -6.0), (c, a, -16.0), (c, b, -10.0), (a, b, 0.0)];
    for (listener, speaker, decibels) in expected {
        let level = party.level(listener, speaker);
        assert!(
            (level - decibels).abs() < 0.2,
            "{listener} {speaker}: {level}"
        );
    }
}

#[test]
fn who_is_muted_is_heard_by_nobody_and_who_is_deaf_hears_nothing() {
    let mut party = Party::new(Rate::Narrow);
    let (a, b, c) = (party.joins(300.0), party.joins(500.0), party.joins(700.0));
    party.changes(a, |settings| settings.speech = Speech::Muted);
    party.changes(b, |settings| settings.hearing = Hearing::Deaf);
    party.settles();
    party.frames(10);
    assert!(!party.hears(b, a) && !party.hears(c, a));
    assert!(party.hears(a, b) && party.hears(a, c) && party.hears(c, b));
    assert!(party.guests[b].heard.iter().all(|&sample| sample == 0));
    assert!(party.guests[b].kinds.iter().all(|&kind| kind == '-'));
    assert!(!party.mixer.wants(party.key(a)) && party.mixer.wants(party.key(b)));
    party.changes(a, |settings| settings.speech = Speech::Open);
    party.changes(b, |settings| settings.hearing = Hearing::Open);
    party.settles();
    party.frames(10);
    assert!(party.hears(b, a) && party.hears(c, a) && party.hears(b, c));
}

#[test]
fn nothing_clicks_when_somebody_is_muted_deafened_turned_down_or_leaves() {
    let mut party = Party::new(Rate::Narrow);
    let (a, b) = (party.joins(300.0), party.joins(0.0));
    // The steepest a tone of 300 Hz gets.
    let natural = 1900;
    party.settles();
    type Change = fn(&mut MemberSettings);
    let changes: [(usize, Change); 6] = [
        (a, |settings| settings.speech = Speech::Muted),
        (a, |settings| settings.speech = Speech::Open),
        (b, |settings| settings.hearing = Hearing::Deaf),
        (b, |settings| settings.hearing = Hearing::Open),
        (b, |settings| settings.gain_out = Gain::of_decibels(-20.0)),
        (a, |settings| settings.gain_in = Gain::of_decibels(-20.0)),
    ];
    for (guest, change) in changes {
        party.changes(guest, change);
        party.frames(3);
    }
    party.changes(a, |settings| settings.gain_in = Gain::UNITY);
    party.changes(b, |settings| settings.gain_out = Gain::UNITY);
    party.frames(3);
    party.guests[a].hertz = 303.0;
    party.frames(2);
    let before = party.guests[b].heard.len();
    let left = party.guests.remove(a);
    assert!(party.mixer.leave(left.key));
    party.frames(2);
    let heard = &party.guests[0].heard;
    let step = largest_step(&heard[..before - 320]).max(largest_step(&heard[before - 300..]));
    assert!(step < natural, "{step}");
    assert!(heard[heard.len() - 160..].iter().all(|&sample| sample == 0));
}

#[test]
fn a_phone_that_falls_silent_in_the_middle_of_a_wave_does_not_click() {
    let mut party = Party::new(Rate::Narrow);
    let (a, b) = (party.joins(303.0), party.joins(0.0));
    party.settles();
    party.frames(4);
    party.guests[a].hertz = 0.0;
    party.frames(2);
    assert!(largest_step(&party.guests[b].heard) < 1920);
}

#[test]
fn many_loud_voices_are_pressed_together_and_never_wrap() {
    let mut party = Party::new(Rate::Narrow);
    for tone in &TONES[..5] {
        let guest = party.joins(*tone);
        party.guests[guest].peak = 32_767.0;
    }
    let listener = party.joins(0.0);
    party.settles();
    party.frames(10);
    let heard = &party.guests[listener].heard;
    // A sample that wraps jumps from one end of the scale to the other; five such voices rise at
    // most so steeply where the curve is straight, and it is flat at the ends.
    let loudest = heard.iter().map(|sample| sample.unsigned_abs()).max();
    assert!(loudest > Some(30_000) && loudest <= Some(32_767));
    let mut sum = vec![0i32; heard.len()];
    for (n, sum) in sum.iter_mut().enumerate() {
        let at = (n + 5 * 160) as f64 / 8000.0;
        let voices = TONES[..5].iter().map(|hertz| (TAU * hertz * at).sin());
        *sum = i32::from(crate::dsp::tone::clamp(voices.sum::<f64>() * 6000.0));
    }
    let same_sign = sum.iter().zip(heard).filter(|(sum, _)| sum.abs() > 500);
    assert!(same_sign.clone().count() > 500);
    assert!(
        same_sign
            .into_iter()
            .all(|(sum, &heard)| sum.signum() == i32::from(heard.signum()))
    );
    for speaker in 0..5 {
        assert!(party.level(listener, speaker) > -3.0);
    }
}

#[test]
fn one_voice_below_the_knee_arrives_bit_by_bit() {
    let mut party = Party::new(Rate::Wide);
    let (a, b) = (party.joins(440.0), party.joins(0.0));
    party.guests[a].peak = 20_000.0;
    party.settles();
    party.frames(1);
    let said = (5 * 320..6 * 320).map(|n| {
        let turns = 440.0 * f64::from(n) / 16_000.0;
        crate::dsp::tone::clamp(20_000.0 * (TAU * turns).sin())
    });
    assert!(party.guests[b].heard.iter().copied().eq(said));
}

#[test]
fn silent_listeners_share_one_mix() {
    let mut party = Party::new(Rate::Narrow);
    let talker = party.joins(300.0);
    let listeners: Vec<usize> = (0..20).map(|_| party.joins(0.0)).collect();
    let quieter = party.joins_as(
        0.0,
        MemberSettings {
            gain_out: Gain::of_decibels(-6.0),
            ..MemberSettings::default()
        },
    );
    party.frames(5);
    assert_eq!(party.guests[talker].kinds, ['o'; 5]);
    assert_eq!(party.guests[quieter].kinds, ['o'; 5]);
    for listener in listeners {
        assert_eq!(party.guests[listener].kinds, ['s'; 5]);
    }
    assert!(party.level_in(party.mixer.heard_in_room(), 300.0) > -0.2);
    party.guests[talker].hertz = 0.0;
    party.frames(80);
    assert_eq!(party.guests[2].kinds.last(), Some(&'-'));
    assert_eq!(party.guests[talker].kinds.last(), Some(&'-'));
}

#[test]
fn a_full_room_takes_nobody_until_somebody_leaves() {
    let mut party = Party::with(MixerSettings {
        members: 2,
        ..MixerSettings::at(Rate::Narrow)
    });
    let (a, b) = (party.joins(300.0), party.joins(500.0));
    let refused = party.mixer.join(MemberSettings::default());
    assert_eq!(refused, Err(MixerError::Full));
    let gone = party.key(a);
    assert!(party.mixer.leave(gone) && !party.mixer.leave(gone));
    assert_eq!(
        party.mixer.set(gone, MemberSettings::default()),
        Err(MixerError::UnknownMember)
    );
    assert_eq!(party.mixer.heard_by(gone), Mix::Silence);
    party.guests.remove(a);
    let c = party.joins(700.0);
    party.settles();
    party.frames(10);
    // The one who came later has the place of the one who left, and nothing else of him.
    assert_eq!(party.key(c), gone);
    assert!(party.hears(b - 1, c) && party.hears(c, b - 1) && !party.hears(c, c));
}
