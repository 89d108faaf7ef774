//! Writes a small corpus for every target, made of one conversation: `cargo run --example seed` in this directory.

use std::path::Path;
use std::{fs, io};

use otr_core::libotr::{Account, Fingerprints, InstanceTags, KnownFingerprint, OwnInstanceTag, PrivateKeys};
use otr_core::text::{append_tag, error_line, query};
use otr_core::wire::{Codec, MessageType, Tlv, tlv_type};
use otr_core::{Policy, Version};
use otr_fuzz::pair::{Alice, Bob, Pair, Side, binary, header_len, key, quiet, quiet_v2};

struct Corpus {
    target: &'static str,
    seeds: Vec<Vec<u8>>,
}

fn main() -> io::Result<()> {
    let lines = [conversation(Version::V3), conversation(Version::V2)].concat();
    let corpora = [
        Corpus { target: "text", seeds: [lines.clone(), texts()].concat() },
        Corpus { target: "armour", seeds: lines.clone() },
        Corpus { target: "wire", seeds: wire(&lines) },
        Corpus { target: "fragments", seeds: fragments(&lines) },
        Corpus { target: "tlv", seeds: tlvs() },
        Corpus { target: "smp", seeds: (0..5).map(|state| vec![state, 0, 1, 0, 0, 1]).collect() },
        Corpus { target: "key_files", seeds: key_files() },
        Corpus { target: "lines", seeds: peer_lines(&lines) },
        Corpus { target: "operations", seeds: operations() },
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for Corpus { target, seeds } in corpora {
        let directory = root.join(target);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(format!("seed-{number:03}")), seed)?;
        }
        println!("{target}: {} seeds", seeds.len());
    }
    Ok(())
}

/// All lines of an AKE, a few texts, SMP and the end. Other randomness than in the target `lines`: there nothing of
/// this is genuine.
fn conversation(version: Version) -> Vec<Vec<u8>> {
    let mut pair = Pair::new(7, if version == Version::V3 { quiet() } else { quiet_v2() });
    pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
    pair.run();
    for side in [Alice, Bob, Alice] {
        pair.say(side, "hello");
        pair.run();
    }
    let id = |pair: &Pair, side: Side| pair.end(side).id();
    let (at_alice, at_bob) = (id(&pair, Alice), id(&pair, Bob));
    pair.act(Alice, |peer, now, rng| peer.start_smp(at_alice, b"x", Some(b"?"), now, rng)).expect("SMP");
    pair.run();
    pair.act(Bob, |peer, now, rng| peer.respond_smp(at_bob, b"x", now, rng)).expect("SMP");
    pair.run();
    pair.act(Bob, |peer, now, _| peer.end(now));
    [Alice, Bob].into_iter().flat_map(|side| pair.end(side).sent.clone()).map(|line| line.bytes).collect()
}

fn texts() -> Vec<Vec<u8>> {
    let mut tagged = b"hello".to_vec();
    append_tag(&mut tagged, Policy::MANUAL);
    vec![
        tagged,
        query(Policy::MANUAL, b"text").unwrap_or_default(),
        error_line(b"text"),
        b"?OTR?v24x?".to_vec(),
        b"?OTR:AAEK.".to_vec(),
        b"plain".to_vec(),
    ]
}

/// Behind a byte that says which type it is.
fn wire(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for line in lines {
        let message = binary(line);
        let version = if message[1] == 3 { Version::V3 } else { Version::V2 };
        let body = &message[header_len(version)..];
        let which = match message[2] {
            kind if kind == MessageType::DhCommit.number() => 1,
            kind if kind == MessageType::DhKey.number() => 2,
            kind if kind == MessageType::RevealSignature.number() => 3,
            kind if kind == MessageType::Signature.number() => 4,
            _ => {
                seeds.push([&[8], &message[..]].concat());
                continue;
            }
        };
        seeds.push([&[which], body].concat());
        seeds.push([&[0], &message[..header_len(version)]].concat());
        if which == 2 {
            seeds.push([&[7], body].concat());
        }
    }
    seeds.push([&[5], &key(0).public_key().to_bytes()[..]].concat());
    seeds.push([&[6], &[0x55; 40][..]].concat());
    seeds
}

