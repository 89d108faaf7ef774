//! No secret is printed, and every type that holds one wipes it.
//!
//! The secrets are recognisable bytes. Whatever the crate's public types show of themselves is searched for them
//! in hexadecimal and decimal form. The exact outputs of the small types are pinned, so that a change of one is a
//! decision.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may")]

#[path = "common/forge.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the scenarios")]
mod forge;
#[path = "common/pair.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the scenarios")]
mod pair;

use std::collections::BTreeSet;

use otr_core::dsa::PrivateKey;
use otr_core::smp::SmpState;
use otr_core::wire::{Content, DataFlags, Tlv, tlv_type};
use otr_core::{
    ContactSnapshot, DataKeys, DirectionKeys, ExchangeKeys, ExchangeSnapshot, HalfKeys, HeldText, KeyPairSnapshot,
    LastTextSnapshot, MacKey, OpenCommitSnapshot, PairKeysSnapshot, Peer, PeerSnapshot, PhaseSnapshot, RetainedPair,
    RetainedSnapshot, SecretBytes, SessionSnapshot, Settings, Version,
};
use zeroize::{Zeroize, ZeroizeOnDrop};

use pair::{Alice, Bob, Pair, window};

/// What must not be shown: byte strings.
#[derive(Default)]
struct Secrets(BTreeSet<Vec<u8>>);

impl Secrets {
    fn add(&mut self, bytes: &[u8]) {
        assert!(bytes.len() >= 6, "too short to be recognised");
        self.0.insert(bytes.to_vec());
    }

    /// None of them stands in `shown`, in any form in which `Debug` prints bytes. Six bytes in a row are enough.
    #[track_caller]
    fn hidden_in(&self, what: &str, shown: &str) {
        let plain: String = shown.to_lowercase().split_whitespace().collect();
        for secret in &self.0 {
            for part in secret.windows(6) {
                let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
                let hex_list: Vec<_> = part.iter().map(|byte| format!("{byte:x}")).collect();
                let hex_list_0x: Vec<_> = part.iter().map(|byte| format!("0x{byte:x}")).collect();
                let decimal: Vec<_> = part.iter().map(u8::to_string).collect();
                let text: String = part.iter().map(|&byte| char::from(byte)).collect();
                for form in [hex, hex_list.join(","), hex_list_0x.join(","), decimal.join(","), text.to_lowercase()] {
                    assert!(!plain.contains(&form) || form.len() < 6, "{what} shows {form}: {shown}");
                }
            }
        }
    }
}

const TEXT: &[u8] = b"the-text-of-the-user";
const HELD: &[u8] = b"a-text-that-waits";
const RECORD: &[u8] = b"what-the-record-says";

/// All secrets in a snapshot, found by their types: each field is named, so that a new one asks where it belongs.
fn collect(secrets: &mut Secrets, snapshot: &PeerSnapshot) {
    let exchange = |secrets: &mut Secrets, exchange: &ExchangeSnapshot| match exchange {
        ExchangeSnapshot::None => {}
        ExchangeSnapshot::AwaitingDhKey { secret, r, encrypted_gx: _, hashed_gx: _ }
        | ExchangeSnapshot::AwaitingSignature { secret, r, gy: _, encrypted: _, mac: _ } => {
            secrets.add(secret.expose());
            secrets.add(r.expose());
        }
        ExchangeSnapshot::AwaitingRevealSignature { secret, encrypted_gx: _, hashed_gx: _ } => {
            secrets.add(secret.expose());
        }
    };
    for ContactSnapshot { exchange: state, .. } in &snapshot.contacts {
        exchange(secrets, state);
    }
    if let Some(OpenCommitSnapshot { exchange: state, .. }) = &snapshot.open_commit {
        exchange(secrets, state);
    }
    for HeldText(text) in &snapshot.held {
        secrets.add(text);
    }
    for SessionSnapshot { phase, last_text, .. } in &snapshot.sessions {
        if let Some(LastTextSnapshot { text: HeldText(text), .. }) = last_text
            && text.len() >= 6
        {
            secrets.add(text);
        }
        let PhaseSnapshot::Encrypted { ring, smp } = phase else { continue };
        for KeyPairSnapshot { secret, public: _ } in [&ring.our_newest, &ring.our_previous] {
            secrets.add(secret.expose());
        }
        for PairKeysSnapshot { sending, receiving, extra } in
            ring.pairs.iter().flatten().filter_map(|p| p.keys.as_ref())
        {
            for key in [sending, receiving] {
                secrets.add(key.expose());
                secrets.add(&forge::mac_key(key.expose()));
            }
            secrets.add(extra.expose());
        }
        match smp {
            SmpState::Idle => {}
            SmpState::Asked(asked) => {
                [&asked.b2, &asked.b3, &asked.g2, &asked.g3].into_iter().for_each(|value| secrets.add(value.expose()));
            }
            SmpState::Expect2(run) => {
                secrets.add(run.x.expose());
                [&run.a2, &run.a3].into_iter().for_each(|value| secrets.add(value.expose()));
            }
            SmpState::Expect3(run) => {
                [&run.b3, &run.g2, &run.g3].into_iter().for_each(|value| secrets.add(value.expose()));
            }
            SmpState::Expect4(run) => secrets.add(run.a3.expose()),
        }
    }
}

