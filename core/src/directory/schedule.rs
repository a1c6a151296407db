//! Hours in which something is open.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// From one time of the day to another, that one not included. Where the end is not after the
/// beginning it lies on the next day, so that `00:00` to `00:00` is a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// When it opens.
    pub from: Time,
    /// When it closes.
    pub to: Time,
}

impl Hours {
    fn reaches_into_next_day(self) -> bool {
        self.to <= self.from
    }

    /// Whether it is open at this time of the day on which it opens.
    fn holds(self, time: Time) -> bool {
        time >= self.from && (time < self.to || self.reaches_into_next_day())
    }

    /// Whether it is still open at this time of the day after.
    fn holds_after_midnight(self, time: Time) -> bool {
        self.reaches_into_next_day() && time < self.to
    }
}

/// The same hours on several days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// On which days it opens.
    pub days: Vec<Day>,
    /// When it opens.
    pub from: Time,
    /// When it closes; not after `from`: on the next day.
    pub to: Time,
}

/// A date on which the weekly hours do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionDay {
    /// The date.
    pub date: Date,
    /// The hours of that day; none: closed.
    #[serde(default)]
    pub hours: Vec<Hours>,
}

/// When something is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The IANA name of the time zone the hours are meant in, such as `Europe/Berlin`.
    pub time_zone: String,
    /// The usual hours.
    pub weekly: Vec<WeeklyHours>,
    /// Holidays and the like.
    #[serde(default)]
    pub exceptions: Vec<ExceptionDay>,
}

impl Schedule {
    /// Whether the time zone is known.
    #[must_use]
    pub fn has_known_zone(&self) -> bool {
        TimeZone::get(&self.time_zone).is_ok()
    }

    /// Whether it is open at a moment. In a time zone nobody knows it never is.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let Ok(zone) = TimeZone::get(&self.time_zone) else {
            return false;
        };
        let local = at.to_zoned(zone);
        let (date, time) = (local.date(), local.time());
        let exception = |date: Date| self.exceptions.iter().find(|day| day.date == date);
        let yesterday = date.yesterday().unwrap_or(date);
        let spills = |hours: &Hours| hours.holds_after_midnight(time);
        match exception(date) {
            Some(day) => day.hours.iter().any(|hours| hours.holds(time)),
            None => {
                let today = self.on(date.weekday()).any(|hours| hours.holds(time));
                today
                    || match exception(yesterday) {
                        Some(day) => day.hours.iter().any(spills),
                        None => self.on(yesterday.weekday()).any(|hours| spills(&hours)),
                    }
            }
        }
    }

    fn on(&self, day: Weekday) -> impl Iterator<Item = Hours> {
        let day = Day::from(day);
        let weekly = self.weekly.iter();
        weekly
            .filter(move |weekly| weekly.days.contains(&day))
            .map(|weekly| Hours {
                from: weekly.from,
                to: weekly.to,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office() -> Schedule {
        let text = r#"{
            "time_zone": "Europe/Berlin",
            "weekly": [
                {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00"},
                {"days": ["sat"], "from": "22:00", "to": "02:00"}
            ],
            "exceptions": [
                {"date": "2026-12-25"},
                {"date": "2026-12-24", "hours": [{"from": "08:00", "to": "12:00"}]}
            ]
        }"#;
        serde_json::from_str(text).unwrap()
    }

    fn open(at: &str) -> bool {
        office().is_open(at.parse().unwrap())
    }

    #[test]
    fn hours_are_meant_where_the_office_is() {
        assert!(open("2026-11-20T07:00:00Z"), "8 in winter");
        assert!(!open("2026-11-20T06:59:59Z"));
        assert!(open("2026-07-20T06:00:00Z"), "8 in summer");
        assert!(!open("2026-11-20T17:00:00Z"), "18, not included");
        assert!(!open("2026-11-22T12:00:00Z"), "a Sunday");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        assert!(open("2026-11-21T21:30:00Z"), "Saturday 22:30");
        assert!(open("2026-11-22T00:30:00Z"), "Sunday 1:30");
        assert!(!open("2026-11-22T01:00:00Z"));
        assert!(!open("2026-11-21T00:30:00Z"), "Saturday 1:30");
    }

    #[test]
    fn an_exception_replaces_the_day() {
        assert!(open("2026-12-24T10:59:00Z"));
        assert!(!open("2026-12-24T11:00:00Z"));
        assert!(!open("2026-12-25T10:00:00Z"));
    }

    #[test]
    fn the_same_time_twice_is_a_whole_day() {
        let day = Hours {
            from: Time::midnight(),
            to: Time::midnight(),
        };
        assert!(day.holds(Time::midnight()) && day.holds(Time::MAX));
        assert!(!day.holds_after_midnight(Time::midnight()));
    }

    #[test]
    fn an_unknown_zone_is_never_open() {
        let mut schedule = office();
        assert!(schedule.has_known_zone());
        schedule.time_zone = "Mars/Olympus".to_owned();
        assert!(!schedule.has_known_zone());
        assert!(!schedule.is_open("2026-11-20T10:00:00Z".parse().unwrap()));
    }
}
