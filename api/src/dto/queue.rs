//! Queues over the wire.

use std::time::Duration;

use jiff::Timestamp;
use offhook_core::directory::{Dialable, Directory, Queue, QueueAgent, Strategy};
use offhook_core::live::{LiveQueue, QueueTotals};
use offhook_core::{AgentId, CallId, QueueId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::{Checks, whole_seconds};
use crate::dto::destination::DestinationDto;
use crate::dto::recording::{FormatDto, own_style, stereo};
use crate::dto::sound::is_music;
use crate::error::ApiResult;

/// In which order ready agents are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Strategy)]
pub enum StrategyDto {
    /// All at once; the first to answer gets the caller.
    RingAll,
    /// Who has been ready and without a call for the longest time.
    #[default]
    LongestIdle,
    /// The one after the last who was asked.
    RoundRobin,
    /// Always from the top of the list.
    TopDown,
}

impl From<Strategy> for StrategyDto {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::RingAll => Self::RingAll,
            Strategy::LongestIdle => Self::LongestIdle,
            Strategy::RoundRobin => Self::RoundRobin,
            Strategy::TopDown => Self::TopDown,
        }
    }
}

impl From<StrategyDto> for Strategy {
    fn from(strategy: StrategyDto) -> Self {
        match strategy {
            StrategyDto::RingAll => Self::RingAll,
            StrategyDto::LongestIdle => Self::LongestIdle,
            StrategyDto::RoundRobin => Self::RoundRobin,
            StrategyDto::TopDown => Self::TopDown,
        }
    }
}

/// An agent's place in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueAgent)]
pub struct QueueAgentDto {
    /// The agent.
    #[schema(value_type = String)]
    pub agent_id: AgentId,
    /// Its tier: all of level 1 are asked before any of level 2.
    #[serde(default = "one")]
    #[schema(default = 1)]
    pub level: u32,
    /// Its place within the level.
    #[serde(default = "one")]
    #[schema(default = 1)]
    pub position: u32,
}

/// Level and place of an agent that is put into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueAgentSettings {
    /// Its tier: all of level 1 are asked before any of level 2.
    #[serde(default = "one")]
    #[schema(default = 1)]
    pub level: u32,
    /// Its place within the level.
    #[serde(default = "one")]
    #[schema(default = 1)]
    pub position: u32,
}

impl QueueAgentSettings {
    /// Checks level and position.
    ///
    /// # Errors
    /// When one is too large.
    pub fn check(self) -> ApiResult<()> {
        let mut checks = Checks::default();
        check_place("", self.level, self.position, &mut checks);
        checks.finish()
    }
}

fn check_place(field: &str, level: u32, position: u32, checks: &mut Checks) {
    checks.at_most(&format!("{field}level"), level, 1000);
    checks.at_most(&format!("{field}position"), position, 100_000);
}

/// An agent of a queue, with what it is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueAgentView {
    /// The agent.
    #[schema(value_type = String)]
    pub agent_id: AgentId,
    /// Its name.
    pub name: String,
    /// Its extension.
    pub extension: Option<String>,
    /// Its tier.
    pub level: u32,
    /// Its place within the tier.
    pub position: u32,
    /// What it is doing.
    pub state: crate::dto::agent::AgentStateDto,
    /// Since when.
    pub since: Timestamp,
}

/// What a queue counted since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct QueueTotalsView {
    /// Callers who began to wait.
    pub entered: u64,
    /// Callers an agent answered.
    pub answered: u64,
    /// Callers who hung up first.
    pub abandoned: u64,
    /// Callers who waited as long as the queue allows.
    pub timed_out: u64,
    /// Callers for whom there was no room.
    pub full: u64,
    /// Callers who left because nobody was logged in.
    pub no_agents: u64,
    /// Callers who were moved elsewhere.
    pub moved: u64,
}

impl From<&QueueTotals> for QueueTotalsView {
    fn from(totals: &QueueTotals) -> Self {
        Self {
            entered: totals.entered,
            answered: totals.answered,
            abandoned: totals.abandoned,
            timed_out: totals.timed_out,
            full: totals.full,
            no_agents: totals.no_agents,
            moved: totals.moved,
        }
    }
}

