//! Events as server-sent events (WHATWG HTML section 9.2).

use axum::response::sse::{Event as Frame, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;

use super::follower::{Follower, Item};
use crate::dto::event::EventView;

/// Sends what the follower has, until it ends.
pub(crate) fn stream_events(follower: Follower) -> Response {
    let frames = stream::unfold(follower, |mut follower| async move {
        let item = follower.next().await?;
        Some((frame(&item), follower))
    });
    let mut response = Sse::new(frames).into_response();
    // Proxies that buffer answers would hold events back.
    response.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    response
}

fn frame(item: &Item) -> Result<Frame, axum::Error> {
    match item {
        Item::Event(event) => Frame::default()
            .id(event.seq.to_string())
            .event(event.kind.name())
            .json_data(EventView::of(event)),
        Item::Lost(lost) => Frame::default()
            .event("lost")
            .json_data(serde_json::json!({ "type": "lost", "lost": lost })),
        Item::Ping => Ok(Frame::default().comment("ping")),
        Item::TokenGone => Frame::default().event("closed").json_data(
            serde_json::json!({ "type": "closed", "reason": "the token no longer works" }),
        ),
    }
}
