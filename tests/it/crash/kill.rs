//! `kill -9`.
