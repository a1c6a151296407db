//! The tap: copies of what a recorded leg says, on their way to the recorder.

/// Which party of a recording a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The caller: the left channel.
    Left,
    /// The agent: the right channel.
    Right,
}

/// A copy of one frame.
#[derive(Debug)]
pub struct TapFrame {
    /// Which party.
    pub side: Side,
}
