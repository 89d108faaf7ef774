//! The files that libotr writes: private keys, fingerprints, instance tags.
