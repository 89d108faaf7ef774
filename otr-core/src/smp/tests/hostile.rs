//! A peer that lies, and a random source that fails.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use super::super::{SmpError, SmpEvent, SmpFault, SmpKind};
use super::*;
use crate::group::{GroupElement, Residue};
use crate::wire::DecodeError;

const P: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
                 ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
                 ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f\
                 83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff";

/// p + difference; p ends in 64 one bits.
fn p_plus(difference: i8) -> Vec<u8> {
    let mut bytes = hex::decode(P).unwrap();
    match difference {
        1 => {
            let first_zero = bytes.iter().rposition(|&byte| byte != 0xff).unwrap();
            bytes[first_zero] += 1;
            bytes[first_zero + 1..].fill(0);
        }
        _ => *bytes.last_mut().unwrap() -= difference.unsigned_abs(),
    }
    bytes
}

/// q + difference, q = (p-1)/2; ends in 63 one bits.
fn q_plus(difference: i8) -> Vec<u8> {
    let bytes = p_plus(if difference == 1 { 1 } else { 0 });
    let mut carry = 0;
    let mut half: Vec<u8> = bytes
        .iter()
        .map(|&byte| {
            let shifted = (byte >> 1) | (carry << 7);
            carry = byte & 1;
            shifted
        })
        .collect();
    if difference < 0 {
        *half.last_mut().unwrap() -= 1;
    }
    half
}

#[derive(Clone, Copy, PartialEq)]
enum Number {
    Element,
    Hash,
    Exponent,
}

/// The kinds of a message's numbers in their order.
fn layout(kind: SmpKind) -> Vec<Number> {
    use Number::{Element as G, Exponent as D, Hash as C};
    match kind {
        SmpKind::One | SmpKind::OneWithQuestion => vec![G, C, D, G, C, D],
        SmpKind::Two => vec![G, C, D, G, C, D, G, G, C, D, D],
        SmpKind::Three => vec![G, G, C, D, D, G, C, D],
        SmpKind::Four => vec![G, C, D],
        SmpKind::Abort => vec![],
    }
}

fn numbers(message: &SmpMessage) -> Vec<Vec<u8>> {
    let value = message.encode_value();
    let mut rest = &value[4..];
    let mut found = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let (number, tail) = tail.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        found.push(number.to_vec());
        rest = tail;
    }
    found
}

fn payload(numbers: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = u32::try_from(numbers.len()).unwrap().to_be_bytes().to_vec();
    for number in numbers {
        bytes.extend(u32::try_from(number.len()).unwrap().to_be_bytes());
        bytes.extend(number);
    }
    bytes
}

fn steps() -> [(&'static SmpState, &'static SmpMessage); 4] {
    let run = &*RUN;
    [(&SmpState::Idle, &run.one), (&run.expect2, &run.two), (&run.expect3, &run.three), (&run.expect4, &run.four)]
}

/// Feeds the value and demands that the run ends as cheated.
fn refused(state: &SmpState, kind: SmpKind, value: &[u8]) -> SmpFault {
    let mut smp = Smp::restore(state.clone());
    let outcome = smp.handle_tlv(kind.tlv_type(), value, &mut NoDraws).unwrap();
    let SmpEvent::Cheated(fault) = outcome.event else { panic!("{kind}: {:?}", outcome.event) };
    assert_eq!((outcome.reply, outcome.trust), (Some(SmpMessage::Abort), None));
    assert!(!smp.is_running());
    fault
}

