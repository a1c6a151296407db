//! Each test has a data folder of its own, with every migration run.

mod office;
mod outage;
mod outbound_routes;
mod recordings;
mod records;
mod replay;
mod secrets;
mod story;

use std::path::Path;
use std::time::Duration;

use offhook_core::directory::{Extension, ExtensionKind, Permission};
use offhook_core::id::ExtensionId;
use offhook_core::pii::Secret;
use ractor::{Actor, ActorRef};
use tempfile::TempDir;

use super::*;
use crate::live::Live;

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn fresh() -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    (folder, store)
}

/// A store with its actor and an event bus in front of it.
struct Running {
    store: Store,
    live: Live,
    actor: ActorRef<StoreMsg>,
}

impl Running {
    async fn start(folder: &Path) -> Self {
        let store = Store::open(folder).await.unwrap();
        let (actor, _) = Actor::spawn(None, StoreActor, store.clone()).await.unwrap();
        Self {
            live: Live::new(&store),
            store,
            actor,
        }
    }

    async fn settle(&self) {
        let settled = self.store.settle(PATIENCE).await;
        assert!(settled, "not settled: {:?}", self.store.health());
    }

    async fn stop(self) {
        self.settle().await;
        self.actor
            .stop_and_wait(None, Some(PATIENCE))
            .await
            .unwrap();
    }
}

/// What a `kill -9` at this moment would leave behind.
fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn extension(number: &str) -> Extension {
    Extension {
        id: ExtensionId::random(),
        number: number.to_owned(),
        name: format!("Phone {number}"),
        user: None,
        kind: ExtensionKind::Standard,
        enabled: true,
        password: Secret::new(format!("password-of-{number}")),
        ring_timeout: Duration::from_secs(60),
        incoming_limit: 0,
        permissions: Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: true,
        record_style: offhook_core::recording::OwnStyle {
            format: Some(offhook_core::recording::AudioFormat::Mp3),
            layout: Some(offhook_core::recording::Layout::Stereo),
        },
    }
}
