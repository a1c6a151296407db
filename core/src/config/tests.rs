use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::sdp::{Codec, SrtpPolicy};

fn complaint(text: &str) -> String {
    Config::parse(text)
        .unwrap_err()
        .in_file("office.toml")
        .to_string()
}

#[test]
fn an_empty_file_is_the_default_and_the_default_is_sound() {
    assert_eq!(Config::parse(""), Ok(Config::default()));
    assert_eq!(Config::default().check(), Ok(()));
}

#[test]
fn the_effective_whole_parses_to_itself() {
    let text = "[sip]\nexternal_address = \"198.51.100.7\"\n[media]\nrtp_timeout = \"1m30s\"\n\
                codecs = [\"pcma\"]\n[http]\ntrusted_proxies = [\"10.0.0.0/8\"]";
    let config = Config::parse(text).unwrap();
    let printed = config.effective();
    assert!(printed.contains("rtp_timeout = \"1m30s\""), "{printed}");
    assert_eq!(Config::parse(&printed), Ok(config));
}

#[test]
fn the_default_file_reads_well() {
    insta::assert_snapshot!(Config::default().effective());
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let text = "[sip]\ndomain = \"example.com\"\nport = 5060\n";
    let said = complaint(text);
    assert!(
        said.starts_with(
            "office.toml, line 3: unknown key `sip.port`; here may be: udp, tcp, tls, ws, wss, domain, "
        ),
        "{said}"
    );
    let text = "[sipp]\n";
    assert_eq!(
        complaint(text),
        "office.toml, line 1: unknown key `sipp`; here may be: sip, http, media, recording, limits, office, log, geo"
    );
    let text = "\n\n[sip.limits]\nhigh_watter = 3";
    assert!(
        complaint(text).starts_with("office.toml, line 4: unknown key `sip.limits.high_watter`")
    );
}

#[test]
fn an_alert_that_would_be_another_header_is_refused_with_its_line() {
    let text = "[sip]\nalert_info_internal = \"<urn:x:y>\\r\\nContact: <sip:a@b>\"\n";
    let said = complaint(text);
    assert!(
        said.starts_with("office.toml, line 2: key `sip.alert_info_internal`: must be a value of"),
        "{said}"
    );
    let config = Config::parse("[sip]\nalert_info_external = \"\"\n").unwrap();
    assert_eq!(config.sip.alert_info_external.value(), None);
}

#[test]
fn a_wrong_value_is_named_with_its_line_and_what_it_should_be() {
    let text = "[media]\nshards = 2\nrtp_timeout = 30\n";
    assert_eq!(
        complaint(text),
        "office.toml, line 3: key `media.rtp_timeout`: invalid type: integer `30`, expected a string"
    );
    let text = "[media]\nrtp_timeout = \"30\"\n";
    assert_eq!(
        complaint(text),
        "office.toml, line 2: key `media.rtp_timeout`: must be a duration such as \"500ms\", \
         \"20s\", \"5m\" or \"1h30m\""
    );
    let text = "[sip]\nudp = [\"127.0.0.1:5060\",\n \"localhost\"]\n";
    assert_eq!(
        complaint(text),
        "office.toml, line 3: key `sip.udp[1]`: invalid socket address syntax"
    );
    let text = "[media]\ncodecs = [\"G729\"]";
    assert!(
        complaint(text).contains(
            "unknown codec \"G729\", known are opus, G722, PCMU, PCMA, L16/16000, L16/8000"
        )
    );
    let text = "[sip]\ndigest_algorithms = [\"MD4\"]";
    assert!(complaint(text).contains("unknown algorithm \"MD4\", known are SHA-256, MD5"));
    assert!(complaint("[sip]\ndigest_algorithms = []").contains("at least one"));
}

#[test]
fn media_is_set_within_what_packets_and_codecs_can() {
    let cases = [
        ("ptime = \"25ms\"", "media.ptime"),
        ("max_ptime = \"80ms\"", "media.max_ptime"),
        ("max_ptime = \"0s\"", "media.max_ptime"),
        ("max_ptime = \"10ms\"", "media.ptime"),
        ("srtp = \"maybe\"", "media.srtp"),
        ("avoid_transcoding = true", "media.avoid_transcoding"),
        ("opus.bitrate = 5999", "media.opus.bitrate"),
        (
            "opus.max_average_bitrate = 510001",
            "media.opus.max_average_bitrate",
        ),
        ("opus.complexity = 11", "media.opus.complexity"),
        ("opus.fec = \"sometimes\"", "media.opus.fec"),
        (
            "opus.max_playback_rate = 44100",
            "media.opus.max_playback_rate",
        ),
    ];
    for (line, key) in cases {
        let said = complaint(&format!("[media]\n{line}\n"));
        assert!(said.contains(&format!("key `{key}`")), "{said}");
    }
    let text = "[media]\nptime = \"10ms\"\nmax_ptime = \"40ms\"\nsrtp = \"best_effort\"\n\
                codecs = [\"OPUS\", \"L16/16000\", \"g722\"]\n[media.opus]\nfec = \"off\"\n\
                dtx = true\nmax_playback_rate = 16000\nmax_average_bitrate = 32000\n";
    let media = Config::parse(text).unwrap().media;
    assert_eq!(media.srtp, SrtpPolicy::BestEffort);
    assert_eq!(media.codecs, [Codec::Opus, Codec::L16Wide, Codec::G722]);
    assert_eq!(
        media.opus.parameters().to_string(),
        "maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=32000;stereo=0;usedtx=1"
    );
    let usual = MediaConfig::default().opus.parameters();
    assert_eq!(usual.to_string(), "stereo=0;useinbandfec=1");
}

