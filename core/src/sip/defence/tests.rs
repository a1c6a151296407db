//! Floods, guessers, scanners and the innocent beside them, in virtual time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::*;
use crate::config::{DefenceConfig, Rate};
use crate::id::IdSource;
use crate::test_time::epoch;

const MINUTE: Duration = Duration::from_mins(1);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn defence(change: impl FnOnce(&mut DefenceConfig)) -> Defence {
    let mut config = DefenceConfig::default();
    change(&mut config);
    Defence::new(config, &mut IdSource::seeded(1))
}

fn effects(defence: &mut Defence) -> Vec<DefenceEffect> {
    std::iter::from_fn(|| defence.poll_effect()).collect()
}

fn banned(defence: &Defence, who: IpAddr) -> bool {
    defence.gate().stance(who) == Stance::Banned
}

fn send(defence: &mut Defence, now: Instant, who: IpAddr, class: Class, count: usize) -> usize {
    let passed = |_: &usize| defence.admit(now, who, class) == Admittance::Pass;
    (0..count).filter(passed).count()
}

fn fail(defence: &mut Defence, now: Instant, who: IpAddr, user: &str) {
    defence.login_failed(now, who, user, LoginFailure::WrongPassword);
}

/// RFC 3261 section 26.1.5.
#[test]
fn a_strangers_flood_is_cut_then_banned() {
    for (class, reason) in [
        (Class::Register, BanReason::Flood),
        (Class::Invite, BanReason::Flood),
        (Class::Subscribe, BanReason::Flood),
        (Class::Garbage, BanReason::Garbage),
    ] {
        let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
        let burst = if class == Class::Garbage { 60 } else { 180 };
        assert_eq!(send(&mut defence, now, who, class, 2 * burst), burst);
        assert!(!banned(&defence, who), "{class:?}: so far it is only cut");
        assert_eq!(send(&mut defence, now, who, class, 1), 0);
        assert!(banned(&defence, who), "{class:?}");
        let told = effects(&mut defence);
        let [DefenceEffect::Banned(ban)] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!((ban.reason, ban.count), (reason, 1));
        assert_eq!(ban.until - ban.since, Duration::from_secs(600));
    }
}

#[test]
fn too_many_options_and_other_requests_are_dropped_and_ban_nobody() {
    for class in [Class::Options, Class::Other, Class::Connection] {
        let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
        let passed = send(&mut defence, now, who, class, 5000);
        assert!((60..=600).contains(&passed), "{class:?}: {passed}");
        assert!(!banned(&defence, who));
    }
}

#[test]
fn a_steady_trickle_below_the_rate_is_never_cut() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    for second in 0..3600 {
        let now = now + Duration::from_secs(second);
        assert_eq!(
            send(&mut defence, now, who, Class::Register, 3),
            3,
            "{second}"
        );
    }
}

#[test]
fn a_bucket_that_is_asked_every_microsecond_fills_as_fast_as_one_left_alone() {
    let rate = |config: &mut DefenceConfig| {
        config.limits.options = Rate {
            burst: 1,
            per_minute: 60,
        };
    };
    let (mut defence, start, who) = (defence(rate), epoch(), address("192.0.2.7"));
    let asked = (0..3_000_000_u64).step_by(300).map(Duration::from_micros);
    let passed = asked
        .filter(|after| defence.admit(start + *after, who, Class::Options) == Admittance::Pass);
    assert_eq!(passed.count(), 3);
}

#[test]
fn a_known_source_may_send_ten_times_as_much_and_is_not_banned_for_more() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    defence.logged_in(now, who, "1000");
    assert_eq!(send(&mut defence, now, who, Class::Register, 10_000), 1800);
    assert_eq!(
        defence.admit_agent(now, who, b"friendly-scanner"),
        Admittance::Drop
    );
    assert!(
        !banned(&defence, who),
        "anybody could forge that in its name"
    );
    // After hours of silence it is a stranger again.
    let later = now + Duration::from_hours(3);
    assert_eq!(send(&mut defence, later, who, Class::Register, 10_000), 180);
}

