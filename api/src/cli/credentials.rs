//! What a new office begins with, and where that is written.

use std::path::{Path, PathBuf};

use offhook_actors::store::{
    DemoCredentials, LoginCredentials, Store, create_private, is_empty, seed_demo, seed_empty,
};

use super::Failure;

/// What the data folder held, and what was put into it.
#[derive(Debug)]
pub(super) enum Office {
    /// The demo office was built just now.
    Demo(Box<DemoCredentials>),
    /// One administrator was made just now.
    Empty(LoginCredentials),
    /// There was an office.
    Known {
        /// The public number of the demo office, if it is one and its credentials are still there.
        demo_did: Option<String>,
    },
}

/// The file with the demo office's credentials.
pub(super) fn demo_file(data: &Path) -> PathBuf {
    data.join("demo-credentials.json")
}

/// Where the server listens, as a client writes it.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// A URL.
    pub(super) http: String,
    /// Host and port.
    pub(super) sip: String,
}

/// Fills an empty data folder.
pub(super) async fn furnish(store: &Store, demo: bool) -> Result<Office, Failure> {
    if !is_empty(store).await.map_err(Failure::run)? {
        return Ok(Office::Known { demo_did: None });
    }
    if demo {
        // The real addresses are known once everything listens; see `write`.
        let unknown = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let credentials = seed_demo(store, unknown, unknown).await;
        Ok(Office::Demo(Box::new(credentials.map_err(Failure::run)?)))
    } else {
        let admin = seed_empty(store).await.map_err(Failure::run)?;
        Ok(Office::Empty(admin))
    }
}

/// Writes `demo-credentials.json` with the real addresses, readable for its owner only. For an
/// office that was built by an earlier run, the addresses in the file are brought up to date.
pub(super) fn write(
    office: &mut Office,
    data: &Path,
    addresses: &Addresses,
) -> Result<(), Failure> {
    let path = demo_file(data);
    let value = match office {
        Office::Demo(credentials) => {
            credentials.http.clone_from(&addresses.http);
            credentials.sip.clone_from(&addresses.sip);
            serde_json::to_value(&**credentials).map_err(Failure::run)?
        }
        Office::Empty(_) => return Ok(()),
        Office::Known { demo_did } => {
            let known = std::fs::read(&path).ok();
            let known = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let Some(serde_json::Value::Object(mut known)) = known else {
                return Ok(());
            };
            let did = known.get("did").and_then(|did| did.as_str());
            *demo_did = did.map(str::to_owned);
            known.insert("http".into(), addresses.http.clone().into());
            known.insert("sip".into(), addresses.sip.clone().into());
            known.into()
        }
    };
    let mut text = serde_json::to_vec_pretty(&value).map_err(Failure::run)?;
    text.push(b'\n');
    create_private(&path, &text)
        .map_err(|error| Failure::Run(format!("cannot write {}: {error}", path.display())))
}
