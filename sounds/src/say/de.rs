//! German: ones before tens, and a "one" that agrees with what it counts.

use super::value::{Currency, Date, Money, TimeOfDay};
use super::words;

/// The largest number that is said as one.
const LARGEST: u32 = 999_999_999;

/// What "one" is at the end of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum One {
    /// "Eins": the number stands alone.
    Alone,
    /// "Ein": before a masculine or neuter noun, before "hundert" and "tausend".
    Noun,
    /// "Eine": before a feminine noun.
    Feminine,
}

impl One {
    fn id(self) -> &'static str {
        match self {
            Self::Alone => "number/1",
            Self::Noun => "number/one",
            Self::Feminine => "number/one-feminine",
        }
    }
}

/// "Zwei Millionen dreitausendfünf"; beyond the largest, digit by digit.
pub(super) fn number(number: u32) -> Vec<&'static str> {
    agreeing(number, One::Alone)
}

fn agreeing(number: u32, one: One) -> Vec<&'static str> {
    if number > LARGEST {
        return words::digits(number);
    }
    if number == 0 {
        return vec!["number/0"];
    }
    let (millions, thousands, rest) = (number / 1_000_000, number / 1000 % 1000, number % 1000);
    let mut ids = Vec::new();
    match millions {
        0 => {}
        1 => ids.extend([One::Feminine.id(), "number/million"]),
        _ => {
            // "Einhunderteine Millionen".
            ids.extend(below_thousand(millions, One::Feminine));
            ids.push("number/millions");
        }
    }
    if thousands > 0 {
        ids.extend(below_thousand(thousands, One::Noun));
        ids.push("number/thousand");
    }
    ids.extend(below_thousand(rest, one));
    ids
}

/// "Einundzwanzigste"; beyond thirty-first, which no month has, nothing.
pub(super) fn ordinal(number: u32) -> Vec<&'static str> {
    match number {
        20 => vec!["ordinal/20"],
        30 => vec!["ordinal/30"],
        21..=29 => unit_and(number % 10)
            .into_iter()
            .chain(["ordinal/20"])
            .collect(),
        31 => vec!["number/1-and", "ordinal/30"],
        _ => words::ordinal(number).into_iter().collect(),
    }
}

/// "Sonntag, der zweiundzwanzigste November zweitausendsechsundzwanzig".
pub(super) fn date(date: Date) -> Vec<&'static str> {
    let mut ids = Vec::new();
    ids.extend(words::weekday(date.weekday()));
    ids.push("date/the");
    ids.extend(ordinal(date.day().into()));
    ids.extend(words::month(date.month()));
    ids.extend(year(date.year().into()));
    ids
}

/// "Neunzehnhundertfünfundachtzig", but "zweitausendfünf".
fn year(year: u32) -> Vec<&'static str> {
    let (century, rest) = (year / 100, year % 100);
    if !(11..=19).contains(&century) {
        return number(year);
    }
    let mut ids = below_thousand(century, One::Noun);
    ids.push("number/hundred");
    ids.extend(below_thousand(rest, One::Alone));
    ids
}

/// "Fünfzehn Uhr fünf", "ein Uhr".
pub(super) fn time(time: TimeOfDay) -> Vec<&'static str> {
    let mut ids = agreeing(time.hour().into(), One::Noun);
    ids.push("time/oclock");
    if time.minute() > 0 {
        ids.extend(number(time.minute().into()));
    }
    ids
}

/// "Fünf Euro und zehn Cent", "ein Pfund". After a number no currency takes a plural but the penny.
pub(super) fn money(money: Money) -> Vec<&'static str> {
    let (unit, cent, cents) = match money.currency {
        Currency::Eur => ("money/euro", "money/cent", "money/cent"),
        Currency::Usd => ("money/dollar", "money/cent", "money/cent"),
        Currency::Gbp => ("money/pound", "money/penny", "money/pence"),
        Currency::Chf => ("money/franc", "money/rappen", "money/rappen"),
    };
    let (whole, rest) = money.parts();
    let mut ids = Vec::new();
    if money.cents < 0 {
        ids.push("money/minus");
    }
    if whole > 0 || rest == 0 {
        ids.extend(counted(whole, One::Noun, unit, unit));
    }
    if whole > 0 && rest > 0 {
        ids.push("number/and");
    }
    if rest > 0 {
        ids.extend(counted(rest, One::Noun, cent, cents));
    }
    ids
}

pub(super) fn minutes(minutes: u32) -> Vec<&'static str> {
    if minutes == 0 {
        // The dative and the accusative of "one minute" sound alike after "weniger als".
        return vec![
            "duration/less-than",
            "number/one-feminine",
            "duration/minute",
        ];
    }
    length([minutes / 60, minutes % 60, 0])
}

/// "Eine Stunde, zwei Minuten und fünf Sekunden".
pub(super) fn duration(seconds: u32) -> Vec<&'static str> {
    if seconds == 0 {
        return vec!["number/0", "duration/seconds"];
    }
    length([seconds / 3600, seconds / 60 % 60, seconds % 60])
}

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
        ids.extend(counted(part, One::Feminine, one, many));
    }
    ids
}

fn counted(count: u32, gender: One, one: &'static str, many: &'static str) -> Vec<&'static str> {
    // Only one itself agrees: "einundzwanzig Minuten", but "einhundertein Euro".
    let mut ids = agreeing(count, gender);
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
fn below_thousand(number: u32, one: One) -> Vec<&'static str> {
    let (hundreds, rest) = (number / 100, number % 100);
    let mut ids = Vec::new();
    match hundreds {
        0 => {}
        1 => ids.extend([One::Noun.id(), "number/hundred"]),
        _ => {
            ids.extend(words::small(hundreds));
            ids.push("number/hundred");
        }
    }
    match (rest / 10, rest % 10) {
        (0, 0) => {}
        (0, 1) => ids.push(one.id()),
        (0 | 1, _) => ids.extend(words::small(rest)),
        (tens, 0) => ids.extend(words::tens(tens)),
        (tens, ones) => {
            ids.extend(unit_and(ones));
            ids.extend(words::tens(tens));
        }
    }
    ids
}

/// "Einund", "zweiund", …
fn unit_and(ones: u32) -> Option<&'static str> {
    const AND: [&str; 9] = [
        "number/1-and",
        "number/2-and",
        "number/3-and",
        "number/4-and",
        "number/5-and",
        "number/6-and",
        "number/7-and",
        "number/8-and",
        "number/9-and",
    ];
    AND.get(usize::try_from(ones.checked_sub(1)?).ok()?)
        .copied()
}
