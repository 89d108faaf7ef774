//! Messages to bytes and back.

use proptest::prelude::*;

use super::super::{
    Challenge, EqualLogs, KnowsCoordinates, KnowsLog, MAX_QUESTION_LEN, Message1, Message2, Message3, Message4,
    Response, SmpKind,
};
use super::*;
use crate::group::GroupElement;
use crate::wire::{Codec, DecodeError, Reader};

#[test]
fn sizes_are_as_documented() {
    let run = &*RUN;
    let lengths = [&run.one, &run.two, &run.three, &run.four, &SmpMessage::Abort].map(|m| m.encode_value().len());
    for (length, full) in lengths.into_iter().zip([860, 1680, 1252, 432, 0]) {
        // Numbers that start with zeros are a byte or two shorter.
        assert!(length <= full && length + 8 >= full, "{length} of {full}");
    }
}

#[test]
fn a_question_ends_at_its_first_zero_byte() {
    let body = RUN.one.encode_value();
    let value = [b"who?\0", &body[..]].concat();
    let SmpMessage::One { question, .. } = SmpMessage::decode(SmpKind::OneWithQuestion, &value).unwrap() else {
        panic!("not message 1")
    };
    assert_eq!(question.unwrap(), b"who?");
    // Without an end the count's first byte ends it, and what follows is no payload.
    let value = [b"who?", &body[..]].concat();
    assert!(SmpMessage::decode(SmpKind::OneWithQuestion, &value).is_err());
    assert_eq!(SmpMessage::decode(SmpKind::OneWithQuestion, b"who?"), Err(DecodeError::Truncated("SMP question")));
    let value = [&vec![b'?'; MAX_QUESTION_LEN + 1], &b"\0"[..], &body].concat();
    let error = DecodeError::Length { field: "SMP question", length: MAX_QUESTION_LEN + 1 };
    assert_eq!(SmpMessage::decode(SmpKind::OneWithQuestion, &value), Err(error));
    assert!(SmpMessage::decode(SmpKind::OneWithQuestion, &value[1..]).is_ok());
}

#[test]
fn kinds_have_the_tlv_types_of_the_protocol() {
    for tlv_type in 0..=u16::from(u8::MAX) {
        assert_eq!(SmpKind::from_tlv_type(tlv_type).is_some(), (2..=7).contains(&tlv_type));
        if let Some(kind) = SmpKind::from_tlv_type(tlv_type) {
            assert_eq!(kind.tlv_type(), tlv_type);
        }
    }
    assert_eq!(SmpKind::OneWithQuestion.tlv_type(), 7);
    assert_eq!(SmpKind::Abort.tlv_type(), 6);
}

#[test]
fn debug_shows_no_question_and_no_value() {
    let SmpMessage::One { body, .. } = RUN.one.clone() else { panic!("not message 1") };
    let proof = format!("{:?}", body.g2a_proof);
    assert_eq!(proof, "KnowsLog { c: Challenge(..), d: Response(..) }");
    let message = SmpMessage::One { question: Some(b"pancakes".to_vec()), body };
    assert_eq!(format!("{message:?}"), "SmpMessage(1Q, question of 8 bytes)");
    assert_eq!(format!("{:?}", RUN.two), "SmpMessage(2)");
    let event = super::super::SmpEvent::AskAnswer { question: b"pancakes".to_vec() };
    assert_eq!(format!("{event:?}"), "AskAnswer(8 bytes)");
}

/// Of any length up to `N` bytes, because short numbers have short MPIs.
fn number<const N: usize>() -> impl Strategy<Value = Vec<u8>> {
    (1..=N).prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length))
}

fn element() -> impl Strategy<Value = GroupElement> {
    number::<192>().prop_filter_map("range", |bytes| GroupElement::from_be_bytes(&bytes, "element").ok())
}

fn challenge() -> impl Strategy<Value = Challenge> {
    number::<32>().prop_map(|bytes| {
        let mpi = [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat();
        Challenge::decode(&mut Reader::new(&mpi)).unwrap()
    })
}

fn response() -> impl Strategy<Value = Response> {
    number::<192>().prop_filter_map("range", |bytes| Response::from_be_bytes(&bytes).ok())
}

fn log() -> impl Strategy<Value = KnowsLog> {
    (challenge(), response()).prop_map(|(c, d)| KnowsLog { c, d })
}

fn coordinates() -> impl Strategy<Value = KnowsCoordinates> {
    (challenge(), response(), response()).prop_map(|(c, d5, d6)| KnowsCoordinates { c, d5, d6 })
}

fn logs() -> impl Strategy<Value = EqualLogs> {
    (challenge(), response()).prop_map(|(c, d)| EqualLogs { c, d })
}

fn question() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(1..=u8::MAX, 0..64))
}

fn message() -> impl Strategy<Value = SmpMessage> {
    prop_oneof![
        (question(), element(), log(), element(), log()).prop_map(|(question, g2a, g2a_proof, g3a, g3a_proof)| {
            SmpMessage::One { question, body: Box::new(Message1 { g2a, g2a_proof, g3a, g3a_proof }) }
        }),
        (element(), log(), element(), log(), element(), element(), coordinates()).prop_map(
            |(g2b, g2b_proof, g3b, g3b_proof, pb, qb, coordinates_proof)| {
                SmpMessage::Two(Box::new(Message2 { g2b, g2b_proof, g3b, g3b_proof, pb, qb, coordinates_proof }))
            }
        ),
        (element(), element(), coordinates(), element(), logs()).prop_map(
            |(pa, qa, coordinates_proof, ra, ra_proof)| {
                SmpMessage::Three(Box::new(Message3 { pa, qa, coordinates_proof, ra, ra_proof }))
            }
        ),
        (element(), logs()).prop_map(|(rb, rb_proof)| SmpMessage::Four(Box::new(Message4 { rb, rb_proof }))),
        Just(SmpMessage::Abort),
    ]
}

proptest! {
    #[test]
    fn a_message_survives_the_wire(message in message(), trailing in proptest::collection::vec(any::<u8>(), 0..9)) {
        let mut value = message.encode_value();
        value.extend(trailing);
        prop_assert_eq!(SmpMessage::decode(message.kind(), &value).unwrap(), message);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        tlv_type in 0..10_u16,
        count in prop_oneof![Just(6_u32), Just(11), Just(8), Just(3), any::<u32>()],
        bytes in proptest::collection::vec(any::<u8>(), 0..500),
    ) {
        let value = [&count.to_be_bytes()[..], &bytes].concat();
        if let Some(kind) = SmpKind::from_tlv_type(tlv_type) {
            for value in [&value[..], &bytes] {
                if let Ok(message) = SmpMessage::decode(kind, value) {
                    let again = SmpMessage::decode(kind, &message.encode_value());
                    prop_assert_eq!(again.unwrap(), message);
                }
            }
        }
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(at in any::<prop::sample::Index>(), flip in 1..=u8::MAX) {
        for message in [&RUN.one, &RUN.two, &RUN.three, &RUN.four] {
            let mut value = message.encode_value();
            let at = at.index(value.len());
            value[at] ^= flip;
            if let Ok(other) = SmpMessage::decode(message.kind(), &value) {
                prop_assert_eq!(SmpMessage::decode(message.kind(), &other.encode_value()).unwrap(), other);
            }
        }
    }
}
