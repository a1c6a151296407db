use super::*;
use crate::prompt;

const EN: Language = Language::En;

fn spoken(ids: &[&str]) -> String {
    let words = ids.iter().map(|id| id.rsplit('/').next().unwrap());
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn numbers_are_said_as_english_speakers_say_them() {
    let cases = [
        (0, "0"),
        (1, "1"),
        (13, "13"),
        (20, "20"),
        (21, "20 1"),
        (99, "90 9"),
        (100, "1 hundred"),
        (105, "1 hundred and 5"),
        (342, "3 hundred and 40 2"),
        (1000, "1 thousand"),
        (1001, "1 thousand and 1"),
        (1_099, "1 thousand and 90 9"),
        (1_100, "1 thousand 1 hundred"),
        (12_345, "12 thousand 3 hundred and 40 5"),
        (200_000, "2 hundred thousand"),
        (999_999, "9 hundred and 90 9 thousand 9 hundred and 90 9"),
        (1_000_000, "1 0 0 0 0 0 0"),
        (u32::MAX, "4 2 9 4 9 6 7 2 9 5"),
    ];
    for (number, words) in cases {
        assert_eq!(spoken(&say_number(EN, number)), words, "{number}");
    }
}

#[test]
fn every_sentence_uses_only_prompts_that_exist() {
    let large = [1_234, 10_000, 99_999, 100_000, 999_999, 1_000_000, u32::MAX];
    for number in (0..=1000).chain(large) {
        let sentences = [
            say_number(EN, number),
            say_minutes(EN, number),
            estimated_wait(EN, number),
            queue_position(EN, usize::try_from(number).unwrap()),
            say_digits(EN, &number.to_string()).unwrap(),
        ];
        for id in sentences.into_iter().flatten() {
            assert!(prompt(EN, id).is_some(), "{number} needs {id}");
        }
    }
    for id in say_digits(EN, "+*#").unwrap() {
        assert!(prompt(EN, id).is_some(), "{id}");
    }
}

/// Reads a sentence back as arithmetic, which catches any wrong, missing or extra word.
#[test]
fn every_number_up_to_a_hundred_thousand_can_be_read_back() {
    for number in 0..=100_000 {
        let (mut total, mut group) = (0, 0);
        for id in say_number(EN, number) {
            match id.strip_prefix("number/").unwrap() {
                "thousand" => total = std::mem::take(&mut group) * 1000,
                "hundred" => group *= 100,
                "and" => assert!(total + group > 0),
                ones => group += ones.parse::<u32>().unwrap(),
            }
        }
        assert_eq!(total + group, number);
    }
}

#[test]
fn a_telephone_number_is_read_key_by_key() {
    assert_eq!(
        spoken(&say_digits(EN, "+49 (345) 1-0").unwrap()),
        "plus 4 9 3 4 5 1 0"
    );
    assert_eq!(spoken(&say_digits(EN, "*45#").unwrap()), "star 4 5 pound");
    assert_eq!(say_digits(EN, ""), Ok(vec![]));
}

#[test]
fn a_name_is_not_read_as_digits() {
    assert_eq!(say_digits(EN, "12b"), Err(NotSayable { key: 'b', at: 2 }));
    // Digits of other scripts are not keys.
    assert_eq!(say_digits(EN, "٣"), Err(NotSayable { key: '٣', at: 0 }));
}

#[test]
fn the_first_caller_is_number_one_and_nobody_is_number_zero() {
    assert_eq!(
        queue_position(EN, 1),
        ["queue/you-are-caller-number", "number/1"]
    );
    assert_eq!(queue_position(EN, 0), Vec::<&str>::new());
    assert_eq!(queue_position(EN, usize::MAX).len(), 11);
}

#[test]
fn waiting_times_are_said_in_minutes_and_hours() {
    let cases = [
        (0, "less-than 1 minute"),
        (1, "1 minute"),
        (5, "5 minutes"),
        (60, "1 hour"),
        (61, "1 hour and 1 minute"),
        (130, "2 hours and 10 minutes"),
    ];
    for (minutes, words) in cases {
        assert_eq!(spoken(&say_minutes(EN, minutes)), words, "{minutes}");
    }
    assert_eq!(spoken(&estimated_wait(EN, 2)), "estimated-wait 2 minutes");
}
