//! The SIP core, sans-IO.
