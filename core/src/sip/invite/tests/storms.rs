//! Ten thousand bad links for every story: messages are lost, come twice, and overtake each other.
//! In the end both sides agree on whether there is a call and on what was said about it, each was
//! told one end, and nothing is left.

use std::time::Duration;

use super::pair::{A, ANSWER, B, OFFER, Pair, rings, spec};
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::endpoint::SipTransport;
use crate::sip::invite::described::Described;
use crate::sip::invite::reoffer::Reoffer;
use crate::sip::invite::usage::Stage;
use crate::sip::invite::{
    InviteUsage, ReliableProvisional, SessionTimerMode, UsageEvent, UsageState,
};

const SEEDS: u64 = 10_000;

/// The one seed of a story to tell with every message, when it went wrong.
const LOUD: Option<u64> = None;

/// What happens in one of them.
type Story = fn(&mut Storm);

/// One call over one bad link.
struct Storm {
    pair: Pair,
    dice: IdSource,
    /// Tells one description from another.
    said: u64,
    /// Nothing that anybody did ends the call.
    lasts: bool,
    /// What the link lost while the story was told, in percent.
    lost: u64,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut pair = Pair::new(SipTransport::Udp, seed, |_, _| {});
        let mut dice = IdSource::seeded(seed ^ 0x5707);
        pair.silent = LOUD.is_none();
        pair.loss = dice.below(4) * 10;
        pair.duplicates = dice.below(3) * 15;
        pair.jitter = [0, 100, 700, 2_000][usize::try_from(dice.below(4)).unwrap()];
        Self {
            lost: pair.loss,
            pair,
            dice,
            said: 0,
            lasts: false,
        }
    }

    /// Places the call; sessions end soon when one side is gone.
    fn dials(&mut self, reliable: ReliableProvisional) {
        let mut spec = spec();
        spec.local.options.reliable = reliable;
        spec.local.options.timer.mode = SessionTimerMode::Request;
        spec.local.options.timer.expires = Duration::from_secs(90);
        self.pair.dial_with(spec);
    }

    fn waits(&mut self, most: u64) {
        let ms = self.dice.below(most);
        self.pair.run_ms(ms);
    }

    fn either(&mut self) -> usize {
        usize::from(self.dice.below(2) == 1)
    }

    /// A side does something, if the call has reached it.
    fn tells(&mut self, side: usize, command: impl FnOnce(&mut InviteUsage, std::time::Instant)) {
        if !self.pair.sides[side].usages.is_empty() {
            self.pair.tell(side, command);
        }
    }

    /// Something nobody has said yet.
    fn words(&mut self) -> bytes::Bytes {
        self.said += 1;
        format!("v=0 {}", self.said).into()
    }

    /// The called side picks up, if the call has reached it.
    fn picks_up(&mut self) {
        self.lasts |= !self.pair.sides[B].usages.is_empty();
        self.tells(B, answers);
    }

    fn hangs_up(&mut self, side: usize) {
        self.lasts = false;
        self.tells(side, |usage, now| {
            usage.hang_up(now, HangupCause::NormalClearing);
        });
    }

    fn answers_changes(&mut self) {
        for side in [A, B] {
            let sdp = self.words();
            self.tells(side, |usage, now| usage.accept_reinvite(now, sdp));
        }
    }

    /// Time passes, and who is asked answers.
    fn attends(&mut self, times: u32, ms: u64) {
        for _ in 0..times {
            self.pair.run_ms(ms);
            self.answers_changes();
        }
    }

    fn is_talking(&self, side: usize) -> bool {
        self.described(side).is_some()
    }

    fn described(&self, side: usize) -> Option<&Described> {
        match &self.pair.sides[side].usages.first()?.stage {
            Stage::Established(established) => Some(&established.described),
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Leaving(_) | Stage::Terminated => None,
        }
    }

    /// Whether nothing is under way with a side that talks.
    fn is_quiet(&self, side: usize) -> bool {
        match &self.pair.sides[side].usages[0].stage {
            Stage::Established(established) => {
                established.unacked.is_none()
                    && established.peer.is_none()
                    && matches!(established.reoffer, Reoffer::Idle)
            }
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Leaving(_) | Stage::Terminated => true,
        }
    }

    /// The weather clears: what both sides make of it has to be the same.
    fn agrees(&mut self) {
        self.attends(5, 8_000);
        self.pair.loss = 0;
        self.pair.duplicates = 0;
        self.pair.jitter = 0;
        self.attends(10, 10_000);
        let log = (self.pair.seed, &self.pair.log);
        assert_eq!(self.is_talking(A), self.is_talking(B), "{log:#?}");
        if let (Some(a), Some(b)) = (self.described(A), self.described(B)) {
            assert_eq!(a.local, b.remote, "{log:#?}");
            assert_eq!(a.remote, b.local, "{log:#?}");
        }
        for side in [A, B] {
            if !self.pair.sides[side].usages.is_empty() && !self.is_quiet(side) {
                // In the middle of a refresh.
                self.pair.run_ms(1_000);
                assert!(
                    self.is_quiet(side),
                    "{}: {:#?}",
                    self.pair.seed,
                    self.pair.log
                );
            }
        }
    }

    /// A call that was answered and that nobody has ended lasts, as far as the link lets it; tells
    /// whether it does.
    fn lasts(&self) -> bool {
        let talks = self.is_talking(A) && self.is_talking(B);
        let log = (self.pair.seed, &self.pair.log);
        assert!(talks || self.lost > 0, "{log:#?}");
        let given_up = HangupCause::RecoveryOnTimerExpiry;
        for side in &self.pair.sides {
            let endings = side.endings();
            let given_up = endings.iter().any(|(cause, _)| *cause == given_up);
            assert!(!given_up || self.lost > 10, "{log:#?}");
        }
        talks
    }

    /// Whoever is still there hangs up, and nothing is left.
    fn ends(mut self) {
        for _ in 0..2 {
            for side in [A, B] {
                self.tells(side, |usage, now| {
                    usage.hang_up(now, HangupCause::NormalClearing);
                });
            }
            self.pair.run_ms(33_000);
        }
        self.pair.finish();
        for side in &self.pair.sides {
            let states = side.usages.iter().map(InviteUsage::state);
            assert!(
                states
                    .into_iter()
                    .all(|state| state == UsageState::Terminated)
            );
        }
    }
}

