//! Prompts that stand for a number each, the same in every language.

const UP_TO_NINETEEN: [&str; 20] = [
    "number/0",
    "number/1",
    "number/2",
    "number/3",
    "number/4",
    "number/5",
    "number/6",
    "number/7",
    "number/8",
    "number/9",
    "number/10",
    "number/11",
    "number/12",
    "number/13",
    "number/14",
    "number/15",
    "number/16",
    "number/17",
    "number/18",
    "number/19",
];

/// From twenty on.
const TENS: [&str; 8] = [
    "number/20",
    "number/30",
    "number/40",
    "number/50",
    "number/60",
    "number/70",
    "number/80",
    "number/90",
];

const ORDINALS: [&str; 19] = [
    "ordinal/1",
    "ordinal/2",
    "ordinal/3",
    "ordinal/4",
    "ordinal/5",
    "ordinal/6",
    "ordinal/7",
    "ordinal/8",
    "ordinal/9",
    "ordinal/10",
    "ordinal/11",
    "ordinal/12",
    "ordinal/13",
    "ordinal/14",
    "ordinal/15",
    "ordinal/16",
    "ordinal/17",
    "ordinal/18",
    "ordinal/19",
];

const WEEKDAYS: [&str; 7] = [
    "weekday/1",
    "weekday/2",
    "weekday/3",
    "weekday/4",
    "weekday/5",
    "weekday/6",
    "weekday/7",
];

const MONTHS: [&str; 12] = [
    "month/1", "month/2", "month/3", "month/4", "month/5", "month/6", "month/7", "month/8",
    "month/9", "month/10", "month/11", "month/12",
];

/// 0 to 19.
pub(super) fn small(number: u32) -> Option<&'static str> {
    find(&UP_TO_NINETEEN, number)
}

/// Twenty for 2, thirty for 3, …
pub(super) fn tens(tens: u32) -> Option<&'static str> {
    find(&TENS, tens.checked_sub(2)?)
}

/// First to nineteenth.
pub(super) fn ordinal(number: u32) -> Option<&'static str> {
    find(&ORDINALS, number.checked_sub(1)?)
}

/// By its number, from 1 for Monday.
pub(super) fn weekday(number: u8) -> Option<&'static str> {
    find(&WEEKDAYS, u32::from(number).checked_sub(1)?)
}

/// By its number, from 1.
pub(super) fn month(number: u8) -> Option<&'static str> {
    find(&MONTHS, u32::from(number).checked_sub(1)?)
}

/// A key of a telephone.
pub(super) fn key(key: char) -> Option<&'static str> {
    match key {
        '*' => Some("digit/star"),
        '#' => Some("digit/pound"),
        '+' => Some("digit/plus"),
        digit => small(digit.to_digit(10)?),
    }
}

/// Digit by digit.
pub(super) fn digits(number: u32) -> Vec<&'static str> {
    number.to_string().chars().filter_map(key).collect()
}

fn find(words: &[&'static str], index: u32) -> Option<&'static str> {
    words.get(usize::try_from(index).ok()?).copied()
}
