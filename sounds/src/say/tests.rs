use super::*;
use crate::prompt;

const EN: Language = Language::En;
const DE: Language = Language::De;

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
        (1_000_000, "1 million"),
        (1_000_001, "1 million and 1"),
        (2_003_000, "2 million 3 thousand"),
        (999_000_999, "9 hundred and 90 9 million 9 hundred and 90 9"),
        (1_000_000_000, "1 0 0 0 0 0 0 0 0 0"),
        (u32::MAX, "4 2 9 4 9 6 7 2 9 5"),
    ];
    for (number, words) in cases {
        assert_eq!(spoken(&say_number(EN, number)), words, "{number}");
    }
}

#[test]
fn numbers_are_said_as_german_speakers_say_them() {
    let cases = [
        (0, "0"),
        (1, "1"),
        (12, "12"),
        (20, "20"),
        (21, "1-and 20"),
        (99, "9-and 90"),
        (100, "one hundred"),
        (101, "one hundred 1"),
        (217, "2 hundred 17"),
        (1000, "one thousand"),
        (1001, "one thousand 1"),
        (21_000, "1-and 20 thousand"),
        (101_000, "one hundred one thousand"),
        (1_000_000, "one-feminine million"),
        (1_000_001, "one-feminine million 1"),
        (2_000_000, "2 millions"),
        (101_000_000, "one hundred one-feminine millions"),
        (
            999_999_999,
            "9 hundred 9-and 90 millions 9 hundred 9-and 90 thousand 9 hundred 9-and 90",
        ),
        (1_000_000_000, "1 0 0 0 0 0 0 0 0 0"),
    ];
    for (number, words) in cases {
        assert_eq!(spoken(&say_number(DE, number)), words, "{number}");
    }
}

#[test]
fn every_sentence_uses_only_prompts_that_exist() {
    let large = [
        1_234,
        99_999,
        101_000,
        999_999,
        1_000_000,
        999_999_999,
        u32::MAX,
    ];
    for (language, number) in Language::ALL.iter().flat_map(|language| {
        (0..=1000)
            .chain(large)
            .map(move |number| (*language, number))
    }) {
        let amount = |currency: &Currency| {
            let currency = *currency;
            let cents = i64::from(number);
            [
                say_money(language, Money { currency, cents }),
                say_money(
                    language,
                    Money {
                        currency,
                        cents: -100 * cents,
                    },
                ),
            ]
        };
        let sentences = [
            say_number(language, number),
            say_ordinal(language, number),
            say_minutes(language, number),
            say_duration(language, number),
            estimated_wait(language, number),
            queue_position(language, usize::try_from(number).unwrap()),
            say_digits(language, &number.to_string()).unwrap(),
        ];
        let amounts = Currency::ALL.iter().flat_map(amount);
        for id in sentences.into_iter().chain(amounts).flatten() {
            assert!(
                prompt(language, id).is_some(),
                "{number} needs {id} in {language}"
            );
        }
    }
    for language in Language::ALL.iter().copied() {
        for day in 1..=31 {
            let date = Date::new(2026, 1 + day % 12, day.min(28)).unwrap();
            let time = TimeOfDay::new(day % 24, day * 2 % 60).unwrap();
            for id in [say_date(language, date), say_time(language, time)].concat() {
                assert!(prompt(language, id).is_some(), "{id}");
            }
        }
        for id in say_digits(language, "+*#").unwrap() {
            assert!(prompt(language, id).is_some(), "{id}");
        }
    }
}

/// Reads a German number back, ones before tens and all.
fn read_back(ids: &[&str]) -> u32 {
    let (mut total, mut group) = (0, 0);
    for id in ids {
        match id.strip_prefix("number/").unwrap() {
            "million" | "millions" => total += std::mem::take(&mut group) * 1_000_000,
            "thousand" => total += std::mem::take(&mut group) * 1000,
            "hundred" => group *= 100,
            "one" | "one-feminine" => group += 1,
            part => group += part.trim_end_matches("-and").parse::<u32>().unwrap(),
        }
    }
    total + group
}

#[test]
fn every_german_number_can_be_read_back() {
    let many = (0..=30_000).chain((0..999_999_999).step_by(9_973));
    for number in many.chain([999_999_999]) {
        assert_eq!(read_back(&say_number(DE, number)), number);
    }
}

