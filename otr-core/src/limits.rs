//! Caps. Each is a number that no honest peer reaches, so that a hostile one cannot exhaust us.

/// Bytes of one armoured or binary message. libotr sends any length; servers cut far below this.
pub const MAX_MESSAGE_LEN: usize = 1 << 20;
/// Bytes of text and TLVs in one data message that we send, so that its armour stays below [`MAX_MESSAGE_LEN`].
pub const MAX_CONTENT_LEN: usize = MAX_MESSAGE_LEN / 2;
/// Value bytes of a DSA MPI: 4096 bits, four times what OTR uses.
pub const MAX_DSA_MPI_LEN: usize = 512;
/// Old MAC keys in one data message: 400 keys; an honest peer reveals one or two.
pub const MAX_OLD_MAC_KEYS_LEN: usize = 8000;
/// TLV records in one data message; later ones are ignored.
pub const MAX_TLVS: usize = 64;
/// MAC keys waiting to be revealed; the oldest are then revealed no more. An honest session holds one.
pub const MAX_PENDING_MAC_KEYS: usize = 64;
/// Instances of one peer that are remembered. The one longest silent makes room, one without a session first.
pub const MAX_INSTANCES: usize = 16;
/// Fragmented messages of one peer that are collected at a time (one per sending instance).
pub const MAX_ASSEMBLIES: usize = 8;
/// Bytes of unfinished fragmented messages held for one peer, all instances together.
pub const MAX_FRAGMENT_BYTES: usize = 2 * MAX_MESSAGE_LEN;
/// MPIs in one SMP payload: message 2 has 11.
pub const MAX_SMP_MPIS: usize = 16;
/// Sessions of one peer, over all its devices and keys.
pub const MAX_SESSIONS: usize = 32;
