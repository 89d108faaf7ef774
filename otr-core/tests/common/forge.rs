//! Messages that no honest peer makes, under keys that only a test can know.

use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use otr_core::text::armour;
use otr_core::wire::{DataFlags, DataMessage, Route};
use otr_core::{PeerSnapshot, PhaseSnapshot, SessionSnapshot};
use sha1::{Digest, Sha1};

/// The AES key that a session sends with; its keys were made ready before.
pub fn sending_key(session: &SessionSnapshot) -> Option<[u8; 16]> {
    match &session.phase {
        PhaseSnapshot::Encrypted { ring, .. } => ring.pairs[1][0].keys.as_ref().map(|keys| *keys.sending.expose()),
        PhaseSnapshot::Finished => None,
    }
}

/// The MAC key that goes with an AES key.
pub fn mac_key(cipher: &[u8; 16]) -> [u8; 20] {
    Sha1::digest(cipher).into()
}

/// The authenticator of `message` under `key`.
pub fn authenticator(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// AES-128 in counter mode, as a data message uses it.
pub fn crypt(key: &[u8; 16], counter: u64, data: &[u8]) -> Vec<u8> {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&counter.to_be_bytes());
    let mut data = data.to_vec();
    ctr::Ctr128BE::<aes::Aes128>::new(&(*key).into(), &block.into()).apply_keystream(&mut data);
    data
}

/// A data message as the owner of `snapshot` would send it next, with anything changed.
pub struct Forged {
    pub route: Route,
    pub flags: DataFlags,
    pub keyids: (u32, u32),
    /// MPI value, as it is to stand on the wire.
    pub next_dh: Vec<u8>,
    pub counter: u64,
    pub plaintext: Vec<u8>,
    pub old_mac_keys: Vec<u8>,
    pub key: [u8; 16],
}

impl Forged {
    /// The next message of the only session in `snapshot`. The peer must have been prepared.
    pub fn next(snapshot: &PeerSnapshot, route: Route, plaintext: &[u8]) -> Self {
        let session = &snapshot.sessions[0];
        let PhaseSnapshot::Encrypted { ring, .. } = &session.phase else { panic!("a finished session sends nothing") };
        let public = ring.our_newest.public.expect("it was computed");
        Self {
            route,
            flags: DataFlags::empty(),
            keyids: (ring.our_keyid - 1, ring.their_keyid),
            next_dh: public.as_minimal().to_vec(),
            counter: ring.counter + 1,
            plaintext: plaintext.to_vec(),
            old_mac_keys: Vec::new(),
            key: sending_key(session).expect("it was prepared"),
        }
    }

    /// The line, with an authenticator that verifies.
    pub fn line(&self) -> Vec<u8> {
        let mut message = self.head();
        data(&mut message, &crypt(&self.key, self.counter, &self.plaintext));
        let authenticator = authenticator(&mac_key(&self.key), &message);
        message.extend_from_slice(&authenticator);
        data(&mut message, &self.old_mac_keys);
        armour(&message)
    }

    fn head(&self) -> Vec<u8> {
        let mut head = match self.route {
            Route::V2 => vec![0, 2, 3],
            Route::V3 { sender, receiver } => [
                [0, 3, 3].as_slice(),
                &sender.get().to_be_bytes(),
                &receiver.map_or(0, otr_core::InstanceTag::get).to_be_bytes(),
            ]
            .concat(),
        };
        head.push(self.flags.bits());
        head.extend_from_slice(&self.keyids.0.to_be_bytes());
        head.extend_from_slice(&self.keyids.1.to_be_bytes());
        data(&mut head, &self.next_dh);
        head.extend_from_slice(&self.counter.to_be_bytes());
        head
    }
}

/// The MAC keys that a data message reveals.
pub fn revealed(message: &[u8]) -> Vec<[u8; 20]> {
    let message = DataMessage::parse(message).expect("a data message");
    let (keys, rest) = message.old_mac_keys.as_chunks::<20>();
    assert!(rest.is_empty());
    keys.to_vec()
}

fn data(message: &mut Vec<u8>, bytes: &[u8]) {
    message.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_be_bytes());
    message.extend_from_slice(bytes);
}
