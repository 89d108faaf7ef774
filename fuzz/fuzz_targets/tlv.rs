//! The content of a data message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otr_core::limits::MAX_TLVS;
use otr_core::wire::{Codec, Content, Tlv};

fuzz_target!(|plaintext: &[u8]| {
    let content = Content::parse(plaintext);
    assert!(plaintext.starts_with(&content.text) && !content.text.contains(&0));
    assert!(content.tlvs.len() <= MAX_TLVS);
    let records: Vec<u8> = content.tlvs.iter().flat_map(Codec::to_bytes).collect();
    let behind = plaintext.get(content.text.len() + 1..).unwrap_or_default();
    assert!(behind.starts_with(&records), "records are taken in order and without gaps");
    for tlv in &content.tlvs {
        assert_eq!(Tlv::from_bytes(&tlv.to_bytes()).as_ref(), Ok(tlv));
        assert_eq!(Tlv::new(tlv.kind, tlv.value().to_vec()).as_ref(), Some(tlv));
    }
});
