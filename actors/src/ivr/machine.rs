//! The rules of a menu.

use std::collections::VecDeque;
use std::time::Instant;

use offhook_core::directory::{Directory, IvrMenu, MenuAction};
use offhook_core::{ExtensionId, IvrMenuId};

/// What a menu is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IvrInput {
    /// The caller pressed a key: `0`–`9`, `*`, `#`, `A`–`D`.
    Digit(char),
    /// What was being played came to its end, or was stopped by a digit.
    PlaybackEnded,
}

/// What a menu wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IvrEffect {
    /// Play these prompts one after the other; a digit stops them when `barge_in`.
    Play {
        /// Prompt ids of `sounds/prompts.toml`.
        prompts: Vec<String>,
        /// Whether a digit stops them.
        barge_in: bool,
    },
    /// The caller chose, or ran out of tries: leave the menu and do this.
    Leave {
        /// What was pressed.
        digits: String,
        /// What it means.
        action: MenuAction,
    },
    /// The caller dialled an extension: leave the menu and ring it.
    Dial {
        /// What was pressed.
        digits: String,
        /// Whose number it is.
        extension: ExtensionId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A prompt is playing.
    Speaking,
    /// The prompt is over, nothing was pressed yet.
    Listening,
    /// Something was pressed that could still become something longer.
    Collecting,
    /// The last words before leaving; digits count no more.
    Leaving,
    /// Left.
    Done,
}

/// What the digits so far mean.
enum Meaning {
    Choice(MenuAction),
    Extension(ExtensionId),
    /// Could become the number of an extension.
    Unfinished,
    Nothing,
}

const INVALID_CHOICE: &str = "error/invalid-choice";
const NO_INPUT: &str = "menu/no-input";
const GOOD_BYE: &str = "menu/good-bye";

/// Every prompt a menu plays by itself.
pub const PROMPTS: &[&str] = &[INVALID_CHOICE, NO_INPUT, GOOD_BYE];

/// One caller in one menu.
#[derive(Debug, Clone)]
pub struct IvrMachine {
    menu: IvrMenu,
    step: Step,
    digits: String,
    failures: u32,
    deadline: Option<Instant>,
    effects: VecDeque<IvrEffect>,
}

impl IvrMachine {
    /// A caller enters the menu; its prompt is the first effect.
    #[must_use]
    pub fn new(menu: IvrMenu) -> Self {
        let mut machine = Self {
            menu,
            step: Step::Speaking,
            digits: String::new(),
            failures: 0,
            deadline: None,
            effects: VecDeque::new(),
        };
        machine.speak(None);
        machine
    }

    /// The menu.
    #[must_use]
    pub fn menu(&self) -> IvrMenuId {
        self.menu.id
    }

    /// Told what happened.
    pub fn handle(&mut self, now: Instant, directory: &Directory, input: IvrInput) {
        match (input, self.step) {
            (IvrInput::Digit(digit), Step::Speaking | Step::Listening | Step::Collecting) => {
                self.digit(now, directory, digit);
            }
            (IvrInput::PlaybackEnded, Step::Speaking) => {
                self.step = Step::Listening;
                self.deadline = Some(now + self.menu.first_digit_timeout);
            }
            (IvrInput::PlaybackEnded, Step::Leaving) => {
                self.leave(self.menu.on_failure.clone());
            }
            (IvrInput::Digit(_), Step::Leaving | Step::Done)
            | (IvrInput::PlaybackEnded, Step::Listening | Step::Collecting | Step::Done) => {}
        }
    }

    /// Told the time.
    pub fn handle_timeout(&mut self, now: Instant, directory: &Directory) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        match self.step {
            Step::Listening => self.retry(NO_INPUT),
            Step::Collecting => self.settle(directory),
            Step::Speaking | Step::Leaving | Step::Done => {}
        }
    }

    /// Says what to do.
    pub fn poll_effect(&mut self) -> Option<IvrEffect> {
        self.effects.pop_front()
    }

    /// Says when to be woken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn digit(&mut self, now: Instant, directory: &Directory, digit: char) {
        self.deadline = None;
        if digit == '#' && !self.digits.is_empty() {
            return self.settle(directory);
        }
        self.digits.push(digit);
        match self.meaning(directory) {
            Meaning::Choice(action) => self.leave(action),
            Meaning::Extension(extension) => self.dial(extension),
            Meaning::Unfinished => {
                self.step = Step::Collecting;
                self.deadline = Some(now + self.menu.inter_digit_timeout);
            }
            Meaning::Nothing => self.retry(INVALID_CHOICE),
        }
    }

    /// No more digits will come: what was pressed must mean something as it is.
    fn settle(&mut self, directory: &Directory) {
        if let Some(action) = self.choice() {
            self.leave(action);
        } else if let Some(extension) = self.extension(directory) {
            self.dial(extension);
        } else {
            self.retry(INVALID_CHOICE);
        }
    }

    fn meaning(&self, directory: &Directory) -> Meaning {
        if self.menu.dial_extension && directory.could_become_extension(&self.digits) {
            return Meaning::Unfinished;
        }
        if let Some(action) = self.choice() {
            return Meaning::Choice(action);
        }
        self.extension(directory)
            .map_or(Meaning::Nothing, Meaning::Extension)
    }

    fn choice(&self) -> Option<MenuAction> {
        let mut digits = self.digits.chars();
        let first = digits.next()?;
        if digits.next().is_some() {
            return None;
        }
        self.menu.choices.get(&first).cloned()
    }

    fn extension(&self, directory: &Directory) -> Option<ExtensionId> {
        if !self.menu.dial_extension {
            return None;
        }
        let extension = directory.extension_numbered(&self.digits)?;
        extension.enabled.then_some(extension.id)
    }

    fn dial(&mut self, extension: ExtensionId) {
        self.step = Step::Done;
        let digits = std::mem::take(&mut self.digits);
        self.effects
            .push_back(IvrEffect::Dial { digits, extension });
    }

    fn leave(&mut self, action: MenuAction) {
        if action == MenuAction::Repeat {
            // Who asks to hear it again begins anew.
            self.failures = 0;
            return self.speak(None);
        }
        self.step = Step::Done;
        let digits = std::mem::take(&mut self.digits);
        self.effects.push_back(IvrEffect::Leave { digits, action });
    }

    fn retry(&mut self, why: &str) {
        self.failures += 1;
        if self.failures <= self.menu.retries {
            return self.speak(Some(why));
        }
        self.digits.clear();
        // Repeating for ever is what the retries are there to prevent.
        if self.menu.on_failure == MenuAction::Repeat {
            self.menu.on_failure = MenuAction::HangUp;
        }
        self.step = Step::Leaving;
        let last_words = match self.menu.on_failure {
            MenuAction::HangUp => vec![why.to_owned(), GOOD_BYE.to_owned()],
            MenuAction::Go(_) | MenuAction::Repeat => vec![why.to_owned()],
        };
        self.effects.push_back(IvrEffect::Play {
            prompts: last_words,
            barge_in: false,
        });
    }

    fn speak(&mut self, first: Option<&str>) {
        self.digits.clear();
        self.deadline = None;
        self.step = Step::Speaking;
        let prompts = first
            .into_iter()
            .chain([self.menu.prompt.as_str()])
            .map(Into::into);
        self.effects.push_back(IvrEffect::Play {
            prompts: prompts.collect(),
            barge_in: true,
        });
    }
}
