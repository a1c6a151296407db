//! RTCP packets: reports, descriptions and goodbyes (RFC 3550 section 6), VoIP metrics (RFC 3611).

mod compound;
mod interval;
mod ntp;
mod report;
mod voip_metrics;

pub use compound::{Compound, CompoundWriter, RtcpError, RtcpPacket};
pub use interval::{first_report, next_report};
pub use ntp::{NtpClock, NtpTime};
pub(crate) use ntp::{long as ntp_long, short as ntp_short};
pub use report::{ReportBlock, ReportBlocks, SenderInfo};
pub use voip_metrics::{ENHANCED_ADAPTIVE, VoipMetrics, metric_millis, metric_share};
