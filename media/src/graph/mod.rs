//! Where audio comes from and goes to: sounds, players, music, conferences, recordings. No disk and no socket.

pub mod bank;
pub(crate) mod encoding;
pub mod live;
pub mod mixer;
pub mod music;
pub mod player;
pub mod playlist;
pub mod recording;
pub mod sound;
pub mod tap;
