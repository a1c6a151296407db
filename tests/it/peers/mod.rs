//! SIPp and baresip, who know nothing of us.

mod baresip;
mod baresip_media;
mod baresip_srtp;
mod by_hand;
mod sipjs;
pub(crate) mod sipp;

use std::net::{SocketAddr, UdpSocket};

use anyhow::Result;

/// An address that is free at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?)
}
