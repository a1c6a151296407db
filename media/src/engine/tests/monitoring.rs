//! Supervisors, and what happens to a bridge while they listen.

use offhook_core::sdp::Codec;

use super::rig::{Phone, Rig, is_tone, talk};
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::sine;
use crate::engine::*;
use crate::graph::mixer::{Gain, MemberSettings, MixerSettings};
use crate::rtp::TelephoneEvent;
use crate::time::Rate;

/// A bridge of two with somebody who listens.
struct Watched {
    rig: Rig,
    caller: Phone,
    agent: Phone,
    supervisor: Phone,
}

fn watched() -> Watched {
    let mut bank = SoundBank::new();
    bank.set_music_pcm("default", &sine(1500.0, 16_000, 8000.0));
    let mut rig = Rig::with(|config| config.shards = 1, bank);
    let (caller, agent) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcma));
    let supervisor = rig.phone(Codec::Pcmu);
    rig.engine.bridge(caller.leg, agent.leg);
    rig.engine.monitor(&listening(&supervisor, &agent));
    rig.settle();
    Watched {
        rig,
        caller,
        agent,
        supervisor,
    }
}

fn listening(supervisor: &Phone, agent: &Phone) -> MonitorSpec {
    MonitorSpec {
        supervisor: supervisor.leg,
        agent: agent.leg,
        mode: MonitorMode::Listen,
        hears_agent: Gain::UNITY,
        hears_other: Gain::UNITY,
        speaks: Gain::UNITY,
    }
}

impl Watched {
    fn holds(&mut self) {
        self.rig.engine.unbridge(self.caller.leg);
        let music = Source::HoldMusic("default".into());
        self.rig.engine.set_source(self.caller.leg, &music);
        self.rig.engine.set_source(self.agent.leg, &Source::Silence);
        self.rig.settle();
    }

    /// Lets all talk; what caller, agent and supervisor heard at the end, in decibels: the caller's
    /// tone, the agent's and the music.
    fn hear(&mut self) -> [[f64; 3]; 3] {
        let mut heard = [Vec::new(), Vec::new(), Vec::new()];
        for phone in [&self.caller, &self.agent, &self.supervisor] {
            phone.ignores_the_past();
        }
        for frame in 0..50 {
            self.caller.says(400.0);
            self.agent.says(700.0);
            for (phone, heard) in [&self.caller, &self.agent, &self.supervisor]
                .into_iter()
                .zip(&mut heard)
            {
                let pcm = phone.hears(1);
                if frame >= 30 {
                    heard.extend(pcm);
                }
            }
        }
        heard.map(|heard| {
            [400.0, 700.0, 1500.0].map(|hertz| {
                let power = Goertzel::new(hertz).power(&heard);
                10.0 * (power.max(1.0) / (8000.0 * 8000.0 / 2.0)).log10()
            })
        })
    }
}

#[test]
fn who_is_on_hold_goes_on_hearing_music_when_the_supervisor_goes() {
    let mut watched = watched();
    watched.holds();
    let [caller, ..] = watched.hear();
    assert!(caller[2] > -3.0 && caller[1] < -20.0, "{caller:?}");
    watched.rig.engine.unmonitor(watched.supervisor.leg);
    watched.rig.settle();
    let [caller, agent, _] = watched.hear();
    assert!(caller[2] > -3.0 && caller[1] < -20.0, "{caller:?}");
    assert!(agent[0] < -20.0, "{agent:?}");
}

