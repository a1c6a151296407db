//! What all of it was measured on.

use std::fs;

use anyhow::Result;
use jiff::{Timestamp, tz::TimeZone};

use offhook_benches::clock;

/// Processors, memory, kernel, day, and how this program was built, in a line.
pub(super) fn describe() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let names: Vec<&str> = values(&cpus, "model name").collect();
    let cpu = names.first().copied().unwrap_or("CPU of unknown make");
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = values(&memory, "MemTotal").next().and_then(|text| {
        let kilobytes: u64 = text.split_ascii_whitespace().next()?.parse().ok()?;
        Some(kilobytes.div_ceil(1 << 20))
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split_ascii_whitespace().next().unwrap_or("-");
    let day = Timestamp::from_nanosecond(clock::now().into())?.to_zoned(TimeZone::UTC);
    let profile = if cfg!(debug_assertions) {
        "**dev profile: no figures to quote**"
    } else {
        "release profile"
    };
    Ok(format!(
        "{} × {cpu}, {} GB, Linux {}, {}, {profile}; load average before {load}",
        names.len(),
        memory.unwrap_or(0),
        kernel.trim(),
        day.date(),
    ))
}

/// What stands behind this name, line by line.
fn values<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_counted_for_each_time_it_is_named() {
        let text =
            "processor\t: 0\nmodel name\t: Abacus 2\n\nprocessor\t: 1\nmodel name\t: Abacus 2\n";
        assert_eq!(
            values(text, "model name").collect::<Vec<_>>(),
            ["Abacus 2", "Abacus 2"]
        );
    }
}