#[test]
fn values_that_contradict_each_other_are_refused_with_their_line() {
    let text = "[sip.registrar]\nmin_expires = \"2h\"\ndefault_expires = \"1h\"\n";
    assert_eq!(
        complaint(text),
        "office.toml, line 3: key `sip.registrar.default_expires`: must not be less than min_expires"
    );
    let text = "[limits]\ncalls = 0";
    assert_eq!(
        complaint(text),
        "office.toml, line 2: key `limits.calls`: must be at least 1"
    );
    let text = "[media]\naddress = \"0.0.0.0\"";
    assert!(complaint(text).contains("key `media.external_address`"));
    assert!(complaint("[sip]\nmin_se = \"80s\"").contains("key `sip.min_se`: must be whole"));
    assert!(complaint("[sip]\nmessage_body = \"1KB\"").contains("key `sip.message_body`: must be"));
    let text = "[sip]\nsession_expires = \"100s\"\nmin_se = \"2m\"";
    assert!(complaint(text).contains("key `sip.session_expires`: must be whole seconds, and not"));
    assert!(complaint("[sip]\nsession_expires = \"25h\"").contains("at most 24h"));
    let text = "[sip]\nreliable_provisional = \"maybe\"";
    assert!(complaint(text).contains("`off`, `supported`, `required`"));
    assert!(complaint("[log]\nlevel = \"loud\"").contains("key `log.level`"));
    assert!(complaint("[media]\ncodecs = []").contains("at least one codec"));
}

#[test]
fn what_is_not_toml_is_said_with_its_line() {
    let said = complaint("[sip]\nudp = [\n\"127.0.0.1:5060\"\n");
    assert!(said.contains("not valid TOML"), "{said}");
    let said = complaint("[sip]\nrealm = \"a\"\nrealm = \"b\"\n");
    assert!(said.starts_with("office.toml, line 3: "), "{said}");
}

#[test]
fn durations_are_read_as_people_write_them() {
    assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
    for bad in [
        "",
        "20",
        "s",
        "20 s",
        "-1s",
        "1y",
        "1.5s",
        "99999999999999999999s",
        "ä",
    ] {
        assert_eq!(parse_duration(bad), Err(UnitError::Duration), "{bad:?}");
    }
}

#[test]
fn sizes_are_read_as_people_write_them() {
    assert_eq!(parse_size("64KB"), Ok(65_536));
    assert_eq!(parse_size("512"), Ok(512));
    assert_eq!(parse_size("1 MB"), Ok(1 << 20));
    for bad in ["", "KB", "1.5MB", "-1", "99999999999GB", "12 apples"] {
        assert_eq!(parse_size(bad), Err(UnitError::Size), "{bad:?}");
    }
}

#[test]
fn a_port_range_must_hold_a_pair() {
    assert_eq!("30000-31999".parse::<PortRange>().unwrap().pairs(), 1000);
    assert_eq!("30001-30004".parse::<PortRange>().unwrap().pairs(), 1);
    assert_eq!("65534-65535".parse::<PortRange>().unwrap().pairs(), 1);
    for bad in ["", "30000", "0-100", "31999-30000", "1-70000", "a-b"] {
        assert_eq!(bad.parse::<PortRange>(), Err(UnitError::Ports), "{bad:?}");
    }
    assert_eq!("30001-30002".parse::<PortRange>(), Err(UnitError::NoPair));
}

proptest! {
    #[test]
    fn a_written_duration_is_read_back(millis in 0u64..10_000_000_000) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
    }

    #[test]
    fn a_written_size_is_read_back(bytes in 0usize..1 << 40) {
        prop_assert_eq!(parse_size(&show_size(bytes)), Ok(bytes));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ignored = Config::parse(&text).is_ok();
        let _ignored = parse_duration(&text).is_ok() && parse_size(&text).is_ok();
        let _ignored = text.parse::<PortRange>().is_ok();
    }
}

#[test]
fn every_example_configuration_loads() {
    for (file, text) in [
        (
            "minimal.toml",
            include_str!("../../../docs/configs/minimal.toml"),
        ),
        (
            "office.toml",
            include_str!("../../../docs/configs/office.toml"),
        ),
    ] {
        if let Err(error) = Config::parse(text) {
            panic!("{}", error.in_file(file));
        }
    }
}
