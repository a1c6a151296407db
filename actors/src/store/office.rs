//! The office as a whole: reading all of it, and what in it refers to what.

use offhook_core::directory::{Destination, MenuAction, Office};
use offhook_core::id::{ExtensionId, IvrMenuId, QueueId};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::store::secret::Vault;
use crate::store::{
    StoreError, agents, dids, extensions, ivr_menus, music_classes, outbound_routes, queues,
    sounds, trunks,
};

/// All of it, from one moment.
pub(super) async fn read(pool: &SqlitePool, vault: &Vault) -> Result<Office, StoreError> {
    let mut reading = pool.begin().await?;
    Ok(Office {
        extensions: extensions::all(&mut reading, vault).await?,
        dids: dids::all(&mut reading).await?,
        trunks: trunks::all(&mut reading, vault).await?,
        queues: queues::all(&mut reading).await?,
        agents: agents::all(&mut reading).await?,
        ivr_menus: ivr_menus::all(&mut reading).await?,
        outbound_routes: outbound_routes::all(&mut reading).await?,
        music_classes: music_classes::all(&mut reading).await?,
        sounds: sounds::all(&mut reading).await?,
    })
}

/// Something a call can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Extension(ExtensionId),
    Queue(QueueId),
    IvrMenu(IvrMenuId),
}

impl Target {
    fn of(destination: &Destination) -> Option<Self> {
        match destination {
            Destination::Extension(id) => Some(Self::Extension(*id)),
            Destination::Queue(id) => Some(Self::Queue(*id)),
            Destination::IvrMenu(id) => Some(Self::IvrMenu(*id)),
            Destination::External(_)
            | Destination::Echo
            | Destination::AgentLogin
            | Destination::AgentLogout
            | Destination::HangUp => None,
        }
    }
}

/// Refuses a destination that does not exist.
pub(super) async fn check_destination(
    write: &mut Transaction<'static, Sqlite>,
    field: &'static str,
    destination: &Destination,
) -> Result<(), StoreError> {
    if let Destination::External(number) = destination
        && number.is_empty()
    {
        return Err(StoreError::invalid(field, "needs a number"));
    }
    let (query, id, what) = match Target::of(destination) {
        None => return Ok(()),
        Some(Target::Extension(id)) => (
            "SELECT COUNT(*) FROM extensions WHERE id = $1",
            id.to_string(),
            "extension",
        ),
        Some(Target::Queue(id)) => (
            "SELECT COUNT(*) FROM queues WHERE id = $1",
            id.to_string(),
            "queue",
        ),
        Some(Target::IvrMenu(id)) => (
            "SELECT COUNT(*) FROM ivr_menus WHERE id = $1",
            id.to_string(),
            "menu",
        ),
    };
    let found: i64 = sqlx::query_scalar(query)
        .bind(&id)
        .fetch_one(&mut **write)
        .await?;
    if found == 0 {
        return Err(StoreError::invalid(field, format!("no {what} {id}")));
    }
    Ok(())
}

/// Refuses to let something go to which calls are still sent.
pub(super) async fn check_unused(
    connection: &mut SqliteConnection,
    target: Target,
) -> Result<(), StoreError> {
    let goes_there = |destination: &Destination| Target::of(destination) == Some(target);
    let in_use = |by: String| Err(StoreError::InUse { by });
    for did in dids::all(connection).await? {
        if goes_there(&did.destination) {
            return in_use(format!("DID {}", did.number));
        }
    }
    for (name, destination) in trunks::default_destinations(connection).await? {
        if goes_there(&destination) {
            return in_use(format!("trunk {name}"));
        }
    }
    for queue in queues::all(connection).await? {
        let own = target == Target::Queue(queue.id);
        if !own && queue.overflow.as_ref().is_some_and(goes_there) {
            return in_use(format!("the overflow of queue {}", queue.name));
        }
    }
    for menu in ivr_menus::all(connection).await? {
        let own = target == Target::IvrMenu(menu.id);
        let mut actions = menu.choices.values().chain([&menu.on_failure]);
        let leads_there = |action: &MenuAction| match action {
            MenuAction::Go(destination) => goes_there(destination),
            MenuAction::Repeat | MenuAction::HangUp => false,
        };
        if !own && actions.any(leads_there) {
            return in_use(format!("menu {}", menu.name));
        }
    }
    Ok(())
}

/// Refuses an empty or endless name.
pub(super) fn check_name(field: &'static str, name: &str) -> Result<(), StoreError> {
    let length = name.chars().count();
    if name.trim().is_empty() {
        Err(StoreError::invalid(field, "must not be empty"))
    } else if length > 100 {
        Err(StoreError::invalid(
            field,
            "must have at most 100 characters",
        ))
    } else if name.chars().any(char::is_control) {
        Err(StoreError::invalid(
            field,
            "must not hold control characters",
        ))
    } else {
        Ok(())
    }
}

/// Refuses a duration outside of what makes sense.
pub(super) fn check_duration(
    field: &'static str,
    duration: std::time::Duration,
    seconds: std::ops::RangeInclusive<u64>,
) -> Result<(), StoreError> {
    if seconds.contains(&duration.as_secs()) {
        return Ok(());
    }
    let (least, most) = (seconds.start(), seconds.end());
    Err(StoreError::invalid(
        field,
        format!("must be from {least} to {most} seconds"),
    ))
}
