//! Lengths that lie.

use otr_core::dsa::PublicKey;
use otr_core::smp::{SmpKind, SmpMessage};
use otr_core::text::armour;
use otr_core::wire::{Codec, MessageType, Reader};
use otr_core::{Rejection, Version};
use sha2::{Digest, Sha256};

use crate::forge::crypt;
use crate::pair::{Alice, Bob, Pair, binary, changed, header_len, key, quiet};
use crate::truncation::kinds;

/// Where the length fields of a message stand.
fn length_fields(message: &[u8], version: Version) -> Vec<usize> {
    let body = header_len(version);
    let behind = |at: usize| {
        let length = u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
        at + 4 + length as usize
    };
    match message[2] {
        // encrypted g^x, hash
        0x02 => vec![body, behind(body)],
        // g^y
        0x0a => vec![body],
        // r, encrypted signature
        0x11 => vec![body, behind(body)],
        // encrypted signature
        0x12 => vec![body],
        // flags, keyids; next key; counter; encrypted message; MAC; old MAC keys
        0x03 => {
            let next_dh = body + 9;
            let encrypted = behind(next_dh) + 8;
            vec![next_dh, encrypted, behind(encrypted) + 20]
        }
        other => panic!("type {other}"),
    }
}

#[test]
fn a_length_that_is_not_there_is_refused_in_every_message() {
    for version in [Version::V2, Version::V3] {
        for (_, mut pair, to, line) in kinds(version) {
            let message = binary(&line);
            let reason = if message[2] == 3 { Rejection::Malformed } else { Rejection::AkeFailed };
            for at in length_fields(&message, version) {
                let length = u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
                let behind = u32::try_from(message.len() - at - 4).unwrap();
                for lie in [u32::MAX, u32::MAX - 3, 0x8000_0000, 0x7fff_ffff, 0x0010_0001, behind + 1] {
                    assert_ne!(lie, length);
                    let lying = changed(&line, |message| message[at..at + 4].copy_from_slice(&lie.to_be_bytes()));
                    pair.refuse(to, &lying, reason);
                }
            }
        }
    }
}

#[test]
fn a_field_of_one_legal_length_has_no_other() {
    for version in [Version::V2, Version::V3] {
        for (name, mut pair, to, line) in kinds(version).into_iter().take(4) {
            let message = binary(&line);
            let fields = length_fields(&message, version);
            // The hash of a commit, r of a Reveal Signature: 32 and 16 bytes. Of a Signature the encrypted part, of
            // which the MAC covers the length. A D-H Key has no field of one length, but one that has a largest.
            let at = if name == "D-H Commit" { fields[1] } else { fields[0] };
            let length = u32::from_be_bytes(message[at..at + 4].try_into().unwrap()) as usize;
            for other in [0, 1, length - 1, length + 1, 2 * length] {
                if name == "D-H Key" && (1..=length).contains(&other) {
                    continue;
                }
                let resized = changed(&line, |message| {
                    let rest = message.split_off(at + 4 + length);
                    message.resize(at + 4 + other, 0x5a);
                    message[at..at + 4].copy_from_slice(&u32::try_from(other).unwrap().to_be_bytes());
                    message.extend_from_slice(&rest);
                });
                pair.refuse(to, &resized, Rejection::AkeFailed);
            }
        }
    }
}

#[test]
fn an_opened_commit_that_is_no_number_is_refused() {
    let r = [7; 16];
    let number = [&192_u32.to_be_bytes()[..], &[0x55; 192]].concat();
    let one = [&1_u32.to_be_bytes()[..], &[1]].concat();
    let p = [&192_u32.to_be_bytes()[..], &[0xff; 192]].concat();
    for (gx, good) in [
        (number.clone(), true),
        (Vec::new(), false),
        (vec![0xff; 4], false),
        ([&[0xff; 4], &number[4..]].concat(), false),
        ([&193_u32.to_be_bytes(), &number[4..]].concat(), false),
        ([&191_u32.to_be_bytes(), &number[4..]].concat(), false),
        ([&number[..], &[0]].concat(), false),
        (0_u32.to_be_bytes().to_vec(), false),
        (one, false),
        (p, false),
    ] {
        let mut pair = Pair::new(3, quiet());
        let mut commit = vec![0, 3, 2, 0, 0, 1, 0, 0, 0, 0, 0];
        let encrypted = crypt(&r, 0, &gx);
        for field in [&encrypted[..], &Sha256::digest(&gx)] {
            commit.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
            commit.extend_from_slice(field);
        }
        pair.hand(Bob, &armour(&commit));
        assert_eq!(binary(&pair.take(Bob))[2], MessageType::DhKey.number());
        let mut reveal = vec![0, 3, 0x11, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 16];
        reveal.extend_from_slice(&r);
        reveal.extend_from_slice(&[0, 0, 0, 4, 1, 2, 3, 4]);
        reveal.extend_from_slice(&[0; 20]);
        // A good number fails too, at the signature: from outside all of them look alike.
        pair.refuse(Bob, &armour(&reveal), Rejection::AkeFailed);
        let mut reader = Reader::new(&gx);
        let parsed = otr_core::group::GroupElement::decode(&mut reader).is_ok() && reader.finish().is_ok();
        assert_eq!(parsed, good);
    }
}

#[test]
fn every_number_of_a_public_key_has_a_bounded_length() {
    let bytes = key(0).public_key().to_bytes();
    let mut at = 2;
    for _ in 0..4 {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        for lie in [u32::MAX, 0x7fff_ffff, 513, 0] {
            let mut lying = bytes.clone();
            lying[at..at + 4].copy_from_slice(&lie.to_be_bytes());
            assert!(PublicKey::from_bytes(&lying).is_err());
        }
        at += 4 + length;
    }
    assert_eq!(at, bytes.len());
}

#[test]
fn every_number_of_an_smp_message_has_a_bounded_length() {
    let mut pair = Pair::private(4, quiet());
    let id = pair.end(Alice).id();
    pair.act(Alice, |peer, now, rng| peer.start_smp(id, b"x", None, now, rng)).unwrap();
    pair.run();
    let id = pair.end(Bob).id();
    pair.act(Bob, |peer, now, rng| peer.respond_smp(id, b"x", now, rng)).unwrap();
    pair.run();
    let values: Vec<_> = [Alice, Bob]
        .into_iter()
        .flat_map(|side| pair.end(side).messages())
        .flat_map(|message| &message.content.tlvs)
        .filter_map(|tlv| Some((SmpKind::from_tlv_type(tlv.kind)?, tlv.value().to_vec())))
        .collect();
    assert_eq!(values.len(), 4);
    for (kind, value) in values {
        let mut at = 0;
        while at < value.len() {
            for lie in [u32::MAX, 0x7fff_ffff, 201] {
                let mut lying = value.clone();
                lying[at..at + 4].copy_from_slice(&lie.to_be_bytes());
                assert!(SmpMessage::decode(kind, &lying).is_err(), "{kind} at {at}");
            }
            // The first INT is a count.
            let length = u32::from_be_bytes(value[at..at + 4].try_into().unwrap()) as usize;
            at += if at == 0 { 4 } else { 4 + length };
        }
    }
}
