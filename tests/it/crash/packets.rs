//! Packets, counted where they are sent and where they are heard.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use offhook_tests::phone::Talk;

use super::house::Pair;

/// Long enough that no packet is on its way any more.
const QUIET: Duration = Duration::from_millis(200);

/// What one talker said to another, who heard it.
struct Way {
    said: u64,
    heard: u64,
    lost: u64,
    duplicates: u64,
    sources: u32,
}

impl Way {
    fn read(from: &Talk, to: &Talk) -> Self {
        let heard = to.heard();
        Self {
            said: from.packets_sent(),
            heard: heard.packets,
            lost: heard.lost,
            duplicates: heard.duplicates,
            sources: heard.sources,
        }
    }
}

/// The count of every packet of many conversations.
pub(super) struct Packets(Vec<[Way; 2]>);

impl Packets {
    /// Counts from now on. Everybody pauses for a moment, so that no packet is under way.
    pub(super) async fn count(pairs: &[Pair]) -> Result<Self> {
        // Where a stream begins is no matter of this count.
        try_join_all(talks(pairs).map(|talk| talk.listens_for(QUIET))).await?;
        pause(pairs).await?;
        let ways = pairs.iter().map(read).collect();
        for talk in talks(pairs) {
            talk.sends_again();
        }
        Ok(Self(ways))
    }

    /// Lets everybody talk for so long and then makes sure that every packet said since
    /// [`count`](Self::count) was heard, once, in the same stream.
    pub(super) async fn are_all_heard(self, pairs: &[Pair], length: Duration) -> Result<()> {
        try_join_all(talks(pairs).map(|talk| talk.listens_for(length))).await?;
        pause(pairs).await?;
        for (number, (pair, before)) in pairs.iter().zip(&self.0).enumerate() {
            for (name, before, after) in [
                ("to the callee", &before[0], &read(pair)[0]),
                ("to the caller", &before[1], &read(pair)[1]),
            ] {
                compare(before, after).with_context(|| format!("conversation {number}, {name}"))?;
            }
        }
        for talk in talks(pairs) {
            talk.sends_again();
        }
        Ok(())
    }
}

fn compare(before: &Way, after: &Way) -> Result<()> {
    let (said, heard) = (after.said - before.said, after.heard - before.heard);
    ensure!(said > 20, "only {said} packets were said");
    ensure!(said == heard, "{said} packets said, {heard} heard");
    ensure!(after.lost == before.lost, "gaps in the numbers");
    ensure!(after.duplicates == before.duplicates, "packets came twice");
    let (old, new) = (before.sources, after.sources);
    ensure!(old == new, "{old} sources before, {new} after");
    Ok(())
}

fn read(pair: &Pair) -> [Way; 2] {
    [
        Way::read(&pair.caller, &pair.callee),
        Way::read(&pair.callee, &pair.caller),
    ]
}

async fn pause(pairs: &[Pair]) -> Result<()> {
    for talk in talks(pairs) {
        talk.stops_sending();
    }
    try_join_all(talks(pairs).map(|talk| talk.hears_nothing_for(QUIET))).await?;
    Ok(())
}

fn talks(pairs: &[Pair]) -> impl Iterator<Item = &Talk> {
    pairs.iter().flat_map(|pair| [&pair.caller, &pair.callee])
}
