//! Stories told with a whole server: real sockets, real RTP, the binary as it ships.
//!
//! | folder | stories |
//! | --- | --- |
//! | `queue` | callers, agents and queues |
//! | `call` | extensions, menus, hold, and what networks lose |
//! | `routing` | outbound routes and the route tracer |
//! | `subscribe` | busy lamps, waiting messages, presence and text messages |
//! | `transfer` | blind and attended transfers, and calls that take another's place |
//! | `crash` | actors that fall, a process that is killed, a server that drains |
//! | `defence` | a hostile internet, and what operators see of signalling |
//! | `odd` | bytes nobody should send, and machines that are not as they should be |
//! | `peers` | SIPp and baresip, who know nothing of us |
//! | `trunk` | carriers: the name service, registration, presence, caller identity, calls in and out |
//! | `api` | the names that others rely on |

#![expect(
    clippy::unwrap_used,
    reason = "a story that cannot be told fails with what went wrong"
)]

mod api;
mod call;
mod crash;
mod defence;
mod odd;
mod peers;
mod queue;
mod routing;
mod subscribe;
mod tidy;
mod transfer;
mod trunk;
