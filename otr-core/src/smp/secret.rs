//! What is compared: the user's secret, bound to the two keys and to the session.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::SecretBytes;

/// What a run is bound to. "Ours" and "theirs" are as seen from here, whoever starts.
#[derive(Clone, Copy, Debug)]
pub struct SmpContext<'a> {
    /// The fingerprint of our long-term key.
    pub ours: &'a [u8; 20],
    /// The fingerprint of the peer's long-term key.
    pub theirs: &'a [u8; 20],
    /// The session id.
    pub ssid: &'a [u8; 8],
}

impl SmpContext<'_> {
    /// x: we started this run.
    pub(super) fn as_initiator(self, secret: &[u8]) -> SecretBytes<32> {
        hash(self.ours, self.theirs, self.ssid, secret)
    }

    /// y: the peer started this run.
    pub(super) fn as_responder(self, secret: &[u8]) -> SecretBytes<32> {
        hash(self.theirs, self.ours, self.ssid, secret)
    }
}

/// SHA256(version 1, initiator's fingerprint, responder's fingerprint, ssid, secret).
fn hash(initiator: &[u8; 20], responder: &[u8; 20], ssid: &[u8; 8], secret: &[u8]) -> SecretBytes<32> {
    let hasher = Sha256::new().chain_update([1]).chain_update(initiator).chain_update(responder);
    let digest: Zeroizing<[u8; 32]> = Zeroizing::new(hasher.chain_update(ssid).chain_update(secret).finalize().into());
    SecretBytes::new(*digest)
}
