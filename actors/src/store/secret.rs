//! Secrets: the key file, passwords and tokens.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use fernet::Fernet;
use offhook_core::pii::Secret;
use offhook_media::container::sealed::SealKey;
use rand::RngExt;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::store::{OpenError, StoreError};

/// The key under which SIP passwords lie in the database (Fernet: AES-128-CBC with HMAC-SHA256).
pub(super) struct Vault(Fernet);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// Reads the key file, or makes one that only its owner can read.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let file_error = |source| OpenError::File {
            path: path.to_owned(),
            source,
        };
        let key = match File::open(path) {
            Ok(mut file) => {
                warn_if_exposed(&file, path);
                let mut text = Zeroizing::new(String::new());
                file.read_to_string(&mut text).map_err(file_error)?;
                text
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = Zeroizing::new(Fernet::generate_key());
                create_private(path, key.as_bytes()).map_err(file_error)?;
                key
            }
            Err(error) => return Err(file_error(error)),
        };
        let fernet = Fernet::new(key.trim()).ok_or_else(|| OpenError::BadKey {
            path: path.to_owned(),
        })?;
        Ok(Self(fernet))
    }

    pub(super) fn seal(&self, secret: &Secret) -> String {
        self.0.encrypt(secret.expose().as_bytes())
    }

    pub(super) fn unseal(&self, sealed: &str) -> Result<Secret, StoreError> {
        let unreadable =
            || StoreError::corrupt("a password that was encrypted under another secret.key");
        let bytes = self.0.decrypt(sealed).map_err(|_| unreadable())?;
        String::from_utf8(bytes)
            .map(Secret::new)
            .map_err(|_| unreadable())
    }
}

/// Keys of recordings.
impl Vault {
    pub(super) fn wrap(&self, key: &SealKey) -> String {
        self.0.encrypt(key.expose())
    }

    pub(super) fn unwrap_key(&self, wrapped: &str) -> Result<SealKey, StoreError> {
        let unreadable =
            || StoreError::corrupt("the key of a recording, sealed under another secret.key");
        let bytes = Zeroizing::new(self.0.decrypt(wrapped.trim()).map_err(|_| unreadable())?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| unreadable())?;
        Ok(SealKey::from_bytes(bytes))
    }
}

/// Writes a new file that only its owner can read; it is complete before it has its name.
///
/// # Errors
/// Whatever the file system says.
pub fn create_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    // The mode above counts only for a file that did not exist.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)
}

fn warn_if_exposed(file: &File, path: &Path) {
    let mode = file.metadata().map(|meta| meta.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        tracing::warn!(
            path = %path.display(),
            "the key of all SIP passwords can be read by other users; run chmod 600 on it"
        );
    }
}

/// Without 0/O, 1/l/I and the like: people type these into phones.
const UNAMBIGUOUS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// A new password of 20 characters (115 bits) that cannot be misread.
#[must_use]
pub fn generate_password() -> Secret {
    let mut random = rand::rng();
    let text = (0..20)
        .map(|_| char::from(UNAMBIGUOUS[random.random_range(0..UNAMBIGUOUS.len())]))
        .collect();
    Secret::new(text)
}

/// What every token begins with, so that scanners for leaked secrets know it.
const TOKEN_PREFIX: &str = "ofh_";

/// A new token of 256 random bits.
pub(super) fn generate_token() -> Secret {
    let bits = Zeroizing::new(rand::random::<[u8; 32]>());
    let mut text = String::from(TOKEN_PREFIX);
    text.push_str(&BASE64URL_NOPAD.encode(&*bits));
    Secret::new(text)
}

/// What is stored of a token. A fast hash is enough, since nobody can guess 256 random bits.
pub(super) fn token_hash(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(token.as_bytes()))
}

/// What a guess costs: 46 MiB in one pass, as good as the usual 19 MiB in two. Beyond 32 MiB the C
/// library maps the memory for the moment it is needed; what is smaller it keeps for ever.
const COST: Params = match Params::new(46 * 1024, 1, 1, None) {
    Ok(cost) => cost,
    Err(_) => Params::DEFAULT,
};

/// Hashes a login password with argon2id; takes tens of milliseconds on a thread for such work.
pub(super) async fn hash_password(password: Secret) -> Result<String, StoreError> {
    let work = tokio::task::spawn_blocking(move || {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, COST)
            .hash_password(password.expose().as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| StoreError::invalid("password", error.to_string()))
    });
    work.await.map_err(|error| StoreError::Unavailable {
        reason: error.to_string(),
    })?
}

/// Whether this is the password behind a hash; takes as long as hashing does.
pub(super) async fn verify_password(password: Secret, hash: String) -> Result<bool, StoreError> {
    let work = tokio::task::spawn_blocking(move || {
        let parsed = PasswordHash::new(&hash)
            .map_err(|error| StoreError::corrupt(format!("a password hash: {error}")))?;
        Ok(Argon2::default()
            .verify_password(password.expose().as_bytes(), &parsed)
            .is_ok())
    });
    work.await.map_err(|error| StoreError::Unavailable {
        reason: error.to_string(),
    })?
}
