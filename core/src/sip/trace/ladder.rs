//! A call's messages as a drawing.

use std::fmt::Write;
use std::net::SocketAddr;

use super::{CallTrace, TracedMessage, Way};
use crate::sip::glimpse::Glimpse;

/// Columns before the first line down.
const MARGIN: usize = 28;

/// From one line down to the next.
const STEP: usize = 32;

/// Draws the messages of a call as arrows between peers and us: the first peer on the left, the
/// others on the right, each with the milliseconds since the first message and since the one before.
#[must_use]
pub fn ladder(trace: &CallTrace) -> String {
    let mut peers: Vec<SocketAddr> = Vec::new();
    for message in &trace.messages {
        if !peers.contains(&message.peer) {
            peers.push(message.peer);
        }
    }
    let mut out = String::new();
    write_names(&mut out, &peers);
    let (mut first, mut before) = (None, None);
    for message in &trace.messages {
        let start = *first.get_or_insert(message.at);
        let since_start = message.at.saturating_duration_since(start);
        let since = message
            .at
            .saturating_duration_since(before.unwrap_or(message.at));
        before = Some(message.at);
        let times = format!(
            "{:>10.1} ms {:>+9.1}",
            since_start.as_secs_f64() * 1000.0,
            since.as_secs_f64() * 1000.0
        );
        write_line(&mut out, &times, &arrow(message, &peers));
    }
    if trace.left_out > 0 {
        writeln!(out, "({} messages left out)", trace.left_out).ok();
    }
    out
}

fn write_line(out: &mut String, times: &str, drawing: &str) {
    writeln!(out, "{times:<MARGIN$}{drawing}").ok();
}

/// Where the line of a peer is, counted from the first; ours is the second.
fn line_of(peer: SocketAddr, peers: &[SocketAddr]) -> usize {
    match peers.iter().position(|known| *known == peer) {
        None | Some(0) => 0,
        Some(at) => at + 1,
    }
}

fn lines(peers: &[SocketAddr]) -> usize {
    peers.len().max(1) + 1
}

fn write_names(out: &mut String, peers: &[SocketAddr]) {
    let mut names = vec![String::new(); lines(peers)];
    for peer in peers {
        names[line_of(*peer, peers)] = peer.to_string();
    }
    names[1] = "Offhook".to_owned();
    let mut row = vec![b' '; MARGIN + lines(peers) * STEP];
    for (at, name) in names.iter().enumerate() {
        let middle = MARGIN + at * STEP;
        let start = middle.saturating_sub(name.len() / 2);
        row[start..start + name.len()].copy_from_slice(name.as_bytes());
    }
    out.push_str(String::from_utf8_lossy(&row).trim_end());
    out.push('\n');
}

fn arrow(message: &TracedMessage, peers: &[SocketAddr]) -> String {
    let mut row: Vec<char> = vec![' '; (lines(peers) - 1) * STEP + 1];
    for at in 0..lines(peers) {
        row[at * STEP] = '|';
    }
    let (us, them) = (STEP, line_of(message.peer, peers) * STEP);
    let (from, to) = match message.way {
        Way::Sent => (us, them),
        Way::Received => (them, us),
    };
    let (left, right) = (from.min(to), from.max(to));
    for cell in &mut row[left + 1..right] {
        *cell = '-';
    }
    if to > from {
        row[to - 1] = '>';
    } else {
        row[to + 1] = '<';
    }
    // The words stand in the part of the arrow beside us.
    let label: Vec<char> = format!(" {} ", label(&message.data)).chars().collect();
    let gap = if them < us { 0 } else { STEP };
    let start = gap + (STEP - label.len().min(STEP - 4)) / 2;
    for (cell, letter) in row[start..gap + STEP - 2].iter_mut().zip(label) {
        *cell = letter;
    }
    row.into_iter().collect()
}

/// The method, or the status with its phrase; and whether there is a session description.
fn label(data: &[u8]) -> String {
    let glimpse = Glimpse::of(data);
    let line = String::from_utf8_lossy(glimpse.first_line()).into_owned();
    let mut words = line.splitn(2, ' ');
    let (first, rest) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let plain = if first.eq_ignore_ascii_case("SIP/2.0") {
        rest
    } else {
        first
    };
    let shown: String = plain
        .chars()
        .filter(|letter| !letter.is_control())
        .take(20)
        .collect();
    let has_sdp = memchr::memmem::find(data, b"\r\n\r\nv=0").is_some();
    if has_sdp {
        format!("{shown} SDP")
    } else {
        shown
    }
}
