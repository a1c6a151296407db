//! A scripted SIP phone: registers, calls, rings, talks, presses keys, holds, hangs up, and loses
//! what a test wants lost.
//!
//! It is a second, small reading of the RFCs: it shares no code with the server. Its verbs wait for
//! what they name, for at most [`PATIENCE`]. Keep the [`Phone`] as long as its
//! calls: they end with it.

mod audio;
mod dialog;
mod digest;
mod line;
mod mouth;
mod ringing;
mod sdp;
#[cfg(test)]
mod sipp_tests;
mod talk;
#[cfg(test)]
mod tests;
mod transfer;
mod transport;
mod watch;
pub mod wire;
mod wires;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

pub use audio::{Heard, RATE};
pub use dialog::Phase;
pub use digest::Credentials;
pub use line::Loss;
pub use ringing::{Dialling, Ringing};
pub use sdp::Flow;
pub use talk::Talk;
pub use transport::Carrier;
pub use watch::{Mailbox, Watch};
pub use wire::SipText;
pub use wires::{Bytes, Passport, encrypt, upgrade};

use crate::PATIENCE;
use crate::g711::Law;
use crate::server::Server;
use dialog::{Dialog, Offer};
use line::{Identity, Line, token};
use wire::host;

/// What a phone is made of.
#[derive(Debug, Clone)]
pub struct PhoneSpec {
    /// The user part of its address.
    pub user: String,
    /// Its password, if it is asked for one.
    pub password: Option<String>,
    /// Where it sends what belongs to no call. Without one it only takes calls.
    pub proxy: Option<SocketAddr>,
    /// What carries its SIP.
    pub carrier: Carrier,
    /// What it speaks, in order.
    pub laws: Vec<Law>,
    /// What its answers name besides: payload types and what `a=rtpmap` says of them.
    pub also: Vec<(u8, &'static str)>,
    /// The payload type it offers for telephone events, if it knows them.
    pub events: Option<u8>,
    /// The address it believes it has and writes into its messages, as phones behind a NAT do.
    pub behind: Option<Ipv4Addr>,
    /// The certificate it shows where it speaks TLS.
    pub passport: Option<Passport>,
}

impl PhoneSpec {
    /// A UDP phone that speaks both laws, PCMU first.
    #[must_use]
    pub fn new(user: &str, proxy: Option<SocketAddr>) -> Self {
        Self {
            user: user.to_owned(),
            password: None,
            proxy,
            carrier: Carrier::Udp,
            laws: vec![Law::Mu, Law::A],
            also: Vec::new(),
            events: Some(101),
            behind: None,
            passport: None,
        }
    }
}

/// A phone with one line.
#[derive(Debug)]
pub struct Phone {
    line: Arc<Line>,
    rings: Mutex<mpsc::UnboundedReceiver<Ringing>>,
    registration: Mutex<Registration>,
}

/// Call-ID and CSeq stay those of one registration (RFC 3261 section 10.2.4).
#[derive(Debug)]
struct Registration {
    call_id: String,
    cseq: u32,
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.line.shut();
    }
}

