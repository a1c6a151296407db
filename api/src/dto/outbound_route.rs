//! Outbound routes over the wire.

use std::collections::BTreeSet;

use offhook_core::directory::{
    Day, Directory, ExceptionDay, Hours, OutboundRoute, Permission, RouteKind, Schedule,
    WeeklyHours,
};
use offhook_core::number::NumberPattern;
use offhook_core::{OutboundRouteId, TrunkId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::dto::overlap;
use crate::error::{ApiError, ApiResult};

/// The most patterns, trunks, hours or exceptions of one route.
const MOST: usize = 500;

/// A route with its id and what about it is likely a mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OutboundRoute)]
pub struct OutboundRouteView {
    /// Its id.
    #[schema(value_type = String, example = "route_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: OutboundRouteId,
    #[serde(flatten)]
    settings: OutboundRouteSettings,
    /// Other routes that some number fits as well, and that are looked at first or share the
    /// priority.
    pub warnings: Vec<String>,
}

/// What can be set of an outbound route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutboundRouteSettings {
    /// What operators call it.
    #[schema(example = "Germany")]
    pub name: String,
    /// False: as if it were not there.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
    /// Routes are looked at in this order, the lowest first.
    #[serde(default = "hundred")]
    #[schema(default = 100, maximum = 1_000_000)]
    pub priority: u32,
    /// The numbers it is for, as they are dialled: digits, `X` (0-9), `Z` (1-9), `N` (2-9),
    /// `[1-59]`, and at the end `.` (one or more) or `!` (none or more).
    #[schema(value_type = Vec<String>, example = json!(["0ZX."]))]
    pub patterns: Vec<NumberPattern>,
    /// How many signs are taken off the front of the dialled number.
    #[serde(default)]
    #[schema(maximum = 32)]
    pub strip: u32,
    /// What is put there instead.
    #[serde(default)]
    #[schema(example = "+49")]
    pub prepend: String,
    /// What an extension must all be allowed to do: `local`, `national`, `mobile`,
    /// `international`, `toll_free`, `premium`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub permissions: BTreeSet<Permission>,
    /// When it is open; null: always.
    #[serde(default)]
    pub schedule: Option<ScheduleDto>,
    /// The ids of the trunks to try, in this order.
    #[schema(value_type = Vec<String>)]
    pub trunks: Vec<TrunkId>,
    /// `emergency`: no permission, hours or limit of a trunk counts.
    #[serde(default)]
    #[schema(value_type = String, default = "ordinary")]
    pub kind: RouteKind,
}

/// Hours in which something is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Schedule)]
pub struct ScheduleDto {
    /// The IANA name of the time zone.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// The usual hours.
    pub weekly: Vec<WeeklyDto>,
    /// Dates on which the usual hours do not count.
    #[serde(default)]
    pub exceptions: Vec<ExceptionDto>,
}

/// The same hours on several days. Where `to` is not after `from`, it is on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WeeklyHours)]
pub struct WeeklyDto {
    /// `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`.
    #[schema(value_type = Vec<String>)]
    pub days: Vec<Day>,
    /// When it opens.
    #[schema(value_type = String, example = "08:00:00")]
    pub from: jiff::civil::Time,
    /// When it closes.
    #[schema(value_type = String, example = "18:00:00")]
    pub to: jiff::civil::Time,
}

/// A date with hours of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExceptionDay)]
pub struct ExceptionDto {
    /// The date.
    #[schema(value_type = String, example = "2026-12-24")]
    pub date: jiff::civil::Date,
    /// The hours of that day; none: closed.
    #[serde(default)]
    pub hours: Vec<HoursDto>,
}

/// From one time of the day to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Hours)]
pub struct HoursDto {
    /// When it opens.
    #[schema(value_type = String, example = "08:00:00")]
    pub from: jiff::civil::Time,
    /// When it closes.
    #[schema(value_type = String, example = "12:00:00")]
    pub to: jiff::civil::Time,
}

fn yes() -> bool {
    true
}

fn hundred() -> u32 {
    100
}

