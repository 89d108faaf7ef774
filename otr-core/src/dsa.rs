//! DSA identities with OTR's reading of the digest.
