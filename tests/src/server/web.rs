//! HTTP beyond JSON: headers, readiness, raw bytes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, interval};

use super::{Events, Server};
use crate::PATIENCE;

impl Server {
    /// `GET path` as admin with more headers; the whole answer.
    ///
    /// # Errors
    /// When none comes.
    pub async fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        let token = &self.credentials.admin.token;
        let mut request = self.client.get(self.url(path)).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.timeout(PATIENCE).send().await?)
    }

    /// Where HTTP is served.
    ///
    /// # Errors
    /// When the demo office named no address.
    pub fn http(&self) -> Result<SocketAddr> {
        let http = self.credentials.http.trim_start_matches("http://");
        http.parse().context("an address")
    }

    /// Where SIP is served over TCP, as the server says at its start.
    ///
    /// # Errors
    /// When it did not say.
    pub fn sip_over_tcp(&self) -> Result<SocketAddr> {
        let log = self.log();
        let lines = log
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut addresses = lines.filter_map(|words| match words[..] {
            ["SIP", "tcp", address] => Some(address.to_owned()),
            _ => None,
        });
        let address = addresses.next_back().context("no SIP over TCP")?;
        Ok(address.parse()?)
    }

    /// Follows the event stream as server-sent events, from after the event `since` if given.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn events_by_sse(&self, since: Option<u64>) -> Result<Events> {
        let mut request = self.event_request("");
        if let Some(since) = since {
            request = request.header("last-event-id", since.to_string());
        }
        Events::read(request).await
    }

    /// Follows what a query lets through of the event stream, as server-sent events.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn events_by_sse_of(&self, query: &str) -> Result<Events> {
        Events::read(self.event_request(&format!("?{query}"))).await
    }

    fn event_request(&self, query: &str) -> RequestBuilder {
        let url = self.url(&format!("/api/v1/events{query}"));
        let token = &self.credentials.admin.token;
        self.client.get(url).bearer_auth(token)
    }

    /// Waits until `/readyz` complains in these words; resolves to the whole complaint.
    ///
    /// # Errors
    /// When it does not.
    pub async fn complains_of(&self, words: &str) -> Result<Value> {
        self.readiness(|status, answer| status == 503 && answer.to_string().contains(words))
            .await
    }

    /// Waits until `/readyz` says that all is well.
    ///
    /// # Errors
    /// When it does not.
    pub async fn is_ready(&self) -> Result<Value> {
        self.readiness(|status, _| status == 200).await
    }

    async fn readiness(&self, wanted: impl Fn(u16, &Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut look = interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            let (status, answer) = self.request(Method::GET, "/readyz", None, "").await?;
            if wanted(status, &answer) {
                return Ok(answer);
            }
            let late = Instant::now() > deadline;
            ensure!(!late, "/readyz stays {status} {answer}");
        }
    }
}
