//! Callers who wait and agents who answer.

mod story;
