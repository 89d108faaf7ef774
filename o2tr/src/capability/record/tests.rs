use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;

fn plain() -> Capability {
    Capability {
        refresh_wanted: false,
        auto: false,
        threshold: None,
        record_lifetime: 0,
        use_number: NonZeroU32::MIN,
        message_id: None,
        read: AckWindow::default(),
        continuity: None,
    }
}

fn full() -> Capability {
    let mut read = AckWindow::default();
    read.mark(PairId::new(b"older---", 7, 8), 64 + 9);
    for use_number in [1, 2, 4] {
        read.mark(PairId::new(&[0xa1, 0xa2, 0xa3, 0xa4, 0, 0, 0, 0], 0x0102_0304, 0x0506_0708), use_number);
    }
    Capability {
        refresh_wanted: true,
        auto: true,
        threshold: Some(Threshold::DEFAULT),
        record_lifetime: 14 * 24 * 3600,
        use_number: NonZeroU32::new(3).unwrap(),
        message_id: MessageId::from_bytes([0xee; 16]),
        read,
        continuity: Some(ContinuityProof::from_bytes([0xcc; 16])),
    }
}

/// The layout of `docs/wire.md`, written out.
#[test]
fn golden_bytes() {
    let expected = [
        "4f325452",                         // 0 magic
        "01",                               // 4 version
        "07",                               // 5 flags
        "0005",                             // 6 k
        "00127500",                         // 8 record lifetime
        "00000003",                         // 12 use number
        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", // 16 message id
        "a1a2a3a4",                         // 32 pair 1: ssid
        "01020304",                         // 36 sender keyid
        "05060708",                         // 40 recipient keyid
        "00000001",                         // 44 first
        "000000000000000b",                 // 48 map
        "6f6c6465",                         // 56 pair 2: ssid
        "00000007",                         // 60 sender keyid
        "00000008",                         // 64 recipient keyid
        "0000000a",                         // 68 first
        "8000000000000000",                 // 72 map
        "cccccccccccccccccccccccccccccccc", // 80 continuity
    ]
    .concat();
    let tlv = full().encode();
    assert_eq!((tlv.kind, tlv.value().len()), (tlv_type::PADDING, RECORD_LEN));
    assert_eq!(hex::encode(tlv.value()), expected);
    assert_eq!(Capability::parse(&tlv), Some(full()));
}

#[test]
fn what_is_absent_is_zero() {
    let tlv = plain().encode();
    let expected = ["4f325452", "01", "00", "0000", "00000000", "00000001", &"00".repeat(80)].concat();
    assert_eq!(hex::encode(tlv.value()), expected);
    assert_eq!(Capability::parse(&tlv), Some(plain()));
}

fn changed(offset: usize, bytes: &[u8]) -> Option<Capability> {
    let mut value = full().encode().value().to_vec();
    value[offset..offset + bytes.len()].copy_from_slice(bytes);
    Capability::parse(&Tlv::new(tlv_type::PADDING, value).unwrap())
}

#[test]
fn anything_but_a_record_is_padding() {
    let value = full().encode().value().to_vec();
    assert_eq!(Capability::parse(&Tlv::new(9, value.clone()).unwrap()), None);
    let padding = |value: &[u8]| Capability::parse(&Tlv::new(tlv_type::PADDING, value.to_vec()).unwrap());
    assert_eq!(padding(&[]), None);
    assert_eq!(padding(&value[..RECORD_LEN - 1]), None);
    assert_eq!(padding(&[&value[..], &[0]].concat()), None);
    assert_eq!(padding(&[0; RECORD_LEN]), None);
    for offset in 0..4 {
        assert_eq!(changed(offset, &[0]), None, "magic byte {offset}");
    }
    assert_eq!(changed(4, &[0]), None, "version 0");
    assert_eq!(changed(4, &[2]), None, "version 2");
    assert_eq!(changed(6, &[0, 1]), None, "k = 1");
    assert_eq!(changed(12, &[0; 4]), None, "use number 0");
    assert_eq!(changed(36, &[0; 4]), None, "sender keyid 0");
    assert_eq!(changed(40, &[0; 4]), None, "recipient keyid 0");
    assert_eq!(changed(44, &[0; 4]), None, "first 0");
    assert_eq!(changed(44, &[0xff; 4]), None, "a map beyond the last number");
    let first_pair: [u8; 12] = value[32..44].try_into().unwrap();
    assert_eq!(changed(56, &first_pair), None, "the same pair twice");
}