/// A queue: its settings, and who waits. Durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Queue)]
pub struct QueueView {
    /// Its id.
    #[schema(value_type = String, example = "queue_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: QueueId,
    /// What can be set.
    #[serde(flatten)]
    pub settings: QueueSettings,
    /// How many callers wait now.
    pub waiting: usize,
    /// How long the first of them has waited, in seconds; 0 if nobody waits.
    pub longest_wait: u64,
    /// What was counted since the server started.
    pub totals: QueueTotalsView,
}

/// What can be set of a queue. Durations are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueSettings {
    /// What operators call it.
    #[schema(example = "Support")]
    pub name: String,
    /// The number that is dialled to wait here; null: only menus, DIDs and overflow lead here.
    #[serde(default)]
    #[schema(example = "301")]
    pub extension: Option<String>,
    /// In which order agents are asked.
    #[serde(default)]
    pub strategy: StrategyDto,
    /// How long a caller may wait; 0 is without end.
    #[serde(default = "max_wait")]
    #[schema(default = 600)]
    pub max_wait: u32,
    /// How many may wait; 0 is no limit.
    #[serde(default)]
    pub max_length: u32,
    /// How long a caller may wait while no agent at all is logged in; 0 is without end.
    #[serde(default = "max_wait_no_agent")]
    #[schema(default = 60)]
    pub max_wait_no_agent: u32,
    /// How long an agent's phone rings per attempt.
    #[serde(default = "ring_timeout")]
    #[schema(default = 20, minimum = 1)]
    pub ring_timeout: u32,
    /// How long an agent is left alone who missed or refused an attempt.
    #[serde(default = "retry_delay")]
    #[schema(default = 5)]
    pub retry_delay: u32,
    /// How long an agent is left alone after a call.
    #[serde(default = "wrap_up")]
    #[schema(default = 10)]
    pub wrap_up: u32,
    /// Whether callers are told their place.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub announce_position: bool,
    /// How long after the last announcement the next one follows.
    #[serde(default = "announce_interval")]
    #[schema(default = 30, minimum = 5)]
    pub announce_interval: u32,
    /// The hold-music class callers hear.
    #[serde(default = "hold_music")]
    #[schema(default = "default")]
    pub hold_music: String,
    /// Whether calls are recorded from the moment an agent answers.
    #[serde(default)]
    pub record: bool,
    /// The format of its recordings; null: as the server's configuration says.
    #[serde(default)]
    pub record_format: Option<FormatDto>,
    /// Whether each party has a channel in them; null: as the server's configuration says.
    #[serde(default)]
    pub record_stereo: Option<bool>,
    /// For how many days they are kept, 0 for ever; null: as the server's configuration says.
    #[serde(default)]
    #[schema(maximum = 36500)]
    pub record_keep_days: Option<u32>,
    /// Where callers go who may not wait (any longer); null: the call ends.
    #[serde(default)]
    pub overflow: Option<DestinationDto>,
    /// Who serves this queue.
    #[serde(default)]
    pub agents: Vec<QueueAgentDto>,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn max_wait() -> u32 {
    600
}

fn max_wait_no_agent() -> u32 {
    60
}

fn ring_timeout() -> u32 {
    20
}

fn retry_delay() -> u32 {
    5
}

fn wrap_up() -> u32 {
    10
}

fn announce_interval() -> u32 {
    30
}

fn hold_music() -> String {
    offhook_sounds::DEFAULT_HOLD_MUSIC.to_owned()
}

/// A caller who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = QueueCaller)]
pub struct CallerView {
    /// The call.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// The calling number.
    pub from: String,
    /// The place, from 1.
    pub position: usize,
    /// Since when.
    pub since: Timestamp,
    /// How long, in seconds.
    pub waited: u64,
}

impl QueueView {
    /// How a queue is shown at `now`.
    #[must_use]
    pub fn of(queue: &Queue, live: Option<&LiveQueue>, now: Timestamp) -> Self {
        let waiting = live.map(LiveQueue::waiting).unwrap_or_default();
        let longest = waiting
            .first()
            .map(|caller| seconds_since(caller.since, now));
        Self {
            id: queue.id,
            settings: QueueSettings::of(queue),
            waiting: waiting.len(),
            longest_wait: longest.unwrap_or(0),
            totals: live.map(|live| live.totals().into()).unwrap_or_default(),
        }
    }
}

/// Whole seconds from `since` to `now`; 0 if the clock was set back.
#[must_use]
pub fn seconds_since(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0)
}

