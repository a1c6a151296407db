//! The prompts that calls play by themselves, by their ids in `sounds/prompts.toml`.

pub(crate) const NOT_IN_SERVICE: &str = "error/not-in-service";
pub(crate) const NOT_AVAILABLE: &str = "error/extension-not-available";
pub(crate) const BUSY: &str = "error/busy";
pub(crate) const NOT_ALLOWED: &str = "error/not-allowed";
pub(crate) const FAILED: &str = "error/generic";
pub(crate) const ECHO_INTRO: &str = "call/echo-test";
pub(crate) const NOT_AN_AGENT: &str = "agent/not-an-agent";
pub(crate) const READY: &str = "agent/ready";
pub(crate) const LOGGED_OUT: &str = "agent/logged-out";
pub(crate) const NO_AGENTS: &str = "queue/no-agents";
pub(crate) const ALL_BUSY: &str = "queue/all-agents-busy";
pub(crate) const FULL: &str = "queue/full";
pub(crate) const GOOD_BYE: &str = "menu/good-bye";

/// All of them.
pub const PROMPTS: &[&str] = &[
    NOT_IN_SERVICE,
    NOT_AVAILABLE,
    BUSY,
    NOT_ALLOWED,
    FAILED,
    ECHO_INTRO,
    NOT_AN_AGENT,
    READY,
    LOGGED_OUT,
    NO_AGENTS,
    ALL_BUSY,
    FULL,
    GOOD_BYE,
];
