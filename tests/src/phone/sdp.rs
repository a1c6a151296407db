//! Just enough SDP to talk: one audio section, G.711 and telephone events.

use std::net::{IpAddr, SocketAddr};

use crate::g711::Law;

/// Which way media flows, from the writer's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer only sends: it holds the other.
    SendOnly,
    /// The writer only listens.
    RecvOnly,
    /// Nothing flows.
    Inactive,
}

impl Flow {
    /// The attribute.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// What answers this flow.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// True when the writer sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }
}

/// What a peer's description says about its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerAudio {
    /// Where it listens.
    pub rtp: SocketAddr,
    /// Laws it lists, with their payload types, in its order.
    pub laws: Vec<(Law, u8)>,
    /// Its payload type for telephone events.
    pub events: Option<u8>,
    /// Its flow.
    pub flow: Flow,
    /// How many sections it has.
    pub sections: usize,
}

/// Reads the first audio section. `None` when there is none, or it is refused.
#[must_use]
pub(crate) fn read(sdp: &str) -> Option<PeerAudio> {
    let sections: Vec<&str> = sdp.split("m=").collect();
    let (session, media) = sections.split_first()?;
    let audio = media.iter().find(|section| section.starts_with("audio "))?;
    let words: Vec<&str> = audio.lines().next()?.split_whitespace().collect();
    let port: u16 = words.get(1)?.parse().ok()?;
    let line = |prefix: &str| {
        let mut lines = audio.lines().chain(session.lines());
        lines.find_map(|line| line.strip_prefix(prefix).map(str::to_owned))
    };
    let ip: IpAddr = line("c=IN IP4 ")
        .or_else(|| line("c=IN IP6 "))?
        .trim()
        .parse()
        .ok()?;
    let map = |number: u8| {
        let found = line(&format!("a=rtpmap:{number} "));
        found.or_else(|| match number {
            0 => Some("PCMU/8000".to_owned()),
            8 => Some("PCMA/8000".to_owned()),
            _ => None,
        })
    };
    let (mut laws, mut events) = (Vec::new(), None);
    for number in words.iter().skip(3).filter_map(|word| word.parse().ok()) {
        match map(number)
            .unwrap_or_default()
            .to_ascii_uppercase()
            .as_str()
        {
            "PCMU/8000" | "PCMU/8000/1" => laws.push((Law::Mu, number)),
            "PCMA/8000" | "PCMA/8000/1" => laws.push((Law::A, number)),
            "TELEPHONE-EVENT/8000" => events = events.or(Some(number)),
            _ => {}
        }
    }
    let flows = [Flow::SendOnly, Flow::RecvOnly, Flow::Inactive];
    let named = |flow: &Flow| line(&format!("a={}", flow.name())).is_some();
    (port != 0).then(|| PeerAudio {
        rtp: SocketAddr::new(ip, port),
        laws,
        events,
        flow: flows.into_iter().find(named).unwrap_or_default(),
        sections: media.len(),
    })
}

/// What the phone says about its own audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnAudio {
    /// Where it listens.
    pub rtp: SocketAddr,
    /// The version of its description.
    pub version: u32,
    /// Laws with their payload types, in order.
    pub laws: Vec<(Law, u8)>,
    /// Other formats, with what is said of them.
    pub also: Vec<(u8, &'static str)>,
    /// The payload type for telephone events.
    pub events: Option<u8>,
    /// Which way media flows.
    pub flow: Flow,
}

impl OwnAudio {
    /// The description as text.
    #[must_use]
    pub(crate) fn write(&self) -> String {
        let family = if self.rtp.is_ipv4() { "IP4" } else { "IP6" };
        let (ip, port, version) = (self.rtp.ip(), self.rtp.port(), self.version);
        let numbers = self.laws.iter().map(|&(_, number)| number);
        let numbers = numbers.chain(self.also.iter().map(|&(number, _)| number));
        let numbers = numbers.chain(self.events).map(|number| number.to_string());
        let numbers: Vec<String> = numbers.collect();
        let mut lines = vec![
            "v=0".to_owned(),
            format!("o=phone {port} {version} IN {family} {ip}"),
            "s=-".to_owned(),
            format!("c=IN {family} {ip}"),
            "t=0 0".to_owned(),
            format!("m=audio {port} RTP/AVP {}", numbers.join(" ")),
        ];
        for (law, number) in &self.laws {
            lines.push(format!("a=rtpmap:{number} {}/8000", law.name()));
        }
        for (number, map) in &self.also {
            lines.push(format!("a=rtpmap:{number} {map}"));
        }
        if let Some(number) = self.events {
            lines.push(format!("a=rtpmap:{number} telephone-event/8000"));
            lines.push(format!("a=fmtp:{number} 0-16"));
        }
        lines.push("a=ptime:20".to_owned());
        lines.push(format!("a={}\r\n", self.flow.name()));
        lines.join("\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let own = OwnAudio {
            rtp: "127.0.0.1:4000".parse().unwrap(),
            version: 1,
            laws: vec![(Law::A, 8), (Law::Mu, 97)],
            also: Vec::new(),
            events: Some(101),
            flow: Flow::SendOnly,
        };
        let audio = read(&own.write()).unwrap();
        assert_eq!(audio.rtp, own.rtp);
        assert_eq!(audio.laws, own.laws);
        assert_eq!(audio.events, Some(101));
        assert_eq!(audio.flow, Flow::SendOnly);
        assert_eq!(audio.sections, 1);
    }

    #[test]
    fn a_refused_section_is_no_audio() {
        let sdp = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n";
        assert_eq!(read(sdp), None);
    }
}
