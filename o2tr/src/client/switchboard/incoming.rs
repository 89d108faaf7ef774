//! What the transport reports.

use super::slot::{Origin, Slot, Work};
use super::{Request, Switchboard};
use crate::client::ClientEvent;
use crate::client::outgoing::Answered;
use crate::client::sweep::is_peer;
use crate::transport::{Address, Delivery, PeerId, Refusal, SendToken, TransportEvent};

impl Switchboard {
    pub(in crate::client) fn transport(&mut self, event: TransportEvent) {
        match event {
            TransportEvent::Online { resumed } => self.online(resumed),
            TransportEvent::Offline { reason, retry_in } => {
                self.presence.set_offline();
                self.enqueue_all();
                self.events.push_back(ClientEvent::Offline { reason, retry_in });
            }
            TransportEvent::Delivery(delivery) => self.delivered(delivery),
            TransportEvent::CaughtUp => {
                self.catch_ups += 1;
                self.enqueue_all();
                self.events.push_back(ClientEvent::CaughtUp);
            }
            TransportEvent::Presence { from, available } => self.present(from, available),
            TransportEvent::Subscription { peer, subscription } => {
                self.presence.set_subscription(&peer, subscription);
                self.events.push_back(ClientEvent::Subscription { peer, subscription });
            }
            TransportEvent::Accepted { token } => self.answered(token, Ok(())),
            TransportEvent::Refused { token, reason } => self.answered(token, Err(reason)),
            TransportEvent::Bounced { to, reason } => {
                self.events.push_back(ClientEvent::Bounced { peer: to.peer, reason });
            }
        }
    }

    fn online(&mut self, resumed: bool) {
        self.presence.set_online(resumed);
        if !resumed {
            self.tokens.clear();
            self.journal.forget_acknowledgements();
        }
        for slot in self.slots.values_mut() {
            if !resumed {
                self.waiting = self.waiting.saturating_sub(slot.drop_deliveries());
                slot.forget_device(None);
            }
            slot.outgoing.reconnected(resumed);
        }
        self.enqueue_all();
        self.events.push_back(ClientEvent::Online { resumed });
    }

    fn delivered(&mut self, delivery: Delivery) {
        let peer = delivery.from.peer.clone();
        // Without a conversation to go to, or a copy of our own words: nothing to read.
        if delivery.evidence.is_own() || !is_peer(peer.as_str()) {
            return self.requests.push_back(Request::Acknowledge(delivery.id));
        }
        if self.stopping {
            return;
        }
        let live = !delivery.evidence.is_late() && delivery.evidence.carbon.is_none() && !delivery.evidence.error;
        let own = self.identity.instance();
        if live {
            self.presence.heard(&delivery.from);
            self.slot(&peer).learn_device(&delivery.from, &delivery.line, own);
        }
        if self.journal.holds(&peer) || self.slot(&peer).is_stuck() {
            // Without room it stays with the server and comes again with another connection.
            let _ = self.journal.put(&delivery);
        } else {
            let Delivery { id, from, line, evidence } = delivery;
            let work = Work::Delivery { from, line, evidence, origin: Origin::Transport(id), attempts: 0 };
            self.slot(&peer).pending.push_back(work);
            self.waiting += 1;
        }
        self.enqueue(&peer);
    }

    fn present(&mut self, from: Address, available: bool) {
        self.presence.tell(&from, available);
        let peer = from.peer.clone();
        if let Some(slot) = self.slots.get_mut(&peer) {
            if available {
                slot.outgoing.unblock();
            } else {
                slot.forget_device(from.resource.as_ref());
            }
            self.enqueue(&peer);
        } else if available && self.waiting_for_peer.remove(&peer) {
            self.want(&peer);
        }
        self.events.push_back(ClientEvent::Presence { from, available });
    }

    fn answered(&mut self, token: SendToken, answer: Result<(), Refusal>) {
        let Some(peer) = self.tokens.remove(&token) else { return };
        let now = self.now();
        let Some(slot) = self.slots.get_mut(&peer) else { return };
        match slot.outgoing.answer(token, answer, now) {
            Answered::Nothing => return,
            Answered::Taken(id) => slot.pending.push_back(Work::Transmitted(id)),
            Answered::Kept => {
                if let Some(at) = slot.outgoing.retry_at() {
                    self.deadlines.at_latest(&peer, at);
                }
                if let Err(reason) = answer
                    && !matches!(reason, Refusal::Offline | Refusal::Unconfirmed)
                {
                    self.events.push_back(ClientEvent::Refused { peer: peer.clone(), reason });
                }
            }
        }
        self.enqueue(&peer);
    }

    /// Hands what is ready in a conversation to the transport.
    pub(super) fn transmit(&mut self, slot: &mut Slot) {
        if !self.presence.is_online() || self.closing {
            return;
        }
        while let Some(next) = slot.outgoing.next() {
            let to = slot.address(next.route);
            let Ok(pieces) = next.split(self.max_line) else {
                let reason = Refusal::TooLong { len: next.line.len(), max: self.max_line };
                slot.outgoing.block(reason);
                self.events.push_back(ClientEvent::Refused { peer: slot.peer.clone(), reason });
                return;
            };
            let tokens = pieces.into_iter().map(|line| self.send(to.clone(), line)).collect();
            slot.outgoing.sent(tokens);
        }
    }

    fn send(&mut self, to: Address, line: Vec<u8>) -> SendToken {
        self.last_token += 1;
        let token = SendToken(self.last_token);
        self.tokens.insert(token, to.peer.clone());
        self.requests.push_back(Request::Send { to, line, token });
        token
    }

    /// Whether the offers of a peer are answered by themselves, as far as that does not depend on the conversation.
    pub(super) fn may_answer(&self, peer: &PeerId) -> bool {
        use crate::client::Answering;
        match &self.answering {
            Answering::Everybody => true,
            Answering::Contacts => self.presence.is_contact(peer),
            Answering::Also(decide) => self.presence.is_contact(peer) || decide(peer),
            Answering::Only(decide) => self.presence.is_allowed(peer) || decide(peer),
        }
    }
}