impl QueueSettings {
    /// What would make this queue again.
    #[must_use]
    pub fn of(queue: &Queue) -> Self {
        let agents = queue.agents.iter().map(|place| QueueAgentDto {
            agent_id: place.agent,
            level: place.level,
            position: place.position,
        });
        Self {
            name: queue.name.clone(),
            extension: queue.extension.clone(),
            strategy: queue.strategy.into(),
            max_wait: whole_seconds(queue.max_wait),
            max_length: queue.max_length,
            max_wait_no_agent: whole_seconds(queue.max_wait_no_agent),
            ring_timeout: whole_seconds(queue.ring_timeout),
            retry_delay: whole_seconds(queue.retry_delay),
            wrap_up: whole_seconds(queue.wrap_up),
            announce_position: queue.announce_position,
            announce_interval: whole_seconds(queue.announce_interval),
            hold_music: queue.hold_music.clone(),
            record: queue.record,
            record_format: queue.record_style.format.map(Into::into),
            record_stereo: stereo(queue.record_style),
            record_keep_days: queue.record_keep.map(whole_days),
            overflow: queue.overflow.as_ref().map(DestinationDto::of),
            agents: agents.collect(),
        }
    }

    /// The queue these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or whose number it is already.
    pub fn build(self, old: Option<&Queue>, directory: &Directory) -> ApiResult<Queue> {
        let id = old.map_or_else(QueueId::random, |old| old.id);
        let mut checks = Checks::default();
        checks.name("name", &self.name);
        if let Some(number) = &self.extension {
            checks.internal_number("extension", number, directory, Some(Dialable::Queue(id)))?;
        }
        let max_wait = checks.seconds("max_wait", self.max_wait, 0);
        let max_wait_no_agent = checks.seconds("max_wait_no_agent", self.max_wait_no_agent, 0);
        let ring_timeout = checks.seconds("ring_timeout", self.ring_timeout, 1);
        let retry_delay = checks.seconds("retry_delay", self.retry_delay, 0);
        let wrap_up = checks.seconds("wrap_up", self.wrap_up, 0);
        let announce_interval = checks.seconds("announce_interval", self.announce_interval, 5);
        checks.at_most("max_length", self.max_length, 100_000);
        checks.require(
            is_music(&self.hold_music, directory),
            "hold_music",
            "is not a hold-music class of this server",
        );
        let record_style = own_style(self.record_format, self.record_stereo, &mut checks);
        if let Some(days) = self.record_keep_days {
            checks.at_most("record_keep_days", days, MOST_DAYS);
        }
        let record_keep = self
            .record_keep_days
            .map(|days| Duration::from_hours(24 * u64::from(days)));
        let overflow = self
            .overflow
            .as_ref()
            .and_then(|overflow| overflow.read("overflow.", directory, &mut checks));
        let agents = read_agents(&self.agents, directory, &mut checks);
        checks.finish()?;
        Ok(Queue {
            id,
            name: self.name,
            extension: self.extension,
            strategy: self.strategy.into(),
            max_wait,
            max_length: self.max_length,
            max_wait_no_agent,
            overflow,
            ring_timeout,
            retry_delay,
            wrap_up,
            announce_position: self.announce_position,
            announce_interval,
            hold_music: self.hold_music,
            record: self.record,
            record_style,
            record_keep,
            agents,
        })
    }
}

/// The longest time recordings can be kept by a number of days: a century.
const MOST_DAYS: u32 = 36_500;

/// Days, of which part of one counts as a whole.
fn whole_days(duration: Duration) -> u32 {
    let days = duration.as_secs().div_ceil(24 * 3600);
    u32::try_from(days).unwrap_or(u32::MAX)
}

fn read_agents(
    places: &[QueueAgentDto],
    directory: &Directory,
    checks: &mut Checks,
) -> Vec<QueueAgent> {
    let mut agents: Vec<QueueAgent> = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let field = format!("agents[{at}].");
        if directory.agent(place.agent_id).is_none() {
            checks.wrong(format!("{field}agent_id"), "is not the id of an agent");
        } else if agents.iter().any(|known| known.agent == place.agent_id) {
            checks.wrong(format!("{field}agent_id"), "is there twice");
        }
        check_place(&field, place.level, place.position, checks);
        agents.push(QueueAgent {
            agent: place.agent_id,
            level: place.level,
            position: place.position,
        });
    }
    agents
}
