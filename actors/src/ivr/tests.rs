use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use offhook_core::directory::{
    Destination, Directory, Extension, ExtensionKind, IvrMenu, MenuAction, Office, Permission,
};
use offhook_core::pii::Secret;
use offhook_core::{ExtensionId, IdSource, IvrMenuId, QueueId};

use super::{IvrEffect, IvrInput, IvrMachine};

const FIRST: Duration = Duration::from_secs(5);
const NEXT: Duration = Duration::from_secs(2);

/// One caller in one menu, on a made-up clock.
struct Caller {
    machine: IvrMachine,
    directory: Directory,
    now: Instant,
}

fn queue() -> Destination {
    Destination::Queue(QueueId::new(&mut IdSource::seeded(1)))
}

fn operator() -> Destination {
    Destination::Queue(QueueId::new(&mut IdSource::seeded(2)))
}

fn extension(number: &str) -> Extension {
    Extension {
        id: ExtensionId::new(&mut IdSource::seeded(number.len() as u64)),
        number: number.into(),
        name: String::new(),
        user: None,
        kind: ExtensionKind::Standard,
        enabled: true,
        password: Secret::new(String::new()),
        ring_timeout: Duration::from_secs(60),
        incoming_limit: 0,
        permissions: Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: false,
        record_style: offhook_core::recording::OwnStyle::default(),
    }
}

fn caller(dial_extension: bool) -> Caller {
    let choices = BTreeMap::from([
        ('1', MenuAction::Go(queue())),
        ('0', MenuAction::Go(operator())),
        ('9', MenuAction::Repeat),
    ]);
    let menu = IvrMenu {
        id: IvrMenuId::random(),
        name: "main".into(),
        extension: None,
        prompt: "menu/main".into(),
        language: None,
        choices,
        dial_extension,
        first_digit_timeout: FIRST,
        inter_digit_timeout: NEXT,
        retries: 1,
        on_failure: MenuAction::HangUp,
    };
    let office = Office {
        extensions: vec![extension("1000")],
        ..Office::default()
    };
    let now = crate::alarm::now();
    let mut caller = Caller {
        machine: IvrMachine::new(menu),
        directory: Directory::new(office),
        now,
    };
    assert_eq!(caller.effect(), Some(play(&["menu/main"], true)));
    caller
}

impl Caller {
    fn presses(&mut self, digits: &str) {
        for digit in digits.chars() {
            self.machine
                .handle(self.now, &self.directory, IvrInput::Digit(digit));
        }
    }

    fn hears_the_end(&mut self) {
        self.machine
            .handle(self.now, &self.directory, IvrInput::PlaybackEnded);
    }

    fn waits(&mut self, time: Duration) {
        self.now += time;
        self.machine.handle_timeout(self.now, &self.directory);
    }

    fn effect(&mut self) -> Option<IvrEffect> {
        self.machine.poll_effect()
    }
}

fn play(prompts: &[&str], barge_in: bool) -> IvrEffect {
    IvrEffect::Play {
        prompts: prompts.iter().map(|&id| id.into()).collect(),
        barge_in,
    }
}

fn leave(digits: &str, action: MenuAction) -> Option<IvrEffect> {
    Some(IvrEffect::Leave {
        digits: digits.into(),
        action,
    })
}

#[test]
fn a_digit_that_can_only_be_a_choice_is_taken_at_once() {
    let mut caller = caller(true);
    caller.presses("0");
    assert_eq!(caller.effect(), leave("0", MenuAction::Go(operator())));
    assert_eq!(caller.machine.poll_timeout(), None);
}

#[test]
fn a_choice_that_could_become_an_extension_waits_for_the_next_digit() {
    let mut caller = caller(true);
    caller.presses("1");
    assert_eq!(caller.effect(), None);
    caller.waits(NEXT);
    assert_eq!(caller.effect(), leave("1", MenuAction::Go(queue())));
}

#[test]
fn the_pound_key_ends_the_waiting() {
    let mut caller = caller(true);
    caller.presses("1#");
    assert_eq!(caller.effect(), leave("1", MenuAction::Go(queue())));
}

#[test]
fn without_extension_dialling_every_choice_is_taken_at_once() {
    let mut caller = caller(false);
    caller.presses("1");
    assert_eq!(caller.effect(), leave("1", MenuAction::Go(queue())));
}

#[test]
fn a_dialled_extension_is_rung_as_soon_as_it_is_complete() {
    let mut caller = caller(true);
    caller.presses("1000");
    let id = caller.directory.extension_numbered("1000").unwrap().id;
    assert_eq!(
        caller.effect(),
        Some(IvrEffect::Dial {
            digits: "1000".into(),
            extension: id
        })
    );
}

#[test]
fn a_wrong_digit_repeats_the_menu_until_the_tries_are_used_up() {
    let mut caller = caller(true);
    caller.presses("7");
    assert_eq!(
        caller.effect(),
        Some(play(&["error/invalid-choice", "menu/main"], true))
    );
    caller.presses("12");
    assert_eq!(
        caller.effect(),
        Some(play(&["error/invalid-choice", "menu/good-bye"], false))
    );
    caller.presses("0");
    assert_eq!(caller.effect(), None, "too late");
    caller.hears_the_end();
    assert_eq!(caller.effect(), leave("", MenuAction::HangUp));
}

#[test]
fn silence_repeats_the_menu_until_the_tries_are_used_up() {
    let mut caller = caller(true);
    caller.hears_the_end();
    caller.waits(FIRST);
    assert_eq!(
        caller.effect(),
        Some(play(&["menu/no-input", "menu/main"], true))
    );
    caller.hears_the_end();
    caller.waits(FIRST);
    assert_eq!(
        caller.effect(),
        Some(play(&["menu/no-input", "menu/good-bye"], false))
    );
    caller.hears_the_end();
    assert_eq!(caller.effect(), leave("", MenuAction::HangUp));
}

#[test]
fn the_clock_for_the_first_digit_starts_when_the_prompt_is_over() {
    let mut caller = caller(true);
    caller.waits(Duration::from_secs(60));
    assert_eq!(caller.effect(), None);
}

#[test]
fn repeat_speaks_the_menu_again_and_costs_no_try() {
    let mut caller = caller(true);
    for _ in 0..5 {
        caller.presses("9");
        assert_eq!(caller.effect(), Some(play(&["menu/main"], true)));
    }
}

#[test]
fn the_end_of_an_interrupted_prompt_does_not_restart_the_clock() {
    let mut caller = caller(true);
    caller.presses("1");
    caller.hears_the_end();
    caller.waits(NEXT);
    assert_eq!(caller.effect(), leave("1", MenuAction::Go(queue())));
}

/// Who asks to hear the menu again is a caller who is there: all tries are theirs again.
#[test]
fn who_goes_back_to_the_start_has_all_tries_again() {
    let mut caller = caller(false);
    for _ in 0..3 {
        // One of two tries is used up.
        caller.presses("5");
        assert_eq!(
            caller.effect(),
            Some(play(&["error/invalid-choice", "menu/main"], true))
        );
        caller.presses("9");
        assert_eq!(caller.effect(), Some(play(&["menu/main"], true)));
    }
    caller.presses("5");
    caller.effect();
    caller.presses("5");
    assert_eq!(
        caller.effect(),
        Some(play(&["error/invalid-choice", "menu/good-bye"], false))
    );
}
