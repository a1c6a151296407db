//! SIP over WebSocket (RFC 7118): every message of a socket is one SIP message.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request as HttpRequest, Response as HttpResponse,
};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::connections::Remote;
use super::handle::Shared;
use super::seats::Seat;
use super::stream::{Serving, WRITE, Whole};
use crate::alarm;

/// What the socket has to speak (RFC 7118 section 4).
const SUBPROTOCOL: &str = "sip";

/// How long nothing is heard before we ask whether anybody is there.
const QUIET: Duration = Duration::from_secs(25);

/// Bytes read at once, and what an idle socket costs.
const BUFFER: usize = 4 * 1024;

/// Serves what is said on `stream`, from the HTTP request that wants a WebSocket on.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    shared: Arc<Shared>,
    mut stream: S,
    remote: Remote,
    local: SocketAddr,
    seat: Seat,
) {
    let limits = &shared.net.config.limits;
    let greeting = greet(&shared, &mut stream);
    match timeout(limits.message_timeout, greeting).await {
        Ok(Ok(socket)) => {
            let opened = shared.net.open(seat, remote, local, None);
            let mut serving = Serving::new(Arc::clone(&shared), opened);
            converse(&mut serving, socket).await;
            drop(stream);
            serving.end().await;
        }
        Ok(Err(Error::Http(_))) => {
            // The refusal is written already.
            timeout(WRITE, stream.shutdown()).await.ok();
        }
        Ok(Err(error)) => {
            tracing::debug!(peer = %remote.address, %error, "no WebSocket");
            let refusal = async {
                stream.write_all(NO_WEBSOCKET.as_bytes()).await?;
                stream.shutdown().await
            };
            timeout(WRITE, refusal).await.ok();
        }
        Err(_) => {}
    }
}

/// What is told to somebody who speaks HTTP, or something else, and wants no WebSocket.
const NO_WEBSOCKET: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\nContent-Length: 56\r\n\r\n\
    This port takes WebSockets with the subprotocol \"sip\".\r\n";

async fn greet<'s, S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    stream: &'s mut S,
) -> Result<WebSocketStream<&'s mut S>, Error> {
    let size = shared.net.config.limits.max_message_size;
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = BUFFER;
    config.write_buffer_size = 0;
    // What does not fit waits in the queue. Who pings and does not read gets the newest pong alone.
    config.max_write_buffer_size = 2 * size;
    config.max_message_size = Some(size);
    config.max_frame_size = Some(size);
    let origins = &shared.net.config.websocket.origins;
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is given by tungstenite"
    )]
    let check = |request: &HttpRequest, response: HttpResponse| admit(request, response, origins);
    accept_hdr_async_with_config(stream, check, Some(config)).await
}

/// Takes a WebSocket that speaks SIP and comes from a page that may connect.
#[expect(
    clippy::result_large_err,
    reason = "the callback's type is given by tungstenite"
)]
fn admit(
    request: &HttpRequest,
    mut response: HttpResponse,
    origins: &[String],
) -> Result<HttpResponse, ErrorResponse> {
    let headers = request.headers();
    let wanted = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut wanted = wanted
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if !wanted.any(|name| name.trim().eq_ignore_ascii_case(SUBPROTOCOL)) {
        let sentence = "The subprotocol \"sip\" is missing.\r\n";
        return Err(refusal(StatusCode::BAD_REQUEST, sentence));
    }
    // Programs that are no browsers send none, and could send any.
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let allowed = |origin: &[u8]| {
        let same = |known: &String| origin.eq_ignore_ascii_case(known.as_bytes());
        origins.is_empty() || origins.iter().any(same)
    };
    if !origin.is_none_or(allowed) {
        let sentence = "Pages from there may not connect.\r\n";
        return Err(refusal(StatusCode::FORBIDDEN, sentence));
    }
    response.headers_mut().insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );
    Ok(response)
}

fn refusal(status: StatusCode, sentence: &'static str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(sentence.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_LENGTH, sentence.len().into());
    response
}

/// Serves an open socket until either side closes it.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    serving: &mut Serving,
    mut socket: WebSocketStream<S>,
) {
    let farewell = exchange(serving, &mut socket).await;
    if let Some(code) = farewell {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        // Somebody who broke the protocol may not take it.
        timeout(WRITE, socket.close(Some(frame))).await.ok();
    }
}

/// Carries messages both ways; answers the code to say good-bye with, if there is anybody to hear
/// it.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    serving: &mut Serving,
    socket: &mut WebSocketStream<S>,
) -> Option<CloseCode> {
    let limits = serving.shared.net.config.limits.clone();
    let quiet = QUIET.min(limits.idle_timeout / 2);
    let mut heard = alarm::now();
    let mut asked = heard;
    let mut unanswered = None;
    let mut proved = false;
    loop {
        let now = alarm::now();
        // A socket that never said anything whole has as long as a message has.
        let patience = if proved {
            limits.idle_timeout
        } else {
            limits.message_timeout
        };
        let gone = unanswered.map(|since: Instant| since + 2 * quiet);
        let end = gone.map_or(heard + patience, |at| at.min(heard + patience));
        if now >= end {
            return Some(CloseCode::Away);
        }
        let ask = heard.max(asked) + quiet;
        let wake = tokio::time::sleep_until(ask.min(end).into());
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    serving.heard.note();
                    match take(serving, message.into_data()).await {
                        Some(Whole::Message) => (proved, heard) = (true, alarm::now()),
                        Some(Whole::KeepAlive | Whole::Nothing) if proved => heard = alarm::now(),
                        Some(Whole::KeepAlive | Whole::Nothing) => {}
                        None => return Some(CloseCode::Away),
                    }
                    unanswered = None;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) if serving.is_barred() => {
                    return Some(CloseCode::Away);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    serving.heard.note();
                    if proved {
                        (heard, unanswered) = (alarm::now(), None);
                    }
                }
                Some(Ok(Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return None,
                Some(Err(error)) => return farewell(&error),
            },
            data = serving.outgoing.recv() => {
                let Some(data) = data else {
                    return Some(CloseCode::Normal);
                };
                if !matches!(timeout(WRITE, socket.send(message(data))).await, Ok(Ok(()))) {
                    return None;
                }
            }
            () = wake => {
                if alarm::now() < end {
                    asked = alarm::now();
                    unanswered.get_or_insert(asked);
                    let ping = socket.send(Message::Ping(Bytes::new()));
                    if !matches!(timeout(WRITE, ping).await, Ok(Ok(()))) {
                        return None;
                    }
                }
            }
        }
    }
}

/// One message of the socket: a SIP message, or line breaks that want an answer. `None` when the
/// socket is to be closed.
async fn take(serving: &Serving, data: Bytes) -> Option<Whole> {
    if !data.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        serving.deliver(data).await?;
        return Some(Whole::Message);
    }
    if data.len() < 4 {
        return Some(Whole::Nothing);
    }
    serving.answer_keep_alive()?;
    Some(Whole::KeepAlive)
}

/// Text where it is text, because some stacks take nothing else.
fn message(data: Bytes) -> Message {
    match std::str::from_utf8(&data) {
        Ok(text) => Message::text(text),
        Err(_) => Message::Binary(data),
    }
}

/// What to tell somebody whose last message could not be taken.
fn farewell(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(CloseCode::Size),
        Error::Capacity(CapacityError::TooManyHeaders) | Error::Protocol(_) => {
            Some(CloseCode::Protocol)
        }
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => None,
    }
}