impl ScheduleDto {
    fn of(schedule: &Schedule) -> Self {
        let weekly = |weekly: &WeeklyHours| WeeklyDto {
            days: weekly.days.clone(),
            from: weekly.from,
            to: weekly.to,
        };
        let hours = |hours: &Hours| HoursDto {
            from: hours.from,
            to: hours.to,
        };
        let exception = |day: &ExceptionDay| ExceptionDto {
            date: day.date,
            hours: day.hours.iter().map(hours).collect(),
        };
        Self {
            time_zone: schedule.time_zone.clone(),
            weekly: schedule.weekly.iter().map(weekly).collect(),
            exceptions: schedule.exceptions.iter().map(exception).collect(),
        }
    }

    fn build(self, checks: &mut Checks) -> Schedule {
        let weekly = |weekly: WeeklyDto| WeeklyHours {
            days: weekly.days,
            from: weekly.from,
            to: weekly.to,
        };
        let hours = |hours: HoursDto| Hours {
            from: hours.from,
            to: hours.to,
        };
        let exception = |day: ExceptionDto| ExceptionDay {
            date: day.date,
            hours: day.hours.into_iter().map(hours).collect(),
        };
        let size = self.weekly.len().max(self.exceptions.len());
        checks.require(size <= MOST, "schedule", "has too many entries");
        let schedule = Schedule {
            time_zone: self.time_zone,
            weekly: self.weekly.into_iter().map(weekly).collect(),
            exceptions: self.exceptions.into_iter().map(exception).collect(),
        };
        checks.require(
            schedule.has_known_zone(),
            "schedule.time_zone",
            "is no time zone this machine knows",
        );
        schedule
    }
}

impl OutboundRouteView {
    /// How a route is shown.
    #[must_use]
    pub fn of(route: &OutboundRoute, directory: &Directory) -> Self {
        Self {
            id: route.id,
            settings: OutboundRouteSettings::of(route),
            warnings: overlap::warnings(route, directory),
        }
    }
}

impl OutboundRouteSettings {
    /// What would make this route again.
    #[must_use]
    pub fn of(route: &OutboundRoute) -> Self {
        Self {
            name: route.name.clone(),
            enabled: route.enabled,
            priority: route.priority,
            patterns: route.patterns.clone(),
            strip: route.strip,
            prepend: route.prepend.clone(),
            permissions: route.permissions.clone(),
            schedule: route.schedule.as_ref().map(ScheduleDto::of),
            trunks: route.trunks.clone(),
            kind: route.kind,
        }
    }

    /// The route these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or that the name is taken.
    pub fn build(
        self,
        old: Option<&OutboundRoute>,
        directory: &Directory,
    ) -> ApiResult<OutboundRoute> {
        let id = old.map_or_else(OutboundRouteId::random, |old| old.id);
        let mut checks = Checks::default();
        checks.name("name", &self.name);
        let twin = |other: &OutboundRoute| other.name == self.name && other.id != id;
        if directory.office().outbound_routes.iter().any(twin) {
            return Err(ApiError::duplicate("name", "is the name of another route"));
        }
        checks.at_most("priority", self.priority, 1_000_000);
        checks.at_most("strip", self.strip, 32);
        let count = 1..=MOST;
        let patterns = count.contains(&self.patterns.len());
        checks.require(patterns, "patterns", "must hold from 1 to 500");
        let sign = |sign: char| sign.is_ascii_digit() || "+*#".contains(sign);
        let prepend = self.prepend.len() <= 32 && self.prepend.chars().all(sign);
        checks.require(prepend, "prepend", "must be at most 32 digits, +, * or #");
        checks.require(
            count.contains(&self.trunks.len()),
            "trunks",
            "must hold at least one",
        );
        let mut seen = BTreeSet::new();
        for (at, trunk) in self.trunks.iter().enumerate() {
            if directory.trunk(*trunk).is_none() {
                checks.wrong(format!("trunks.{at}"), "is not the id of a trunk");
            } else if !seen.insert(*trunk) {
                checks.wrong(format!("trunks.{at}"), "is there twice");
            }
        }
        let schedule = self.schedule.map(|schedule| schedule.build(&mut checks));
        checks.finish()?;
        Ok(OutboundRoute {
            id,
            name: self.name,
            enabled: self.enabled,
            priority: self.priority,
            patterns: self.patterns,
            strip: self.strip,
            prepend: self.prepend,
            permissions: self.permissions,
            schedule,
            trunks: self.trunks,
            kind: self.kind,
        })
    }
}
