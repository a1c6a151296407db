//! What a phone asks to be told without a call, and text messages.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Phone;
use super::audio::lock;
use super::line::{Line, token};
use super::wire::{SipText, tag, uri_of};
use crate::PATIENCE;

/// Who takes requests outside of calls at one line.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// NOTIFYs by Call-ID.
    watches: Mutex<HashMap<String, Place>>,
    /// MESSAGEs, and NOTIFYs nobody asked for.
    mail: Mutex<Option<mpsc::UnboundedSender<SipText>>>,
}

#[derive(Debug, Clone)]
struct Place {
    notifies: mpsc::UnboundedSender<SipText>,
    status: u16,
}

impl Desk {
    /// Takes a request that belongs to no call; the status to reply with. `None` when nobody here
    /// waits for one.
    pub(crate) fn takes(&self, request: &SipText) -> Option<u16> {
        let place = lock(&self.watches).get(request.header("Call-ID")).cloned();
        if let Some(place) = place {
            place.notifies.send(request.clone()).ok();
            return Some(place.status);
        }
        let mail = lock(&self.mail).clone()?;
        mail.send(request.clone()).ok()?;
        Some(200)
    }
}

/// A subscription of a phone.
#[derive(Debug)]
pub struct Watch {
    line: Arc<Line>,
    proxy: SocketAddr,
    call_id: String,
    event: String,
    /// The SUBSCRIBE that began it.
    request: SipText,
    /// The answer to it.
    pub accepted: SipText,
    notifies: tokio::sync::Mutex<mpsc::UnboundedReceiver<SipText>>,
}

/// Messages that come to a phone.
#[derive(Debug)]
pub struct Mailbox(tokio::sync::Mutex<mpsc::UnboundedReceiver<SipText>>);

impl Phone {
    /// Subscribes to `event` of `user` with further headers, and is granted it.
    ///
    /// # Errors
    /// When it is refused; the error names the status.
    pub async fn watches(&self, user: &str, event: &str, more: &[(&str, &str)]) -> Result<Watch> {
        let watch = self.subscribes(user, event, more).await?;
        match watch.accepted.status() {
            Some(200) => Ok(watch),
            status => bail!("SUBSCRIBE to {event} of {user} refused with {status:?}"),
        }
    }

    /// Subscribes, whatever comes of it.
    ///
    /// # Errors
    /// When the server is silent.
    pub async fn subscribes(
        &self,
        user: &str,
        event: &str,
        more: &[(&str, &str)],
    ) -> Result<Watch> {
        let proxy = self.line.identity.proxy.context("no server")?;
        let own = &self.line.identity.user;
        let call_id = token();
        let (sender, notifies) = mpsc::unbounded_channel();
        let place = Place {
            notifies: sender,
            status: 200,
        };
        lock(&self.line.desk.watches).insert(call_id.clone(), place);
        let mut request = SipText::new(format!("SUBSCRIBE sip:{user}@{proxy} SIP/2.0"))
            .with("Via", self.line.via())
            .with("Max-Forwards", "70")
            .with(
                "From",
                format!("<sip:{own}@{}>;tag={}", proxy.ip(), token()),
            )
            .with("To", format!("<sip:{user}@{}>", proxy.ip()))
            .with("Call-ID", &*call_id)
            .with("CSeq", "1 SUBSCRIBE")
            .with("Contact", self.line.contact())
            .with("Event", event);
        for (name, value) in more {
            request.push(*name, *value);
        }
        let accepted = self.asks(&mut request, proxy).await?;
        Ok(Watch {
            line: Arc::clone(&self.line),
            proxy,
            call_id,
            event: event.to_owned(),
            request,
            accepted,
            notifies: tokio::sync::Mutex::new(notifies),
        })
    }

    /// Sends a text message to `user` of this type; resolves to the final response.
    ///
    /// # Errors
    /// When the server is silent.
    pub async fn writes(&self, user: &str, content_type: &str, text: &str) -> Result<SipText> {
        let proxy = self.line.identity.proxy.context("no server")?;
        let own = &self.line.identity.user;
        let mut request = SipText::new(format!("MESSAGE sip:{user}@{proxy} SIP/2.0"))
            .with("Via", self.line.via())
            .with("Max-Forwards", "70")
            .with(
                "From",
                format!("<sip:{own}@{}>;tag={}", proxy.ip(), token()),
            )
            .with("To", format!("<sip:{user}@{}>", proxy.ip()))
            .with("Call-ID", token())
            .with("CSeq", "1 MESSAGE")
            .with("Content-Type", content_type);
        request.body = text.to_owned();
        self.asks(&mut request, proxy).await
    }

