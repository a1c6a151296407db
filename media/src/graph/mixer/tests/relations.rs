//! Who hears whom where that is not everybody: relations, coaches, supervisors.

use super::*;

fn four() -> Party {
    let mut party = Party::new(Rate::Narrow);
    for tone in &TONES[..4] {
        let guest = party.joins(*tone);
        party.guests[guest].peak = PEAK;
    }
    party.guests.iter_mut().for_each(|guest| guest.peak = PEAK);
    party
}

/// Who hears whom, listener by listener.
fn hearing(party: &mut Party) -> Vec<Vec<usize>> {
    party.settles();
    party.frames(10);
    let all = 0..party.guests.len();
    let heard = |listener| {
        all.clone()
            .filter(|&speaker| party.hears(listener, speaker))
            .collect()
    };
    all.clone().map(heard).collect()
}

#[test]
fn one_does_not_hear_the_other_and_the_rest_hear_both() {
    let mut party = four();
    let [a, b] = [party.key(0), party.key(1)];
    party.mixer.relate(a, b, Some(Gain::SILENT)).unwrap();
    let expected: [&[usize]; 4] = [&[2, 3], &[0, 2, 3], &[0, 1, 3], &[0, 1, 2]];
    assert_eq!(hearing(&mut party), expected);
    party.mixer.relate(a, b, None).unwrap();
    let everybody: [&[usize]; 4] = [&[1, 2, 3], &[0, 2, 3], &[0, 1, 3], &[0, 1, 2]];
    assert_eq!(hearing(&mut party), everybody);
    // And nothing of it is left.
    party.guests[1].hertz = 0.0;
    party.guests[0].hertz = 0.0;
    party.frames(60);
    assert_eq!(party.guests[0].kinds.last(), Some(&'s'));
}

