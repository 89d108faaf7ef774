//! The keys that come out of s (section "AKE", "computing the keys").

use core::fmt;

use crate::SecretBytes;
use crate::dh::SharedSecret;

/// Everything the AKE derives from s.
#[derive(Clone)]
pub struct ExchangeKeys {
    /// The secure session id: what both users may compare.
    pub ssid: [u8; 8],
    /// c, m1, m2: what protects the Reveal Signature.
    pub reveal: HalfKeys,
    /// c', m1', m2': what protects the Signature.
    pub signature: HalfKeys,
}

/// The keys of one of the two encrypted signatures.
#[derive(Clone)]
pub struct HalfKeys {
    /// AES key (c).
    pub cipher: SecretBytes<16>,
    /// HMAC key over the keys and the keyid (m1).
    pub binding: SecretBytes<32>,
    /// HMAC key over the encrypted signature (m2).
    pub outer: SecretBytes<32>,
}

impl ExchangeKeys {
    pub(crate) fn derive(secret: &SharedSecret) -> Self {
        let ciphers = secret.h2(0x01);
        let reveal = HalfKeys { cipher: ciphers.window::<16, 0>(), binding: secret.h2(0x02), outer: secret.h2(0x03) };
        let signature =
            HalfKeys { cipher: ciphers.window::<16, 16>(), binding: secret.h2(0x04), outer: secret.h2(0x05) };
        Self { ssid: *secret.h2(0x00).truncated::<8>().expose(), reveal, signature }
    }
}

impl fmt::Debug for ExchangeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ssid: _, reveal: _, signature: _ } = self;
        f.write_str("ExchangeKeys(..)")
    }
}

impl fmt::Debug for HalfKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cipher: _, binding: _, outer: _ } = self;
        f.write_str("HalfKeys(..)")
    }
}
