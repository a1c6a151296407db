//! The ways a session description, or the moment it comes at, can be wrong.

use crate::HangupCause;

use super::NegotiationState;

/// Why a description was refused or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// More bytes than we look at.
    #[error("a session description of {bytes} bytes is too long")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A line breaks RFC 8866's grammar.
    #[error("line {line}: {field}")]
    Syntax {
        /// The line, counted from 1; 0 when a line is missing altogether.
        line: usize,
        /// What is wrong there.
        field: &'static str,
    },
    /// An attribute of an audio section cannot be read.
    #[error("media {media}: unreadable a={name}")]
    Attribute {
        /// The section, counted from 0.
        media: usize,
        /// The attribute's name.
        name: &'static str,
    },
    /// More media sections than we answer.
    #[error("{count} media sections are too many")]
    TooManyMedia {
        /// How many there are.
        count: usize,
    },
    /// No audio section with a port.
    #[error("no audio")]
    NoAudio,
    /// Audio comes only over a transport that we do not have, or not here.
    #[error("media {media}: transport not supported")]
    Transport {
        /// The section, counted from 0.
        media: usize,
    },
    /// Media has to be protected, and no line names a key for it that we can use.
    #[error("media {media}: no usable key")]
    NoKey {
        /// The section, counted from 0.
        media: usize,
    },
    /// Neither the section nor the session says where to send.
    #[error("media {media}: no connection address")]
    NoConnection {
        /// The section, counted from 0.
        media: usize,
    },
    /// The connection address is not an IP literal; names are not resolved.
    #[error("media {media}: the connection address is no IP address")]
    NotAnAddress {
        /// The section, counted from 0.
        media: usize,
    },
    /// The connection address is multicast, broadcast or of a family we do not have here.
    #[error("media {media}: the connection address cannot be used")]
    UnusableAddress {
        /// The section, counted from 0.
        media: usize,
    },
    /// The two sides share no codec.
    #[error("no common codec")]
    NoCommonCodec,
    /// The answer has another number of media sections than the offer (RFC 3264 section 6).
    #[error("{answered} media sections answer {offered}")]
    MediaCount {
        /// Sections in our offer.
        offered: usize,
        /// Sections in the answer.
        answered: usize,
    },
    /// The answer's section is of another kind or transport than the offered one.
    #[error("media {media}: not what was offered")]
    MediaChanged {
        /// The section, counted from 0.
        media: usize,
    },
    /// The answer names only codecs we did not offer.
    #[error("media {media}: a codec that was not offered")]
    CodecNotOffered {
        /// The section, counted from 0.
        media: usize,
    },
    /// The answer refuses our audio with port 0.
    #[error("audio refused")]
    Rejected,
    /// An offer came while our own waits for its answer (RFC 3261 section 14.2).
    #[error("both sides offer at once")]
    Glare,
    /// An offer came while an earlier one waits for our answer (RFC 3261 section 14.2).
    #[error("an earlier offer is not answered yet")]
    OfferPending,
    /// What was asked for does not fit the state of the negotiation.
    #[error("not possible in state {state:?}")]
    WrongState {
        /// The state it was in.
        state: NegotiationState,
    },
}

impl SdpError {
    /// The SIP status that refuses the request which carried the description.
    #[must_use]
    pub fn sip_status(&self) -> u16 {
        match self {
            Self::TooLong { .. }
            | Self::Syntax { .. }
            | Self::Attribute { .. }
            | Self::MediaCount { .. }
            | Self::MediaChanged { .. } => 400,
            Self::TooManyMedia { .. }
            | Self::NoAudio
            | Self::Transport { .. }
            | Self::NoKey { .. }
            | Self::NoConnection { .. }
            | Self::NotAnAddress { .. }
            | Self::UnusableAddress { .. }
            | Self::NoCommonCodec
            | Self::CodecNotOffered { .. }
            | Self::Rejected => 488,
            Self::Glare => 491,
            Self::OfferPending | Self::WrongState { .. } => 500,
        }
    }

    /// Why a call ends that cannot go on after this.
    #[must_use]
    pub fn cause(&self) -> HangupCause {
        match self.sip_status() {
            400 | 491 => HangupCause::ProtocolError,
            488 => HangupCause::NoCommonCodec,
            _ => HangupCause::InternalError,
        }
    }
}

impl From<sdp_types::ParserError> for SdpError {
    fn from(error: sdp_types::ParserError) -> Self {
        use sdp_types::ParserError as E;
        let (line, field) = match error {
            E::InvalidLineFormat(line, field)
            | E::InvalidFieldEncoding(line, field)
            | E::InvalidFieldFormat(line, field)
            | E::MissingField(line, field)
            | E::FieldTrailingData(line, field) => (line, field),
            E::InvalidVersion(line, _) => (line, "version"),
            E::NoVersion => (0, "no version line"),
            E::MultipleVersions(line) => (line, "second v="),
            E::MultipleOrigins(line) => (line, "second o="),
            E::MultipleSessionNames(line) => (line, "second s="),
            E::MultipleSessionDescription(line) | E::MultipleMediaTitles(line) => {
                (line, "second i=")
            }
            E::MultipleUris(line) => (line, "second u="),
            E::MultipleConnections(line) => (line, "second c="),
            E::MultipleTimeZones(line) => (line, "second z="),
            E::MultipleKeys(line) => (line, "second k="),
            E::RepeatWithoutTime(line) => (line, "r= without t="),
            #[expect(deprecated, reason = "the crate no longer returns it")]
            E::UnexpectedLine(line, _) => (line, "unexpected line"),
            #[expect(deprecated, reason = "the crate no longer returns it")]
            E::NoOrigin => (0, "no origin line"),
            #[expect(deprecated, reason = "the crate no longer returns it")]
            E::NoSessionName => (0, "no session name line"),
        };
        Self::Syntax { line, field }
    }
}