    /// Sends a request of the test's own making, answers one challenge, and resolves to the final
    /// response.
    ///
    /// # Errors
    /// When the server is silent.
    pub async fn asks(&self, request: &mut SipText, to: SocketAddr) -> Result<SipText> {
        let response = self.line.transact(request, to, |_| {}).await?;
        if self.line.authorize(request, &response)? {
            return self.line.transact(request, to, |_| {}).await;
        }
        Ok(response)
    }

    /// From now on takes messages, and NOTIFYs it did not ask for.
    pub fn reads(&self) -> Mailbox {
        let (sender, mail) = mpsc::unbounded_channel();
        *lock(&self.line.desk.mail) = Some(sender);
        Mailbox(tokio::sync::Mutex::new(mail))
    }
}

impl Mailbox {
    /// The next one.
    ///
    /// # Errors
    /// When none comes.
    pub async fn next(&self) -> Result<SipText> {
        let mut mail = self.0.lock().await;
        let next = timeout(PATIENCE, mail.recv()).await;
        next.ok().flatten().context("no message comes")
    }

    /// Makes sure that nothing comes for so long.
    ///
    /// # Errors
    /// When something does.
    pub async fn stays_empty_for(&self, time: Duration) -> Result<()> {
        match timeout(time, self.0.lock().await.recv()).await {
            Ok(Some(message)) => bail!("unexpected: {}", message.start),
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

impl Watch {
    /// The next NOTIFY.
    ///
    /// # Errors
    /// When none comes.
    pub async fn told(&self) -> Result<SipText> {
        let mut notifies = self.notifies.lock().await;
        let next = timeout(PATIENCE, notifies.recv()).await;
        next.ok()
            .flatten()
            .with_context(|| format!("no NOTIFY of {} comes", self.event))
    }

    /// The next NOTIFY whose body has all these words; others pass.
    ///
    /// # Errors
    /// When none comes; the error shows what came last.
    pub async fn told_of(&self, words: &[&str]) -> Result<SipText> {
        let mut last = String::new();
        loop {
            let notify = self.told().await.with_context(|| format!("last: {last}"))?;
            if words.iter().all(|word| notify.body.contains(word)) {
                return Ok(notify);
            }
            last = notify.body;
        }
    }

    /// Makes sure that nothing is told for so long.
    ///
    /// # Errors
    /// When something is.
    pub async fn is_told_nothing_for(&self, time: Duration) -> Result<()> {
        match timeout(time, self.notifies.lock().await.recv()).await {
            Ok(Some(notify)) => bail!("unexpected: {}", notify.body),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Refreshes it for so many seconds; zero ends it. Resolves to the final status.
    ///
    /// # Errors
    /// When the server is silent.
    pub async fn refreshes(&mut self, seconds: u32) -> Result<u16> {
        let target = uri_of(self.accepted.header("Contact")).to_owned();
        let tag = tag(self.accepted.header("To"))
            .context("no tag")?
            .to_owned();
        let number = self.request.cseq() + 1;
        let mut request = SipText::new(format!("SUBSCRIBE {target} SIP/2.0"))
            .with("Via", self.line.via())
            .with("Max-Forwards", "70")
            .with("From", self.request.header("From"))
            .with("To", format!("{};tag={tag}", self.request.header("To")))
            .with("Call-ID", &*self.call_id)
            .with("CSeq", format!("{number} SUBSCRIBE"))
            .with("Contact", self.line.contact())
            .with("Event", &*self.event)
            .with("Expires", seconds.to_string());
        let mut response = self.line.transact(&request, self.proxy, |_| {}).await?;
        if self.line.authorize(&mut request, &response)? {
            response = self.line.transact(&request, self.proxy, |_| {}).await?;
        }
        for (name, value) in &mut self.request.headers {
            if name == "CSeq" {
                *value = request.header("CSeq").to_owned();
            }
        }
        Ok(response.status().unwrap_or(0))
    }

    /// From now on answers every NOTIFY with this status.
    pub fn answers_with(&self, status: u16) {
        if let Some(place) = lock(&self.line.desk.watches).get_mut(&self.call_id) {
            place.status = status;
        }
    }
}
