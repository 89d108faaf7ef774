//! The four messages of the authenticated key exchange, without their header (section "AKE").

use super::{Codec, DecodeError, Reader, Writer};
use crate::SecretBytes;
use crate::group::{ELEMENT_LEN, GroupElement};
use crate::limits::MAX_DSA_MPI_LEN;

/// Bytes of a MAC.
pub const MAC_LEN: usize = 20;

/// Cap of the encrypted g^x: the MPI of a full-length value, with room for the leading zeros that libotr accepts.
const MAX_ENCRYPTED_GX_LEN: usize = 4 + ELEMENT_LEN + 8;

/// Cap of an encrypted signature: type, four MPIs, keyid, signature.
const MAX_ENCRYPTED_SIGNATURE_LEN: usize = 2 + 4 * (4 + MAX_DSA_MPI_LEN) + 4 + 40;

/// D-H Commit: DATA encrypted g^x, DATA SHA-256 of the MPI of g^x (32 bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhCommit {
    /// AES128-CTR under r of the MPI of g^x.
    pub encrypted_gx: Vec<u8>,
    /// SHA-256 of the MPI of g^x.
    pub hashed_gx: [u8; 32],
}

impl Codec for DhCommit {
    fn encode(&self, writer: &mut Writer) {
        writer.data(&self.encrypted_gx);
        writer.data(&self.hashed_gx);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let encrypted_gx = reader.data(MAX_ENCRYPTED_GX_LEN, "encrypted g^x")?.to_vec();
        let hashed_gx = fixed(reader, "hashed g^x")?;
        Ok(Self { encrypted_gx, hashed_gx })
    }
}

/// D-H Key: MPI g^y, checked to lie in 2..=p-2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhKey {
    /// g^y.
    pub gy: GroupElement,
}

impl Codec for DhKey {
    fn encode(&self, writer: &mut Writer) {
        self.gy.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { gy: GroupElement::decode(reader)? })
    }
}

/// Reveal Signature: DATA r (16 bytes), DATA encrypted signature, MAC.
#[derive(Clone, Debug)]
pub struct RevealSignature {
    /// The key of the encrypted g^x.
    pub r: SecretBytes<16>,
    /// The sender's public key, keyid and signature, encrypted.
    pub signature: EncryptedSignature,
}

impl Codec for RevealSignature {
    fn encode(&self, writer: &mut Writer) {
        writer.data(self.r.expose());
        self.signature.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let r = SecretBytes::new(fixed(reader, "revealed key")?);
        Ok(Self { r, signature: EncryptedSignature::decode(reader)? })
    }
}

/// The Signature message, and the tail of Reveal Signature: DATA encrypted signature, MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedSignature {
    /// AES128-CTR of PUBKEY, INT keyid, SIG.
    pub encrypted: Vec<u8>,
    /// HMAC-SHA256 over the DATA above, cut to 20 bytes.
    pub mac: [u8; MAC_LEN],
}

impl Codec for EncryptedSignature {
    fn encode(&self, writer: &mut Writer) {
        writer.data(&self.encrypted);
        writer.raw(&self.mac);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let encrypted = reader.data(MAX_ENCRYPTED_SIGNATURE_LEN, "encrypted signature")?.to_vec();
        let mac = reader.array("MAC of the signature")?;
        Ok(Self { encrypted, mac })
    }
}

/// DATA that has one legal length.
fn fixed<const N: usize>(reader: &mut Reader<'_>, field: &'static str) -> Result<[u8; N], DecodeError> {
    let data = reader.data(N, field)?;
    data.try_into().map_err(|_| DecodeError::Length { field, length: data.len() })
}
