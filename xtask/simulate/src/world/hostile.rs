//! What the server does on purpose, and who else is there.

use core::time::Duration;

use o2tr::conversation::Output;
use o2tr::transport::{Address, Evidence, PeerId};
use otr_core::text::{self, Line};
use otr_core::wire::{DataMessage, Route};
use otr_core::{Identity, InstanceTag, Output as CoreOutput, Peer, SecretBytes, Version, decode_data, toolkit};

use super::World;
use crate::invariants::{self, Check};
use crate::keys;
use crate::plan::Injection;

/// The long-term key of whoever is neither of the two.
const STRANGER: usize = 5;

impl World {
    /// The address that the first device of a device's peer has.
    fn peer_address(&self, index: usize) -> Option<Address> {
        let device = self.devices.get(index)?;
        let other = self.devices.iter().find(|other| other.account != device.account)?;
        self.server.address(other.id).cloned()
    }

    /// An old line for the account of a device comes again.
    pub(super) fn replay(&mut self, index: usize, which: usize, stamped: bool) {
        let Some(device) = self.devices.get(index) else { return };
        let (id, peer) = (device.id, device.peer.clone());
        let old: Vec<_> = (0..).zip(self.server.history()).filter(|(_, line)| line.from.peer == peer).collect();
        let Some((number, line)) = old.get(which % old.len().max(1)) else { return };
        let delayed = stamped.then_some(line.at);
        let evidence = Evidence { delayed, offline: stamped, ..Evidence::LIVE };
        let number = *number;
        self.server.replay(number, id, evidence, Duration::ZERO);
    }

    /// A data message for a device that was under way, by its number.
    fn old_message(&self, index: usize, which: usize) -> Option<Vec<u8>> {
        let peer: &PeerId = &self.devices.get(index)?.peer;
        let of_peer = self.server.history().iter().filter(|line| line.from.peer == *peer);
        let messages: Vec<_> = of_peer.filter_map(|line| decode_data(&line.bytes)).collect();
        messages.get(which % messages.len().max(1)).cloned()
    }

    /// Delivers a line that is not authentic.
    fn deliver_forged(&mut self, index: usize, message: &[u8]) {
        let line = text::armour(message);
        let Some(from) = self.peer_address(index) else { return };
        let Some(device) = self.devices.get(index) else { return };
        self.forged.insert(line.clone());
        self.server.inject(device.id, from, &line, Evidence::LIVE, Duration::ZERO);
    }

    /// One bit of what is authenticated is another.
    pub(super) fn forge(&mut self, index: usize, which: usize) {
        let Some(bytes) = self.old_message(index, which) else { return };
        let Ok(message) = DataMessage::parse(&bytes) else { return };
        let mut authenticator = message.authenticator;
        let mut encrypted = message.encrypted.to_vec();
        let length = encrypted.len();
        match encrypted.get_mut(which.checked_rem(length).unwrap_or(0)) {
            Some(byte) => *byte ^= 1,
            None => authenticator[which % 20] ^= 1,
        }
        let counter = message.counter.saturating_add(which as u64 % 3);
        let forged = DataMessage { encrypted: &encrypted, authenticator, counter, ..message };
        self.deliver_forged(index, &forged.encode());
    }

    /// Whoever has read along knows the MAC keys that the device has revealed, and tries each.
    pub(super) fn forge_revealed(&mut self, index: usize, which: usize) {
        let Some(bytes) = self.old_message(index, which) else { return };
        let Ok(message) = DataMessage::parse(&bytes) else { return };
        let Some(device) = self.devices.get(index) else { return };
        let mut revealed: Vec<_> = device.watch.revealed.iter().copied().collect();
        revealed.sort_unstable();
        let Some(next_dh) = keys::public_value(&SecretBytes::new([0x55; 40])) else { return };
        for key in revealed.iter().rev().take(12) {
            let mut forged = message;
            forged.next_dh = next_dh;
            forged.counter = message.counter.saturating_add(u64::from(key[0] % 2));
            forged.old_mac_keys = &[];
            let forged: Vec<u8> = toolkit::remac(&forged, key);
            self.deliver_forged(index, &forged);
        }
    }

    pub(super) fn inject(&mut self, index: usize, what: Injection) {
        let Some(from) = self.peer_address(index) else { return };
        let Some(device) = self.devices.get(index) else { return };
        let line: &[u8] = match what {
            Injection::Error => b"?OTR Error: An encrypted message arrived that cannot be read here.",
            Injection::Query => b"?OTRv23? let us talk",
            Injection::Tagged => b"good morning \t  \t\t\t\t \t \t \t    \t\t  \t\t",
            Injection::Plain => b"good morning",
            Injection::Fragment => b"?OTR|00001000|00000000,00001,00003,abc,",
            Injection::Garbage => b"?OTR:AAMDAAA=.",
        };
        self.server.inject(device.id, from, line, Evidence::LIVE, Duration::ZERO);
    }