#[test]
fn trusted_trunks_and_allowed_networks_are_neither_limited_nor_banned() {
    let allow = |config: &mut DefenceConfig| config.allow = vec!["10.0.0.0/8".parse().unwrap()];
    let (mut defence, now) = (defence(allow), epoch());
    defence.set_trusted(vec!["198.51.100.0/24".parse().unwrap()]);
    for who in ["198.51.100.9", "10.9.8.7", "::ffff:10.9.8.7"].map(address) {
        for class in [Class::Invite, Class::Register, Class::Garbage] {
            assert_eq!(send(&mut defence, now, who, class, 5000), 5000);
        }
        assert_eq!(
            defence.admit_agent(now, who, b"sipvicious"),
            Admittance::Pass
        );
        for _ in 0..100 {
            fail(&mut defence, now, who, "1000");
        }
        assert!(!banned(&defence, who));
    }
    let told = effects(&mut defence);
    assert!(
        told.iter()
            .all(|told| matches!(told, DefenceEffect::LoginFailed { .. })),
        "{told:?}"
    );
}

#[test]
fn the_narrower_of_allow_and_deny_counts() {
    let lists = |config: &mut DefenceConfig| {
        config.allow = vec!["192.0.2.0/24".parse().unwrap()];
        config.deny = vec![
            "0.0.0.0/0".parse().unwrap(),
            "192.0.2.66/32".parse().unwrap(),
        ];
    };
    let defence = defence(lists);
    let stance = |text: &str| defence.gate().stance(address(text));
    assert_eq!(stance("203.0.113.5"), Stance::Denied);
    assert_eq!(stance("192.0.2.5"), Stance::Free);
    assert_eq!(stance("192.0.2.66"), Stance::Denied);
    assert_eq!(stance("2001:db8::1"), Stance::Ordinary);
}

#[test]
fn three_wrong_passwords_within_ten_minutes_ban_a_stranger() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    fail(&mut defence, now, who, "1000");
    fail(&mut defence, now + 5 * MINUTE, who, "1000");
    assert!(!banned(&defence, who));
    fail(&mut defence, now + 9 * MINUTE, who, "1000");
    assert!(banned(&defence, who));
    let slow = address("192.0.2.8");
    for time in 0..50 {
        fail(&mut defence, now + time * 6 * MINUTE, slow, "1000");
        assert!(
            !banned(&defence, slow),
            "one wrong password every six minutes"
        );
    }
}

#[test]
fn five_names_with_wrong_passwords_are_probing() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    for user in ["100", "101", "102", "103", "104"] {
        assert!(!banned(&defence, who));
        fail(&mut defence, now, who, user);
    }
    let reasons: Vec<_> = defence.bans().map(|ban| ban.reason).collect();
    assert_eq!(reasons, [BanReason::Probing]);
}

/// RFC 3261 section 26.1.1.
#[test]
fn one_phone_with_an_old_password_does_not_close_the_office() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    defence.logged_in(now, who, "1000");
    for _ in 0..3 {
        fail(&mut defence, now, who, "1001");
    }
    assert!(!banned(&defence, who));
    assert!(defence.is_locked(now, who, "1001"));
    assert!(!defence.is_locked(now, who, "1000"));
    // What it goes on trying is not counted: it is not looked at.
    for _ in 0..1000 {
        defence.login_failed(now, who, "1001", LoginFailure::Locked);
    }
    assert!(!banned(&defence, who));
    assert!(!defence.is_locked(now + 10 * MINUTE, who, "1001"));
}

#[test]
fn an_office_that_guesses_many_names_is_banned_although_it_is_known() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    defence.logged_in(now, who, "1000");
    for user in 0..20 {
        assert!(!banned(&defence, who), "{user}");
        fail(&mut defence, now, who, &user.to_string());
    }
    assert!(banned(&defence, who));
}

