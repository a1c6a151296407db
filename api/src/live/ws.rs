//! Events over a WebSocket (RFC 6455): one text message, one JSON object.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::stream::{SplitSink, StreamExt};
use futures::{Sink, SinkExt};

use super::follower::{Follower, Item};
use crate::dto::event::EventView;

/// How long a client may take to take a message before it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pings in a row without any sign of life after which a client is given up.
const SILENT_PINGS: u32 = 3;

/// Sends what the follower has, until it ends or the client goes.
pub(crate) async fn serve_socket(socket: WebSocket, mut follower: Follower) {
    let (mut sink, mut incoming) = socket.split();
    let mut unanswered = 0;
    loop {
        let item = tokio::select! {
            item = follower.next() => item,
            message = incoming.next() => match message {
                // Whatever it says, it lives. Nothing a client sends means anything here.
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {
                    unanswered = 0;
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        };
        let Some(item) = item else {
            return close(&mut sink, close_code::AWAY, "the server is stopping").await;
        };
        if item == Item::Ping {
            unanswered += 1;
            if unanswered > SILENT_PINGS {
                return close(&mut sink, close_code::POLICY, "no answer to pings").await;
            }
        }
        if !send(&mut sink, message(&item)).await {
            return;
        }
        match item {
            Item::TokenGone => {
                return close(&mut sink, close_code::POLICY, "the token no longer works").await;
            }
            Item::Event(_) | Item::Lost(_) | Item::Ping => {}
        }
    }
}

fn message(item: &Item) -> Message {
    let value = match item {
        Item::Event(event) => serde_json::to_value(EventView::of(event)).unwrap_or_default(),
        Item::Lost(lost) => serde_json::json!({ "type": "lost", "lost": lost }),
        Item::Ping => return Message::Ping(bytes::Bytes::new()),
        Item::TokenGone => {
            serde_json::json!({ "type": "closed", "reason": "the token no longer works" })
        }
    };
    Message::Text(value.to_string().into())
}

async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(
        tokio::time::timeout(PATIENCE, sink.send(message)).await,
        Ok(Ok(()))
    )
}

async fn close<S: Sink<Message> + Unpin>(sink: &mut S, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let closing = sink.send(Message::Close(Some(frame)));
    // The client may be gone already; there is nobody left to tell.
    drop(tokio::time::timeout(PATIENCE, closing).await);
}
