//! English: hundreds, "and", then the rest.

/// "Two thousand and five"; beyond the largest prompt, digit by digit.
pub(super) fn number(number: u32) -> Vec<&'static str> {
    let (thousands, rest) = (number / 1000, number % 1000);
    if thousands > 999 {
        return number.to_string().chars().filter_map(key).collect();
    }
    if number == 0 {
        return vec!["number/0"];
    }
    let mut ids = Vec::new();
    if thousands > 0 {
        ids.extend(below_thousand(thousands));
        ids.push("number/thousand");
        if (1..100).contains(&rest) {
            ids.push("number/and");
        }
    }
    ids.extend(below_thousand(rest));
    ids
}

pub(super) fn key(key: char) -> Option<&'static str> {
    match key {
        '*' => Some("digit/star"),
        '#' => Some("digit/pound"),
        '+' => Some("digit/plus"),
        digit => {
            let digit = usize::try_from(digit.to_digit(10)?).ok()?;
            UP_TO_NINETEEN.get(digit).copied()
        }
    }
}

pub(super) fn minutes(minutes: u32) -> Vec<&'static str> {
    if minutes == 0 {
        return vec!["duration/less-than", "number/1", "duration/minute"];
    }
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let mut ids = Vec::new();
    if hours > 0 {
        ids.extend(number(hours));
        ids.push(if hours == 1 {
            "duration/hour"
        } else {
            "duration/hours"
        });
    }
    if hours > 0 && minutes > 0 {
        ids.push("number/and");
    }
    if minutes > 0 {
        ids.extend(number(minutes));
        ids.push(if minutes == 1 {
            "duration/minute"
        } else {
            "duration/minutes"
        });
    }
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

/// Nothing for 0, which is silent inside a larger number.
fn below_thousand(number: u32) -> Vec<&'static str> {
    let (hundreds, rest) = (number / 100, number % 100);
    let mut ids = Vec::new();
    if hundreds > 0 {
        ids.extend(word(&UP_TO_NINETEEN, hundreds));
        ids.push("number/hundred");
        if rest > 0 {
            ids.push("number/and");
        }
    }
    if rest >= 20 {
        ids.extend(word(&TENS, rest / 10 - 2));
    }
    let ones = if rest >= 20 { rest % 10 } else { rest };
    if ones > 0 {
        ids.extend(word(&UP_TO_NINETEEN, ones));
    }
    ids
}

fn word(words: &[&'static str], index: u32) -> Option<&'static str> {
    words.get(usize::try_from(index).ok()?).copied()
}