fn weathers(story: Story) {
    let (mut lasting, mut lost) = (0, 0);
    for seed in LOUD.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let mut storm = Storm::new(seed);
        story(&mut storm);
        storm.agrees();
        if storm.lasts {
            lasting += 1;
            lost += u32::from(!storm.lasts());
        }
        storm.ends();
    }
    assert!(lost * 20 <= lasting, "{lost} of {lasting} calls were lost");
}

fn answers(usage: &mut InviteUsage, now: std::time::Instant) {
    usage.answer(now, ANSWER.into());
}

/// Waits until B has heard of the call, then has it ring and answer.
fn is_answered(storm: &mut Storm) {
    storm.dials(ReliableProvisional::Supported);
    storm.waits(3_000);
    storm.tells(B, rings);
    storm.waits(3_000);
    storm.picks_up();
    storm.pair.run_ms(500);
    // The INVITE may have been late.
    storm.picks_up();
    storm.pair.run_ms(3_000);
}

/// RFC 3261 sections 13, 15 and 17.
#[test]
fn a_call_survives_every_storm() {
    weathers(|storm| {
        is_answered(storm);
        if storm.dice.below(2) == 1 {
            let side = storm.either();
            storm.hangs_up(side);
        }
        storm.waits(2_000);
    });
}

/// RFC 3261 section 9.
#[test]
fn a_cancel_survives_every_storm() {
    weathers(|storm| {
        storm.dials(ReliableProvisional::Supported);
        storm.waits(3_000);
        storm.tells(B, rings);
        storm.waits(1_000);
        // One of the two is first, at the other end or on the way.
        if storm.dice.below(2) == 1 {
            storm.tells(B, answers);
            storm.waits(30);
        }
        storm.tells(A, |usage, now| {
            usage.hang_up(now, HangupCause::OriginatorCancel);
        });
        storm.waits(60);
        storm.tells(B, answers);
    });
}

/// RFC 3261 section 14, RFC 3311.
#[test]
fn re_invites_survive_every_storm() {
    weathers(|storm| {
        is_answered(storm);
        for _ in 0..5 {
            let side = storm.either();
            let sdp = storm.words();
            match storm.dice.below(5) {
                0..=2 => storm.tells(side, |usage, now| usage.reinvite(now, sdp)),
                3 => storm.tells(side, |usage, now| usage.update(now, sdp)),
                _ => storm.tells(side, |usage, now| usage.reject_reinvite(now, 488)),
            }
            storm.waits(700);
            if storm.dice.below(3) > 0 {
                storm.answers_changes();
            }
        }
        if storm.dice.below(6) == 0 {
            let side = storm.either();
            storm.hangs_up(side);
        }
    });
}

/// RFC 3262.
#[test]
fn pracks_survive_every_storm() {
    weathers(|storm| {
        let reliable = if storm.dice.below(2) == 1 {
            ReliableProvisional::Required
        } else {
            ReliableProvisional::Supported
        };
        storm.dials(reliable);
        storm.waits(3_000);
        for _ in 0..4 {
            match storm.dice.below(3) {
                0 => storm.tells(B, rings),
                _ => storm.tells(B, |usage, now| usage.progress(now, Some(ANSWER.into()))),
            }
            storm.waits(1_000);
        }
        match storm.dice.below(4) {
            0 => storm.hangs_up(A),
            _ => storm.picks_up(),
        }
        storm.pair.run_ms(2_000);
        if storm.is_talking(A) {
            let said = storm.described(A).map(|described| described.remote.clone());
            assert_eq!(said, Some(Some(ANSWER.into())));
            let said = storm.described(A).map(|described| described.local.clone());
            assert_eq!(said, Some(Some(OFFER.into())));
        }
    });
}

/// RFC 3515 section 2.4, RFC 5057.
#[test]
fn transfers_survive_every_storm() {
    weathers(|storm| {
        is_answered(storm);
        for _ in 0..2 {
            if !storm.is_talking(A) {
                return;
            }
            storm
                .pair
                .refer(A, &[(HeaderName::ReferTo, "<sip:300@192.0.2.2>")]);
            storm.waits(3_000);
            let referred = |event: &UsageEvent| {
                if let UsageEvent::Referred { refer, .. } = event {
                    Some(*refer)
                } else {
                    None
                }
            };
            let Some(refer) = storm.pair.sides[B].events.iter().rev().find_map(referred) else {
                continue;
            };
            if storm.dice.below(4) == 0 {
                storm.tells(B, |usage, _| usage.reject_refer(refer, 603));
            } else {
                storm.tells(B, |usage, now| usage.accept_refer(now, refer));
            }
            for status in [180, 183, 486] {
                storm.waits(1_500);
                storm.tells(B, |usage, _| usage.notify_refer(refer, status));
            }
            if storm.dice.below(4) == 0 {
                let side = storm.either();
                storm.hangs_up(side);
            }
        }
    });
}
