//! The office's own sounds: uploaded prompts and hold music, from the file somebody sent to what the
//! engine plays.
//!
//! An upload is streamed to a file, decoded, measured, brought to one loudness and kept twice: as it
//! came, and as 16 kHz samples that the next start only has to read. The list of sounds is in the
//! database, so a sound is there once its row is, and files without one are nobody's.

mod files;
mod stream;
#[cfg(test)]
mod tests;
mod upload;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, AHashSet};
use offhook_core::config::LimitsConfig;
use offhook_core::directory::{Directory, MusicClass, PlayOrder, SoundFile};
use offhook_core::id::{MusicClassId, SoundId};
use offhook_media::container::audio::AudioError;
use offhook_media::engine::{Engine, MusicOrder, Sound, SoundBank};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use stream::Stream;
use upload::Partial;
pub use upload::Upload;

use crate::store::{Store, StoreError};

/// Uploads decoded at once; others wait their turn.
const DECODING: usize = 2;

/// The class that is built in.
const BUILT_IN: &str = offhook_sounds::DEFAULT_HOLD_MUSIC;

/// The office's own sounds. Clones share them.
#[derive(Debug, Clone)]
pub struct Library(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    engine: Engine,
    folder: PathBuf,
    limits: Limits,
    /// Sounds as the engine plays them.
    loaded: Mutex<AHashMap<SoundId, Arc<Sound>>>,
    /// What the engine's bank has of ours.
    playing: Mutex<Playing>,
    /// Held while the engine is brought in step, so that the newest office wins.
    syncing: tokio::sync::Mutex<()>,
    decoding: Semaphore,
}

/// What may be uploaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    pub(crate) longest: Duration,
    pub(crate) memory: usize,
}

/// Names in the engine's bank that are ours.
#[derive(Debug, Default)]
struct Playing {
    prompts: AHashSet<String>,
    classes: AHashMap<String, Shape>,
    streams: AHashMap<String, Stream>,
}

/// What of a class makes a difference to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    order: PlayOrder,
    stream: Option<String>,
    pieces: Vec<SoundId>,
}

/// Why a sound could not be taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no audio that can be played.
    #[error("{0}")]
    Audio(#[from] AudioError),
    /// It is larger than allowed.
    #[error("it is larger than the {0} bytes that are allowed")]
    TooLarge(u64),
    /// All sounds together would take more memory than allowed.
    #[error("all sounds together would take more memory than the {0} bytes of limits.sounds")]
    NoMemory(usize),
    /// The disk is full; nothing of it was kept.
    #[error("the disk is full")]
    DiskFull,
    /// The disk does not work; nothing of it was kept.
    #[error("the file cannot be kept: {0}")]
    Disk(ErrorKind),
}

impl From<std::io::Error> for LibraryError {
    fn from(error: std::io::Error) -> Self {
        let kind = error.kind();
        if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            Self::DiskFull
        } else {
            Self::Disk(kind)
        }
    }
}

