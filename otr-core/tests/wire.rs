//! Every type of the wire survives it, and no bytes make a decoder panic.
//!
//! SMP messages and armour have the same tests in `src`, next to their code.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use otr_core::dsa::{PublicKey, Signature};
use otr_core::group::GroupElement;
use otr_core::wire::{
    Codec, Content, DataFlags, DataMessage, DhCommit, DhKey, EncryptedSignature, Header, MessageType, Reader,
    RevealSignature, Route, Tlv, Writer,
};
use otr_core::{InstanceTag, SecretBytes};
use proptest::prelude::*;

fn bytes(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), range)
}

fn instance() -> impl Strategy<Value = InstanceTag> {
    prop_oneof![Just(0x100), Just(u32::MAX), 0x100..=u32::MAX]
        .prop_map(|value| InstanceTag::new(value).expect("a legal tag"))
}

fn route() -> impl Strategy<Value = Route> {
    prop_oneof![
        Just(Route::V2),
        (instance(), prop::option::of(instance())).prop_map(|(sender, receiver)| Route::V3 { sender, receiver }),
    ]
}

fn kind() -> impl Strategy<Value = MessageType> {
    prop::sample::select(vec![
        MessageType::DhCommit,
        MessageType::DhKey,
        MessageType::RevealSignature,
        MessageType::Signature,
        MessageType::Data,
    ])
}

/// Of any length, because short numbers have short MPIs.
fn element() -> impl Strategy<Value = GroupElement> {
    bytes(1..193).prop_filter_map("range", |bytes| GroupElement::from_be_bytes(&bytes, "element").ok())
}

fn signature() -> impl Strategy<Value = EncryptedSignature> {
    (bytes(0..600), any::<[u8; 20]>()).prop_map(|(encrypted, mac)| EncryptedSignature { encrypted, mac })
}

fn commit() -> impl Strategy<Value = DhCommit> {
    (bytes(0..205), any::<[u8; 32]>()).prop_map(|(encrypted_gx, hashed_gx)| DhCommit { encrypted_gx, hashed_gx })
}

fn tlv() -> impl Strategy<Value = Tlv> {
    (any::<u16>(), bytes(0..300)).prop_map(|(kind, value)| Tlv::new(kind, value).expect("short"))
}

/// `decode(encode(x)) == x`; no shorter input is enough, and a longer one leaves what is too much.
fn survives<T: Codec + PartialEq + std::fmt::Debug>(value: &T) -> Result<(), TestCaseError> {
    let encoded = value.to_bytes();
    prop_assert_eq!(&T::from_bytes(&encoded).unwrap(), value);
    let longer = [&encoded[..], &[1, 2, 3]].concat();
    prop_assert!(T::from_bytes(&longer).is_err());
    let mut reader = Reader::new(&longer);
    prop_assert_eq!(&T::decode(&mut reader).unwrap(), value);
    prop_assert_eq!(reader.remaining(), 3);
    for length in 0..encoded.len() {
        prop_assert!(T::from_bytes(&encoded[..length]).is_err());
    }
    Ok(())
}

