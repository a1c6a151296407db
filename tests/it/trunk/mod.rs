//! Carriers: how they are found and reached.

mod dns;