impl Phone {
    /// A caller from outside: what the demo office's trunk "demo" lets in.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn trunk(server: &Server) -> Result<Self> {
        Self::new(PhoneSpec::new("+49301234567", Some(server.sip()))).await
    }

    /// A caller from outside with this number.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn trunk_as(server: &Server, number: &str) -> Result<Self> {
        Self::new(PhoneSpec::new(number, Some(server.sip()))).await
    }

    /// The phone of an agent of the demo office: registered, and its agent is ready.
    ///
    /// # Errors
    /// When registration fails, or there is no agent at this extension.
    pub async fn agent(server: &Server, number: &str) -> Result<Self> {
        let phone = Self::extension(server, number).await?;
        server.sets_agent(number, "ready").await?;
        Ok(phone)
    }

    /// The phone of an extension of the demo office, registered over UDP.
    ///
    /// # Errors
    /// When the extension has no credentials, or registration fails.
    pub async fn extension(server: &Server, number: &str) -> Result<Self> {
        Self::extension_over(server, number, Carrier::Udp).await
    }

    /// A caller from outside who speaks only these laws, in this order.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn trunk_speaking(server: &Server, laws: &[Law]) -> Result<Self> {
        let mut spec = PhoneSpec::new("+49301234567", Some(server.sip()));
        spec.laws = laws.to_vec();
        Self::new(spec).await
    }

    /// The phone of an extension, registered over UDP, that speaks only these laws, in this order.
    ///
    /// # Errors
    /// As [`extension`](Self::extension).
    pub async fn extension_speaking(server: &Server, number: &str, laws: &[Law]) -> Result<Self> {
        let mut spec = PhoneSpec::new(number, Some(server.sip()));
        spec.password = Some(server.sip_password(number)?);
        spec.laws = laws.to_vec();
        let phone = Self::new(spec).await?;
        phone.registers().await?;
        Ok(phone)
    }

    /// The phone of an extension, registered over UDP, that believes to have this address.
    ///
    /// # Errors
    /// As [`extension`](Self::extension).
    pub async fn extension_behind(server: &Server, number: &str, nat: Ipv4Addr) -> Result<Self> {
        let mut spec = PhoneSpec::new(number, Some(server.sip()));
        spec.password = Some(server.sip_password(number)?);
        spec.behind = Some(nat);
        let phone = Self::new(spec).await?;
        phone.registers().await?;
        Ok(phone)
    }

    /// The phone of an extension of the demo office, registered over `carrier`.
    ///
    /// # Errors
    /// When the extension has no credentials, or registration fails.
    pub async fn extension_over(server: &Server, number: &str, carrier: Carrier) -> Result<Self> {
        Self::extension_at(server, number, carrier, server.sip_over(carrier)?).await
    }

    /// The phone of an extension of the demo office, registered over `carrier` at this address of the
    /// server.
    ///
    /// # Errors
    /// When the extension has no credentials, or registration fails.
    pub async fn extension_at(
        server: &Server,
        number: &str,
        carrier: Carrier,
        address: SocketAddr,
    ) -> Result<Self> {
        let mut spec = PhoneSpec::new(number, Some(address));
        spec.password = Some(server.sip_password(number)?);
        spec.carrier = carrier;
        let phone = Self::new(spec).await?;
        phone.registers().await?;
        Ok(phone)
    }

    /// A phone made to measure, not registered.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn new(spec: PhoneSpec) -> Result<Self> {
        let credentials = spec.password.map(|password| Credentials {
            user: spec.user.clone(),
            password,
        });
        let identity = Identity {
            user: spec.user,
            credentials,
            proxy: spec.proxy,
            laws: spec.laws,
            also: spec.also,
            events: spec.events,
            behind: spec.behind,
        };
        let (line, rings) = Line::open(identity, spec.carrier, spec.passport).await?;
        let registration = Registration {
            call_id: token(),
            cseq: 0,
        };
        Ok(Self {
            line,
            rings: Mutex::new(rings),
            registration: Mutex::new(registration),
        })
    }

    /// Where its SIP arrives.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.line.sockets.local
    }

    /// Registers for ten minutes.
    ///
    /// # Errors
    /// When the registrar refuses or is silent.
    pub async fn registers(&self) -> Result<()> {
        match self.registers_for(600).await? {
            200 => Ok(()),
            status => bail!("registration refused with {status}"),
        }
    }

    /// Takes the registration back.
    ///
    /// # Errors
    /// When the registrar refuses or is silent.
    pub async fn unregisters(&self) -> Result<()> {
        match self.registers_for(0).await? {
            200 => Ok(()),
            status => bail!("unregistration refused with {status}"),
        }
    }

    /// Registers for so many seconds; resolves to the final status.
    ///
    /// # Errors
    /// When the registrar is silent.
    pub async fn registers_for(&self, seconds: u32) -> Result<u16> {
        let proxy = self.line.identity.proxy.context("no registrar")?;
        let mut registration = self.registration.lock().await;
        let aor = format!("<sip:{}@{}>", self.line.identity.user, host(proxy));
        let mut request = SipText::new(format!("REGISTER sip:{proxy} SIP/2.0"))
            .with("Via", self.line.via())
            .with("Max-Forwards", "70")
            .with("From", format!("{aor};tag={}", token()))
            .with("To", aor)
            .with("Call-ID", &*registration.call_id)
            .with("CSeq", format!("{} REGISTER", registration.cseq + 1))
            .with("Contact", self.line.contact())
            .with("Expires", seconds.to_string());
        let mut response = self.line.transact(&request, proxy, |_| {}).await?;
        if self.line.authorize(&mut request, &response)? {
            response = self.line.transact(&request, proxy, |_| {}).await?;
        }
        registration.cseq = request.cseq();
        Ok(response.status().unwrap_or(0))
    }

    /// Calls a number and waits for the answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn dials(&self, number: &str) -> Result<Talk> {
        self.calls(number).await?.is_answered().await
    }

    /// Calls a number with a menu behind it and presses a key there, and `#`: the menu need not
    /// wait for the rest of an extension's number.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn dials_and_presses(&self, number: &str, key: char) -> Result<Talk> {
        let talk = self.dials(number).await?;
        talk.types(&format!("{key}#")).await?;
        Ok(talk)
    }

    /// Calls a number and goes on while it rings.
    ///
    /// # Errors
    /// When no socket can be opened for the audio.
    pub async fn calls(&self, number: &str) -> Result<Dialling> {
        Ok(Dialling::new(
            Dialog::calling(&self.line, number, Offer::Own).await?,
        ))
    }

    /// Calls a number with an INVITE without SDP: the 200 brings the offer, the ACK answers it.
    ///
    /// # Errors
    /// When no socket can be opened for the audio.
    pub async fn calls_without_offer(&self, number: &str) -> Result<Dialling> {
        Ok(Dialling::new(
            Dialog::calling(&self.line, number, Offer::Late).await?,
        ))
    }

    /// Calls a number with an INVITE without SDP, and never answers the offer it gets.
    ///
    /// # Errors
    /// When no socket can be opened for the audio.
    pub async fn calls_without_answer(&self, number: &str) -> Result<Dialling> {
        Ok(Dialling::new(
            Dialog::calling(&self.line, number, Offer::Never).await?,
        ))
    }

    /// Calls a number with an offer of the test's own making.
    ///
    /// # Errors
    /// When no socket can be opened for the audio.
    pub async fn calls_offering(&self, number: &str, sdp: &str) -> Result<Dialling> {
        Ok(Dialling::new(
            Dialog::calling(&self.line, number, Offer::Text(sdp)).await?,
        ))
    }

    /// Waits for a call.
    ///
    /// # Errors
    /// When none comes.
    pub async fn rings(&self) -> Result<Ringing> {
        self.rings_within(PATIENCE).await
    }

    /// Waits for a call for so long.
    ///
    /// # Errors
    /// When none comes.
    pub async fn rings_within(&self, time: Duration) -> Result<Ringing> {
        let mut rings = self.rings.lock().await;
        let user = &self.line.identity.user;
        let ring = timeout(time, rings.recv()).await;
        ring.ok()
            .flatten()
            .with_context(|| format!("the phone of {user} does not ring"))
    }

    /// Makes sure that no call comes for so long.
    ///
    /// # Errors
    /// When one comes.
    pub async fn stays_silent_for(&self, time: Duration) -> Result<()> {
        match self.rings_within(time).await {
            Ok(call) => bail!("{} rings at {}", call.caller(), self.line.identity.user),
            Err(_) => Ok(()),
        }
    }

    /// Loses one message of this kind.
    pub fn loses(&self, loss: Loss) {
        self.line.lose(loss);
    }

    /// Makes sure that everything it was to lose is lost.
    ///
    /// # Errors
    /// When some message it was to lose never came up; the error names it.
    pub fn has_lost_all(&self) -> Result<()> {
        let left = self.line.losses_left();
        ensure!(left.is_empty(), "not lost: {left:?}");
        Ok(())
    }

    /// Closes its TCP connections without a word.
    pub fn drops_connection(&self) {
        self.line.sockets.close();
    }

    /// Closes its TCP connections without a word, and can be connected to where it showed to be.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn listens_instead(&self) -> Result<()> {
        self.line.keep(self.line.sockets.listen()?);
        self.drops_connection();
        Ok(())
    }

    /// Opens a new TCP connection to its proxy, beside or instead of the one it had.
    ///
    /// # Errors
    /// When it has no proxy, or the connection is refused.
    pub async fn reconnects(&self) -> Result<()> {
        let proxy = self.line.identity.proxy.context("no proxy")?;
        self.line.sockets.reconnect(proxy).await
    }

    /// Says and hears nothing any more on SIP, as if its cable were pulled. Its RTP goes on until
    /// [`Talk::stops_sending`].
    pub fn vanishes(&self) {
        self.line.vanish();
    }

    /// Sends a message of the test's own making and takes no notice of what comes back.
    pub fn sends_raw(&self, message: &SipText, to: SocketAddr) {
        self.line.send(message, to);
    }
}
