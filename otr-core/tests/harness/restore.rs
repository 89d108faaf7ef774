//! From libotr's contexts to a snapshot of ours.

use otr_core::dsa::Fingerprint;
use otr_core::smp::{Expect2, Expect3, Expect4, SmpState};
use otr_core::wire::{Codec, EncryptedSignature, Header, Reader, RevealSignature};
use otr_core::{
    Accepted, ContactSnapshot, ExchangeSnapshot, HeadStart, HeldText, KeyPairSnapshot, LastTextSnapshot,
    OpenCommitSnapshot, Origin, PairSnapshot, PeerSnapshot, PhaseSnapshot, RevealedMacKey, RingSnapshot, SessionId,
    SessionSnapshot, Timestamp, Version,
};
use serde_json::Value;

use crate::json::{bytes, element, latin1, list, number, padded, secret, tag, text, unhex};

/// A peer as libotr's contexts describe it. `theirs` names the peer's key where libotr has forgotten it.
pub(crate) fn peer(contexts: &[Value], theirs: Fingerprint, now: Timestamp) -> PeerSnapshot {
    let mut snapshot = PeerSnapshot::default();
    for context in contexts {
        snapshot.sessions.extend(session(context, theirs));
        let exchange = exchange(context);
        if let (true, ExchangeSnapshot::AwaitingDhKey { .. }) = (context["is_master"] == true, &exchange) {
            let version = version_of(&context["auth"]);
            snapshot.open_commit = Some(OpenCommitSnapshot { version, exchange, sent: now, leap: 0 });
            continue;
        }
        let known = context["is_master"] == false || !matches!(exchange, ExchangeSnapshot::None);
        let encrypted = context["msgstate"] != "PLAINTEXT";
        if known || encrypted {
            snapshot.contacts.push(ContactSnapshot {
                instance: tag(context, "their_instance"),
                answered_open_commit: encrypted || !matches!(exchange, ExchangeSnapshot::None),
                exchange,
                commit_to: None,
                leap: 0,
                last_signature: None,
                retry: None,
                last_heard: now,
            });
        }
    }
    snapshot
}

fn version_of(auth: &Value) -> Version {
    if number(auth, "protocol_version") == 2 { Version::V2 } else { Version::V3 }
}

/// The session of a context, if it has one.
pub(crate) fn session(context: &Value, theirs: Fingerprint) -> Option<SessionSnapshot> {
    let phase = match text(context, "msgstate") {
        "PLAINTEXT" => return None,
        "FINISHED" => PhaseSnapshot::Finished,
        _ if number(context, "our_keyid") == 0 => return None,
        _ => PhaseSnapshot::Encrypted { ring: Box::new(ring(context)), smp: smp(&context["smp"]) },
    };
    let instance = tag(context, "their_instance");
    let fingerprint = context["active_fingerprint"].as_str().map_or(theirs, |text| text.parse().unwrap());
    let version = if instance.is_some() { Version::V3 } else { Version::V2 };
    let last_sent = Timestamp::from_secs(number(context, "lastsent"));
    let last_text = context["lastmessage"].as_str().map(|text| LastTextSnapshot {
        text: HeldText(latin1(text)),
        wanted: context["may_retransmit"] == 1,
        sent: last_sent,
    });
    Some(SessionSnapshot {
        origin: Origin {
            session: SessionId { version, instance, fingerprint },
            ssid: padded(&unhex(context["sessionid"].as_str().unwrap_or_default())),
        },
        revealed: text(context, "sessionid_bold") == "first",
        phase,
        established: Timestamp::default(),
        last_sent,
        last_verified: None,
        last_text,
    })
}