#[test]
fn flags_of_later_versions_are_ignored() {
    assert_eq!(changed(5, &[0xff]), Some(full()));
    let without = changed(5, &[0xf8]).unwrap();
    assert_eq!((without.refresh_wanted, without.auto, without.continuity), (false, false, None));
}

#[test]
fn the_first_record_among_all_tlvs_counts() {
    let padding = Tlv::new(tlv_type::PADDING, vec![0; RECORD_LEN]).unwrap();
    let other = Tlv::new(tlv_type::SMP_1, full().encode().value().to_vec()).unwrap();
    let tlvs = [padding.clone(), other.clone(), full().encode(), plain().encode()];
    assert_eq!(Capability::find(&tlvs), Some(full()));
    assert_eq!(Capability::find(&[padding, other]), None);
}

#[test]
fn ids_are_drawn_and_never_zero() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (one, other) = (MessageId::random(&mut rng), MessageId::random(&mut rng));
    assert_ne!(one, other);
    assert_eq!(MessageId::from_bytes(*one.as_bytes()), Some(one));
    assert_eq!(MessageId::from_bytes([0; 16]), None);
}

#[test]
fn a_threshold_is_at_least_two() {
    assert_eq!([0, 1].map(Threshold::new), [None, None]);
    assert_eq!(Threshold::new(2).map(Threshold::get), Some(2));
    assert_eq!(Threshold::default().get(), 5);
}

fn ack() -> impl Strategy<Value = Option<PairAck>> {
    let pair = (any::<[u8; 4]>(), 1_u32.., 1_u32..).prop_map(|(ssid, sender_keyid, recipient_keyid)| PairId {
        ssid,
        sender_keyid,
        recipient_keyid,
    });
    let read = (1_u32..=u32::MAX - 63, any::<u64>()).prop_map(|(first, bits)| AckMap::from_parts(first, bits).unwrap());
    prop::option::of((pair, read).prop_map(|(pair, read)| PairAck { pair, read }))
}

prop_compose! {
    fn capability()(
        flags in any::<[bool; 2]>(),
        k in any::<u16>(),
        record_lifetime in any::<u32>(),
        use_number in 1_u32..,
        id in prop::option::of(any::<[u8; 16]>()),
        acks in (ack(), ack()),
        proof in prop::option::of(any::<[u8; 16]>()),
    ) -> Capability {
        let [refresh_wanted, auto] = flags;
        Capability {
            refresh_wanted,
            auto,
            threshold: Threshold::new(k),
            record_lifetime,
            use_number: NonZeroU32::new(use_number).unwrap(),
            message_id: id.and_then(MessageId::from_bytes),
            read: AckWindow::from_parts(acks.into()),
            continuity: proof.map(ContinuityProof::from_bytes),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(capability in capability()) {
        let tlv = capability.encode();
        prop_assert_eq!(tlv.value().len(), RECORD_LEN);
        prop_assert_eq!(Capability::parse(&tlv), Some(capability));
    }

    #[test]
    fn arbitrary_bytes_never_panic(kind in 0_u16..10, value in prop::collection::vec(any::<u8>(), 0..200)) {
        let parsed = Capability::parse(&Tlv::new(kind, value).unwrap());
        // Four bytes of magic at the head of random bytes: not in the lifetime of this test.
        prop_assert_eq!(parsed, None);
    }

    /// Damage behind the magic, so that the parser gets past it. What it accepts can be written and read again.
    #[test]
    fn damaged_records_never_panic(
        capability in capability(),
        damage in prop::collection::vec((4_usize..RECORD_LEN, any::<u8>()), 0..6),
        length in 0_usize..=RECORD_LEN,
    ) {
        let mut value = capability.encode().value().to_vec();
        for (offset, byte) in damage {
            value[offset] = byte;
        }
        let whole = Capability::parse(&Tlv::new(tlv_type::PADDING, value.clone()).unwrap());
        if let Some(parsed) = &whole {
            prop_assert_eq!(Capability::parse(&parsed.encode()), Some(parsed.clone()));
        }
        value.truncate(length);
        let cut = Capability::parse(&Tlv::new(tlv_type::PADDING, value).unwrap());
        prop_assert_eq!(cut, whole.filter(|_| length == RECORD_LEN));
    }
}
