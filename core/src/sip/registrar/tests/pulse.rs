//! Who is asked whether it is there, and what is made of the answers.

use std::time::Duration;

use super::super::PhoneHealth;
use super::*;
use crate::config::PingPhones;

const MINUTE: Duration = Duration::from_secs(60);

fn asking(ping_phones: PingPhones) -> Office {
    Office::with(RegistrarConfig {
        ping_phones,
        ..RegistrarConfig::default()
    })
}

const NATTED: &str = "Contact: <sip:a@10.0.0.5:5062>";

impl Office {
    /// Who is asked until this moment, and when, each at its own moment.
    fn asks_within(&mut self, time: Duration) -> Vec<(Duration, Ping)> {
        let (start, until) = (self.now, self.now + time);
        let mut asked = Vec::new();
        while let Some(at) = self.registrar.next_ping().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            while let Some(ping) = self.registrar.poll_ping(self.now) {
                asked.push((self.now - start, ping));
            }
        }
        self.now = until;
        asked
    }

    fn health(&self) -> PhoneHealth {
        let found = self.registrar.lookup(self.now, &ALICE);
        self.registrar.health(found[0])
    }
}

#[test]
fn a_phone_behind_a_nat_is_asked_once_an_interval() {
    let mut office = asking(PingPhones::BehindNat);
    office.register(&[NATTED]);
    let asked = office.asks_within(MINUTE * 5);
    assert_eq!(asked.len(), 1, "who does not answer is being asked already");
    let (at, ping) = &asked[0];
    assert!(*at <= MINUTE);
    assert_eq!(ping.uri, "sip:a@10.0.0.5:5062");
    assert_eq!(ping.path.peer.port(), 5060, "where it is seen");
    office.registrar.pong(office.now, ping.id, true);
    let asked = office.asks_within(MINUTE);
    assert_eq!(asked.len(), 1);
    office.registrar.pong(office.now, asked[0].1.id, true);
    office.register(&["Contact: *", "Expires: 0"]);
    assert_eq!(office.asks_within(MINUTE * 5), []);
    assert!(office.registrar.is_idle());
}

#[test]
fn who_is_asked_is_a_matter_of_settings_and_never_one_on_a_connection() {
    let open = "Contact: <sip:a@192.0.2.1>";
    let named = "Contact: <sip:a@phone.example>";
    for (setting, asked) in [
        (PingPhones::Never, [0, 0, 0]),
        (PingPhones::BehindNat, [1, 0, 0]),
        (PingPhones::Always, [1, 1, 1]),
    ] {
        for (contact, asked) in [NATTED, open, named].into_iter().zip(asked) {
            let mut office = asking(setting);
            office.register(&[contact]);
            let heard = office.asks_within(MINUTE).len();
            assert_eq!(heard, asked, "{setting:?} {contact}");
        }
    }
    let mut office = asking(PingPhones::Always);
    office.send(ALICE, 7, "alice", 1, &[NATTED]);
    office.register(&["Contact: <sip:b@10.0.0.6>", "Path: <sip:192.0.2.9;lr>"]);
    assert_eq!(office.asks_within(MINUTE), []);
    // The proxy is gone, and the phone comes by itself.
    office.register(&["Contact: <sip:b@10.0.0.6>"]);
    assert_eq!(office.asks_within(MINUTE).len(), 1);
}

#[test]
fn a_phone_that_misses_three_questions_is_gone_until_it_answers() {
    let mut office = asking(PingPhones::BehindNat);
    office.register(&[NATTED]);
    assert_eq!(office.health(), PhoneHealth::Unknown);
    let ask = |office: &mut Office, answered, took: u64| {
        let ping = office.asks_within(MINUTE).remove(0).1;
        let took = Duration::from_millis(took);
        let asked = office.now;
        office.registrar.pong(asked + took, ping.id, answered);
        office.health()
    };
    assert!(matches!(ask(&mut office, true, 30), PhoneHealth::There(_)));
    for _ in 0..2 {
        assert!(matches!(
            ask(&mut office, false, 32_000),
            PhoneHealth::There(_)
        ));
    }
    assert_eq!(ask(&mut office, false, 32_000), PhoneHealth::Gone);
    // It registers again; whether it hears us is another question.
    office.register(&[NATTED]);
    assert_eq!(office.health(), PhoneHealth::Gone);
    assert!(matches!(ask(&mut office, true, 30), PhoneHealth::There(_)));
    office.registrar.pong(office.now, 4711, false);
}

#[test]
fn twenty_thousand_phones_are_asked_evenly() {
    let mut office = asking(PingPhones::BehindNat);
    for aor in 0..20_000 {
        let contact = format!("Contact: <sip:a{aor}@10.0.0.5>");
        office.send(aor, 0, "phone", 1, &[&contact]);
    }
    let asked = office.asks_within(MINUTE);
    assert_eq!(asked.len(), 20_000);
    let mut each_second = [0_u32; 61];
    for (at, _) in asked {
        each_second[usize::try_from(at.as_secs()).unwrap()] += 1;
    }
    let most = each_second.iter().max().unwrap();
    assert!(*most < 400, "333 would be even: {each_second:?}");
}

#[test]
fn after_a_pause_of_the_process_nobody_is_asked_at_once() {
    let mut office = asking(PingPhones::BehindNat);
    for aor in 0..1_000 {
        let contact = format!("Contact: <sip:a{aor}@10.0.0.5>");
        office.send(aor, 0, "phone", 1, &[&contact]);
    }
    office.now += MINUTE * 3;
    let at_once = std::iter::from_fn(|| office.registrar.poll_ping(office.now)).count();
    assert!(at_once < 100, "{at_once}");
    assert_eq!(office.asks_within(MINUTE).len() + at_once, 1_000);
}
