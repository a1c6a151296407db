use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use offhook_core::config::LimitsConfig;
use offhook_core::directory::MusicClass;
use offhook_core::id::MusicClassId;
use offhook_media::engine::{EngineConfig, EngineEvents};
use tempfile::TempDir;

use super::*;

struct Rig {
    library: Library,
    store: Store,
    engine: Engine,
    _events: EngineEvents,
    folder: TempDir,
}

async fn rig_with(limits: &LimitsConfig) -> Rig {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let config = EngineConfig {
        recordings: store.recordings_folder(),
        shards: 1,
        ..EngineConfig::default()
    };
    let bank = crate::engine::sound_bank("de").unwrap();
    let (engine, events) = Engine::start(config, bank, Arc::new(|| {})).unwrap();
    let library = Library::new(store.clone(), engine.clone(), limits).unwrap();
    Rig {
        library,
        store,
        engine,
        _events: events,
        folder,
    }
}

/// A second of a square wave.
fn wav() -> Vec<u8> {
    let mut header = offhook_media::container::wav::WavHeader::pcm16(1, 8000);
    header.data_bytes = 16_000;
    let samples = (0..8000).map(|n| if n / 10 % 2 == 0 { 3000i16 } else { -3000 });
    let samples = samples.flat_map(i16::to_le_bytes);
    header.to_bytes().into_iter().chain(samples).collect()
}

impl Rig {
    async fn adds(
        &self,
        name: &str,
        class: Option<MusicClassId>,
        body: &[u8],
    ) -> Result<SoundFile, LibraryError> {
        let mut upload = self.library.upload().await?;
        for chunk in body.chunks(1000) {
            upload.write(chunk).await?;
        }
        self.library.add(upload, name, class).await
    }

    async fn class(&self, name: &str) -> MusicClassId {
        let class = MusicClass {
            id: MusicClassId::random(),
            name: name.to_owned(),
            order: PlayOrder::Linear,
            stream: None,
        };
        self.store.music_classes().create(&class).await.unwrap();
        self.library.sync().await;
        class.id
    }

    fn files(&self) -> usize {
        count(&self.folder.path().join("sounds"))
    }
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn what_is_added_can_be_played_and_what_is_removed_cannot() {
    let rig = rig_with(&LimitsConfig::default()).await;
    let prompt = rig.adds("hello", None, &wav()).await.unwrap();
    assert_eq!((prompt.milliseconds, prompt.bytes), (1000, 16_044));
    assert_eq!(rig.engine.bank().sound("hello").unwrap().frames(), 50);
    let class = rig.class("jazz").await;
    rig.adds("one", Some(class), &wav()).await.unwrap();
    rig.adds("two", Some(class), &wav()).await.unwrap();
    let music = Arc::clone(rig.engine.bank().music("jazz").unwrap());
    assert_eq!(music.program().frames(), 100);
    rig.library.remove(&prompt).await.unwrap();
    assert!(rig.engine.bank().sound("hello").is_none());
    rig.library.remove_class(class).await.unwrap();
    assert!(rig.engine.bank().music("jazz").is_none());
    let built_in = rig.engine.bank().music(BUILT_IN).unwrap().program();
    assert_eq!(
        music.program().frames(),
        built_in.frames(),
        "who hears it hears that"
    );
    assert_eq!(rig.files(), 0);
    rig.engine.shutdown();
}

#[tokio::test]
async fn the_next_start_finds_all_and_removes_what_was_not_finished() {
    let rig = rig_with(&LimitsConfig::default()).await;
    rig.adds("hello", None, &wav()).await.unwrap();
    let class = rig.class("jazz").await;
    rig.adds("one", Some(class), &wav()).await.unwrap();
    let unfinished = rig.folder.path().join("sounds/abc.part");
    std::fs::write(&unfinished, b"half").unwrap();
    let unlisted = ["wav", "original.mp3"].map(|end| {
        let name = format!("sounds/{}.{end}", SoundId::random());
        rig.folder.path().join(name)
    });
    unlisted
        .iter()
        .for_each(|path| std::fs::write(path, b"nobody's").unwrap());
    let foreign = rig.folder.path().join("sounds/notes.txt");
    std::fs::write(&foreign, b"kept").unwrap();
    let bank = crate::engine::sound_bank("de").unwrap();
    rig.engine.change_bank(|playing| *playing = bank);
    let limits = LimitsConfig::default();
    let again = Library::new(rig.store.clone(), rig.engine.clone(), &limits).unwrap();
    again.sync().await;
    assert!(!unfinished.exists());
    assert!(unlisted.iter().all(|path| !path.exists()) && foreign.exists());
    assert!(rig.engine.bank().sound("hello").is_some());
    assert_eq!(
        rig.engine.bank().music("jazz").unwrap().program().frames(),
        50
    );
    rig.engine.shutdown();
}

#[tokio::test]
async fn an_upload_whose_sender_went_away_is_finished_nevertheless() {
    let rig = rig_with(&LimitsConfig::default()).await;
    let mut upload = rig.library.upload().await.unwrap();
    upload.write(&wav()).await.unwrap();
    let folder = rig.folder.path().join("sounds");
    let is_decoded = || {
        let mut names = std::fs::read_dir(&folder).unwrap();
        names.any(|entry| {
            let path = entry.unwrap().path();
            path.extension().is_some_and(|end| end == "wav")
        })
    };
    let mut looks = tokio::time::interval(Duration::from_millis(1));
    {
        let mut adding = Box::pin(rig.library.add(upload, "hello", None));
        while !is_decoded() {
            assert!((&mut adding).now_or_never().is_none());
            looks.tick().await;
        }
    }
    let listed = async {
        while rig.engine.bank().sound("hello").is_none() {
            looks.tick().await;
        }
    };
    let patience = Duration::from_secs(5);
    tokio::time::timeout(patience, listed).await.unwrap();
    let directory = rig.store.directory().load();
    assert_eq!(directory.office().sounds.len(), 1);
    assert_eq!(rig.files(), 2);
    rig.engine.shutdown();
}

#[tokio::test]
async fn what_is_too_much_leaves_nothing_behind() {
    let small = LimitsConfig {
        upload: 8000,
        ..LimitsConfig::default()
    };
    let rig = rig_with(&small).await;
    let error = rig.adds("large", None, &wav()).await.unwrap_err();
    assert!(matches!(error, LibraryError::TooLarge(8000)), "{error}");
    let error = rig.adds("menu/good-bye", None, &[]).await.unwrap_err();
    assert!(matches!(
        error,
        LibraryError::Store(StoreError::Conflict { .. })
    ));
    let gone = Some(MusicClassId::random());
    let error = rig.adds("lost", gone, &wav()[..6000]).await.unwrap_err();
    assert!(
        matches!(error, LibraryError::Store(StoreError::NotFound { .. })),
        "{error}"
    );
    assert_eq!(rig.files(), 0);
    rig.engine.shutdown();
    let no_room = LimitsConfig {
        sounds: 1000,
        ..LimitsConfig::default()
    };
    let rig = rig_with(&no_room).await;
    let error = rig.adds("hello", None, &wav()).await.unwrap_err();
    assert!(matches!(error, LibraryError::NoMemory(1000)), "{error}");
    assert_eq!(rig.files(), 0);
    rig.engine.shutdown();
}

#[test]
fn a_full_disk_is_said_to_be_full() {
    let full = std::io::Error::from(ErrorKind::StorageFull);
    assert!(matches!(LibraryError::from(full), LibraryError::DiskFull));
}
