//! Keys, passwords, tokens, and refusing to start.

use std::os::unix::fs::PermissionsExt;

use jiff::{SignedDuration, Timestamp};
use offhook_core::directory::Role;
use offhook_core::id::UserId;

use super::*;
use crate::alarm;

fn user(name: &str) -> User {
    User {
        id: UserId::random(),
        name: name.to_owned(),
        display_name: "Somebody".to_owned(),
        role: Role::Supervisor,
        enabled: true,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn new_token(role: Role) -> NewToken {
    NewToken {
        name: "test".to_owned(),
        role,
        user: None,
        expires_at: None,
    }
}

/// Every byte in the data folder's database files.
fn database_bytes(folder: &Path) -> Vec<u8> {
    ["offhook.db", "offhook.db-wal"]
        .iter()
        .flat_map(|name| std::fs::read(folder.join(name)).unwrap_or_default())
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn no_secret_lies_in_the_database_in_clear() {
    let (folder, store) = fresh().await;
    store.extensions().create(&extension("1001")).await.unwrap();
    let password = Secret::new("correct horse".to_owned());
    store
        .users()
        .create(&user("erika"), &password)
        .await
        .unwrap();
    let (_, token) = store.tokens().create(new_token(Role::Admin)).await.unwrap();

    let bytes = database_bytes(folder.path());
    assert!(
        holds(&bytes, "Phone 1001"),
        "the test reads the right files"
    );
    for secret in ["password-of-1001", "correct horse", token.expose()] {
        assert!(!holds(&bytes, secret), "{secret}");
    }
}

#[tokio::test]
async fn key_and_folders_are_their_owners_alone() {
    let (folder, store) = fresh().await;
    let mode = |name: &str| {
        let meta = std::fs::metadata(store.folder().join(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode("secret.key"), 0o600);
    assert_eq!(mode("journal"), 0o700);
    assert_eq!(mode("recordings"), 0o700);
    drop(folder);
}

#[tokio::test]
async fn a_token_works_until_it_is_removed_or_expires() {
    let (_folder, store) = fresh().await;
    let (token, secret) = store.tokens().create(new_token(Role::Agent)).await.unwrap();
    assert!(secret.expose().starts_with("ofh_"));
    let found = store.tokens().authenticate(secret.expose()).await.unwrap();
    assert_eq!(found, Some(token.clone()));
    let used = store.tokens().get(token.id).await.unwrap().last_used_at;
    assert!(used.is_some(), "the use is noted");
    for wrong in ["", "ofh_", "ofh_AAAA", &secret.expose()[..46]] {
        assert_eq!(
            store.tokens().authenticate(wrong).await.unwrap(),
            None,
            "{wrong}"
        );
    }
    store.tokens().delete(token.id).await.unwrap();
    assert_eq!(
        store.tokens().authenticate(secret.expose()).await.unwrap(),
        None
    );

    let expired = NewToken {
        expires_at: Some(alarm::wall() - SignedDuration::from_secs(1)),
        ..new_token(Role::Admin)
    };
    let (_, secret) = store.tokens().create(expired).await.unwrap();
    assert_eq!(
        store.tokens().authenticate(secret.expose()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn the_use_of_a_token_is_not_written_each_time() {
    let (_folder, store) = fresh().await;
    let (token, secret) = store.tokens().create(new_token(Role::Agent)).await.unwrap();
    store.tokens().authenticate(secret.expose()).await.unwrap();
    let first = store.tokens().get(token.id).await.unwrap().last_used_at;
    store.tokens().authenticate(secret.expose()).await.unwrap();
    assert_eq!(
        store.tokens().get(token.id).await.unwrap().last_used_at,
        first
    );
}

#[tokio::test]
async fn a_disabled_or_removed_user_has_no_working_token() {
    let (_folder, store) = fresh().await;
    let mut erika = user("erika");
    let password = Secret::new("correct horse".to_owned());
    store.users().create(&erika, &password).await.unwrap();
    let new = NewToken {
        user: Some(erika.id),
        ..new_token(Role::Supervisor)
    };
    let (_, secret) = store.tokens().create(new).await.unwrap();
    assert!(
        store
            .tokens()
            .authenticate(secret.expose())
            .await
            .unwrap()
            .is_some()
    );
    erika.enabled = false;
    store.users().update(&erika).await.unwrap();
    assert_eq!(
        store.tokens().authenticate(secret.expose()).await.unwrap(),
        None
    );
    assert_eq!(
        store
            .users()
            .authenticate("erika", &password)
            .await
            .unwrap(),
        None
    );
    erika.enabled = true;
    store.users().update(&erika).await.unwrap();
    store.users().delete(erika.id).await.unwrap();
    assert_eq!(
        store.tokens().authenticate(secret.expose()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn only_the_right_password_logs_in() {
    let (_folder, store) = fresh().await;
    let erika = user("erika");
    let password = Secret::new("correct horse".to_owned());
    store.users().create(&erika, &password).await.unwrap();
    let wrong = Secret::new("incorrect horse".to_owned());
    let users = store.users();
    assert_eq!(
        users.authenticate("erika", &password).await.unwrap(),
        Some(erika.clone())
    );
    assert_eq!(users.authenticate("erika", &wrong).await.unwrap(), None);
    assert_eq!(users.authenticate("nobody", &password).await.unwrap(), None);
    users.set_password(erika.id, &wrong).await.unwrap();
    assert!(users.authenticate("erika", &wrong).await.unwrap().is_some());
    assert!(
        users
            .authenticate("erika", &password)
            .await
            .unwrap()
            .is_none()
    );
    let taken = users.create(&user("erika"), &password).await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { field: "name" })),
        "{taken:?}"
    );
}

#[test]
fn generated_passwords_can_be_read_aloud() {
    let one = generate_password();
    assert_eq!(one.expose().len(), 20);
    assert!(!one.expose().contains(['0', 'O', '1', 'l', 'I', 'o', 'i']));
    assert_ne!(one.expose(), generate_password().expose());
}

/// The sentence with which a folder is refused.
async fn refusal(folder: &Path) -> String {
    Store::open(folder).await.map(drop).unwrap_err().to_string()
}

#[tokio::test]
async fn a_folder_that_cannot_be_served_is_refused_in_one_sentence() {
    let (folder, store) = fresh().await;
    let said = refusal(folder.path()).await;
    assert!(
        said.ends_with("is in use by another running offhook"),
        "{said}"
    );
    drop(store);
    Store::open_beside(folder.path()).await.unwrap();

    let key = folder.path().join("secret.key");
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, fernet::Fernet::generate_key()).unwrap();
    let said = refusal(folder.path()).await;
    assert!(
        said.contains("is not the key this database was written with"),
        "{said}"
    );
    std::fs::write(&key, "not a key").unwrap();
    let said = refusal(folder.path()).await;
    assert!(said.contains("does not hold a Fernet key"), "{said}");
    std::fs::write(&key, right).unwrap();
    drop(Store::open(folder.path()).await.unwrap());
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (folder, store) = fresh().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .execute(&store.pool().unwrap())
    .await
    .unwrap();
    drop(store);
    let said = refusal(folder.path()).await;
    assert!(
        said.contains("was written by a newer Offhook (schema 9999)"),
        "{said}"
    );
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("offhook.db"),
        "no database at all".repeat(500),
    )
    .unwrap();
    let said = refusal(folder.path()).await;
    assert!(
        said.contains("is damaged or not an Offhook database"),
        "{said}"
    );

    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("offhook.db")).unwrap();
    let said = refusal(folder.path()).await;
    assert!(said.contains("offhook.db"), "{said}");

    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("journal"), "a file in the way").unwrap();
    let said = refusal(folder.path()).await;
    assert!(said.contains("journal"), "{said}");
}

#[tokio::test]
async fn read_only_and_full_are_told_apart() {
    let (_folder, store) = fresh().await;
    let pool = store.pool().unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let write = "INSERT INTO meta (key, value) VALUES ('x', hex(zeroblob(1000000)))";

    sqlx::query("PRAGMA query_only = ON")
        .execute(&mut *connection)
        .await
        .unwrap();
    let refused = sqlx::query(write)
        .execute(&mut *connection)
        .await
        .unwrap_err();
    assert!(matches!(StoreError::from(refused), StoreError::ReadOnly));
    sqlx::query("PRAGMA query_only = OFF")
        .execute(&mut *connection)
        .await
        .unwrap();

    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&mut *connection)
        .await
        .unwrap();
    let refused = sqlx::query(write)
        .execute(&mut *connection)
        .await
        .unwrap_err();
    assert!(matches!(StoreError::from(refused), StoreError::DiskFull));
}