#[test]
fn a_supervisor_hears_both_again_after_a_hold_and_may_change_what_he_does() {
    let mut watched = watched();
    watched.holds();
    let (caller, agent) = (watched.caller.leg, watched.agent.leg);
    watched.rig.engine.bridge(caller, agent);
    watched.rig.settle();
    let heard = watched.hear();
    let expected = [
        [false, true, false],
        [true, false, false],
        [true, true, false],
    ];
    for (heard, expected) in heard.iter().zip(expected) {
        assert_eq!(heard.map(|level| level > -6.0), expected, "{heard:?}");
    }
    let again = MonitorSpec {
        mode: MonitorMode::Barge,
        ..listening(&watched.supervisor, &watched.agent)
    };
    watched.rig.engine.monitor(&again);
    watched.rig.engine.unmonitor(watched.supervisor.leg);
    watched.rig.settle();
    let refused = |event: &EngineEvent| matches!(event, EngineEvent::CommandRefused { .. });
    assert!(!watched.rig.rest().iter().any(refused));
    // They are a bridge again, in which nothing is mixed.
    let (caller, agent) = (&mut watched.caller, &mut watched.agent);
    caller.ignores_the_past();
    agent.ignores_the_past();
    let (a, b) = talk(caller, 440.0, agent, 660.0, 10);
    assert!(is_tone(&a, 660.0) && is_tone(&b, 440.0));
    assert!(caller.heard_nothing() && agent.heard_nothing());
}

#[test]
fn a_key_crosses_a_bridge_that_somebody_listens_to() {
    let mut watched = watched();
    for from_agent in [false, true] {
        let (from, to) = if from_agent {
            (&mut watched.agent, &watched.caller)
        } else {
            (&mut watched.caller, &watched.agent)
        };
        to.ignores_the_past();
        from.presses('7');
        let key = std::iter::from_fn(|| Some(to.receives()))
            .take(200)
            .find(|(header, _)| header.payload_type == 101);
        let (_, payload) = key.unwrap();
        assert_eq!(TelephoneEvent::parse(&payload).unwrap().key(), Some('7'));
    }
}

#[test]
fn a_supervisor_of_somebody_who_talks_to_another_by_now_hears_that() {
    let mut watched = watched();
    let other = watched.rig.phone(Codec::Pcmu);
    watched.rig.engine.bridge(watched.agent.leg, other.leg);
    let spec = listening(&watched.supervisor, &watched.agent);
    watched.rig.engine.monitor(&spec);
    watched.rig.settle();
    watched.caller = other;
    let heard = watched.hear();
    assert!(heard[2][0] > -6.0 && heard[2][1] > -6.0, "{heard:?}");
}

#[test]
fn a_listener_for_whom_there_is_no_room_is_heard_by_nobody_and_gone() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    let settings = RoomSettings {
        mixer: MixerSettings::at(Rate::Narrow),
        music: None,
    };
    rig.engine.open_room(rig.call, &settings);
    let phones: Vec<Phone> = (0..92).map(|_| rig.phone(Codec::Pcmu)).collect();
    for phone in &phones {
        rig.engine.join_room(phone.leg, MemberSettings::default());
    }
    let half = Gain::of_decibels(-6.0);
    // As many relations as a room may have.
    let pairs = phones
        .iter()
        .flat_map(|a| phones.iter().map(move |b| (a.leg, b.leg)));
    for (a, b) in pairs.filter(|(a, b)| a != b).take(8192) {
        rig.engine.relate(a, b, Some(half));
    }
    let supervisor = rig.phone(Codec::Pcmu);
    let spec = MonitorSpec {
        hears_other: half,
        ..listening(&supervisor, &phones[0])
    };
    rig.engine.monitor(&spec);
    let refusal = |rig: &mut Rig| {
        rig.wait(|event| match event {
            EngineEvent::CommandRefused { leg, reason, .. } if *leg == supervisor.leg => {
                Some(*reason)
            }
            _ => None,
        })
    };
    assert_eq!(refusal(&mut rig), Refusal::TooManyRelations);
    rig.engine.leave_room(supervisor.leg);
    assert_eq!(refusal(&mut rig), Refusal::NotInRoom);
    // As everybody hears the others needs no relation.
    rig.engine.monitor(&listening(&supervisor, &phones[0]));
    rig.engine.leave_room(supervisor.leg);
    rig.settle();
    let refused = |event: &EngineEvent| matches!(event, EngineEvent::CommandRefused { .. });
    assert!(!rig.rest().iter().any(refused));
}
