//! The names that others rely on.

mod events;
mod names;
mod recording_control;
mod recording_rules;
mod recordings;
mod sounds;

use anyhow::Result;
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::Server;
use serde_json::json;

/// A server and a conversation through the queue, which records it.
struct Conversation {
    server: Server,
    /// Caller and agent; calls end with their phones.
    _phones: [Phone; 2],
    caller: Talk,
    agent: Talk,
}

async fn a_conversation(server: Server) -> Result<Conversation> {
    server.sets_queue("301", json!({ "wrap_up": 1 })).await?;
    let desk = Phone::agent(&server, "1001").await?;
    let phone = Phone::extension(&server, "1000").await?;
    let caller = phone.dials("301").await?;
    let agent = desk.rings().await?.answers().await?;
    caller.plays_tone(440.0);
    agent.plays_tone(950.0);
    caller.hears_tone(950.0).await?;
    agent.hears_tone(440.0).await?;
    Ok(Conversation {
        server,
        _phones: [phone, desk],
        caller,
        agent,
    })
}