fn fragments(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let joined = [
        "?OTR|00000101|00000100,1,2,?OTR:AA,\n?OTR|00000102|0,1,3,x,\n?OTR|00000101|00000100,2,2,MD.,",
        "?OTR,1,3,a,\n?OTR,00002,00003,b,\n?OTR,3,3,c,\n?OTR,1,1,d,",
        "?OTR,0,1,a,\n?OTR,2,1,a,\n?OTR,1,99999,a,\n?OTR,1,2,,\n?OTR,1,2,a,\n?OTR,2,2,,",
    ];
    let cut = lines.iter().take(3).map(|line| [&[90], &line[..]].concat());
    joined.iter().map(|lines| lines.as_bytes().to_vec()).chain(cut).collect()
}

fn tlvs() -> Vec<Vec<u8>> {
    let record = |kind, value: &[u8]| Tlv::new(kind, value.to_vec()).map(|tlv| tlv.to_bytes()).unwrap_or_default();
    let all: Vec<u8> = (0..10).flat_map(|kind| record(kind, b"value")).collect();
    vec![
        b"text".to_vec(),
        b"text\0".to_vec(),
        [b"text\0", &all[..]].concat(),
        [b"\0", &record(tlv_type::EXTRA_KEY, &[0, 0, 0, 1, 2])[..]].concat(),
        b"\0\0\x01\0".to_vec(),
    ]
}

/// Behind a byte that says which file it is.
fn key_files() -> Vec<Vec<u8>> {
    let account = |name: &str| Account { name: name.into(), protocol: "prpl-jabber".into(), key: key(0) };
    let keys = PrivateKeys { accounts: vec![account("alice@example.org"), account("\"a\\ b\t\"")] };
    let fingerprints = Fingerprints {
        entries: vec![KnownFingerprint {
            username: "bob@example.org".into(),
            account: "alice@example.org".into(),
            protocol: "prpl-jabber".into(),
            fingerprint: key(1).public_key().fingerprint(),
            trust: "smp".into(),
        }],
    };
    let tags = InstanceTags {
        entries: vec![OwnInstanceTag {
            account: "alice@example.org".into(),
            protocol: "prpl-jabber".into(),
            tag: otr_core::InstanceTag::new(0x100).expect("the smallest tag"),
        }],
    };
    let canonical = b"(9:privkeys(7:account(4:name1:a)(8:protocol1:b)(11:private-key(3:dsa(1:p#00#)))))";
    vec![
        [&[0], &keys.write()[..]].concat(),
        [&[0], &canonical[..]].concat(),
        [&[1], &fingerprints.write().expect("no separators")[..]].concat(),
        [&[2], &tags.write().expect("no separators")[..]].concat(),
        [&[3], &key(0).to_bytes()[..]].concat(),
    ]
}

/// Lines behind the point of the conversation; binary messages of Alice to Bob without their header.
fn peer_lines(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let message = binary(line);
        let (how, header) = if message[1] == 3 { (0, 11) } else { (1, 3) };
        let kind = [0x02, 0x03, 0x0a, 0x11, 0x12].iter().position(|&kind| kind == message[2]).unwrap_or(0);
        let point = u8::try_from(number % 10).unwrap_or(0);
        seeds.push([&[point, how | 2, u8::try_from(kind).unwrap_or(0)], &message[header..]].concat());
    }
    for (number, text) in texts().into_iter().enumerate() {
        seeds.push([&[u8::try_from(number).unwrap_or(0), 0], &text[..]].concat());
    }
    seeds
}

fn operations() -> Vec<Vec<u8>> {
    let talk = [0, 0, 2, 0, 0, 0, 1, 2, 1, 0].repeat(6);
    let renew = [11, 0, 2, 0, 0, 2, 1, 0, 2, 0, 0, 2, 1, 0];
    let smp = [13, 0, 0, 2, 0, 0, 13, 1, 1, 2, 1, 0, 2, 0, 0];
    let rollback = [15, 1, 0, 0, 2, 0, 0, 0, 1, 16, 1, 0, 0, 7, 0, 0, 1, 0, 1];
    let mut seeds = Vec::new();
    for flavour in [0, 1, 2, 4, 8, 0x80, 0x81] {
        seeds.push([&[flavour], &talk[..]].concat());
        seeds.push([&[flavour], &renew[..], &talk].concat());
        seeds.push([&[flavour], &smp[..], &renew].concat());
        seeds.push([&[flavour], &rollback[..], &talk].concat());
    }
    seeds
}
