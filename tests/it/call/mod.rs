//! Extensions, menus, hold, and what networks lose.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears;
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::Server;
use serde_json::{Value, json};

mod carriers;
mod codecs;
mod dialled;
mod early;
mod hold;
mod loss;
mod menu;
mod nat;
mod negotiation;
mod refresh;
mod reliable;
mod rest;
mod tcp;
mod trunk;

const CALLER: f64 = 440.0;
const CALLEE: f64 = 950.0;

/// 1000 has called 1001, and both speak: a tone each.
struct Conversation {
    server: Server,
    // Calls end with their phones.
    from: Phone,
    to: Phone,
    caller: Talk,
    callee: Talk,
}

impl Conversation {
    async fn between(server: Server, from: Phone, to: Phone) -> Result<Self> {
        let dialling = from.calls("1001").await?;
        let callee = to.rings().await?.answers().await?;
        let caller = dialling.is_answered().await?;
        caller.plays_tone(CALLER);
        callee.plays_tone(CALLEE);
        let conversation = Self {
            server,
            from,
            to,
            caller,
            callee,
        };
        conversation.both_hear().await?;
        Ok(conversation)
    }

    async fn start() -> Result<Self> {
        let server = Server::start().await?;
        let from = Phone::extension(&server, "1000").await?;
        let to = Phone::extension(&server, "1001").await?;
        Self::between(server, from, to).await
    }

    /// Each hears the other, and nothing else.
    async fn both_hear(&self) -> Result<()> {
        self.caller.hears_tone(CALLEE).await.context("the caller")?;
        self.callee.hears_tone(CALLER).await.context("the callee")
    }

    /// The caller's phone loses its connection, comes back by another, and is registered by that.
    async fn caller_comes_back(&self) -> Result<()> {
        self.from.drops_connection();
        self.from.reconnects().await?;
        self.from.registers().await
    }

    /// The callee hangs up, and the caller hears of it.
    async fn ends_by_the_callee(self) -> Result<()> {
        ensure!(self.callee.hangs_up().await? == 200);
        self.caller.is_hung_up().await.context("the caller")?;
        let record = afterwards(&self.server).await?;
        expect(&record, "ended_by", "callee")
    }

    /// The caller hangs up; nothing is left, and the record says that they talked.
    async fn ends(self) -> Result<()> {
        for talk in [&self.caller, &self.callee] {
            let heard = talk.heard();
            ensure!(
                heard.lost == 0 && heard.duplicates == 0,
                "lost {}",
                heard.lost
            );
            ensure!(heard.sources == 1, "one voice: {} sources", heard.sources);
        }
        ensure!(self.caller.hangs_up().await? == 200);
        self.callee.is_hung_up().await?;
        let record = afterwards(&self.server).await?;
        expect(&record, "disposition", "answered")?;
        expect(&record, "ended_by", "caller")?;
        expect(&record, "hangup_cause", "normal_clearing")
    }
}

/// The record of the one call, once nothing of that call is left.
async fn afterwards(server: &Server) -> Result<Value> {
    server.has_nothing_left().await?;
    server.the_record().await
}

fn expect(record: &Value, field: &str, value: &str) -> Result<()> {
    ensure!(record[field] == value, "{field} is not {value}: {record}");
    Ok(())
}

/// The path of the one call that goes on.
async fn the_call(server: &Server) -> Result<String> {
    let call = server.the_call().await?;
    let id = call["id"].as_str().context("a call without id")?;
    Ok(format!("/api/v1/calls/{id}"))
}

/// Changes settings of an extension.
async fn set_extension(server: &Server, number: &str, change: Value) -> Result<()> {
    let path = "/api/v1/sip/extensions";
    let extension = server.find(path, "extension", number).await?;
    let id = extension["id"].as_str().context("an id")?;
    server.patch(&format!("{path}/{id}"), change).await?;
    Ok(())
}

/// Makes the public number ring an extension; callers from outside prove nothing, so the first
/// INVITE of their calls is the one that counts.
async fn public_number_rings(server: &Server, number: &str) -> Result<()> {
    let path = "/api/v1/sip/extensions";
    let extension = server.find(path, "extension", number).await?;
    let path = "/api/v1/sip/dids";
    let did = &server.credentials().did;
    let did = server.find(path, "number", did).await?;
    let id = did["id"].as_str().context("an id")?;
    let change = json!({ "destination_type": "extension", "destination_id": extension["id"] });
    server.patch(&format!("{path}/{id}"), change).await?;
    Ok(())
}

/// A second of what comes in from now on is hold music, not the other party.
async fn hears_music_instead_of(talk: &Talk, tone: f64) -> Result<()> {
    let music =
        |piece: &[i16]| ears::level(piece) > ears::AUDIBLE && !ears::has_tone(piece, 8000, tone);
    talk.hears("music", music).await?;
    let second = talk.listens_for(Duration::from_secs(1)).await?;
    let mut pieces = second.chunks(1600);
    ensure!(
        !pieces.any(|piece| ears::is_tone(piece, 8000, tone)),
        "the other party is still heard"
    );
    Ok(())
}
