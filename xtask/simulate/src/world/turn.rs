//! One turn of one engine: an input, then all outputs in order, each checked; the process may die between any two.

use std::rc::Rc;

use o2tr::conversation::{Conversation, Event, Output, Text};
use o2tr_ekm::record::ConversationRecord;
use otr_core::smp::SmpEvent;
use otr_core::{Output as CoreOutput, Peer, Timestamp};

use super::World;
use crate::device::{Kind, Program};
use crate::invariants::Violation;
use crate::randomness::Randomness;

impl World {
    /// Gives the engine of a device something to do and carries out what follows. `false` if the process died, or
    /// none runs. `read`: how many messages it can read by that.
    pub(super) fn turn<T>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Conversation, Timestamp, &mut Randomness) -> T,
    ) -> Result<Option<T>, Violation> {
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return Ok(None) };
        let now = device.shows(now);
        let before = device.watch.row.clone();
        let Some(Program { kind: Kind::O2tr { conversation, .. }, .. }) = &mut device.program else { return Ok(None) };
        let result = act(conversation, now, &mut device.rng);
        self.steps += 1;
        let read = before.as_ref().map_or(1, |row| may_read(row));
        Ok(self.drain(index, before, read)?.then_some(result))
    }

    /// Gives a plain OTR client something to do.
    pub(super) fn plain(&mut self, index: usize, act: impl FnOnce(&mut Peer, Timestamp, &mut Randomness)) {
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return };
        let now = device.shows(now);
        let Some(Program { kind: Kind::Plain(peer), .. }) = &mut device.program else { return };
        act(peer, now, &mut device.rng);
        self.drain_plain(index);
    }

    /// Carries out all outputs of a device. `false` if its process died on the way.
    pub(super) fn drain(
        &mut self,
        index: usize,
        before: Option<Rc<ConversationRecord>>,
        read: usize,
    ) -> Result<bool, Violation> {
        let mut events = Vec::new();
        loop {
            if self.burns(index) {
                return Ok(false);
            }
            let Some(conversation) = self.device(index).and_then(|device| device.conversation()) else {
                self.drain_plain(index);
                return Ok(true);
            };
            let Some(output) = conversation.poll_output() else { break };
            self.steps += 1;
            self.tell(|| format!("{index}   {}", super::hostile::describe(&output)));
            match output {
                Output::Commit(commit) => {
                    if !self.commit(index, commit)? {
                        return Ok(false);
                    }
                }
                Output::Transmit(line) => {
                    if let Some(device) = self.devices.get_mut(index) {
                        let before = device.watch.automatic;
                        device.watch.transmit(&line.line)?;
                        device.automatic += device.watch.automatic - before;
                        crate::invariants::automatic_messages_end(device.automatic)?;
                        crate::invariants::doubt_is_silent(device.doubted, &line.line)?;
                        device.commits += u32::from(super::hostile::is_commit(&line.line));
                        if let Some(depth) = device.watch.depth.get(&line.line) {
                            self.depths.insert(line.line.clone(), *depth);
                        }
                        if let Some(program) = &mut device.program {
                            program.outgoing.push(line);
                        }
                    }
                }
                Output::Event(event) => {
                    self.event(index, &event)?;
                    events.push(event);
                }
            }
        }
        if self.burns(index) {
            return Ok(false);
        }
        let Some(device) = self.devices.get_mut(index) else { return Ok(false) };
        device.watch.end_of_turn(before.as_deref(), &events, read)?;
        if device.conversation().is_some_and(|conversation| conversation.is_poisoned()) {
            return Err(Violation::new(20, "the engine could not encode its row"));
        }
        Ok(true)
    }

    /// The fuse of a device is shorter by one. Whether its process has died by that.
    fn burns(&mut self, index: usize) -> bool {
        let Some(device) = self.devices.get_mut(index) else { return false };
        let Some(fuse) = device.fuse.as_mut().filter(|_| device.program.is_some()) else { return false };
        if let Some(left) = fuse.left.checked_sub(1) {
            fuse.left = left;
            return false;
        }
        let fuse = *fuse;
        self.die(index, fuse.loss, fuse.down);
        true
    }

    /// The application is told something.
    fn event(&mut self, index: usize, event: &Event) -> Result<(), Violation> {
        let Some(account) = self.devices.get(index).map(|device| device.account) else { return Ok(()) };
        let (own, others): (Vec<_>, Vec<_>) =
            self.devices.iter_mut().enumerate().partition(|(other, _)| *other == index);
        let Some((_, device)) = own.into_iter().next() else { return Ok(()) };
        let peers: Vec<_> = others.iter().filter(|(_, other)| other.account != account).collect();
        let committed = |text: &str| peers.iter().any(|(_, peer)| peer.watch.committed.contains(text));
        let plain = peers.iter().any(|(_, peer)| peer.legacy);
        device.watch.event(event, if plain { None } else { Some(&committed) })?;
        if let Event::Smp { event: SmpEvent::AskSecret | SmpEvent::AskAnswer { .. }, .. } = event {
            device.smp_asked = true;
        }
        if let Event::Text(Text { text, .. }) = event {
            device.shown.push(String::from_utf8_lossy(text).into_owned());
        }
        if let Some(id) = event.id() {
            if !device.takes_at_once {
                device.untaken.push(id);
            } else if let Some(conversation) = device.conversation() {
                conversation.acknowledge(id);
            }
        }
        Ok(())
    }

    fn drain_plain(&mut self, index: usize) {
        let Some(device) = self.devices.get_mut(index) else { return };
        let Some(program) = &mut device.program else { return };
        let Kind::Plain(peer) = &mut program.kind else { return };
        while let Some(output) = peer.poll_output() {
            match output {
                CoreOutput::Send(line) => {
                    program.last_token += 1;
                    let id = program.last_token;
                    program.outgoing.push(o2tr::conversation::Transmission { id, line: line.bytes, route: line.route });
                }
                CoreOutput::Event(otr_core::Event::Message(message)) if !message.content.text.is_empty() => {
                    device.shown.push(String::from_utf8_lossy(&message.content.text).into_owned());
                }
                CoreOutput::Event(otr_core::Event::Plaintext { text, .. }) => {
                    device.shown.push(String::from_utf8_lossy(&text).into_owned());
                }
                CoreOutput::Event(_) | CoreOutput::Retired(_) => {}
            }
        }
    }
}

/// How many messages can be read, or answered that were read before, in one turn: the one that it brings, those that
/// waited for an AKE, and of each session that owes a fresh key the last.
fn may_read(row: &ConversationRecord) -> usize {
    1 + row.early.len() + row.sessions.iter().filter(|session| session.refresh_owed).count()
}
