//! English: hundreds, "and", then the rest.

use super::value::{Currency, Date, Money, TimeOfDay};
use super::words;

/// The largest number that is said as one.
const LARGEST: u32 = 999_999_999;

/// "Two million three thousand and five"; beyond the largest, digit by digit.
pub(super) fn number(number: u32) -> Vec<&'static str> {
    if number > LARGEST {
        return words::digits(number);
    }
    if number == 0 {
        return vec!["number/0"];
    }
    let mut ids = Vec::new();
    let groups = [
        (number / 1_000_000, Some("number/million")),
        (number / 1000 % 1000, Some("number/thousand")),
        (number % 1000, None),
    ];
    for (group, name) in groups {
        if group == 0 {
            continue;
        }
        if name.is_none() && group < 100 && !ids.is_empty() {
            ids.push("number/and");
        }
        ids.extend(below_thousand(group));
        ids.extend(name);
    }
    ids
}

/// "Twenty-first"; beyond thirty-first, which no month has, nothing.
pub(super) fn ordinal(number: u32) -> Vec<&'static str> {
    match number {
        20 => vec!["ordinal/20"],
        30 => vec!["ordinal/30"],
        21..=31 => words::tens(number / 10)
            .into_iter()
            .chain(words::ordinal(number % 10))
            .collect(),
        _ => words::ordinal(number).into_iter().collect(),
    }
}

/// "Sunday, November twenty-second, twenty twenty-six".
pub(super) fn date(date: Date) -> Vec<&'static str> {
    let mut ids = Vec::new();
    ids.extend(words::weekday(date.weekday()));
    ids.extend(words::month(date.month()));
    ids.extend(ordinal(date.day().into()));
    ids.extend(year(date.year().into()));
    ids
}

/// "Nineteen eighty-five", "nineteen oh five", "nineteen hundred", but "two thousand and five".
fn year(year: u32) -> Vec<&'static str> {
    let (century, rest) = (year / 100, year % 100);
    if century % 10 == 0 && rest < 10 {
        return number(year);
    }
    let mut ids = number(century);
    match rest {
        0 => ids.push("number/hundred"),
        1..=9 => {
            ids.push("number/oh");
            ids.extend(number(rest));
        }
        _ => ids.extend(number(rest)),
    }
    ids
}

/// "Three oh five p.m.", "twelve o'clock a.m." for midnight.
pub(super) fn time(time: TimeOfDay) -> Vec<&'static str> {
    let hour = match time.hour() % 12 {
        0 => 12,
        hour => u32::from(hour),
    };
    let mut ids = number(hour);
    match u32::from(time.minute()) {
        0 => ids.push("time/oclock"),
        minute @ 1..=9 => {
            ids.push("number/oh");
            ids.extend(number(minute));
        }
        minute => ids.extend(number(minute)),
    }
    ids.push(if time.hour() < 12 {
        "time/am"
    } else {
        "time/pm"
    });
    ids
}

/// "Five euros and ten cents", "one penny", "minus two dollars".
pub(super) fn money(money: Money) -> Vec<&'static str> {
    let (unit, units, cent, cents) = match money.currency {
        Currency::Eur => ("money/euro", "money/euros", "money/cent", "money/cents"),
        Currency::Usd => ("money/dollar", "money/dollars", "money/cent", "money/cents"),
        Currency::Gbp => ("money/pound", "money/pounds", "money/penny", "money/pence"),
        Currency::Chf => (
            "money/franc",
            "money/francs",
            "money/rappen",
            "money/rappen",
        ),
    };
    let (whole, rest) = money.parts();
    let mut ids = Vec::new();
    if money.cents < 0 {
        ids.push("money/minus");
    }
    if whole > 0 || rest == 0 {
        ids.extend(counted(whole, unit, units));
    }
    if whole > 0 && rest > 0 {
        ids.push("number/and");
    }
    if rest > 0 {
        ids.extend(counted(rest, cent, cents));
    }
    ids
}

pub(super) fn minutes(minutes: u32) -> Vec<&'static str> {
    if minutes == 0 {
        return vec!["duration/less-than", "number/1", "duration/minute"];
    }
    length([minutes / 60, minutes % 60, 0])
}

/// "One hour, two minutes and five seconds".
pub(super) fn duration(seconds: u32) -> Vec<&'static str> {
    if seconds == 0 {
        return counted(0, "duration/second", "duration/seconds");
    }
    length([seconds / 3600, seconds / 60 % 60, seconds % 60])
}

/// Of hours, minutes and seconds those that are there, with "and" before the last.
fn length(parts: [u32; 3]) -> Vec<&'static str> {
    let names = [
        ("duration/hour", "duration/hours"),
        ("duration/minute", "duration/minutes"),
        ("duration/second", "duration/seconds"),
    ];
    let last = parts.iter().rposition(|part| *part > 0);
    let mut ids = Vec::new();
    for (index, (part, (one, many))) in parts.into_iter().zip(names).enumerate() {
        if part == 0 {
            continue;
        }
        if Some(index) == last && !ids.is_empty() {
            ids.push("number/and");
        }
        ids.extend(counted(part, one, many));
    }
    ids
}

fn counted(count: u32, one: &'static str, many: &'static str) -> Vec<&'static str> {
    let mut ids = number(count);
    ids.push(if count == 1 { one } else { many });
    ids
}

pub(super) fn queue_position(position: u32) -> Vec<&'static str> {
    let mut ids = vec!["queue/you-are-caller-number"];
    ids.extend(number(position));
    ids
}

pub(super) fn estimated_wait(wait: u32) -> Vec<&'static str> {
    let mut ids = vec!["queue/estimated-wait"];
    ids.extend(minutes(wait));
    ids
}

/// Nothing for 0, which is silent inside a larger number.
fn below_thousand(number: u32) -> Vec<&'static str> {
    let (hundreds, rest) = (number / 100, number % 100);
    let mut ids = Vec::new();
    if hundreds > 0 {
        ids.extend(words::small(hundreds));
        ids.push("number/hundred");
        if rest > 0 {
            ids.push("number/and");
        }
    }
    if rest >= 20 {
        ids.extend(words::tens(rest / 10));
    }
    let ones = if rest >= 20 { rest % 10 } else { rest };
    if ones > 0 {
        ids.extend(words::small(ones));
    }
    ids
}
