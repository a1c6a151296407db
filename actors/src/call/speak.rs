//! Prompts, menus and the echo test: what the caller hears from us.

use std::time::Instant;

use offhook_core::directory::Destination;
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::{HangupCause, IvrMenuId};
use offhook_media::engine::{PlayId, Source};

use super::effect::MediaEffect;
use super::machine::{CallMachine, Stage};
use crate::ivr::{IvrEffect, IvrInput, IvrMachine};

/// What follows when the prompts are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The call ends.
    HangUp(HangupCause),
    /// The caller is back in a menu.
    Menu(IvrMenuId),
    /// The caller hears themselves.
    Echo,
}

impl CallMachine {
    /// Plays prompts to the caller, who must have been answered, and then goes on.
    pub(crate) fn speak(&mut self, now: Instant, prompts: &[&str], after: After) {
        if !self.answer_caller(now) {
            return;
        }
        self.caller_hears(Source::Silence);
        self.stage = Stage::Speaking(after);
        self.play(
            prompts.iter().map(|&prompt| prompt.to_owned()).collect(),
            false,
        );
    }

    /// Plays prompts over whatever the caller hears now.
    pub(crate) fn play(&mut self, prompts: Vec<String>, barge_in: bool) {
        let Some(number) = self.caller_number() else {
            return;
        };
        let language = self.language;
        let localised = |id: String| match offhook_sounds::prompt(language, &id) {
            Some(_) => language.sound(&id),
            // One of the office's own: it speaks what it speaks.
            None => id,
        };
        let prompts = prompts.into_iter().map(localised).collect();
        let play = PlayId(u64::from(self.fresh()));
        self.playing = Some(play);
        self.media(MediaEffect::Play {
            leg: self.leg_id(number),
            play,
            prompts,
            barge_in,
        });
    }

    /// Stops what is being played to the caller.
    pub(crate) fn stop_playing(&mut self) {
        if self.playing.take().is_some()
            && let Some(number) = self.caller_number()
        {
            self.media(MediaEffect::StopPlay(self.leg_id(number)));
        }
    }

    pub(crate) fn playback_ended(&mut self, now: Instant) {
        match &mut self.stage {
            Stage::Menu(menu) => menu.handle(now, &self.directory, IvrInput::PlaybackEnded),
            Stage::Speaking(after) => {
                let after = *after;
                self.go_on(now, after);
            }
            Stage::Starting
            | Stage::Waiting(_)
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Echo
            | Stage::SettingAgent
            | Stage::Parting
            | Stage::Over => {}
        }
    }

    pub(crate) fn go_on(&mut self, now: Instant, after: After) {
        match after {
            After::HangUp(cause) => self.end(now, cause, EndedBy::System),
            After::Menu(menu) => self.enter_menu(now, menu),
            After::Echo => {
                self.stage = Stage::Echo;
                self.caller_hears(Source::Echo);
            }
        }
    }

    pub(crate) fn enter_menu(&mut self, now: Instant, id: IvrMenuId) {
        let Some(menu) = self.directory.ivr_menu(id).cloned() else {
            return self.leads_nowhere(now, HangupCause::UnallocatedNumber);
        };
        if !self.answer_caller(now) {
            return;
        }
        if let Some(Ok(language)) = menu.language.as_deref().map(str::parse) {
            self.language = language;
        }
        self.came_from = None;
        self.caller_hears(Source::Silence);
        self.publish(EventKind::MenuEntered {
            call: self.id,
            menu: id,
        });
        self.stage = Stage::Menu(IvrMachine::new(menu));
    }

    pub(crate) fn digit(&mut self, now: Instant, number: u32, digit: char) {
        if Some(number) != self.caller_number() {
            return;
        }
        if let Stage::Menu(menu) = &mut self.stage {
            menu.handle(now, &self.directory, IvrInput::Digit(digit));
        }
    }

    /// A key that came by INFO: for a menu like any other, and for the other party by RFC 4733.
    pub(crate) fn digit_by_info(&mut self, now: Instant, number: u32, digit: char) {
        let other = match (&self.stage, self.caller_number()) {
            (Stage::Talking(talk), Some(caller)) if talk.callee == number => Some(caller),
            (Stage::Talking(talk), Some(caller)) if caller == number => Some(talk.callee),
            _ => None,
        };
        match other {
            Some(other) => self.media(MediaEffect::SendDigit(self.leg_id(other), digit)),
            None => self.digit(now, number, digit),
        }
    }

    pub(crate) fn menu_timeout(&mut self, now: Instant) {
        if let Stage::Menu(menu) = &mut self.stage {
            menu.handle_timeout(now, &self.directory);
        }
    }

    /// Does one thing the menu wants; true if there was one.
    pub(crate) fn poll_menu(&mut self, now: Instant) -> bool {
        let Stage::Menu(menu) = &mut self.stage else {
            return false;
        };
        let id = menu.menu();
        let Some(effect) = menu.poll_effect() else {
            return false;
        };
        match effect {
            IvrEffect::Play { prompts, barge_in } => self.play(prompts, barge_in),
            IvrEffect::Leave { digits, action } => {
                self.leave_menu(id, &digits);
                self.act(now, &digits, action);
            }
            IvrEffect::Dial { digits, extension } => {
                self.leave_menu(id, &digits);
                self.go(now, &digits, Destination::Extension(extension));
            }
        }
        true
    }

    fn leave_menu(&mut self, menu: IvrMenuId, digits: &str) {
        self.stop_playing();
        self.came_from = Some(menu);
        let chosen = EventKind::MenuChosen {
            call: self.id,
            menu,
            digits: digits.to_owned(),
        };
        self.publish(chosen);
        // Whatever comes next sets its own stage; until then nothing of the menu may answer.
        self.stage = Stage::Starting;
    }
}
