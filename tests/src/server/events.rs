//! The event stream as a test follows it.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::PATIENCE;

/// `GET /api/v1/events` over a WebSocket or as server-sent events: every event since this was made,
/// none forgotten.
#[derive(Debug)]
pub struct Events {
    seen: watch::Receiver<Vec<Value>>,
    task: AbortHandle,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Events {
    /// Connects to the stream at `http` with a bearer token.
    pub(super) async fn follow(http: &str, token: &str) -> Result<Self> {
        let url = format!("{}/api/v1/events", http.replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        let bearer = format!("Bearer {token}").parse()?;
        request.headers_mut().insert("authorization", bearer);
        let connected = timeout(PATIENCE, connect_async(request)).await;
        let (mut stream, _) = connected.context("no WebSocket in time")??;
        let (events, seen) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                if message.is_close() {
                    return;
                }
                if let Message::Text(text) = message
                    && let Ok(event) = serde_json::from_str(&text)
                {
                    events.send_modify(|events| events.push(event));
                }
            }
        });
        Ok(Self {
            seen,
            task: task.abort_handle(),
        })
    }

    /// Reads the stream that answers `request` as server-sent events.
    pub(super) async fn read(request: RequestBuilder) -> Result<Self> {
        let answered = timeout(PATIENCE, request.send()).await;
        let mut response = answered.context("no event stream in time")??;
        let kind = response.headers().get("content-type").cloned();
        let (events, seen) = watch::channel(Vec::new());
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        ensure!(is_stream, "{}", response.text().await?);
        let task = tokio::spawn(async move {
            let mut pending = String::new();
            while let Ok(Some(piece)) = response.chunk().await {
                pending.push_str(&String::from_utf8_lossy(&piece));
                while let Some((block, rest)) = pending.split_once("\n\n") {
                    let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                    if let Some(event) = data.and_then(|data| serde_json::from_str(data).ok()) {
                        events.send_modify(|events| events.push(event));
                    }
                    pending = rest.to_owned();
                }
            }
        });
        Ok(Self {
            seen,
            task: task.abort_handle(),
        })
    }

    /// Every event so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Value> {
        self.seen.borrow().clone()
    }

    /// Waits for an event, also one that came before this was asked.
    ///
    /// # Errors
    /// When none comes; the error lists what did.
    pub async fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        self.wait_after(0, wanted).await.map(|(_, event)| event)
    }

    /// Waits for an event that is not among the first `count`; resolves to the count that ends with
    /// it, so that the next question can go on from there.
    ///
    /// # Errors
    /// When none comes; the error lists what did.
    pub async fn wait_after(
        &self,
        count: usize,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<(usize, Value)> {
        let mut seen = self.seen.clone();
        let found = |events: &Vec<Value>| {
            let mut events = events.iter().enumerate().skip(count);
            let event = events.find(|(_, event)| wanted(event));
            event.map(|(place, event)| (place + 1, event.clone()))
        };
        match timeout(PATIENCE, seen.wait_for(|events| found(events).is_some())).await {
            Ok(Ok(events)) => found(&events).context("the event is gone"),
            Ok(Err(_)) => bail!("the stream ended; events so far:{}", self.list()),
            Err(_) => bail!("no such event; those that came:{}", self.list()),
        }
    }

    fn list(&self) -> String {
        self.seen
            .borrow()
            .iter()
            .fold(String::new(), |mut list, event| {
                write!(list, "\n  {event}").ok();
                list
            })
    }
}

#[cfg(test)]
mod tests {
    use futures::SinkExt;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn events_are_found_in_order_whether_they_came_before_or_after() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let http = format!("http://{}", listener.local_addr().unwrap());
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tokio_tungstenite::accept_async(stream).await.unwrap();
            for (seq, kind) in ["call_started", "call_ended", "call_started"]
                .iter()
                .enumerate()
            {
                let event = json!({ "seq": seq, "kind": kind });
                let text = Message::text(event.to_string());
                stream.send(text).await.unwrap();
            }
            stream
        };
        let (events, mut stream) = tokio::join!(Events::follow(&http, "token"), serve);
        let events = events.unwrap();
        let started = |event: &Value| event["kind"] == "call_started";
        let (count, first) = events.wait_after(0, started).await.unwrap();
        let (_, second) = events.wait_after(count, started).await.unwrap();
        assert_eq!((&first["seq"], &second["seq"]), (&json!(0), &json!(2)));
        let ended = events.wait_for(|event| event["kind"] == "call_ended").await;
        assert_eq!(ended.unwrap()["seq"], 1);
        stream.close(None).await.unwrap();
        let error = events
            .wait_for(|event| event["seq"] == 9)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("call_ended"), "{error}");
    }
}
