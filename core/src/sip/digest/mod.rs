//! Digest authentication (RFC 7616, RFC 8760, and RFC 2617 for older phones).
