//! A command that is told in any case.

use tokio::sync::mpsc::UnboundedSender;

use super::command::Command;

/// What a task owes the signalling task: its result, or word that there is none, also when it panics
/// or is never run to its end. Requests wait for that.
#[derive(Debug)]
pub(crate) struct Owed {
    commands: UnboundedSender<Command>,
    nothing: Option<Command>,
}

impl Owed {
    /// `nothing` is what is told if nothing else is.
    pub(crate) fn new(commands: UnboundedSender<Command>, nothing: Command) -> Self {
        Self {
            commands,
            nothing: Some(nothing),
        }
    }

    /// Tells the result.
    pub(crate) fn pay(mut self, command: Command) {
        self.nothing = Some(command);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(command) = self.nothing.take() {
            // Nobody listens any more when the process ends.
            self.commands.send(command).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use offhook_core::sip::locate::LocateError;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn whoever_waits_for_a_task_hears_of_it_even_if_it_falls() {
        let (commands, mut told) = unbounded_channel();
        let owed = |number| {
            let nothing = Command::Resolved(number, Err(LocateError::Unanswered));
            Owed::new(commands.clone(), nothing)
        };
        owed(1).pay(Command::Resolved(1, Ok(Vec::new())));
        let falls = owed(2);
        let fell: std::thread::Result<()> = catch_unwind(AssertUnwindSafe(move || {
            let _falls = falls;
            panic!("as told");
        }));
        assert!(fell.is_err());
        let first = told.try_recv().unwrap();
        assert!(matches!(first, Command::Resolved(1, Ok(_))), "{first:?}");
        let second = told.try_recv().unwrap();
        assert!(matches!(second, Command::Resolved(2, Err(_))), "{second:?}");
        assert!(told.try_recv().is_err(), "each is told once");
    }
}
