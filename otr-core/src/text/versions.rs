//! Sets of versions, as queries and whitespace tags offer them.

use crate::{Policy, Version};

bitflags::bitflags! {
    /// The versions that a query or a whitespace tag offers.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Versions: u8 {
        /// Version 1. Known so that an offer of nothing else can be named; never chosen, never sent.
        const V1 = 0x01;
        /// Version 2.
        const V2 = 0x02;
        /// Version 3.
        const V3 = 0x04;
    }
}

impl Versions {
    /// What `policy` lets us offer.
    #[must_use]
    pub fn allowed_by(policy: Policy) -> Self {
        let mut versions = Self::empty();
        versions.set(Self::V2, policy.allows(Version::V2));
        versions.set(Self::V3, policy.allows(Version::V3));
        versions
    }

    /// Whether `version` is offered.
    #[must_use]
    pub const fn offers(self, version: Version) -> bool {
        match version {
            Version::V2 => self.contains(Self::V2),
            Version::V3 => self.contains(Self::V3),
        }
    }

    /// The highest version that is offered here and allowed by `policy`. `None`: ignore the offer silently.
    #[must_use]
    pub fn highest(self, policy: Policy) -> Option<Version> {
        [Version::V3, Version::V2].into_iter().find(|&version| self.offers(version) && policy.allows(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_chosen() {
        let both = Versions::V2 | Versions::V3;
        assert_eq!(both.highest(Policy::MANUAL), Some(Version::V3));
        assert_eq!(both.highest(Policy::ALLOW_V2), Some(Version::V2));
        assert_eq!(both.highest(Policy::NEVER), None);
        assert_eq!(Versions::V2.highest(Policy::ALLOW_V3), None);
        assert_eq!(Versions::V1.highest(Policy::all()), None);
    }
}