    /// Somebody with another key makes an AKE under the tag of the peer's first device. The server sees to it that the
    /// answers go there and nowhere else.
    pub(super) fn intrude(&mut self, index: usize) -> Check {
        let Some(device) = self.devices.get(index) else { return Ok(()) };
        let first = self.devices.iter().find(|other| other.account != device.account);
        let Some(tag) = first.map(|other| other.identity.instance()) else { return Ok(()) };
        let mut stranger = Stranger::new(tag);
        stranger.peer.open_exchange(Version::V3, self.now, &mut self.stranger_rng);
        for round in 0..12 {
            if round == 6 {
                let text = format!("stranger at {}", self.now.as_millis());
                let _ = stranger.peer.send(text.as_bytes(), self.now);
            }
            for line in stranger.lines() {
                let answers = self.hear_stranger(index, &line)?;
                for answer in answers {
                    stranger.peer.handle_line(&answer, self.now, &mut self.stranger_rng);
                }
            }
        }
        Ok(())
    }

    /// A device gets a line of the stranger's. What it says to that.
    fn hear_stranger(&mut self, index: usize, line: &[u8]) -> Result<Vec<Vec<u8>>, invariants::Violation> {
        let Some(device) = self.devices.get_mut(index) else { return Ok(Vec::new()) };
        let Some(waiting) = device.program.as_ref().map(|program| program.outgoing.len()) else {
            return Ok(Vec::new());
        };
        let before = device.watch.row.clone();
        self.turn(index, |conversation, now, rng| {
            conversation.handle_delivery(line, &Evidence::LIVE, now, rng);
        })?;
        let Some(device) = self.devices.get_mut(index) else { return Ok(Vec::new()) };
        if let (Some(before), Some(after)) = (before, device.watch.row.clone()) {
            let actor = keys::key(STRANGER).public_key().fingerprint();
            invariants::another_key_changes_no_record(&before, &after, actor)?;
        }
        let Some(program) = &mut device.program else { return Ok(Vec::new()) };
        let answers = program.outgoing.split_off(waiting);
        for answer in &answers {
            self.turn(index, |conversation, _, _| conversation.transmitted(answer.id))?;
        }
        Ok(answers.into_iter().map(|answer| answer.line).collect())
    }
}

/// Who is neither of the two.
struct Stranger {
    peer: Peer,
}

impl Stranger {
    fn new(tag: InstanceTag) -> Self {
        let identity = Identity::new(keys::key(STRANGER), tag);
        Self { peer: Peer::new(identity, otr_core::Settings::default()) }
    }

    fn lines(&mut self) -> Vec<Vec<u8>> {
        let outputs: Vec<_> = core::iter::from_fn(|| self.peer.poll_output()).collect();
        let line = |output| match output {
            CoreOutput::Send(line) => Some(line.bytes),
            CoreOutput::Event(_) | CoreOutput::Retired(_) => None,
        };
        outputs.into_iter().filter_map(line).collect()
    }
}

pub(super) fn describe(output: &Output) -> String {
    match output {
        Output::Commit(commit) => format!("commit {}", commit.expected),
        Output::Transmit(line) => format!("line {} {}", line.id, name_of(&line.line)),
        Output::Event(event) => format!("{event:?}"),
    }
}

/// Whether a line begins an AKE.
pub(super) fn is_commit(line: &[u8]) -> bool {
    matches!(text::classify(line), Line::Encoded(encoded) if encoded.kind() == text::Kind::Commit)
}

/// What a line is, in a few words.
pub(super) fn name_of(line: &[u8]) -> String {
    if let Some(bytes) = decode_data(line) {
        return match DataMessage::parse(&bytes) {
            Ok(message) => {
                let to = match message.route {
                    Route::V3 { receiver, .. } => format!("{receiver:?}"),
                    Route::V2 => "v2".to_owned(),
                };
                let (sender, recipient) = (message.sender_keyid, message.recipient_keyid);
                format!("data ({sender}, {recipient}) counter {} to {to}", message.counter)
            }
            Err(error) => format!("damaged data: {error}"),
        };
    }
    match text::classify(line) {
        Line::Encoded(encoded) => format!("{:?}", encoded.kind()),
        _ => String::from_utf8_lossy(line.get(..30).unwrap_or(line)).into_owned(),
    }
}
