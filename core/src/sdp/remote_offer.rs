//! A peer's offer, read and judged.

use std::net::SocketAddr;

use sdp_types::Session;

use super::crypto::CryptoAttribute;
use super::description::MediaLine;
use super::formats::Formats;
use super::protection::offered_keys;
use super::view::{AudioView, Profile};
use super::{Codec, Direction, LocalMedia, SdpError, SrtpPolicy};

/// Longer descriptions are refused unread.
const MAX_BYTES: usize = 64 * 1024;
/// More sections than this are refused: each costs a line in every later description.
const MAX_MEDIA: usize = 32;

/// Parses a description within bounds.
pub(crate) fn parse(sdp: &[u8]) -> Result<Session, SdpError> {
    if sdp.len() > MAX_BYTES {
        return Err(SdpError::TooLong { bytes: sdp.len() });
    }
    let session = Session::parse(sdp)?;
    let count = session.medias.len();
    if count > MAX_MEDIA {
        return Err(SdpError::TooManyMedia { count });
    }
    Ok(session)
}

/// A peer's offer that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteOffer {
    /// Every section in order; the one we take is [`MediaLine::Audio`].
    pub(crate) lines: Vec<MediaLine>,
    /// The audio we take. `None`: the peer removed it with port 0.
    pub(crate) audio: Option<RemoteAudio>,
}

/// The audio section of an offer or answer, in our terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteAudio {
    pub(crate) profile: Profile,
    pub(crate) rtp: SocketAddr,
    pub(crate) rtcp: SocketAddr,
    /// What the peer listed; of the codecs only those that both have.
    pub(crate) formats: Formats,
    /// Its keys that we can use; none where the policy wants none.
    pub(crate) keys: Vec<CryptoAttribute>,
    pub(crate) ptime: Option<u32>,
    pub(crate) maxptime: Option<u32>,
    /// Seen from the peer; a zero address has taken the receiving away.
    pub(crate) direction: Direction,
}

impl RemoteOffer {
    /// Reads an offer. The audio section at `current` is tried first, then the others in order.
    ///
    /// # Errors
    /// Why the first audio section that has a port cannot be taken, when none can; and
    /// [`SdpError::NoAudio`] when none has a port, unless `current` says that audio was there
    /// before and fax (T.38) takes not its place: then it has been removed.
    pub(crate) fn read(
        sdp: &[u8],
        local: &LocalMedia,
        current: Option<usize>,
    ) -> Result<Self, SdpError> {
        let session = parse(sdp)?;
        let places = current.into_iter().chain(0..session.medias.len());
        let mut refusal = None;
        let mut taken = None;
        for view in places.filter_map(|index| AudioView::new(&session, index)) {
            if view.is_disabled() {
                continue;
            }
            match RemoteAudio::read(view, local) {
                Ok(audio) => {
                    taken = Some((view.index(), audio));
                    break;
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if let (None, Some(error)) = (&taken, refusal) {
            return Err(error);
        }
        // Fax in the place of the audio is no wish to be without either.
        let fax = session.medias.iter().any(is_fax);
        if taken.is_none() && (current.is_none() || fax) {
            return Err(SdpError::NoAudio);
        }
        let index = taken.as_ref().map(|&(index, _)| index);
        let line = |(place, media)| {
            if Some(place) == index {
                MediaLine::Audio
            } else {
                MediaLine::refusing(media)
            }
        };
        Ok(Self {
            lines: session.medias.iter().enumerate().map(line).collect(),
            audio: taken.map(|(_, audio)| audio),
        })
    }
}

impl RemoteAudio {
    /// Reads one audio section that has a port.
    pub(crate) fn read(view: AudioView<'_>, local: &LocalMedia) -> Result<Self, SdpError> {
        let profile = view.profile()?;
        let keys = protection(view, profile, local.srtp)?;
        let mut formats = Formats::read(view)?;
        formats
            .codecs
            .retain(|(codec, _)| local.codecs.contains(codec));
        if formats.codecs.is_empty() {
            return Err(SdpError::NoCommonCodec);
        }
        let rtp = view.rtp()?;
        let mut direction = view.direction();
        if rtp.ip().is_unspecified() {
            direction = Direction::of(direction.can_send(), false);
        } else if rtp.is_ipv4() != local.address.is_ipv4() {
            return Err(view.unusable());
        }
        Ok(Self {
            profile,
            rtp,
            rtcp: view.rtcp(rtp)?,
            formats,
            keys,
            ptime: view.ptime()?,
            maxptime: view.maxptime()?,
            direction,
        })
    }

    /// The packet time of `codec`, in milliseconds: what the peer asks for, else `ours`; never above
    /// the peer's maximum nor `most`; a multiple of 10 that the codec can be cut into.
    pub(crate) fn packet_time(&self, codec: Codec, ours: u32, most: u32) -> u32 {
        let most = self.maxptime.unwrap_or(most).min(most);
        let wanted = self.ptime.unwrap_or(ours).min(most);
        let tens = (wanted / 10).max(1);
        10 * match codec {
            // Its frames are of 10, 20, 40 or 60 ms (RFC 6716 section 2.1.4).
            Codec::Opus => match tens {
                3 => 2,
                5 => 4,
                tens => tens,
            },
            // 60 ms would not fit a datagram.
            Codec::L16Wide => tens.min(4),
            Codec::G722 | Codec::Pcmu | Codec::Pcma | Codec::L16Narrow => tens,
        }
    }
}

/// Whether a section carries pages now.
fn is_fax(media: &sdp_types::Media) -> bool {
    media.media.eq_ignore_ascii_case("image") && media.port != 0
}

/// The keys of a section, judged by the policy for its leg.
fn protection(
    view: AudioView<'_>,
    profile: Profile,
    policy: SrtpPolicy,
) -> Result<Vec<CryptoAttribute>, SdpError> {
    let media = view.index();
    let must = match policy {
        SrtpPolicy::Off if profile.is_secure() => return Err(SdpError::Transport { media }),
        SrtpPolicy::Off => return Ok(Vec::new()),
        SrtpPolicy::Optional | SrtpPolicy::BestEffort => profile.is_secure(),
        SrtpPolicy::Required => true,
    };
    let keys = offered_keys(view);
    if must && keys.is_empty() {
        return Err(SdpError::NoKey { media });
    }
    Ok(keys)
}
