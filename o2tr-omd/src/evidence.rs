//! What the transport tells about a delivery besides its bytes.

use otr_core::Timestamp;

/// The circumstances under which a line arrived, as far as the transport knows them.
///
/// The server can invent all of it. Evidence therefore dates a message and decides whether an
/// unasked-for handshake is answered automatically; it never makes a message trusted, and it never
/// suppresses a data message (that is the counter's task). The default value is a line that came
/// live, addressed to this device or its account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// When the server first had the line, if it says that it held it (XEP-0203). With several stamps, the oldest.
    pub delayed: Option<Timestamp>,
    /// The line comes out of an archive (XEP-0313): another device, or we ourselves, may have had it before.
    pub archived: bool,
    /// The line is a copy of one that was addressed to, or sent by, another device of this account (XEP-0280).
    pub carbon: Option<Carbon>,
    /// The server had stored the line because nobody was there to take it (XEP-0160).
    pub offline: bool,
    /// The line came back as an error, or inside one: it must never be answered.
    pub error: bool,
}

impl Evidence {
    /// A line that came straight from the sender: no stamp, no store, no copy.
    pub const LIVE: Self = Self { delayed: None, archived: false, carbon: None, offline: false, error: false };

    /// Whether anything says that the line was kept somewhere on its way.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.delayed.is_some() || self.archived || self.offline
    }

    /// Whether the line is a copy of what another device of this account sent.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self.carbon, Some(Carbon::Sent))
    }
}

/// Which way a carbon copy was going (XEP-0280, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carbon {
    /// Somebody sent it to another device of this account.
    Received,
    /// Another device of this account sent it; the sender of the delivery is that device.
    Sent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_live() {
        assert_eq!(Evidence::default(), Evidence::LIVE);
        assert!(!Evidence::LIVE.is_late());
        assert!(!Evidence::LIVE.is_own());
    }

    #[test]
    fn each_sign_of_storage_makes_it_late() {
        let stamped = Evidence { delayed: Some(Timestamp::from_secs(1)), ..Evidence::LIVE };
        let archived = Evidence { archived: true, ..Evidence::LIVE };
        let offline = Evidence { offline: true, ..Evidence::LIVE };
        assert!(stamped.is_late() && archived.is_late() && offline.is_late());
        let carbon = Evidence { carbon: Some(Carbon::Received), error: true, ..Evidence::LIVE };
        assert!(!carbon.is_late() && !carbon.is_own());
    }

    #[test]
    fn only_a_sent_carbon_is_our_own() {
        assert!(Evidence { carbon: Some(Carbon::Sent), ..Evidence::LIVE }.is_own());
    }
}
