//! Whatever happens in a room: nobody hears himself, the deaf hear nothing, the muted are heard by
//! nobody, and each hears exactly the sum of the others.

use proptest::prelude::*;

use super::*;
use crate::graph::mixer::limit::limit;

#[derive(Debug, Clone)]
enum Act {
    Join(bool),
    Leave(usize),
    Mute(usize),
    Deafen(usize),
    Gain(usize, i8),
    Relate(usize, usize, Option<i8>),
    Speak(usize, Option<usize>, bool),
    Pause(usize),
    Announce,
    Frames(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..12usize;
    prop_oneof![
        4 => any::<bool>().prop_map(Act::Join),
        1 => who().prop_map(Act::Leave),
        2 => who().prop_map(Act::Mute),
        2 => who().prop_map(Act::Deafen),
        1 => (who(), -30..12i8).prop_map(|(who, gain)| Act::Gain(who, gain)),
        3 => (who(), who(), any::<Option<i8>>()).prop_map(|(a, b, gain)| Act::Relate(a, b, gain)),
        2 => (who(), proptest::option::of(who()), any::<bool>())
            .prop_map(|(a, b, all)| Act::Speak(a, b, all)),
        2 => who().prop_map(Act::Pause),
        1 => Just(Act::Announce),
        4 => (1..6usize).prop_map(Act::Frames),
    ]
}

/// Somebody whose sound is one bit of its own, so that it is found in a sum of others. Below the
/// limiter's knee nothing is bent.
struct Voice {
    key: MemberKey,
    bit: u32,
    speaks: bool,
    /// Frames since something about it was changed: fades are over after one.
    settled: usize,
}

/// Whether this bit of a sum is set: sums of different bits do not mix.
fn has(pcm: &[i16], bit: u32) -> bool {
    pcm.iter().any(|&sample| sample >> bit & 1 == 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nobody_hears_himself_the_deaf_or_the_muted(acts in proptest::collection::vec(act(), 1..80)) {
        let mut mixer = Mixer::new(MixerSettings {
            talkers: 12,
            threshold: Level(127),
            members: 12,
            ..MixerSettings::at(Rate::Narrow)
        });
        let mut voices: Vec<Voice> = Vec::new();
        for act in acts {
            // Gains would make bits of other bits: they are for the next test.
            match act {
                Act::Join(speaks) => {
                    if let Ok(key) = mixer.join(MemberSettings::default()) {
                        let bit = (0..12).find(|bit| voices.iter().all(|voice| voice.bit != *bit));
                        voices.push(Voice { key, bit: bit.unwrap(), speaks, settled: 0 });
                    } else {
                        prop_assert_eq!(voices.len(), 12);
                    }
                }
                Act::Leave(n) if n < voices.len() => {
                    prop_assert!(mixer.leave(voices.remove(n).key));
                    // What was said last dies away, and that is no single bit.
                    voices.iter_mut().for_each(|voice| voice.settled = 0);
                }
                Act::Mute(n) if n < voices.len() => toggle(&mut mixer, &mut voices, n, |settings| {
                    settings.speech = match settings.speech {
                        Speech::Open => Speech::Muted,
                        Speech::Muted => Speech::Open,
                    };
                }),
                Act::Deafen(n) if n < voices.len() => toggle(&mut mixer, &mut voices, n, |settings| {
                    settings.hearing = match settings.hearing {
                        Hearing::Open => Hearing::Deaf,
                        Hearing::Deaf => Hearing::Open,
                    };
                }),
                Act::Relate(a, b, gain) if a.max(b) < voices.len() => {
                    let gain = gain.map(|_| Gain::SILENT);
                    let done = mixer.relate(voices[a].key, voices[b].key, gain);
                    prop_assert_eq!(done.is_err(), a == b);
                    voices.iter_mut().for_each(|voice| voice.settled = 0);
                }
                Act::Speak(a, b, all) if a < voices.len() => {
                    let only = b.filter(|b| *b < voices.len()).map(|b| Audience::Only(voices[b].key));
                    let audience = if all { Audience::Everyone } else { only.unwrap_or(Audience::Nobody) };
                    mixer.speak_to(voices[a].key, audience, Gain::UNITY).ok();
                    voices.iter_mut().for_each(|voice| voice.settled = 0);
                }
                Act::Pause(n) if n < voices.len() => {
                    voices[n].speaks ^= true;
                    voices.iter_mut().for_each(|voice| voice.settled = 0);
                }
                Act::Frames(count) => {
                    for _ in 0..count {
                        frame(&mut mixer, &mut voices)?;
                    }
                }
                Act::Leave(_)
                | Act::Mute(_)
                | Act::Deafen(_)
                | Act::Gain(..)
                | Act::Relate(..)
                | Act::Speak(..)
                | Act::Pause(_)
                | Act::Announce => {}
            }
        }
    }

    #[test]
    fn nothing_done_to_a_room_panics_or_leaves_the_scale(
        acts in proptest::collection::vec(act(), 1..60),
        talkers in 0..40usize,
    ) {
        let mut mixer = Mixer::new(MixerSettings {
            talkers,
            chimes: ChimeMode::On,
            lone: LoneMode::Music,
            ..MixerSettings::at(Rate::Wide)
        });
        let mut keys = Vec::new();
        for act in acts {
            let key = |n: usize| keys.get(n).copied().unwrap_or(MemberKey(n));
            match act {
                Act::Join(_) => keys.push(mixer.join(MemberSettings::default()).unwrap()),
                // Also those who have left already.
                Act::Leave(n) => drop(mixer.leave(key(n))),
                Act::Gain(n, decibels) => {
                    let gain = Gain::of_decibels(f64::from(decibels));
                    let settings = MemberSettings { gain_in: gain, gain_out: gain, ..MemberSettings::default() };
                    mixer.set(key(n), settings).ok();
                }
                Act::Relate(a, b, gain) => {
                    let gain = gain.map(|gain| Gain::of_decibels(f64::from(gain)));
                    mixer.relate(key(a), key(b), gain).ok();
                }
                Act::Speak(a, b, _) => {
                    let audience = b.map_or(Audience::Everyone, |b| Audience::Only(key(b)));
                    mixer.speak_to(key(a), audience, Gain::LOUDEST).ok();
                }
                Act::Announce => mixer.insert(Follows::More).fill(i16::MIN),
                Act::Mute(n) | Act::Deafen(n) | Act::Pause(n) => {
                    if let Some(pcm) = mixer.insert_for(key(n), Follows::Nothing) {
                        pcm.fill(i16::MAX);
                    }
                }
                Act::Frames(count) => {
                    for _ in 0..count {
                        for key in &keys {
                            mixer.take(*key, |pcm| {
                                pcm.fill(i16::MIN);
                                true
                            });
                        }
                        if let Some(music) = mixer.music() {
                            music.fill(i16::MIN);
                        }
                        mixer.run();
                        // Whatever is added has the same sign or is smaller: a wrap would show.
                        prop_assert!(mixer.heard_in_room().iter().all(|&sample| sample < 8000));
                    }
                }
            }
        }
    }

    #[test]
    fn each_hears_the_sum_without_himself(
        voices in proptest::collection::vec(proptest::collection::vec(any::<i16>(), 160), 2..6),
    ) {
        let mut mixer = Mixer::new(MixerSettings::at(Rate::Narrow));
        let keys: Vec<MemberKey> = voices.iter().map(|_| mixer.join(MemberSettings::default()).unwrap()).collect();
        for _ in 0..2 {
            for (key, voice) in keys.iter().zip(&voices) {
                mixer.take(*key, |pcm| {
                    pcm.copy_from_slice(voice);
                    true
                });
            }
            mixer.run();
        }
        for (n, key) in keys.iter().enumerate() {
            let others: Vec<i32> = (0..160)
                .map(|at| {
                    let rest = voices.iter().enumerate().filter(|(other, _)| *other != n);
                    rest.map(|(_, voice)| i32::from(voice[at])).sum()
                })
                .collect();
            let mut expected = [0; 160];
            limit(&others, &mut expected);
            prop_assert_eq!(mixer.heard_by(*key), Mix::Own(&expected[..]));
        }
    }
}

fn toggle(
    mixer: &mut Mixer,
    voices: &mut [Voice],
    n: usize,
    change: impl FnOnce(&mut MemberSettings),
) {
    let mut settings = mixer.settings_of(voices[n].key).unwrap();
    change(&mut settings);
    mixer.set(voices[n].key, settings).unwrap();
    voices.iter_mut().for_each(|voice| voice.settled = 0);
}

/// Mixes a frame, and looks who was heard by whom once nothing moves any more.
fn frame(mixer: &mut Mixer, voices: &mut [Voice]) -> Result<(), TestCaseError> {
    for voice in voices.iter() {
        mixer.take(voice.key, |pcm| {
            pcm.fill(1 << voice.bit);
            voice.speaks
        });
    }
    mixer.run();
    for voice in voices.iter_mut() {
        voice.settled += 1;
    }
    if voices.iter().any(|voice| voice.settled < 4) {
        return Ok(());
    }
    let silence = [0; 160];
    for listener in voices.iter() {
        let settings = mixer.settings_of(listener.key).unwrap();
        let heard = match mixer.heard_by(listener.key) {
            Mix::Silence => &silence,
            Mix::Shared(pcm) | Mix::Own(pcm) => pcm,
        };
        prop_assert!(
            heard.iter().all(|&sample| sample == heard[0]),
            "nothing moves: {:?}",
            heard
        );
        prop_assert!(!has(heard, listener.bit), "hears himself");
        if settings.hearing == Hearing::Deaf {
            prop_assert_eq!(heard, &silence);
        }
        for speaker in voices.iter() {
            let muted = mixer.settings_of(speaker.key).unwrap().speech == Speech::Muted;
            if muted || !speaker.speaks {
                prop_assert!(!has(heard, speaker.bit), "hears who says nothing");
            }
        }
    }
    Ok(())
}
