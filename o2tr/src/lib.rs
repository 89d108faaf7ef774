//! O2TR: Off-the-Record messaging that survives being offline.

pub mod capability;
