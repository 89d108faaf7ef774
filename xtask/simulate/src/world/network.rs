//! What the transport tells the programs, and what they give it.

use core::time::Duration;

use o2tr::transport::{Delivery, SendToken, TransportEvent};

use super::World;
use crate::device::{Kind, Program};
use crate::invariants::{self, Check, Violation};

/// After how long lines that were refused are tried again without any other reason.
const RETRY_AFTER: Duration = Duration::from_secs(30);

impl World {
    /// Hands everybody what has arrived, and takes what they have to say, until nothing is left.
    pub(super) fn pump_all(&mut self) -> Check {
        for _ in 0..super::MOST {
            let mut moved = false;
            for index in 0..self.devices.len() {
                moved |= self.pump(index)?;
            }
            if !moved {
                return Ok(());
            }
        }
        Err(Violation::new(15, "the programs do not come to rest"))
    }

    fn pump(&mut self, index: usize) -> Result<bool, Violation> {
        let Some(id) = self.devices.get(index).map(|device| device.id) else { return Ok(false) };
        let mut moved = false;
        while let Some(event) = self.server.poll_event(id) {
            moved = true;
            if self.devices.get(index).is_some_and(|device| device.program.is_some()) {
                self.handle(index, event)?;
            }
        }
        self.send_waiting(index);
        Ok(moved)
    }

    fn handle(&mut self, index: usize, event: TransportEvent) -> Check {
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        let Some(program) = &mut device.program else { return Ok(()) };
        match event {
            TransportEvent::Online { resumed } => {
                program.online = true;
                program.outgoing.reconnected(resumed);
                program.retry_at = None;
                if !resumed {
                    program.there.clear();
                    program.known.clear();
                }
                self.tell_presence(index)
            }
            TransportEvent::Offline { .. } => {
                program.online = false;
                self.tell_presence(index)
            }
            TransportEvent::Delivery(delivery) => self.delivered(index, delivery),
            TransportEvent::CaughtUp => {
                self.turn(index, |conversation, now, rng| conversation.handle_caught_up(now, rng))?;
                Ok(())
            }
            TransportEvent::Presence { from, available } => {
                if available {
                    program.there.insert(from.resource.clone());
                    program.outgoing.unblock();
                } else {
                    program.there.remove(&from.resource);
                    program.known.retain(|(_, resource)| Some(resource) != from.resource.as_ref());
                }
                self.tell_presence(index)
            }
            TransportEvent::Accepted { token } => self.answered(index, token, true),
            TransportEvent::Refused { token, .. } => {
                program.retry_at = Some(now.after(RETRY_AFTER));
                self.answered(index, token, false)
            }
            _ => Ok(()),
        }
    }

    fn tell_presence(&mut self, index: usize) -> Check {
        let Some(program) = self.device(index).and_then(|device| device.program.as_mut()) else { return Ok(()) };
        let there = program.online && !program.there.is_empty();
        if program.present != there {
            program.present = there;
            self.turn(index, |conversation, now, rng| conversation.handle_presence(there, now, rng))?;
        }
        Ok(())
    }

    fn answered(&mut self, index: usize, token: SendToken, taken: bool) -> Check {
        let Some(program) = self.device(index).and_then(|device| device.program.as_mut()) else { return Ok(()) };
        if let Some(line) = program.outgoing.answer(token, taken) {
            self.turn(index, |conversation, _, _| conversation.transmitted(line))?;
        }
        Ok(())
    }

    fn delivered(&mut self, index: usize, delivery: Delivery) -> Check {
        let Delivery { id, from, line, evidence } = delivery;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        let own = device.identity.instance();
        let transport = device.id;
        let Some(program) = &mut device.program else { return Ok(()) };
        if evidence.is_own() {
            self.server.acknowledge(transport, id);
            return Ok(());
        }
        if !evidence.is_late() && evidence.carbon.is_none() && !evidence.error {
            program.there.insert(from.resource.clone());
            program.learn(&from, &line, own);
            self.tell_presence(index)?;
        }
        self.tell(|| format!("{index} gets {}", super::hostile::name_of(&line)));
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if device.legacy {
            self.plain(index, |peer, now, rng| peer.handle_line(&line, now, rng));
            self.server.acknowledge(transport, id);
            return Ok(());
        }
        let before = device.watch.row.clone();
        let known = device.generation > device.started_at;
        device.watch.cause = self.depths.get(&line).copied().unwrap_or(0);
        let done = self.turn(index, |conversation, now, rng| {
            conversation.handle_delivery(&line, &evidence, now, rng);
        })?;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        device.watch.cause = 0;
        if done.is_none() {
            return Ok(());
        }
        if self.forged.contains(&line)
            && known
            && let (Some(before), Some(after)) = (before, device.watch.row.clone())
        {
            invariants::unauthenticated_input_changes_nothing(&before, &after)?;
        }
        // All that followed is durable: the turn is drained.
        self.server.acknowledge(transport, id);
        Ok(())
    }

    /// Hands the server what waits to leave.
    fn send_waiting(&mut self, index: usize) {
        let max = self.server.config().max_message_len;
        let Some(device) = self.devices.get_mut(index) else { return };
        let Some(program) = device.program.as_mut().filter(|program| program.online) else { return };
        while let Some(next) = program.outgoing.next() {
            let to = program.address(&device.peer, next.route);
            let Ok(pieces) = next.split(max) else { return };
            let depth = self.depths.get(&next.line).copied();
            let mut tokens = Vec::new();
            for piece in pieces {
                program.last_token += 1;
                let token = SendToken(program.last_token);
                self.server.send(device.id, &to, &piece, token);
                tokens.push(token);
                if let Some(depth) = depth {
                    self.depths.insert(piece, depth);
                }
            }
            program.outgoing.sent(tokens);
        }
    }

    /// Lines that were refused are tried again.
    pub(super) fn retry(&mut self, index: usize) {
        let now = self.now;
        let Some(program) = self.device(index).and_then(|device| device.program.as_mut()) else { return };
        if program.retry_at.is_some_and(|at| at <= now) {
            program.retry_at = None;
            program.outgoing.unblock();
        }
    }

    /// The deadline of an engine has passed.
    pub(super) fn timeout(&mut self, index: usize) -> Check {
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        let shown = device.shows(now);
        let Some(program) = &mut device.program else { return Ok(()) };
        let due = match &program.kind {
            Kind::O2tr { conversation, .. } => conversation.poll_timeout(),
            Kind::Plain(peer) => peer.poll_timeout(),
        };
        if due.is_none_or(|due| due > shown) {
            return Ok(());
        }
        program.looked_at = Some(now);
        if matches!(program, Program { kind: Kind::Plain(_), .. }) {
            self.plain(index, |peer, now, rng| peer.handle_timeout(now, rng));
            return Ok(());
        }
        self.turn(index, |conversation, now, rng| conversation.handle_timeout(now, rng))?;
        Ok(())
    }
}
