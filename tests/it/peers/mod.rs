//! SIPp and baresip, who know nothing of us.
