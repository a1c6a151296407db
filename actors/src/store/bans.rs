//! Whose SIP is not listened to, so that a restart does not open the door.

use ipnet::IpNet;
use jiff::Timestamp;
use offhook_core::sip::defence::BanReason;
use sqlx::FromRow;

use crate::store::{Store, StoreError, column};

/// The bans that are kept.
#[derive(Debug, Clone, Copy)]
pub struct Bans<'a>(&'a Store);

/// A ban, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanRow {
    /// Who.
    pub network: IpNet,
    /// Why.
    pub reason: BanReason,
    /// What the operator said about it.
    pub note: String,
    /// When it began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The how manieth ban of this network within a day.
    pub count: u32,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BanWrite {
    /// Keep this ban instead of the one of the same network.
    Keep(BanRow),
    /// Forget the ban of this network.
    Forget(IpNet),
}

impl BanWrite {
    /// Whose ban it is about.
    #[must_use]
    pub fn network(&self) -> IpNet {
        match self {
            Self::Keep(row) => row.network,
            Self::Forget(network) => *network,
        }
    }
}

impl Store {
    /// Whose SIP is not listened to.
    #[must_use]
    pub fn bans(&self) -> Bans<'_> {
        Bans(self)
    }
}

#[derive(FromRow)]
struct Row {
    network: String,
    reason: String,
    note: String,
    since: i64,
    until: i64,
    count: i64,
}

impl Row {
    fn ban(self) -> Result<BanRow, StoreError> {
        let network = self.network.parse();
        Ok(BanRow {
            network: network.map_err(|_| StoreError::corrupt("bans.network"))?,
            reason: column::from_word("bans.reason", &self.reason)?,
            note: self.note,
            since: column::time(self.since)?,
            until: column::time(self.until)?,
            count: column::count(self.count)?,
        })
    }
}

impl Bans<'_> {
    /// Every ban that is kept, those whose time is over included.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn all(&self) -> Result<Vec<BanRow>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM bans ORDER BY network")
            .fetch_all(&self.0.pool()?)
            .await?;
        rows.into_iter().map(Row::ban).collect()
    }

    /// Makes changes, all of them or none.
    ///
    /// # Errors
    /// When the database does not take them.
    pub async fn write(&self, changes: &[BanWrite]) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        for change in changes {
            match change {
                BanWrite::Keep(ban) => {
                    sqlx::query(
                        "INSERT INTO bans (network, reason, note, since, until, count) \
                         VALUES ($1, $2, $3, $4, $5, $6) \
                         ON CONFLICT (network) DO UPDATE SET reason = excluded.reason, \
                         note = excluded.note, since = excluded.since, \
                         until = excluded.until, count = excluded.count",
                    )
                    .bind(ban.network.to_string())
                    .bind(column::word(&ban.reason)?)
                    .bind(&ban.note)
                    .bind(column::micros(ban.since))
                    .bind(column::micros(ban.until))
                    .bind(i64::from(ban.count))
                    .execute(&mut *write)
                    .await?;
                }
                BanWrite::Forget(network) => {
                    sqlx::query("DELETE FROM bans WHERE network = $1")
                        .bind(network.to_string())
                        .execute(&mut *write)
                        .await?;
                }
            }
        }
        write.commit().await?;
        Ok(())
    }
}
