//! Certificates: made, read, read again.
