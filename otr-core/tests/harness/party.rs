//! One party: our peer, and what it puts out in the words of the vector files.

use std::sync::Arc;

use otr_core::dsa::Fingerprint;
use otr_core::smp::SmpEvent;
use otr_core::{
    Event, Identity, InstanceTag, Output, Peer, PeerSnapshot, Policy, ReceivePolicy, Rejected, Rejection, Settings,
};
use serde_json::Value;

use crate::json::{dsa_key, number, tag};

/// What libotr calls alice or bob, played by us.
pub(crate) struct Party {
    pub(crate) peer: Peer,
    pub(crate) identity: Arc<Identity>,
}

/// What came out of one step.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: Vec<Vec<u8>>,
    /// libotr's names of our events, sorted.
    pub(crate) events: Vec<String>,
    /// The text that is shown as a message of the peer.
    pub(crate) shown: Option<Vec<u8>>,
    /// TLVs of the data message that was read.
    pub(crate) tlvs: Vec<(u16, Vec<u8>)>,
}

impl Party {
    pub(crate) fn of(party: &Value) -> Self {
        let instance = tag(party, "instance_tag").unwrap();
        let policy = u8::try_from(number(party, "initial_policy")).unwrap();
        Self::new(party, instance, policy, PeerSnapshot::default())
    }

    pub(crate) fn new(party: &Value, instance: InstanceTag, policy: u8, snapshot: PeerSnapshot) -> Self {
        let identity = Identity::new(dsa_key(party), instance);
        let peer = Peer::restore(Arc::clone(&identity), settings(policy), snapshot, None).unwrap();
        Self { peer, identity }
    }

    pub(crate) fn restore(&mut self, snapshot: PeerSnapshot) {
        let settings = self.peer.settings().clone();
        self.peer = Peer::restore(Arc::clone(&self.identity), settings, snapshot, None).unwrap();
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    pub(crate) fn drain(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Send(line) => outcome.sent.push(line.bytes),
                Output::Event(event) => outcome.note(event),
                Output::Retired(_) => panic!("policy Strict retires no pair"),
            }
        }
        outcome.events.sort();
        outcome
    }
}

fn settings(policy: u8) -> Settings {
    Settings { policy: Policy::from_bits_truncate(policy), receive: ReceivePolicy::Strict, ..Settings::default() }
}

impl Outcome {
    fn note(&mut self, event: Event) {
        let latin1 = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
        let name = match event {
            Event::Plaintext { text, unexpected: false } => {
                self.shown = Some(text);
                return;
            }
            Event::Plaintext { text, unexpected: true } => format!("RCVDMSG_UNENCRYPTED text={}", latin1(&text)),
            Event::Message(message) => {
                self.tlvs = message.content.tlvs.iter().map(|tlv| (tlv.kind, tlv.value().to_vec())).collect();
                if !message.content.text.is_empty() {
                    self.shown = Some(message.content.text.clone());
                    return;
                }
                "LOG_HEARTBEAT_RCVD".to_owned()
            }
            Event::Established(established) if established.renewed => {
                format!("still_secure {}", u8::from(established.revealed))
            }
            Event::Established(_) => "gone_secure ".to_owned(),
            Event::Rejected(Rejected { ignorable: true, .. }) => return,
            Event::Rejected(Rejected { reason, .. }) => match rejection(reason) {
                Some(name) => name.to_owned(),
                None => return,
            },
            Event::ErrorReceived { text } => format!("RCVDMSG_GENERAL_ERR text={}", latin1(&text)),
            Event::Smp { event, .. } => smp(&event),
            Event::ExtraKey { usage, data, key, .. } => {
                format!("use={usage:08x} data={} key={}", hex::encode(data), hex::encode(key.expose()))
            }
            Event::EncryptionRequired => "ENCRYPTION_REQUIRED".to_owned(),
            Event::Resent { .. } => "MSG_RESENT".to_owned(),
            Event::HeartbeatSent { .. } => "LOG_HEARTBEAT_SENT".to_owned(),
            // libotr has no event for it; the state shows it.
            Event::Finished { .. } => return,
            other => format!("{other:?}"),
        };
        self.events.push(name);
    }
}

fn rejection(reason: Rejection) -> Option<&'static str> {
    match reason {
        Rejection::Unreadable { .. } | Rejection::Replay { .. } => Some("RCVDMSG_UNREADABLE"),
        Rejection::Malformed => Some("RCVDMSG_MALFORMED"),
        Rejection::NotInPrivate => Some("RCVDMSG_NOT_IN_PRIVATE"),
        Rejection::AkeFailed => Some("SETUP_ERROR"),
        Rejection::Reflected => Some("MSG_REFLECTED"),
        Rejection::OtherInstance => Some("RCVDMSG_FOR_OTHER_INSTANCE"),
        Rejection::Unrecognised => Some("RCVDMSG_UNRECOGNIZED"),
        // Of these libotr tells nothing.
        Rejection::AkeStray
        | Rejection::AkeReplay
        | Rejection::UnknownInstance
        | Rejection::Version(_)
        | Rejection::Fragment => None,
        other => panic!("{other:?} has no name here"),
    }
}

fn smp(event: &SmpEvent) -> String {
    let name = match event {
        SmpEvent::AskSecret => "ASK_FOR_SECRET 25".to_owned(),
        SmpEvent::AskAnswer { question } => {
            format!("ASK_FOR_ANSWER 25 question={}", question.iter().map(|&byte| char::from(byte)).collect::<String>())
        }
        SmpEvent::InProgress => "IN_PROGRESS 60".to_owned(),
        SmpEvent::Success => "SUCCESS 100".to_owned(),
        SmpEvent::Failure => "FAILURE 100".to_owned(),
        SmpEvent::Aborted => "ABORT 0".to_owned(),
        SmpEvent::Cheated(_) => "CHEATED 0".to_owned(),
        SmpEvent::Error(_) => "ERROR 0".to_owned(),
    };
    format!("smp {name}")
}

/// libotr's events of a step, named as [`Outcome::events`] are. Left out: what belongs to the list of known
/// fingerprints, which is the embedder's, and the request for the text of an error line, which shows in the line.
pub(crate) fn events(step: &Value) -> Vec<String> {
    let mut events = Vec::new();
    for event in step["events"].as_array().unwrap() {
        let value = event["value"].as_str().unwrap_or_default();
        match event["kind"].as_str().unwrap() {
            "msg" => match value.split_once(" err=") {
                Some((name, _)) => events.push(name.to_owned()),
                None => events.push(value.to_owned()),
            },
            "smp" => events.push(format!("smp {value}")),
            "received_symkey" => events.push(value.to_owned()),
            kind @ ("gone_secure" | "still_secure") => events.push(format!("{kind} {value}")),
            kind => assert!(["new_fingerprint", "write_fingerprints", "otr_error_message"].contains(&kind), "{kind}"),
        }
    }
    events.sort();
    events
}
