//! The end of a plan: faults are over, everybody is there, and whatever was promised must come about.

use o2tr::conversation::{Hold, Privacy};
use o2tr_ekm::record::{OutboxText, TextState};

use super::World;
use crate::invariants::{Check, Violation, Whereabouts, ensure};
use crate::plan::Weather;

/// Rounds, at most. In each some minutes pass and everybody says something.
const ROUNDS: u32 = 14;
/// A round (milliseconds): longer than any back-off that a plain peer can bring about.
const ROUND: u64 = 130_000;

impl World {
    /// The network becomes fair, everybody is there, the users answer each other and let go what is held.
    pub(crate) fn come_to_rest(&mut self, originals: usize) -> Check {
        self.tell(|| "the weather clears".to_owned());
        for clone in &self.devices {
            if let Some(original) = clone.original.and_then(|index| self.devices.get(index)) {
                original.watch.counters_differ(&clone.watch)?;
            }
        }
        self.set_weather(&Weather::default());
        for index in 0..self.devices.len() {
            let Some(device) = self.devices.get_mut(index) else { continue };
            device.fuse = None;
            device.disk.fail(None);
            if index >= originals {
                device.gone = true;
                device.up_at = None;
                if device.program.is_some() {
                    self.die(index, crate::disk::Loss::Nothing, 0);
                }
            } else {
                let id = device.id;
                self.start(index)?;
                self.server.connect(id);
            }
        }
        self.run_for(5000)?;
        for round in 0..ROUNDS {
            self.run_for(ROUND)?;
            let mut quiet = true;
            for index in 0..originals {
                self.take(index)?;
                self.unblock(index)?;
                let waits = self.device(index).and_then(|device| device.conversation());
                quiet &= waits.is_none_or(|conversation| conversation.view().queued == 0);
            }
            self.run_for(0)?;
            if quiet && round > 4 {
                break;
            }
            for index in 0..originals {
                self.send(index, 8)?;
                self.run_for(1000)?;
            }
        }
        self.run_for(ROUND)?;
        (0..originals).try_for_each(|index| self.nothing_waits(index))?;
        (0..originals).try_for_each(|index| self.everything_arrived(index, originals))
    }

    /// What only the user can decide: they let go what is held, and begin anew where the peer has ended it.
    fn unblock(&mut self, index: usize) -> Check {
        let Some(conversation) = self.device(index).and_then(|device| device.conversation()) else { return Ok(()) };
        let outbox = conversation.outbox();
        let stuck = |reason| outbox.iter().any(|text| text.reason == Some(reason));
        let ended = matches!(conversation.view().privacy, Privacy::Finished | Privacy::Plaintext);
        if ended && !outbox.iter().all(|text| text.in_flight) {
            self.act(index, |conversation, now, rng| conversation.start(now, rng))?;
        } else if stuck(Hold::Trust) {
            self.act(index, |conversation, now, rng| conversation.release(now, rng))?;
        }
        Ok(())
    }

    /// What waits for somebody else in whose favour the user has decided waits for ever.
    fn nothing_waits(&mut self, index: usize) -> Check {
        let Some(device) = self.devices.get(index) else { return Ok(()) };
        let Some(row) = &device.watch.row else { return Ok(()) };
        let waits = |text: &&OutboxText| !matches!(text.state, TextState::InFlight(_));
        let waiting: Vec<_> = row.outbox.iter().filter(waits).filter(|text| self.is_for_peer(index, text)).collect();
        ensure(15, waiting.is_empty(), || {
            let ids: Vec<_> = waiting.iter().map(|text| text.id.as_str()).collect();
            format!("device {index} is stuck: {}", ids.join(", "))
        })
    }

    /// Whether a text is for a key that the peer has.
    fn is_for_peer(&self, index: usize, text: &OutboxText) -> bool {
        let account = self.devices.get(index).map_or(0, |device| device.account);
        let peers = || self.devices.iter().filter(|other| other.account != account);
        text.address.is_none_or(|key| peers().any(|peer| peer.identity.fingerprint() == key))
    }

    /// Every text was shown to the peer, or its user knows that it is not known.
    fn everything_arrived(&self, index: usize, originals: usize) -> Check {
        let Some(device) = self.devices.get(index) else { return Ok(()) };
        let peers = || self.devices.iter().take(originals).filter(|other| other.account != device.account);
        // A plain OTR client forgets; and what one of two devices cannot read is lost to the other, as with any OTR.
        if device.legacy || peers().any(|peer| peer.legacy) || originals > 2 || !device.watch.strict {
            return Ok(());
        }
        if peers().any(|peer| peer.watch.rolled_back) {
            return Ok(());
        }
        // An acknowledgement speaks of two pairs: what a network loses for good stays under way, and the user sees it.
        let is_open = |text: &&OutboxText| self.lossy || !self.is_for_peer(index, text);
        let open: Vec<_> = match &device.watch.row {
            Some(row) => row.outbox.iter().filter(is_open).map(|text| text.id.as_str()).collect(),
            None => Vec::new(),
        };
        for (id, text) in &device.watch.texts {
            let known = matches!(
                device.watch.fate(id),
                Some(Whereabouts::Acknowledged | Whereabouts::Unconfirmed | Whereabouts::Cancelled)
            );
            let shown = || peers().any(|peer| peer.shown.iter().any(|shown| shown.ends_with(text.as_str())));
            let known = known || (self.lossy && device.watch.has_left_in_clear(id));
            if !known && !device.watch.is_unheard(id) && !open.contains(&id.as_str()) && !shown() {
                let row = device.watch.row.as_ref();
                let state = row.and_then(|row| row.outbox.iter().find(|text| text.id == *id)).map(|text| text.state);
                return Err(Violation::new(15, format!("text {id} of device {index} never arrives: {state:?}")));
            }
        }
        Ok(())
    }
}
