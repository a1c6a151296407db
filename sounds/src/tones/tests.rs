use super::*;

#[test]
fn every_country_we_promise_has_its_tones() {
    let promised = [
        "at", "au", "be", "bg", "br", "ca", "ch", "cz", "de", "dk", "es", "fi", "fr", "gb", "gr",
        "hu", "il", "in", "it", "jp", "mx", "nl", "no", "nz", "pl", "pt", "se", "us", "za",
    ];
    assert_eq!(countries().unwrap(), promised);
    for country in promised {
        let tones = tones(country).unwrap();
        assert!(
            !tones.name.is_empty() && !tones.source.is_empty(),
            "{country}"
        );
        for tone in [&tones.ringback, &tones.busy, &tones.congestion] {
            assert!(
                !tone.cadence.is_empty(),
                "{country}: only a dial tone may go on for ever"
            );
        }
    }
}

#[test]
fn a_caller_in_germany_hears_425_hertz_one_second_in_five() {
    let tones = tones("DE").unwrap();
    let pulse = Pulse {
        on: Duration::from_secs(1),
        off: Duration::from_secs(4),
    };
    assert_eq!(tones.ringback.frequencies, [425.0]);
    assert_eq!(tones.ringback.cadence, [pulse]);
    assert_eq!(tones.dial.cadence, []);
}

#[test]
fn tones_are_neither_inaudible_nor_louder_than_e180_allows() {
    for country in countries().unwrap() {
        let tones = tones(&country).unwrap();
        for tone in [&tones.dial, &tones.ringback, &tones.busy, &tones.congestion] {
            let count = u8::try_from(tone.frequencies.len()).unwrap();
            let whole = tone.level_dbm0 + 10.0 * f32::from(count).log10();
            assert!((-22.0..=-5.0).contains(&whole), "{country}: {whole} dBm0");
            assert!(
                tone.frequencies
                    .iter()
                    .all(|hz| (300.0..3400.0).contains(hz)),
                "{country}"
            );
        }
    }
}

#[test]
fn a_sine_at_3_17_dbm0_is_full_scale() {
    let tone = |level_dbm0| ToneSpec {
        frequencies: vec![425.0],
        level_dbm0,
        cadence: vec![],
    };
    assert!((tone(3.17).amplitude() - 1.0).abs() < 1e-6);
    assert!((tone(-16.83).amplitude() - 0.1).abs() < 1e-6);
}

#[test]
fn an_unknown_country_is_named_in_the_error() {
    assert_eq!(
        tones("xx").unwrap_err().to_string(),
        r#"no tones are known for country "xx""#
    );
}

const GOOD: &str = "{ frequencies = [425], level_dbm0 = -13, cadence = [[480, 480]] }";

fn table_with_busy(busy: &str) -> String {
    format!(
        "[zz]\nname = 'Nowhere'\nsource = 'none'\ndial = {GOOD}\nringback = {GOOD}\n\
         busy = {busy}\ncongestion = {GOOD}\n"
    )
}

#[test]
fn a_tone_that_cannot_sound_is_refused_with_its_place_and_reason() {
    parse(&table_with_busy(GOOD)).unwrap();
    let cases = [
        (
            "{ frequencies = [], level_dbm0 = -13, cadence = [] }",
            "zz.busy: no frequency is given",
        ),
        (
            "{ frequencies = [425, 4000], level_dbm0 = -13, cadence = [] }",
            "zz.busy: 4000 Hz is not between 0 and 4000 Hz",
        ),
        (
            "{ frequencies = [nan], level_dbm0 = -13, cadence = [] }",
            "zz.busy: NaN Hz is not between 0 and 4000 Hz",
        ),
        (
            "{ frequencies = [400, 450], level_dbm0 = 0, cadence = [] }",
            "zz.busy: 0 dBm0 is too loud for its number of frequencies, or below -60 dBm0",
        ),
        (
            "{ frequencies = [400], level_dbm0 = nan, cadence = [] }",
            "zz.busy: NaN dBm0 is too loud for its number of frequencies, or below -60 dBm0",
        ),
        (
            "{ frequencies = [400], level_dbm0 = -13, cadence = [[5, 5], [5, 0]] }",
            "zz.busy: pulse 1 of the cadence lasts no time",
        ),
    ];
    for (busy, message) in cases {
        assert_eq!(
            parse(&table_with_busy(busy)).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn unknown_keys_and_odd_country_codes_are_refused() {
    let extra =
        table_with_busy("{ frequencies = [400], level_dbm0 = -13, cadence = [], volume = 3 }");
    assert!(matches!(parse(&extra), Err(TonesError::Syntax(_))));
    let shouting = table_with_busy(GOOD).replace("[zz]", "[ZZ]");
    assert_eq!(
        parse(&shouting),
        Err(TonesError::CountryCode {
            country: "ZZ".to_owned()
        })
    );
}