#[test]
fn a_coach_is_heard_by_one_and_hears_all() {
    let mut party = four();
    let [coach, pupil] = [party.key(3), party.key(0)];
    let audience = Audience::Only(pupil);
    party.mixer.speak_to(coach, audience, Gain::UNITY).unwrap();
    let expected: [&[usize]; 4] = [&[1, 2, 3], &[0, 2], &[0, 1], &[0, 1, 2]];
    assert_eq!(hearing(&mut party), expected);
    assert!(party.level_in(party.mixer.heard_in_room(), TONES[3]) < -40.0);
    // Another pupil: the first hears nothing more.
    let audience = Audience::Only(party.key(1));
    party.mixer.speak_to(coach, audience, Gain::UNITY).unwrap();
    let expected: [&[usize]; 4] = [&[1, 2], &[0, 2, 3], &[0, 1], &[0, 1, 2]];
    assert_eq!(hearing(&mut party), expected);
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in_without_a_click() {
    let mut party = Party::new(Rate::Narrow);
    let (caller, agent) = (party.joins(0.0), party.joins(0.0));
    let supervisor = party.joins_as(
        300.0,
        MemberSettings {
            presence: Presence::Hidden,
            ..MemberSettings::default()
        },
    );
    let key = party.key(supervisor);
    let only_agent = Audience::Only(party.key(agent));
    party
        .mixer
        .speak_to(key, Audience::Nobody, Gain::UNITY)
        .unwrap();
    party.settles();
    let half = Gain::of_decibels(-6.0);
    let stages = [
        (Audience::Nobody, Gain::UNITY, -90.0, -90.0),
        (only_agent, Gain::UNITY, -90.0, 0.0),
        (Audience::Everyone, Gain::UNITY, 0.0, 0.0),
        (only_agent, half, -90.0, -6.0),
        (Audience::Everyone, half, -6.0, -6.0),
        (Audience::Nobody, Gain::UNITY, -90.0, -90.0),
    ];
    let mut everything = vec![Vec::new(), Vec::new()];
    for (audience, gain, caller_hears, agent_hears) in stages {
        party.mixer.speak_to(key, audience, gain).unwrap();
        party.forgets();
        party.frames(2);
        for listener in [caller, agent] {
            everything[listener].append(&mut party.guests[listener].heard);
        }
        party.forgets();
        party.frames(10);
        for (listener, expected) in [(caller, caller_hears), (agent, agent_hears)] {
            let level = party.level(listener, supervisor).max(-90.0);
            assert!(
                (level - expected).abs() < 0.2,
                "{audience:?} {listener}: {level}"
            );
            everything[listener].append(&mut party.guests[listener].heard);
        }
    }
    for heard in everything {
        assert!(largest_step(&heard) < 2100, "{}", largest_step(&heard));
    }
    assert!(
        !party.mixer.wants(key),
        "what nobody hears need not be decoded"
    );
}

#[test]
fn a_supervisor_hears_each_side_as_loud_as_he_likes() {
    let mut party = four();
    let [caller, agent, supervisor] = [0, 1, 2].map(|guest| party.key(guest));
    party
        .mixer
        .speak_to(supervisor, Audience::Nobody, Gain::UNITY)
        .unwrap();
    party
        .mixer
        .relate(supervisor, caller, Some(Gain::of_decibels(-10.0)))
        .unwrap();
    party
        .mixer
        .relate(supervisor, agent, Some(Gain::of_decibels(6.0)))
        .unwrap();
    party
        .guests
        .iter_mut()
        .for_each(|guest| guest.peak = PEAK / 4.0);
    party.settles();
    party.frames(10);
    for (speaker, expected) in [(0, -22.04), (1, -6.04), (3, -12.04)] {
        let level = party.level(2, speaker);
        assert!((level - expected).abs() < 0.2, "{speaker}: {level}");
    }
    assert!(party.level(0, 2) < -60.0 && party.level(1, 2) < -60.0);
}

#[test]
fn relations_end_with_whoever_they_are_about() {
    let mut party = four();
    let [a, b, c] = [0, 1, 2].map(|guest| party.key(guest));
    party.mixer.relate(a, b, Some(Gain::SILENT)).unwrap();
    party
        .mixer
        .speak_to(c, Audience::Only(b), Gain::UNITY)
        .unwrap();
    party.frames(5);
    assert!(party.mixer.leave(b));
    party.guests.remove(1);
    party.joins(TONES[1]);
    // The new one has the old one's key and none of its relations; who spoke to nobody else does not
    // speak to him by that.
    let expected: [&[usize]; 4] = [&[2, 3], &[0, 2, 3], &[0, 3], &[0, 2]];
    assert_eq!(hearing(&mut party), expected);
}

#[test]
fn a_coach_who_hangs_up_in_the_middle_of_a_wave_does_not_click() {
    for later in 0..8 {
        let mut party = Party::new(Rate::Narrow);
        let (coached, other) = (party.joins(0.0), party.joins(0.0));
        let coach = party.joins(310.0 + f64::from(later));
        let only = Audience::Only(party.key(coached));
        party
            .mixer
            .speak_to(party.key(coach), only, Gain::UNITY)
            .unwrap();
        party.settles();
        party.frames(2);
        let left = party.guests.remove(coach);
        assert!(party.mixer.leave(left.key));
        party.frames(3);
        let step = largest_step(&party.guests[coached].heard);
        assert!(step < 2300, "{step}");
        assert_eq!(largest_step(&party.guests[other].heard), 0);
        let silent = &party.guests[coached].heard[4 * 160..];
        assert!(silent.iter().all(|&sample| sample == 0));
    }
}

#[test]
fn who_spoke_to_somebody_alone_who_left_need_not_be_decoded() {
    let mut party = four();
    let (coach, coached) = (party.key(0), party.key(1));
    party
        .mixer
        .speak_to(coach, Audience::Only(coached), Gain::UNITY)
        .unwrap();
    party.frames(3);
    assert!(party.mixer.wants(coach));
    party.mixer.leave(coached);
    party.guests.remove(1);
    party.frames(20);
    assert!(!party.mixer.wants(coach));
}

#[test]
fn impossible_relations_are_refused() {
    let mut party = four();
    let [a, b] = [party.key(0), party.key(1)];
    let nobody = MemberKey(99);
    assert_eq!(
        party.mixer.relate(a, a, Some(Gain::UNITY)),
        Err(MixerError::SameMember)
    );
    assert_eq!(
        party.mixer.relate(a, nobody, None),
        Err(MixerError::UnknownMember)
    );
    assert_eq!(
        party.mixer.relate(nobody, a, None),
        Err(MixerError::UnknownMember)
    );
    let to_itself = party.mixer.speak_to(b, Audience::Only(b), Gain::UNITY);
    assert_eq!(to_itself, Err(MixerError::SameMember));
    let to_nobody = party.mixer.speak_to(b, Audience::Only(nobody), Gain::UNITY);
    assert_eq!(to_nobody, Err(MixerError::UnknownMember));
    let everybody: [&[usize]; 4] = [&[1, 2, 3], &[0, 2, 3], &[0, 1, 3], &[0, 1, 2]];
    assert_eq!(hearing(&mut party), everybody);
}

#[test]
fn there_is_an_end_to_relations() {
    let mut party = Party::new(Rate::Narrow);
    let guests: Vec<usize> = (0..100).map(|_| party.joins(0.0)).collect();
    let mut made = 0;
    let mut refused = None;
    for &a in &guests {
        for &b in guests.iter().filter(|&&b| b != a) {
            match party
                .mixer
                .relate(party.key(a), party.key(b), Some(Gain::SILENT))
            {
                Ok(()) => made += 1,
                Err(error) => refused = Some(error),
            }
        }
    }
    assert_eq!(
        (made, refused),
        (MAX_RELATIONS, Some(MixerError::TooManyRelations))
    );
}
