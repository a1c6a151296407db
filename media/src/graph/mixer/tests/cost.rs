//! Large rooms: nothing is allocated per frame, and everybody is served.

use super::*;

fn crowd(members: usize, talkers: usize) -> Party {
    let mut party = Party::new(Rate::Narrow);
    for n in 0..members {
        party.joins(if n < talkers {
            TONES[n % TONES.len()]
        } else {
            0.0
        });
    }
    party
}

#[test]
fn five_hundred_members_with_five_talkers_share_one_mix() {
    let mut party = crowd(500, 5);
    party
        .guests
        .iter_mut()
        .for_each(|guest| guest.peak = PEAK / 4.0);
    party.frames(15);
    for (speaker, tone) in TONES.into_iter().enumerate().take(5) {
        let heard = &party.guests[499].heard[800..];
        let level = party.level_in(heard, tone);
        assert!((level + 12.04).abs() < 0.2, "{speaker}: {level}");
        let own = &party.guests[speaker].heard[800..];
        assert!(party.level_in(own, tone) < -60.0);
    }
    let shared = party.guests[5..]
        .iter()
        .all(|guest| guest.kinds == ['s'; 15]);
    assert!(shared);
    let full = party.mixer.join(MemberSettings::default());
    assert_eq!(full, Err(MixerError::Full));
}

#[test]
fn a_room_in_steady_state_allocates_nothing() {
    let mut party = crowd(100, 100);
    for n in 0..20 {
        let [a, b] = [n, n + 1].map(|n| party.key(n));
        party
            .mixer
            .relate(a, b, Some(Gain::of_decibels(-6.0)))
            .unwrap();
    }
    let insert = |mixer: &mut Mixer, key| {
        mixer.insert(Follows::More).fill(1000);
        if let Some(pcm) = mixer.insert_for(key, Follows::More) {
            pcm.fill(1000);
        }
    };
    let frame = |party: &mut Party, frame: usize| {
        for guest in &party.guests {
            party.mixer.take(guest.key, |pcm| {
                pcm.fill(if (frame / 50).is_multiple_of(2) {
                    8000
                } else {
                    0
                });
                true
            });
        }
        insert(&mut party.mixer, party.guests[3].key);
        party.mixer.run();
        while party.mixer.poll_event().is_some() {}
    };
    (0..100).for_each(|n| frame(&mut party, n));
    let counted = allocation_counter::measure(|| (0..200).for_each(|n| frame(&mut party, n)));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
