//! Instance tags: which of a user's devices speaks (version 3).

use core::fmt;

use rand_core::CryptoRng;

/// The tag of one device: 32 bits, at least 0x100, persistent per account and device.
///
/// On the wire 0 means "any" in the receiver field; that is `None` wherever this crate takes an
/// `Option<InstanceTag>`. 1 to 0xff are reserved and never valid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstanceTag(u32);

impl InstanceTag {
    /// The smallest valid tag.
    pub const MIN: u32 = 0x100;

    /// The tag with this value; `None` below [`InstanceTag::MIN`].
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        if value < Self::MIN { None } else { Some(Self(value)) }
    }

    /// Draws a tag, four bytes a try.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        loop {
            let mut bytes = [0; 4];
            rng.fill_bytes(&mut bytes);
            if let Some(tag) = Self::new(u32::from_be_bytes(bytes)) {
                return tag;
            }
        }
    }

    /// The 32-bit value.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for InstanceTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceTag({:08x})", self.0)
    }
}

impl fmt::Display for InstanceTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}