impl Library {
    /// The sounds of this store's office, played by this engine. Nothing is loaded before
    /// [`Library::sync`].
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(store: Store, engine: Engine, limits: &LimitsConfig) -> Result<Self, LibraryError> {
        let folder = store.sounds_folder();
        let directory = store.directory().load();
        let listed = directory.office().sounds.iter().map(|sound| sound.id);
        files::prepare(&folder, &listed.collect())?;
        Ok(Self(Arc::new(Inner {
            store,
            engine,
            folder,
            limits: Limits {
                bytes: limits.upload as u64,
                longest: limits.sound_length,
                memory: limits.sounds,
            },
            loaded: Mutex::default(),
            playing: Mutex::default(),
            syncing: tokio::sync::Mutex::new(()),
            decoding: Semaphore::new(DECODING),
        })))
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// When no file can be made.
    pub async fn upload(&self) -> Result<Upload, LibraryError> {
        Upload::begin(&self.0.folder, self.0.limits.bytes).await
    }

    /// Takes in what was uploaded: a piece of a class, or a prompt. It can be played when this
    /// returns; after an error nothing of it is left. What was begun is finished, also when nobody
    /// waits for it any more.
    ///
    /// # Errors
    /// What is wrong with it, by name: its audio, its size, its name, the disk, the database.
    pub async fn add(
        &self,
        upload: Upload,
        name: &str,
        class: Option<MusicClassId>,
    ) -> Result<SoundFile, LibraryError> {
        let taken = class.is_none() && self.0.engine.bank().sound(name).is_some();
        if taken {
            return Err(StoreError::Conflict { field: "name" }.into());
        }
        let name = name.to_owned();
        let adding = self.clone().take_in(upload, name, class);
        let added = self.0.store.runtime().spawn(adding).await;
        added.map_err(|_| LibraryError::Disk(ErrorKind::Other))?
    }

    async fn take_in(
        self,
        upload: Upload,
        name: String,
        class: Option<MusicClassId>,
    ) -> Result<SoundFile, LibraryError> {
        let upload = upload.finish().await?;
        let id = SoundId::random();
        let turn = self.0.decoding.acquire().await;
        let (folder, limits) = (self.0.folder.clone(), self.0.limits);
        let used = self.0.engine.bank().bytes();
        let work = move || files::take_in(&folder, id, upload, limits, used);
        let decoded = tokio::task::spawn_blocking(work).await;
        drop(turn);
        let taken = decoded.map_err(|_| LibraryError::Disk(ErrorKind::Other))??;
        let sound = SoundFile {
            id,
            name,
            class,
            format: taken.survey.format.extension().to_owned(),
            bytes: taken.bytes,
            milliseconds: u64::try_from(taken.survey.duration.as_millis()).unwrap_or(u64::MAX),
            loudness: taken.survey.loudness.map(hundredths),
            gain: hundredths(taken.survey.gain_db),
            added_at: crate::alarm::wall(),
        };
        self.0.store.sounds().create(&sound).await?;
        taken.files.into_iter().for_each(Partial::keep);
        self.0.loaded.lock().insert(id, taken.sound);
        self.sync().await;
        tracing::info!(sound = %id, name = sound.name, "a sound was uploaded");
        Ok(sound)
    }

    /// Removes a sound. Who hears it hears it to its end.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a menu speaks it.
    pub async fn remove(&self, sound: &SoundFile) -> Result<(), LibraryError> {
        self.0.store.sounds().delete(sound.id).await?;
        files::remove(&self.0.folder, sound);
        self.sync().await;
        Ok(())
    }

    /// Removes a class with its pieces. Who hears it hears the built-in one from then on.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a queue or an extension chose it.
    pub async fn remove_class(&self, class: MusicClassId) -> Result<(), StoreError> {
        let directory = self.0.store.directory().load();
        self.0.store.music_classes().delete(class).await?;
        let sounds = &directory.office().sounds;
        for sound in sounds.iter().filter(|sound| sound.class == Some(class)) {
            files::remove(&self.0.folder, sound);
        }
        self.sync().await;
        Ok(())
    }

    /// Where the samples of a sound lie, as they are played: WAV, 16 kHz, mono, 16 bit.
    #[must_use]
    pub fn prepared(&self, sound: &SoundFile) -> PathBuf {
        files::prepared(&self.0.folder, sound.id)
    }

    /// Where a sound lies as it was uploaded.
    #[must_use]
    pub fn original(&self, sound: &SoundFile) -> PathBuf {
        files::original(&self.0.folder, sound.id, &sound.format)
    }

    /// Brings the engine in step with the office: what is listed can be played, what is not cannot.
    /// A sound whose file is gone is left out, and the log says so.
    pub async fn sync(&self) {
        let _newest = self.0.syncing.lock().await;
        let directory = self.0.store.directory().load();
        self.load_missing(&directory).await;
        let mut loaded = self.0.loaded.lock();
        let listed: AHashSet<_> = directory.office().sounds.iter().map(|s| s.id).collect();
        loaded.retain(|id, _| listed.contains(id));
        let mut playing = self.0.playing.lock();
        let mut changed = Vec::new();
        self.0
            .engine
            .change_bank(|bank| changed = playing.bring_in_step(bank, &directory, &loaded));
        let bank = self.0.engine.bank();
        for (name, address) in changed {
            let (Some(class), Some(address)) = (bank.music(&name), address) else {
                continue;
            };
            let stream = Stream::follow(
                self.0.store.runtime(),
                self.0.engine.clone(),
                Arc::clone(class),
                class.program(),
                address,
            );
            playing.streams.insert(name, stream);
        }
    }

    async fn load_missing(&self, directory: &Directory) {
        let missing: Vec<SoundId> = {
            let loaded = self.0.loaded.lock();
            let ids = directory.office().sounds.iter().map(|sound| sound.id);
            ids.filter(|id| !loaded.contains_key(id)).collect()
        };
        if missing.is_empty() {
            return;
        }
        let folder = self.0.folder.clone();
        let read = move || -> Vec<(SoundId, Arc<Sound>)> {
            let sounds = missing.into_iter().map(|id| (id, files::read(&folder, id)));
            sounds
                .filter_map(|(id, sound)| match sound {
                    Ok(sound) => Some((id, Arc::new(sound))),
                    Err(error) => {
                        tracing::error!(sound = %id, %error, "an uploaded sound cannot be read");
                        None
                    }
                })
                .collect()
        };
        // The blocking reader does not panic; should it, there is nothing to add.
        let read = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        self.0.loaded.lock().extend(read);
    }
}

impl Playing {
    /// Returns the classes that are not what they were, each with its stream.
    fn bring_in_step(
        &mut self,
        bank: &mut SoundBank,
        directory: &Directory,
        loaded: &AHashMap<SoundId, Arc<Sound>>,
    ) -> Vec<(String, Option<String>)> {
        let office = directory.office();
        let prompts = office.sounds.iter().filter(|sound| sound.class.is_none());
        let prompts: AHashMap<&str, &Arc<Sound>> = prompts
            .filter_map(|sound| Some((sound.name.as_str(), loaded.get(&sound.id)?)))
            .collect();
        for name in &self.prompts {
            if !prompts.contains_key(name.as_str()) {
                bank.remove_sound(name);
            }
        }
        for (name, sound) in &prompts {
            bank.add_sound(name, Arc::clone(sound));
        }
        self.prompts = prompts.into_keys().map(str::to_owned).collect();
        let mut changed = Vec::new();
        let mut classes = AHashMap::new();
        for class in &office.music_classes {
            let pieces = office.sounds.iter().filter(|s| s.class == Some(class.id));
            let (ids, pieces): (Vec<_>, Vec<_>) = pieces
                .filter_map(|sound| Some((sound.id, loaded.get(&sound.id).cloned()?)))
                .unzip();
            let shape = Shape {
                order: class.order,
                stream: class.stream.clone(),
                pieces: ids,
            };
            // What is as it was plays on: a stream is not interrupted by other classes' changes.
            if self.classes.get(&class.name) != Some(&shape) {
                // First, so that it cannot put its own over what is set now.
                self.streams.remove(&class.name);
                bank.set_music_sounds(&class.name, &pieces, order(class));
                changed.push((class.name.clone(), class.stream.clone()));
            }
            classes.insert(class.name.clone(), shape);
        }
        for gone in self
            .classes
            .keys()
            .filter(|name| !classes.contains_key(*name))
        {
            self.streams.remove(gone);
            bank.remove_music(gone, BUILT_IN);
            changed.push((gone.clone(), None));
        }
        self.classes = classes;
        changed
    }
}

/// A class is shuffled the same way after each start.
fn order(class: &MusicClass) -> MusicOrder {
    match class.order {
        PlayOrder::Linear => MusicOrder::Linear,
        PlayOrder::Random => {
            let bits = class.id.bits();
            let folded = bits ^ (bits >> 64);
            MusicOrder::Random(u64::try_from(folded & u128::from(u64::MAX)).unwrap_or(0))
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "levels are within some hundred dB"
)]
fn hundredths(decibels: f64) -> i64 {
    (decibels * 100.0).round() as i64
}
