//! What a user allows (protocol section "Policies"). The bits are libotr's.

use crate::Version;

bitflags::bitflags! {
    /// A set of policy flags. Bit values are those that libotr stores.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Policy: u8 {
        /// Version 2 may be spoken.
        const ALLOW_V2 = 0x02;
        /// Version 3 may be spoken.
        const ALLOW_V3 = 0x04;
        /// Nothing leaves unencrypted; unencrypted arrivals are marked.
        const REQUIRE_ENCRYPTION = 0x08;
        /// Offer OTR by a whitespace tag behind the first plaintext.
        const SEND_WHITESPACE_TAG = 0x10;
        /// A received whitespace tag starts the AKE.
        const WHITESPACE_START_AKE = 0x20;
        /// A received error message is answered with a query.
        const ERROR_START_AKE = 0x40;
    }
}

impl Policy {
    /// OTR is off: every line passes through untouched.
    pub const NEVER: Self = Self::empty();
    /// OTR starts when the user or the peer asks for it.
    pub const MANUAL: Self = Self::ALLOW_V2.union(Self::ALLOW_V3);
    /// OTR starts by itself where the peer can do it. The default.
    pub const OPPORTUNISTIC: Self =
        Self::MANUAL.union(Self::SEND_WHITESPACE_TAG).union(Self::WHITESPACE_START_AKE).union(Self::ERROR_START_AKE);
    /// Nothing but OTR.
    pub const ALWAYS: Self =
        Self::MANUAL.union(Self::REQUIRE_ENCRYPTION).union(Self::WHITESPACE_START_AKE).union(Self::ERROR_START_AKE);

    /// Whether `version` may be spoken.
    #[must_use]
    pub const fn allows(self, version: Version) -> bool {
        match version {
            Version::V2 => self.contains(Self::ALLOW_V2),
            Version::V3 => self.contains(Self::ALLOW_V3),
        }
    }

    /// Whether any version may be spoken. If none may, OTR is off.
    #[must_use]
    pub const fn is_on(self) -> bool {
        self.intersects(Self::MANUAL)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::OPPORTUNISTIC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_libotr_values() {
        let bits = [Policy::NEVER, Policy::MANUAL, Policy::OPPORTUNISTIC, Policy::ALWAYS].map(|p| p.bits());
        assert_eq!(bits, [0x00, 0x06, 0x76, 0x6e]);
    }
}
