//! Bytes nobody should send, and machines that are not as they should be.
