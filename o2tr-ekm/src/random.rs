//! The operating system's randomness: nonces, data keys, identifiers.

use getrandom::SysRng;
use otr_core::SecretBytes;
use rand_core::TryRng;
use zeroize::Zeroizing;

use crate::error::BackendError;

/// `N` random bytes that are no secret: nonces, salts, identifiers.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], BackendError> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| BackendError::Randomness)?;
    Ok(bytes)
}

/// A random key.
pub(crate) fn secret<const N: usize>() -> Result<SecretBytes<N>, BackendError> {
    let mut key = Zeroizing::new([0; N]);
    SysRng.try_fill_bytes(&mut *key).map_err(|_| BackendError::Randomness)?;
    Ok(SecretBytes::new(*key))
}