/// The ratchet, from what cannot be computed: keyids, private values, the peer's public values, counters, and
/// the MAC keys that wait to be revealed.
fn ring(context: &Value) -> RingSnapshot {
    let key_pair = |name: &str| KeyPairSnapshot { secret: secret(&context[name], "priv"), public: None };
    let their_previous = element(context, "their_old_y");
    let pair = |i: usize, j: usize| {
        let known = j == 0 || their_previous.is_some();
        let counter = if known { counter(&context["sess"][i][j], "rcvctr") } else { 0 };
        PairSnapshot { accepted: Accepted::up_to(counter), keys: None }
    };
    let sent = counter(&context["sess"][1][0], "sendctr");
    RingSnapshot {
        our_keyid: u32::try_from(number(context, "our_keyid")).unwrap(),
        our_newest: key_pair("our_dh"),
        our_previous: key_pair("our_old_dh"),
        their_keyid: u32::try_from(number(context, "their_keyid")).unwrap(),
        their_newest: element(context, "their_y").unwrap(),
        their_previous,
        pairs: [[pair(0, 0), pair(0, 1)], [pair(1, 0), pair(1, 1)]],
        counter: sent,
        uses: u32::try_from(sent).unwrap(),
        head_start: HeadStart::default(),
        epochs: Vec::new(),
        reveal: list(context, "saved_mac_keys").iter().map(revealed).collect(),
    }
}

/// A counter of a pair, 8 bytes.
pub(crate) fn counter(pair: &Value, name: &str) -> u64 {
    u64::from_be_bytes(padded(&bytes(pair, name)))
}

fn revealed(key: &Value) -> RevealedMacKey {
    serde_json::from_value(serde_json::json!(unhex(key.as_str().unwrap()))).unwrap()
}

/// SMP as far as libotr tells it. Its EXPECT1 does not tell whether the user was asked; that is never restored.
fn smp(smp: &Value) -> SmpState {
    let with_question = smp["received_question"] == 1;
    match number(smp, "expect") {
        2 => SmpState::Expect2(Box::new(Expect2 {
            x: secret(smp, "secret"),
            a2: secret(smp, "x2"),
            a3: secret(smp, "x3"),
        })),
        3 => SmpState::Expect3(Box::new(Expect3 {
            with_question,
            b3: secret(smp, "x3"),
            g2: secret(smp, "g2"),
            g3: secret(smp, "g3"),
            g3a: element(smp, "g3o").unwrap(),
            pb: element(smp, "p").unwrap(),
            qb: element(smp, "q").unwrap(),
        })),
        4 => SmpState::Expect4(Box::new(Expect4 {
            a3: secret(smp, "x3"),
            g3b: element(smp, "g3o").unwrap(),
            pa_over_pb: element(smp, "pab").unwrap(),
            qa_over_qb: element(smp, "qab").unwrap(),
        })),
        _ => SmpState::Idle,
    }
}

fn exchange(context: &Value) -> ExchangeSnapshot {
    let auth = &context["auth"];
    let hashed_gx = || padded(&bytes(auth, "hashgx"));
    match text(auth, "state") {
        "AWAITING_DHKEY" => ExchangeSnapshot::AwaitingDhKey {
            secret: secret(auth, "our_dh_priv"),
            r: secret(auth, "r"),
            encrypted_gx: bytes(auth, "encgx"),
            hashed_gx: hashed_gx(),
        },
        "AWAITING_REVEALSIG" => ExchangeSnapshot::AwaitingRevealSignature {
            secret: secret(auth, "our_dh_priv"),
            encrypted_gx: bytes(auth, "encgx"),
            hashed_gx: hashed_gx(),
        },
        "AWAITING_SIG" => {
            let EncryptedSignature { encrypted, mac } = last_reveal(text(auth, "lastauthmsg"));
            ExchangeSnapshot::AwaitingSignature {
                secret: secret(auth, "our_dh_priv"),
                gy: element(auth, "their_pub").unwrap(),
                r: secret(auth, "r"),
                encrypted,
                mac,
            }
        }
        state => {
            assert_eq!(state, "NONE");
            ExchangeSnapshot::None
        }
    }
}

/// The encrypted signature in the Reveal Signature that libotr sent last.
fn last_reveal(line: &str) -> EncryptedSignature {
    let line = latin1(line);
    let message = otr_core::text::dearmour(&line, otr_core::text::Termination::DotRequired).unwrap();
    let mut reader = Reader::new(&message);
    Header::decode(&mut reader).unwrap();
    RevealSignature::from_bytes(reader.rest()).unwrap().signature
}
