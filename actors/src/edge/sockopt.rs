//! What the system is asked to do about a stream connection.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How long nothing is heard before the system asks whether the peer is there.
const QUIET: Duration = Duration::from_secs(45);

/// How long it waits for an answer before it asks again.
const AGAIN: Duration = Duration::from_secs(10);

/// How often it asks before the connection is over: after a minute and a quarter, as long as a browser
/// has that answers no ping.
const TRIES: u32 = 3;

/// How long a peer may leave what we sent unacknowledged. A little less than all tries take, because it
/// counts for these as well.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(70);

/// Has small messages sent at once, and a peer noticed that is gone without a word: whose power failed,
/// or whose firewall forgot the connection. What the system cannot do is left out.
pub(crate) fn set(stream: &TcpStream) {
    stream.set_nodelay(true).ok();
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(QUIET).with_interval(AGAIN);
    socket
        .set_tcp_keepalive(&keepalive.with_retries(TRIES))
        .ok();
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)).ok();
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_peer_that_acknowledges_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let stream = TcpStream::connect(at).await.unwrap();
        set(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert!(stream.nodelay().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        let tries = AGAIN * socket.tcp_keepalive_retries().unwrap();
        let given_up = socket.tcp_keepalive_time().unwrap() + tries;
        assert_eq!(given_up, Duration::from_secs(75));
        assert!(UNACKNOWLEDGED < given_up);
    }
}
