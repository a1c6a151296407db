//! `offhook token create`.

use offhook_actors::store::{NewToken, Store};

use super::arguments::TokenArguments;
use super::{Failure, print};

/// Makes a token in the database of a data folder, beside a server that may be running.
pub(super) fn create(arguments: &TokenArguments) -> Result<(), Failure> {
    let data = &arguments.data;
    if !data.join("offhook.db").exists() {
        return Err(Failure::Run(format!(
            "there is no office in {}; `offhook serve --data {0}` makes one",
            data.display()
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::run)?;
    let secret = runtime.block_on(async {
        let store = Store::open_beside(data).await.map_err(Failure::run)?;
        let new = NewToken {
            name: arguments.name.clone(),
            role: arguments.role.into(),
            user: None,
            expires_at: None,
        };
        let (_, secret) = store.tokens().create(new).await.map_err(Failure::run)?;
        Ok(secret)
    })?;
    print(&format!("{}\n", secret.expose()))
}