#[test]
fn a_right_password_forgives_the_slips_before_it() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    for _ in 0..10 {
        fail(&mut defence, now, who, "1000");
        fail(&mut defence, now, who, "1000");
        defence.logged_in(now, who, "1000");
    }
    assert!(!banned(&defence, who));
    assert!(!defence.is_locked(now, who, "1000"));
}

#[test]
fn each_ban_lasts_twice_as_long_up_to_a_day_and_a_good_day_forgets() {
    let (mut defence, mut now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    let mut lengths = Vec::new();
    for _ in 0..10 {
        assert_eq!(
            defence.admit_agent(now, who, b"SIPVicious 0.3"),
            Admittance::Drop
        );
        let ban = defence.bans().next().unwrap().clone();
        lengths.push((ban.until - ban.since).as_secs() / 60);
        now = ban.until;
        defence.handle_timeout(now);
        assert!(!banned(&defence, who));
    }
    assert_eq!(lengths, [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
    now += Duration::from_hours(24);
    assert_eq!(
        defence.admit_agent(now, who, b"sipcli/v1.8"),
        Admittance::Drop
    );
    assert_eq!(defence.bans().next().unwrap().count, 1);
}

#[test]
fn bans_end_by_themselves_and_say_so() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    assert_eq!(defence.poll_timeout(), None);
    assert_eq!(
        defence.admit_agent(now, who, b"VaxSIPUserAgent/3.1"),
        Admittance::Drop
    );
    let end = defence.poll_timeout().unwrap();
    defence.handle_timeout(end - Duration::from_millis(1));
    assert!(banned(&defence, who));
    defence.handle_timeout(end);
    assert!(!banned(&defence, who));
    let told = effects(&mut defence);
    assert!(
        matches!(
            &told[1],
            DefenceEffect::Unbanned {
                reason: UnbanReason::Expired,
                ..
            }
        ),
        "{told:?}"
    );
}

#[test]
fn an_operator_bans_networks_and_ends_any_ban() {
    let (mut defence, now) = (defence(|config| config.enabled = false), epoch());
    defence.set_trusted(vec!["198.51.100.0/24".parse().unwrap()]);
    defence.ban(
        now,
        "198.51.100.77/16".parse().unwrap(),
        MINUTE,
        "abuse".into(),
    );
    assert!(banned(&defence, address("198.51.3.4")));
    assert!(banned(&defence, address("198.51.100.9")), "a trunk as well");
    assert!(!defence.unban("198.51.100.77/32".parse().unwrap()));
    assert!(defence.unban("198.51.0.0/16".parse().unwrap()));
    assert!(!banned(&defence, address("198.51.3.4")));
    defence.ban(
        now,
        "2001:db8:0:1::/64".parse().unwrap(),
        MINUTE,
        String::new(),
    );
    assert!(banned(&defence, address("2001:db8:0:1::9")));
    assert!(defence.unban("2001:db8:0:1:2::3/128".parse().unwrap()));
    assert!(!banned(&defence, address("2001:db8:0:1::9")));
}

#[test]
fn a_pardon_forgets_that_there_was_a_ban() {
    let (mut defence, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    for _ in 0..3 {
        assert_eq!(
            defence.admit_agent(now, who, b"sipvicious"),
            Admittance::Drop
        );
        assert_eq!(defence.bans().next().unwrap().count, 1);
        assert!(defence.unban("192.0.2.7/32".parse().unwrap()));
    }
}

#[test]
fn addresses_of_one_ipv6_network_are_one_source() {
    let (mut defence, now) = (defence(|_| {}), epoch());
    for last in 1..=3 {
        let who = address(&format!("2001:db8:0:1::{last}"));
        fail(&mut defence, now, who, "1000");
    }
    assert!(banned(&defence, address("2001:db8:0:1:ffff::1")));
    assert!(!banned(&defence, address("2001:db8:0:2::1")));
}

#[test]
fn bans_outlive_a_restart_unless_their_time_is_over() {
    let (mut before, now, who) = (defence(|_| {}), epoch(), address("192.0.2.7"));
    assert_eq!(
        before.admit_agent(now, who, b"sipvicious"),
        Admittance::Drop
    );
    let kept: Vec<Ban> = before.bans().cloned().collect();
    let mut after = defence(|_| {});
    after.restore(now + MINUTE, kept.clone());
    assert!(banned(&after, who));
    assert!(effects(&mut after).is_empty(), "nothing has happened");
    let mut late = defence(|_| {});
    late.restore(now + 10 * MINUTE, kept);
    assert!(!banned(&late, who));
}

/// RFC 3261 section 26.1.5.
#[test]
fn an_attack_from_everywhere_costs_bounded_memory_and_spares_those_we_know() {
    let small = |config: &mut DefenceConfig| {
        config.max_sources = 1000;
        config.max_bans = 50;
    };
    let (mut defence, now, office) = (defence(small), epoch(), address("192.0.2.7"));
    defence.logged_in(now, office, "1000");
    for number in 0..100_000_u32 {
        let who = Ipv4Addr::from(number + 0x0a00_0000).into();
        let _passed = defence.admit(now, who, Class::Garbage);
        let _dropped = defence.admit_agent(now, who, b"friendly-scanner");
    }
    assert!(defence.remembered() <= 2000, "{}", defence.remembered());
    assert!(defence.bans().len() <= 50);
    assert!(
        effects(&mut defence).len() <= 200,
        "bans and those displaced"
    );
    assert_eq!(send(&mut defence, now, office, Class::Register, 1000), 1000);
}

#[test]
fn a_guesser_is_told_of_now_and_then_and_not_each_time() {
    let many = |config: &mut DefenceConfig| config.login_failures = 1_000_000;
    let (mut defence, now, who) = (defence(many), epoch(), address("192.0.2.7"));
    for second in 0..19 {
        fail(&mut defence, now + Duration::from_secs(second), who, "1000");
    }
    let told = effects(&mut defence);
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn the_first_word_tells_the_kind() {
    for (data, class) in [
        ("REGISTER sip:a SIP/2.0\r\n", Class::Register),
        ("\r\n\r\nINVITE sip:a SIP/2.0", Class::Invite),
        ("OPTIONS ", Class::Options),
        ("MESSAGE sip:a SIP/2.0", Class::Subscribe),
        ("BYE sip:a SIP/2.0", Class::Other),
        ("SIP/2.0 200 OK", Class::Response),
        ("invite sip:a SIP/2.0", Class::Other),
        ("", Class::Garbage),
        ("\r\n", Class::Garbage),
        ("INVITE", Class::Garbage),
        ("\u{1}\u{2} x", Class::Garbage),
        ("GET/ HTTP", Class::Garbage),
    ] {
        assert_eq!(Class::of(data.as_bytes()), class, "{data:?}");
    }
    assert_eq!(Class::of(&[b'A'; 4000]), Class::Garbage);
}

#[test]
fn switched_off_it_limits_nobody_and_still_denies() {
    let off = |config: &mut DefenceConfig| {
        config.enabled = false;
        config.deny = vec!["192.0.2.0/24".parse().unwrap()];
    };
    let (mut defence, now) = (defence(off), epoch());
    let who = address("203.0.113.5");
    assert_eq!(send(&mut defence, now, who, Class::Garbage, 1000), 1000);
    for _ in 0..100 {
        fail(&mut defence, now, who, "1000");
    }
    assert_eq!(defence.bans().len(), 0);
    assert_eq!(
        send(&mut defence, now, address("192.0.2.1"), Class::Invite, 1),
        0
    );
}
