//! Replays every corpus, and seeded mutations of it.

use std::path::{Path, PathBuf};

use super::{TARGETS, Target, mutate};
use crate::id::IdSource;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus")
}

/// The seeds of a target, sorted, so that every run is the same.
fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let folders = target.corpus.iter().map(|name| corpus().join(name));
    let entries = folders.flat_map(|folder| {
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    });
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap()
}

/// Runs a target on its seeds and on mutations of them. `FUZZ_ROUNDS` asks for more.
fn run(name: &str) {
    let target = target(name);
    let rounds = std::env::var("FUZZ_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    for (index, seed) in (0..).zip(&seeds) {
        (target.body)(seed);
        let mut source = IdSource::seeded(index);
        let mut data = seed.clone();
        for round in 0..rounds.unwrap_or(100u32) {
            // Now and then the mutations of mutations.
            let from = if round % 4 == 0 { seed } else { &data };
            data = mutate(&mut source, from);
            (target.body)(&data);
        }
    }
}

#[test]
fn sip_messages_hold_whatever_they_are() {
    run("sip_message");
}

#[test]
fn subscriptions_end_whatever_asked_for_them() {
    run("subscribe");
}

#[test]
fn calls_end_whatever_started_them() {
    run("sip_call");
}

#[test]
fn sip_streams_hold_however_they_are_cut() {
    run("sip_stream");
}

#[test]
fn sip_uris_hold_whatever_they_are() {
    run("sip_uri");
}

#[test]
fn addresses_hold_whatever_they_are() {
    run("name_addr");
}

#[test]
fn vias_hold_whatever_they_are() {
    run("via");
}

#[test]
fn digest_headers_hold_whatever_they_are() {
    run("digest_header");
}

#[test]
fn registrations_hold_whatever_they_are() {
    run("register");
}

#[test]
fn sdp_offers_hold_whatever_they_are() {
    run("sdp_offer");
}

#[test]
fn sdp_answers_hold_whatever_they_are() {
    run("sdp_answer");
}

#[test]
fn crypto_lines_hold_whatever_they_are() {
    run("sdes");
}

#[test]
fn every_target_has_a_shim_for_the_fuzzer() {
    for target in TARGETS {
        let shim = corpus().join(format!("../fuzz/fuzz_targets/{}.rs", target.name));
        assert!(shim.is_file(), "{}", shim.display());
    }
}