/// Bytes are read or refused; what was read and written is read the same.
fn is_total<T: Codec>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(value) = T::from_bytes(bytes) {
        let canonical = value.to_bytes();
        prop_assert!(canonical.len() <= bytes.len());
        prop_assert_eq!(T::from_bytes(&canonical).unwrap().to_bytes(), canonical);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_header_survives(route in route(), kind in kind()) {
        survives(&Header { route, kind })?;
    }

    #[test]
    fn a_commit_survives(commit in commit()) {
        survives(&commit)?;
    }

    #[test]
    fn a_key_survives(gy in element()) {
        survives(&DhKey { gy })?;
    }

    #[test]
    fn an_encrypted_signature_survives(signature in signature()) {
        survives(&signature)?;
    }

    #[test]
    fn a_reveal_signature_survives(r in any::<[u8; 16]>(), signature in signature()) {
        let encoded = RevealSignature { r: SecretBytes::new(r), signature: signature.clone() }.to_bytes();
        let decoded = RevealSignature::from_bytes(&encoded).unwrap();
        prop_assert_eq!(decoded.r.expose(), &r);
        prop_assert_eq!(&decoded.signature, &signature);
        prop_assert_eq!(decoded.to_bytes(), encoded);
    }

    #[test]
    fn an_element_survives(element in element()) {
        survives(&element)?;
    }

    #[test]
    fn a_signature_survives(bytes in prop::array::uniform20(any::<[u8; 2]>())) {
        let mut both = [0; 40];
        both.copy_from_slice(&bytes.concat());
        survives(&Signature(both))?;
    }

    #[test]
    fn a_record_survives(tlv in tlv()) {
        survives(&tlv)?;
    }

    #[test]
    fn content_is_text_and_records(text in prop::collection::vec(1..=u8::MAX, 0..100), tlvs in prop::collection::vec(tlv(), 0..9)) {
        let mut writer = Writer::default();
        writer.raw(&text);
        if !tlvs.is_empty() {
            writer.byte(0);
        }
        tlvs.iter().for_each(|tlv| tlv.encode(&mut writer));
        prop_assert_eq!(Content::parse(writer.as_bytes()), Content { text, tlvs });
    }

    #[test]
    fn a_data_message_survives(
        route in route(),
        flags in any::<bool>(),
        keyids in any::<(u32, u32)>(),
        next_dh in element(),
        counter in any::<u64>(),
        encrypted in bytes(0..300),
        authenticator in any::<[u8; 20]>(),
        old_mac_keys in bytes(0..90),
    ) {
        let flags = if flags { DataFlags::IGNORE_UNREADABLE } else { DataFlags::empty() };
        let message = DataMessage {
            route,
            flags,
            sender_keyid: keyids.0,
            recipient_keyid: keyids.1,
            next_dh,
            counter,
            encrypted: &encrypted,
            authenticated: &[],
            authenticator,
            old_mac_keys: &old_mac_keys,
        };
        let encoded = message.encode();
        let decoded = DataMessage::parse(&encoded).unwrap();
        prop_assert_eq!((decoded.route, decoded.flags, decoded.counter), (route, flags, counter));
        prop_assert_eq!((decoded.sender_keyid, decoded.recipient_keyid), keyids);
        prop_assert_eq!(decoded.next_dh, next_dh);
        prop_assert_eq!((decoded.encrypted, decoded.old_mac_keys), (&encrypted[..], &old_mac_keys[..]));
        prop_assert_eq!(decoded.authenticator, authenticator);
        prop_assert_eq!(decoded.authenticated.len(), encoded.len() - 20 - 4 - old_mac_keys.len());
        prop_assert_eq!(decoded.encode(), encoded.clone());
        prop_assert_eq!(DataMessage::peek_flags(&encoded), Some(flags));
        for length in 0..encoded.len() {
            prop_assert!(DataMessage::parse(&encoded[..length]).is_err());
        }
        prop_assert!(DataMessage::parse(&[&encoded[..], &[0]].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(which in 0..3_usize, head in bytes(0..40), tail in bytes(0..400)) {
        // Often enough with a length that is there.
        let length = u32::try_from(tail.len()).unwrap().to_be_bytes();
        let bytes = match which {
            0 => [&head[..], &tail].concat(),
            1 => [&length[..], &tail].concat(),
            _ => [&head[..], &length, &tail].concat(),
        };
        is_total::<Header>(&bytes)?;
        is_total::<DhCommit>(&bytes)?;
        is_total::<DhKey>(&bytes)?;
        is_total::<RevealSignature>(&bytes)?;
        is_total::<EncryptedSignature>(&bytes)?;
        is_total::<PublicKey>(&bytes)?;
        is_total::<Signature>(&bytes)?;
        is_total::<GroupElement>(&bytes)?;
        is_total::<Tlv>(&bytes)?;
        let _ = Content::parse(&bytes);
        let _ = DataMessage::peek_flags(&bytes);
        if let Ok(message) = DataMessage::parse(&bytes) {
            prop_assert!(message.encode().len() <= bytes.len());
        }
    }
}
