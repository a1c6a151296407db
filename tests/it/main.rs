//! Stories told with a whole server: real sockets, real RTP, the binary as it ships.

mod tidy;
