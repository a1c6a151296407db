//! RTCP packets (RFC 3550).