/// What a peer and everything that came out of it show.
#[track_caller]
fn check(secrets: &mut Secrets, pair: &Pair) {
    for side in [Alice, Bob] {
        secrets.add(pair.end(side).identity.key().secret().expose());
        collect(secrets, &pair.end(side).peer.snapshot());
        for retained in &pair.end(side).retained {
            let RetainedSnapshot { cipher, extra, .. } = retained.snapshot();
            secrets.add(cipher.expose());
            secrets.add(&forge::mac_key(cipher.expose()));
            secrets.add(extra.expose());
        }
    }
    for side in [Alice, Bob] {
        let end = pair.end(side);
        for (what, shown) in [
            ("Peer", format!("{:?}", end.peer)),
            ("Peer", format!("{:#?}", end.peer)),
            ("PeerSnapshot", format!("{:?}", end.peer.snapshot())),
            ("PeerSnapshot", format!("{:#?}", end.peer.snapshot())),
            ("Event", format!("{:?}", end.events)),
            ("Event", format!("{:#x?}", end.events)),
            ("RetainedPair", format!("{:?}", end.retained)),
            ("RetainedSnapshot", format!("{:?}", end.retained.iter().map(RetainedPair::snapshot).collect::<Vec<_>>())),
            ("Identity", format!("{:?}", end.identity)),
            ("PrivateKey", format!("{:?}", end.identity.key())),
        ] {
            secrets.hidden_in(what, &shown);
        }
    }
}

#[test]
fn nothing_that_a_conversation_holds_is_shown() {
    let mut secrets = Secrets::default();
    [TEXT, HELD, RECORD].into_iter().for_each(|text| secrets.add(text));
    let settings = Settings { policy: otr_core::Policy::ALLOW_V3 | otr_core::Policy::REQUIRE_ENCRYPTION, ..window() };
    let mut pair = Pair::new(1, settings);
    pair.act(Alice, |peer, now, _| peer.send(HELD, now)).unwrap();
    check(&mut secrets, &pair);
    // The AKE, message by message.
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    for side in [Alice, Alice, Bob, Alice, Bob, Alice, Bob] {
        pair.deliver(side);
        check(&mut secrets, &pair);
    }
    pair.run();
    // Texts, records, rotations, the extra key, SMP.
    let id = pair.end(Alice).id();
    for _ in 0..3 {
        pair.act(Alice, |peer, now, _| {
            let tlvs = [Tlv::new(0, RECORD.to_vec()).unwrap()];
            peer.send_in(id, TEXT, &tlvs, DataFlags::empty(), now)
        })
        .unwrap();
        pair.run();
        check(&mut secrets, &pair);
        pair.say(Bob, "reply");
        pair.run();
        check(&mut secrets, &pair);
    }
    let key = pair.act(Alice, |peer, now, _| peer.send_extra_key(id, 1, RECORD, now)).unwrap();
    secrets.add(key.expose());
    pair.run();
    check(&mut secrets, &pair);
    pair.act(Alice, |peer, now, rng| peer.start_smp(id, TEXT, None, now, rng)).unwrap();
    check(&mut secrets, &pair);
    pair.deliver(Alice);
    check(&mut secrets, &pair);
    let at_bob = pair.end(Bob).id();
    pair.act(Bob, |peer, now, rng| peer.respond_smp(at_bob, TEXT, now, rng)).unwrap();
    check(&mut secrets, &pair);
    pair.deliver(Bob);
    check(&mut secrets, &pair);
    assert!(secrets.0.len() > 40, "{} secrets were looked for", secrets.0.len());
}

