//! The names that others rely on.
