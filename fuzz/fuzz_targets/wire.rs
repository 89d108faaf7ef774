//! Binary messages: whatever is read is written back to something that is read the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otr_core::dsa::{PublicKey, Signature};
use otr_core::group::GroupElement;
use otr_core::wire::{Codec, DataMessage, DhCommit, DhKey, EncryptedSignature, Header, Reader, RevealSignature};

fn round_trip<T: Codec>(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    if let Ok(value) = T::decode(&mut reader) {
        assert!(reader.remaining() <= bytes.len());
        let canonical = value.to_bytes();
        // Leading zeros are cut, nothing else.
        assert!(canonical.len() <= bytes.len() - reader.remaining());
        let again = T::from_bytes(&canonical).expect("what was written");
        assert_eq!(again.to_bytes(), canonical);
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&which, bytes)) = data.split_first() else { return };
    match which % 9 {
        0 => round_trip::<Header>(bytes),
        1 => round_trip::<DhCommit>(bytes),
        2 => round_trip::<DhKey>(bytes),
        3 => round_trip::<RevealSignature>(bytes),
        4 => round_trip::<EncryptedSignature>(bytes),
        5 => round_trip::<PublicKey>(bytes),
        6 => round_trip::<Signature>(bytes),
        7 => round_trip::<GroupElement>(bytes),
        _ => {
            let flags = DataMessage::peek_flags(bytes);
            if let Ok(message) = DataMessage::parse(bytes) {
                assert_eq!(flags, Some(message.flags));
                assert!(bytes.starts_with(message.authenticated));
                let canonical = message.encode();
                let again = DataMessage::parse(&canonical).expect("what was written");
                assert_eq!(again.encode(), canonical);
                assert_eq!((again.counter, again.encrypted), (message.counter, message.encrypted));
            }
        }
    }
});