#[test]
fn the_search_finds_what_is_shown() {
    let mut secrets = Secrets::default();
    secrets.add(&[0xab, 0xcd, 0xef, 0x12, 0x34, 0x56, 0x78]);
    for shown in ["x abcdef123456", "[171, 205, 239, 18, 52, 86]", "[ab, cd, ef, 12, 34, 56]", "AB CD EF 12 34 56"] {
        let found = std::panic::catch_unwind(|| secrets.hidden_in("a test", shown));
        assert!(found.is_err(), "{shown}");
    }
    secrets.hidden_in("a test", "SecretBytes<7>(..)");
}

#[test]
fn what_the_small_types_show() {
    let secret = SecretBytes::new([0xa5; 16]);
    let shown = [
        format!("{secret:?}"),
        format!("{:?}", HeldText(TEXT.to_vec())),
        format!("{:?}", Tlv::new(tlv_type::PADDING, RECORD.to_vec()).unwrap()),
        format!("{:?}", Content { text: TEXT.to_vec(), tlvs: vec![Tlv::empty(1)] }),
        format!(
            "{:?}",
            PairKeysSnapshot { sending: secret.clone(), receiving: secret, extra: SecretBytes::new([0xa5; 32]) }
        ),
        format!("{:?}", KeyPairSnapshot { secret: SecretBytes::new([0xa5; 40]), public: None }),
        format!(
            "{:?}",
            HalfKeys {
                cipher: SecretBytes::new([0xa5; 16]),
                binding: SecretBytes::new([0xa5; 32]),
                outer: SecretBytes::new([0xa5; 32]),
            }
        ),
    ];
    assert_eq!(
        shown,
        [
            "SecretBytes<16>(..)",
            "HeldText(20 bytes)",
            "Tlv { kind: 0, value: 20 bytes }",
            "Content { text: 20 bytes, tlvs: [Tlv { kind: 1, value: 0 bytes }] }",
            "PairKeysSnapshot(..)",
            "KeyPairSnapshot { secret: SecretBytes<40>(..), public: None }",
            "HalfKeys(..)",
        ]
    );
}

#[test]
fn what_holds_a_secret_wipes_it_when_it_goes() {
    const fn wiped<T: ZeroizeOnDrop>() {}
    const fn wipeable<T: Zeroize>() {}
    const {
        wiped::<SecretBytes<1>>();
        wiped::<HeldText>();
        wiped::<Tlv>();
        wiped::<Content>();
        wipeable::<SecretBytes<40>>();
    }
}

/// The fields of types that hold secrets, each of which must be of a type that wipes itself.
#[test]
fn every_field_that_holds_a_secret_is_of_a_type_that_wipes_it() {
    fn wiped<T: ZeroizeOnDrop>(_: &T) {}
    fn half_keys(HalfKeys { cipher, binding, outer }: &HalfKeys) {
        wiped(cipher);
        wiped(binding);
        wiped(outer);
    }
    fn exchange_keys(ExchangeKeys { ssid: _, reveal, signature }: &ExchangeKeys) {
        half_keys(reveal);
        half_keys(signature);
    }
    fn direction_keys(DirectionKeys { cipher, mac }: &DirectionKeys) {
        wiped(cipher);
        mac_key(mac);
    }
    // A MAC key can only be looked at through a reference to its 20 bytes.
    fn mac_key(key: &MacKey) {
        let _: &[u8; 20] = key.expose();
    }
    fn data_keys(DataKeys { sending, receiving, extra }: &DataKeys) {
        direction_keys(sending);
        direction_keys(receiving);
        wiped(extra);
    }
    fn pair_keys(PairKeysSnapshot { sending, receiving, extra }: &PairKeysSnapshot) {
        wiped(sending);
        wiped(receiving);
        wiped(extra);
    }
    fn key_pair(KeyPairSnapshot { secret, public: _ }: &KeyPairSnapshot) {
        wiped(secret);
    }
    fn private_key(key: &PrivateKey) {
        wiped(key.secret());
    }
    fn retained(RetainedSnapshot { cipher, extra, .. }: &RetainedSnapshot) {
        wiped(cipher);
        wiped(extra);
    }
    fn checked<T>(_: fn(&T)) {}
    checked(exchange_keys);
    checked(data_keys);
    checked(pair_keys);
    checked(key_pair);
    checked(retained);
    private_key(&pair::key(0));
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Peer>();
    shared::<RetainedPair>();
}