#[test]
fn values_out_of_range_are_refused_while_parsing() {
    let elements = [vec![], vec![1], p_plus(-1), p_plus(0), p_plus(1), [vec![1], vec![0; 192]].concat(), vec![9; 300]];
    let exponents = [vec![], q_plus(0), q_plus(1), p_plus(0), [vec![1], vec![0; 192]].concat()];
    let hashes = [vec![1; 33], vec![1; 192], vec![1; 300]];
    let mut tried = 0;
    for (state, message) in steps() {
        let good = numbers(message);
        let layout = layout(message.kind());
        assert_eq!(good.len(), layout.len());
        for (index, number) in layout.into_iter().enumerate() {
            let bad: &[Vec<u8>] = match number {
                Number::Element => &elements,
                Number::Exponent => &exponents,
                Number::Hash => &hashes,
            };
            for value in bad {
                let mut numbers = good.clone();
                numbers[index].clone_from(value);
                let fault = refused(state, message.kind(), &payload(&numbers));
                assert!(
                    matches!(
                        fault,
                        SmpFault::Malformed(kind, DecodeError::Value(_) | DecodeError::Length { .. })
                            if kind == message.kind()
                    ),
                    "number {index} of message {}: {fault:?}",
                    message.kind()
                );
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 10 * 7 + 10 * 5 + 8 * 3);
}

#[test]
fn values_in_range_but_wrong_fail_a_proof() {
    for (state, message) in steps() {
        let good = numbers(message);
        for (index, number) in layout(message.kind()).into_iter().enumerate() {
            let bad = match number {
                Number::Element => vec![vec![2], p_plus(-2)],
                Number::Exponent => vec![vec![1], q_plus(-1)],
                Number::Hash => vec![vec![], vec![1], vec![0xff; 32]],
            };
            for value in bad {
                let mut numbers = good.clone();
                numbers[index] = value;
                let fault = refused(state, message.kind(), &payload(&numbers));
                assert!(matches!(fault, SmpFault::Proof(_)), "number {index} of message {}: {fault:?}", message.kind());
            }
        }
    }
}

#[test]
fn numbers_that_change_places_fail() {
    for (state, message) in steps() {
        let layout = layout(message.kind());
        let good = numbers(message);
        for first in 0..layout.len() {
            for second in first + 1..layout.len() {
                if layout[first] == layout[second] {
                    let mut numbers = good.clone();
                    numbers.swap(first, second);
                    let _ = refused(state, message.kind(), &payload(&numbers));
                }
            }
        }
    }
}

#[test]
fn a_wrong_count_or_a_cut_is_malformed() {
    for (state, message) in steps() {
        let kind = message.kind();
        let good = payload(&numbers(message));
        assert_eq!(good, message.encode_value());
        let expected = good[3];
        for count in [0, expected - 1, expected + 1, 255] {
            let mut bytes = good.clone();
            bytes[3] = count;
            assert!(matches!(refused(state, kind, &bytes), SmpFault::Malformed(..)), "{kind}: count {count}");
        }
        let mut bytes = good.clone();
        bytes[..4].fill(0xff);
        let fault = refused(state, kind, &bytes);
        assert!(matches!(fault, SmpFault::Malformed(_, DecodeError::Length { .. })), "{fault:?}");
        for length in [0, 3, 4, 7, 100, good.len() - 1] {
            let fault = refused(state, kind, &good[..length]);
            assert!(matches!(fault, SmpFault::Malformed(_, DecodeError::Truncated(_))), "{kind}: {length}: {fault:?}");
        }
    }
}

#[test]
fn what_stands_behind_the_last_number_is_ignored() {
    for (state, message) in steps() {
        let mut value = message.encode_value();
        value.push(0);
        let mut smp = Smp::restore(state.clone());
        let outcome = smp.handle_tlv(message.kind().tlv_type(), &value, &mut rng(1)).unwrap();
        assert!(!matches!(outcome.event, SmpEvent::Cheated(_) | SmpEvent::Error(_)), "{:?}", outcome.event);
    }
}

#[test]
fn equal_and_opposite_values_are_refused() {
    let SmpState::Expect3(run) = &RUN.expect3 else { panic!("not expect 3") };
    for (index, own, name) in [(0, run.pb, "Pa/Pb"), (1, run.qb, "Qa/Qb")] {
        for value in [own, negative(own)] {
            let mut numbers = numbers(&RUN.three);
            numbers[index] = value.as_minimal().to_vec();
            assert_eq!(refused(&RUN.expect3, SmpKind::Three, &payload(&numbers)), SmpFault::Quotient(name));
        }
    }
}

fn negative(value: GroupElement) -> GroupElement {
    let minus_one = Residue::from_be_bytes(&p_plus(-1).try_into().unwrap());
    value.to_residue().multiply(&minus_one).to_element("negative").unwrap()
}

/// A peer that sends our own message 1 back has no proof for message 2: the purposes differ.
#[test]
fn our_own_proofs_are_no_answer() {
    let (one, two) = (numbers(&RUN.one), numbers(&RUN.two));
    let mirrored = [&one[..], &two[6..]].concat();
    assert_eq!(refused(&RUN.expect2, SmpKind::Two, &payload(&mirrored)), SmpFault::Proof("c2"));
}

/// The proofs of another run hold, but not for the values of this one.
#[test]
fn messages_of_another_run_are_refused() {
    let mut rng = rng(77);
    let mut alice = Smp::default();
    let one = alice.start(b"same", None, ALICE, &mut rng).unwrap().message;
    assert_eq!(refused(&alice.snapshot(), SmpKind::Two, &RUN.two.encode_value()), SmpFault::Proof("cP"));
    let mut bob = Smp::default();
    let _ = bob.handle(one, &mut rng);
    let _ = bob.respond(b"same", BOB, &mut rng).unwrap();
    assert_eq!(refused(&bob.snapshot(), SmpKind::Three, &RUN.three.encode_value()), SmpFault::Proof("cP"));
}

#[test]
fn a_constant_random_source_makes_no_message_and_changes_nothing() {
    let run = &*RUN;
    for state in [&SmpState::Idle, &run.expect4] {
        let mut smp = Smp::restore(state.clone());
        assert_eq!(smp.start(b"s", None, ALICE, &mut Zeros).unwrap_err(), SmpError::Random);
        assert_eq!(name(&smp.snapshot()), name(state));
    }
    let mut bob = Smp::restore(run.asked.clone());
    assert_eq!(bob.respond(b"s", BOB, &mut Zeros), Err(SmpError::Random));
    assert!(bob.is_asked());
    let outcome = Smp::restore(run.expect2.clone()).handle(run.two.clone(), &mut Zeros);
    assert_eq!(outcome.event, SmpEvent::Error(SmpFault::Random));
    assert_eq!(outcome.reply, Some(SmpMessage::Abort));
}

#[test]
fn a_tlv_of_another_type_is_not_ours() {
    for tlv_type in [0, 1, 8, 9, 0xffff] {
        assert_eq!(Smp::default().handle_tlv(tlv_type, b"", &mut NoDraws), None);
    }
}

/// Refused messages draw nothing.
struct NoDraws;

impl TryRng for NoDraws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("drawn")
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
        panic!("drawn")
    }
}

impl TryCryptoRng for NoDraws {}

struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Zeros {}
