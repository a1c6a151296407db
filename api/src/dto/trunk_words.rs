//! The words of a trunk's settings over the wire.

use std::fmt;

use offhook_core::directory::{
    CallerIdMethod, HiddenCallers, IdentityHeader, NumberFormat, SipTransport, TrunkMode,
};
use offhook_core::sdp::Codec;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An enum of the wire with the same variants as one of the domain.
macro_rules! words {
    ($(#[$doc:meta])* $wire:ident as $schema:ident = $domain:ident {
        $($(#[$about:meta])* $variant:ident,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[schema(as = $schema)]
        pub enum $wire {
            $($(#[$about])* $variant,)*
        }

        impl From<$domain> for $wire {
            fn from(value: $domain) -> Self {
                match value {
                    $($domain::$variant => Self::$variant,)*
                }
            }
        }

        impl From<$wire> for $domain {
            fn from(value: $wire) -> Self {
                match value {
                    $($wire::$variant => Self::$variant,)*
                }
            }
        }

        impl Default for $wire {
            fn default() -> Self {
                $domain::default().into()
            }
        }
    };
}

words! {
    /// How SIP messages travel.
    TransportDto as SipTransport = SipTransport {
        /// As DNS says; datagrams where it says nothing.
        Auto,
        /// Datagrams.
        Udp,
        /// Streams.
        Tcp,
        /// Streams inside TLS.
        Tls,
    }
}

words! {
    /// How a trunk and its carrier know each other.
    TrunkModeDto as TrunkMode = TrunkMode {
        /// By address or certificate alone: nothing is registered.
        Peer,
        /// We register; without a registration the trunk is not used.
        Register,
        /// We register, and calls go out also while that fails.
        PeerAndRegister,
    }
}

words! {
    /// Which header of RFC 3325 is written.
    IdentityHeaderDto as IdentityHeader = IdentityHeader {
        /// P-Asserted-Identity.
        Asserted,
        /// P-Preferred-Identity.
        Preferred,
    }
}

words! {
    /// Which callers who want to stay unknown a carrier is told all the same.
    HiddenCallersDto as HiddenCallers = HiddenCallers {
        /// Our own: they are its customers.
        Own,
        /// Also those another carrier asserted, where `forward_caller_id` is set.
        All,
        /// None.
        None,
    }
}

words! {
    /// How numbers are written to a carrier.
    NumberFormatDto as NumberFormat = NumberFormat {
        /// As they were dialled.
        AsDialled,
        /// `+493012345`.
        E164,
        /// `493012345`.
        E164WithoutPlus,
        /// `03012345` at home, `004412345` abroad.
        National,
    }
}

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Codec)]
pub enum CodecDto {
    /// Opus.
    Opus,
    /// G.722.
    G722,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// Uncompressed, 16 kHz.
    L16Wide,
    /// Uncompressed, 8 kHz.
    L16Narrow,
}

impl CodecDto {
    /// The word for a codec; none for one that has no word here yet.
    #[must_use]
    pub fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Opus => Some(Self::Opus),
            Codec::G722 => Some(Self::G722),
            Codec::Pcmu => Some(Self::Pcmu),
            Codec::Pcma => Some(Self::Pcma),
            Codec::L16Wide => Some(Self::L16Wide),
            Codec::L16Narrow => Some(Self::L16Narrow),
            _ => None,
        }
    }
}

impl From<CodecDto> for Codec {
    fn from(codec: CodecDto) -> Self {
        match codec {
            CodecDto::Opus => Self::Opus,
            CodecDto::G722 => Self::G722,
            CodecDto::Pcmu => Self::Pcmu,
            CodecDto::Pcma => Self::Pcma,
            CodecDto::L16Wide => Self::L16Wide,
            CodecDto::L16Narrow => Self::L16Narrow,
        }
    }
}

/// Which header tells a carrier who really calls; the others carry the trunk's own number. May also
/// be set by the number that carriers' forms have for it: 0, 1, 2, 3 or 5, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CallerIdMethod)]
pub enum CallerIdMethodDto {
    /// None: the carrier is told the trunk's own number.
    #[default]
    Static,
    /// P-Asserted-Identity or P-Preferred-Identity.
    Asserted,
    /// Remote-Party-ID.
    RemotePartyId,
    /// From.
    From,
    /// From and P-Asserted-Identity.
    FromAndAsserted,
}

const METHODS: [(&str, CallerIdMethodDto); 5] = [
    ("static", CallerIdMethodDto::Static),
    ("asserted", CallerIdMethodDto::Asserted),
    ("remote_party_id", CallerIdMethodDto::RemotePartyId),
    ("from", CallerIdMethodDto::From),
    ("from_and_asserted", CallerIdMethodDto::FromAndAsserted),
];

impl From<CallerIdMethod> for CallerIdMethodDto {
    fn from(method: CallerIdMethod) -> Self {
        match method {
            CallerIdMethod::Static => Self::Static,
            CallerIdMethod::Asserted => Self::Asserted,
            CallerIdMethod::RemotePartyId => Self::RemotePartyId,
            CallerIdMethod::From => Self::From,
            CallerIdMethod::FromAndAsserted => Self::FromAndAsserted,
        }
    }
}

impl From<CallerIdMethodDto> for CallerIdMethod {
    fn from(method: CallerIdMethodDto) -> Self {
        match method {
            CallerIdMethodDto::Static => Self::Static,
            CallerIdMethodDto::Asserted => Self::Asserted,
            CallerIdMethodDto::RemotePartyId => Self::RemotePartyId,
            CallerIdMethodDto::From => Self::From,
            CallerIdMethodDto::FromAndAsserted => Self::FromAndAsserted,
        }
    }
}

impl<'de> Deserialize<'de> for CallerIdMethodDto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrNumber)
    }
}

struct WordOrNumber;

impl Visitor<'_> for WordOrNumber {
    type Value = CallerIdMethodDto;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "\"static\", \"asserted\", \"remote_party_id\", \"from\" or \"from_and_asserted\", \
             or 0, 1, 2, 3 or 5",
        )
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<CallerIdMethodDto, E> {
        let found = METHODS.iter().find(|(known, _)| *known == word);
        found
            .map(|(_, method)| *method)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<CallerIdMethodDto, E> {
        let known = u8::try_from(number)
            .ok()
            .and_then(CallerIdMethod::from_number);
        known
            .map(Into::into)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_method_is_set_by_its_word_or_its_number() {
        for (word, method) in METHODS {
            assert_eq!(
                from_value::<CallerIdMethodDto>(json!(word)).unwrap(),
                method
            );
            assert_eq!(serde_json::to_value(method).unwrap(), json!(word));
            let number = CallerIdMethod::from(method).number();
            assert_eq!(
                from_value::<CallerIdMethodDto>(json!(number)).unwrap(),
                method
            );
        }
        for bad in [json!(4), json!(-1), json!("rpid"), json!(null)] {
            assert!(from_value::<CallerIdMethodDto>(bad).is_err());
        }
    }
}