#[test]
fn dates_are_said_with_their_weekday_and_an_ordinal() {
    let date = Date::new(2026, 11, 22).unwrap();
    let en = [
        "weekday/7",
        "month/11",
        "number/20",
        "ordinal/2",
        "number/20",
        "number/20",
        "number/6",
    ];
    assert_eq!(say_date(EN, date), en);
    assert_eq!(
        say_date(DE, date).join(" "),
        "weekday/7 date/the number/2-and ordinal/20 month/11 number/2 number/thousand number/6-and number/20"
    );
    let years = [
        (1900, "19 hundred", "19 hundred"),
        (1905, "19 oh 5", "19 hundred 5"),
        (1985, "19 80 5", "19 hundred 5-and 80"),
        (2000, "2 thousand", "2 thousand"),
        (2001, "2 thousand and 1", "2 thousand 1"),
        (2010, "20 10", "2 thousand 10"),
        (2100, "20 1 hundred", "2 thousand one hundred"),
    ];
    for (year, en, de) in years {
        let date = Date::new(year, 3, 1).unwrap();
        assert_eq!(spoken(&say_date(EN, date)[3..]), en);
        assert_eq!(spoken(&say_date(DE, date)[4..]), de);
    }
}

#[test]
fn weekdays_are_those_of_the_calendar() {
    for (year, month, day, weekday) in [
        (2026, 11, 22, 7),
        (2000, 1, 1, 6),
        (2000, 2, 29, 2),
        (1999, 12, 31, 5),
        (1600, 2, 29, 2),
    ] {
        assert_eq!(
            Date::new(year, month, day).unwrap().weekday(),
            weekday,
            "{year}"
        );
    }
    for (year, month, day) in [
        (2026, 2, 29),
        (1900, 2, 29),
        (2026, 4, 31),
        (2026, 0, 1),
        (2026, 13, 1),
        (2026, 1, 0),
        (0, 1, 1),
    ] {
        assert_eq!(Date::new(year, month, day), None);
    }
}

#[test]
fn times_of_day_are_said_by_twelve_hours_in_english_and_by_24_in_german() {
    let cases = [
        (0, 0, "12 oclock am", "0 oclock"),
        (1, 1, "1 oh 1 am", "one oclock 1"),
        (12, 30, "12 30 pm", "12 oclock 30"),
        (21, 5, "9 oh 5 pm", "1-and 20 oclock 5"),
    ];
    for (hour, minute, en, de) in cases {
        let time = TimeOfDay::new(hour, minute).unwrap();
        assert_eq!(spoken(&say_time(EN, time)), en);
        assert_eq!(spoken(&say_time(DE, time)), de);
    }
    assert_eq!(TimeOfDay::new(24, 0), None);
    assert_eq!(TimeOfDay::new(0, 60), None);
}

#[test]
fn money_is_counted_in_its_own_words() {
    let cases = [
        (Currency::Eur, 0, "0 euros", "0 euro"),
        (
            Currency::Eur,
            101,
            "1 euro and 1 cent",
            "one euro and one cent",
        ),
        (
            Currency::Usd,
            1234,
            "12 dollars and 30 4 cents",
            "12 dollar and 4-and 30 cent",
        ),
        (Currency::Gbp, 1, "1 penny", "one penny"),
        (
            Currency::Gbp,
            250,
            "2 pounds and 50 pence",
            "2 pound and 50 pence",
        ),
        (
            Currency::Chf,
            -10_100,
            "minus 1 hundred and 1 francs",
            "minus one hundred one franc",
        ),
    ];
    for (currency, cents, en, de) in cases {
        let money = Money { currency, cents };
        assert_eq!(spoken(&say_money(EN, money)), en);
        assert_eq!(spoken(&say_money(DE, money)), de);
    }
    let riches = Money {
        currency: Currency::Eur,
        cents: i64::MIN,
    };
    assert!(!say_money(DE, riches).is_empty());
}

#[test]
fn lengths_of_time_agree_with_their_number() {
    let cases = [
        (0, "0 seconds", "0 seconds"),
        (1, "1 second", "one-feminine second"),
        (
            61,
            "1 minute and 1 second",
            "one-feminine minute and one-feminine second",
        ),
        (
            3_725,
            "1 hour 2 minutes and 5 seconds",
            "one-feminine hour 2 minutes and 5 seconds",
        ),
        (75_600, "20 1 hours", "1-and 20 hours"),
    ];
    for (seconds, en, de) in cases {
        assert_eq!(spoken(&say_duration(EN, seconds)), en);
        assert_eq!(spoken(&say_duration(DE, seconds)), de);
    }
    assert_eq!(spoken(&say_minutes(DE, 0)), "less-than one-feminine minute");
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
