//! Which peers are there: a peer is while one of its devices is.

use std::collections::{HashMap, HashSet};

use o2tr::transport::{Address, PeerId};

/// Devices of one peer that are remembered.
const MAX_DEVICES: usize = 32;
/// Peers that are remembered.
const MAX_PEERS: usize = 1 << 16;

/// The peers that are there.
#[derive(Debug, Default)]
pub(super) struct Present(HashMap<PeerId, HashSet<Option<String>>>);

impl Present {
    /// A device came or went; whether the peer did.
    pub(super) fn tell(&mut self, from: &Address, available: bool) -> bool {
        let device = from.resource.as_deref().map(str::to_owned);
        let was = self.0.contains_key(&from.peer);
        if available {
            if !was && self.0.len() >= MAX_PEERS {
                return true;
            }
            let devices = self.0.entry(from.peer.clone()).or_default();
            if devices.len() < MAX_DEVICES {
                devices.insert(device);
            }
            return !was;
        }
        let Some(devices) = self.0.get_mut(&from.peer) else { return false };
        devices.remove(&device);
        if device.is_none() || devices.is_empty() {
            self.0.remove(&from.peer);
            return true;
        }
        false
    }

    /// A new connection: nobody is there until told. Returns who was.
    pub(super) fn forget(&mut self) -> Vec<PeerId> {
        core::mem::take(&mut self.0).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_there_while_one_device_is() {
        let device = |name| Address::full(PeerId::new("bob"), name);
        let mut present = Present::default();
        assert!(present.tell(&device("phone"), true));
        assert!(!present.tell(&device("desk"), true));
        assert!(!present.tell(&device("phone"), false));
        assert!(present.tell(&device("desk"), false));
        assert!(!present.tell(&device("desk"), false));
        present.tell(&device("desk"), true);
        assert!(present.tell(&Address::bare(PeerId::new("bob")), false), "the account as a whole");
        present.tell(&device("desk"), true);
        assert_eq!(present.forget(), [PeerId::new("bob")]);
        assert!(present.forget().is_empty());
    }
}
