//! The files of libotr, and a private key as pure-python-otr stores it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otr_core::dsa::PrivateKey;
use otr_core::libotr::{Fingerprints, InstanceTags, PrivateKeys};

fuzz_target!(|data: &[u8]| {
    let Some((&which, bytes)) = data.split_first() else { return };
    match which % 4 {
        0 => {
            if let Ok(keys) = PrivateKeys::parse(bytes) {
                let written = keys.write();
                let again = PrivateKeys::parse(&written).expect("what was written");
                assert_eq!(again.accounts.len(), keys.accounts.len());
                assert_eq!(*again.write(), *written);
            }
        }
        1 => {
            let read = Fingerprints::parse(bytes);
            if let Ok(written) = read.file.write() {
                let again = Fingerprints::parse(&written);
                assert!(again.skipped.is_empty());
                assert_eq!(again.file, read.file);
            }
        }
        2 => {
            let read = InstanceTags::parse(bytes);
            if let Ok(written) = read.file.write() {
                let again = InstanceTags::parse(&written);
                assert!(again.skipped.is_empty());
                assert_eq!(again.file, read.file);
            }
        }
        _ => {
            if let Ok(key) = PrivateKey::from_bytes(bytes) {
                let written = key.to_bytes();
                let again = PrivateKey::from_bytes(&written).expect("what was written");
                assert_eq!(again.public_key(), key.public_key());
            }
        }
    }
});
