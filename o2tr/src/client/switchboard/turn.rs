//! One conversation goes on until it waits for the store or has nothing to do.

use core::time::Duration;

use o2tr_ekm::record::ConversationRecord;
use o2tr_ekm::{Batch, Change, Loaded, StoreError, codec::Record};
use otr_core::{Leap, Timestamp};

use super::slot::{Origin, Ready, Reply, Slot, State, Work};
use super::{Request, Switchboard};
use crate::client::store::Job;
use crate::client::{ClientError, ClientEvent, Unreadable};
use crate::conversation::{Commit, Conversation, Event, Opening, Output, Privacy, Text};
use crate::transport::{Delivery, Evidence, PeerId};

/// After a failure of the store a conversation is loaded again at once, then after this time, doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long a note waits for company.
const PUT_OFF: Duration = Duration::from_millis(250);
/// A deadline that has passed and was dealt with is not looked at again before.
const PATIENCE: Duration = Duration::from_secs(1);

impl Switchboard {
    pub(super) fn turn(&mut self, peer: &PeerId) {
        let Some(mut slot) = self.slots.remove(peer) else { return };
        slot.queued = false;
        self.work(&mut slot);
        self.transmit(&mut slot);
        if !slot.is_disposable() {
            self.slots.insert(peer.clone(), slot);
        }
    }

    fn work(&mut self, slot: &mut Slot) {
        match &slot.state {
            State::Loading | State::Forgetting(_) => {}
            State::Absent { retry_at } => {
                let now = self.now();
                if let Some(at) = retry_at.filter(|at| *at > now) {
                    self.deadlines.at_latest(&slot.peer, at);
                } else if slot.wanted || !slot.pending.is_empty() || self.journal.holds(&slot.peer) {
                    slot.state = State::Loading;
                    self.jobs.push_back(Job::Load(slot.peer.clone(), slot.name.clone()));
                }
            }
            State::Locked(reason) => {
                let error = ClientError::Locked(reason.clone());
                slot.wanted = false;
                slot.fail_wishes(&error);
                let forgets = slot.take_forgets();
                self.put_aside(slot);
                if !forgets.is_empty() {
                    self.forget(slot, forgets);
                }
            }
            State::Ready(_) => {
                while self.drain(slot) {
                    self.finish(slot);
                    if !self.begin(slot) {
                        self.set_deadline(slot);
                        break;
                    }
                }
            }
        }
    }

    /// Lines for a conversation that cannot take them.
    fn put_aside(&mut self, slot: &mut Slot) {
        for work in core::mem::take(&mut slot.pending) {
            match work {
                Work::Delivery { from, line, evidence, origin: Origin::Transport(id), .. } => {
                    self.waiting = self.waiting.saturating_sub(1);
                    // Without room it stays with the server.
                    let _ = self.journal.put(&Delivery { id, from, line, evidence });
                }
                // It is in the journal.
                Work::Delivery { origin: Origin::Journal(_), .. } => {}
                Work::Wish(_) | Work::Transmitted(_) | Work::Taken(..) | Work::Forget(_) => {
                    slot.pending.push_back(work);
                }
            }
        }
    }

    fn forget(&mut self, slot: &mut Slot, replies: Vec<Reply>) {
        slot.start_anew(replies);
        self.deadlines.set(&slot.peer, None);
        let wipe = Change::wipe(slot.name.clone());
        self.jobs.push_back(Job::Commit(slot.peer.clone(), Batch::from(wipe)));
    }

    /// Carries out the outputs of a conversation. True when nothing is left and nothing is with the store.
    fn drain(&mut self, slot: &mut Slot) -> bool {
        loop {
            let State::Ready(ready) = &mut slot.state else { return false };
            match ready.conversation.poll_output() {
                Some(Output::Commit(commit)) => {
                    let change = change_of(slot, commit);
                    self.jobs.push_back(Job::Commit(slot.peer.clone(), Batch::from(change)));
                    return false;
                }
                Some(Output::Transmit(line)) if slot.taken.contains(&line.id) => {}
                Some(Output::Transmit(line)) => slot.outgoing.push(line),
                Some(Output::Event(event)) => self.tell(slot, event),
                None if ready.conversation.is_poisoned() => {
                    // It has outgrown its row: the engine could not encode it.
                    let limit = ConversationRecord::LIMIT;
                    self.fail(slot, StoreError::TooLarge { len: limit + 1, limit });
                    return false;
                }
                None => return ready.conversation.is_idle(),
            }
        }
    }

    fn tell(&mut self, slot: &mut Slot, event: Event) {
        let peer = slot.peer.clone();
        if let Some(id) = event.id() {
            let size = if let Event::Text(Text { text, .. }) = &event { text.len() } else { 0 };
            // It was shown before the conversation was loaded again.
            if slot.shown.insert(id, size).is_some() {
                return;
            }
        }
        let State::Ready(ready) = &slot.state else { return };
        self.events.push_back(match event {
            Event::LateOffer { .. } if ready.stranger => ClientEvent::Stranger { peer },
            event => ClientEvent::Conversation { peer, event },
        });
    }

    /// What was done last is durable, and all that follows from it is out.
    fn finish(&mut self, slot: &mut Slot) {
        if !slot.current.is_empty() {
            slot.failures = 0;
        }
        for work in core::mem::take(&mut slot.current) {
            match work {
                Work::Transmitted(_) | Work::Forget(_) => {}
                Work::Taken(id, reply) => {
                    slot.shown.remove(&id);
                    // Whoever asked may have gone.
                    let _ = reply.send(Ok(()));
                }
                Work::Delivery { origin: Origin::Transport(id), .. } => {
                    // The text stands behind its commit: it is durable.
                    if slot.read.contains(&id) {
                        self.requests.push_back(Request::Confirm(id));
                    }
                    self.requests.push_back(Request::Acknowledge(id));
                }
                Work::Delivery { origin: Origin::Journal(id), .. } => self.journal.remove(id),
                Work::Wish(wish) => wish.settle(Ok(())),
            }
        }
    }

    /// Begins with the next thing to do; false if there is none.
    fn begin(&mut self, slot: &mut Slot) -> bool {
        let now = self.now();
        let State::Ready(ready) = &mut slot.state else { return false };
        let present = self.presence.is_there(&slot.peer);
        if ready.present != present {
            ready.present = present;
            self.carry_out_left(slot, now);
            let State::Ready(ready) = &mut slot.state else { return false };
            ready.conversation.handle_presence(present, now, self.random.fresh());
            return true;
        }
        // The server has these, but the store failed before it knew.
        if let Some(id) = slot.taken.pop() {
            ready.conversation.transmitted(id);
            return true;
        }
        if slot.is_full() {
            self.put_aside(slot);
        }
        let next = self.next_work(slot, now);
        if let Some(Work::Forget(reply)) = next {
            self.in_memory -= 1;
            self.forget(slot, vec![reply]);
            return false;
        }
        if let Some(work) = next {
            self.uses += 1;
            slot.used = self.uses;
            slot.read.clear();
            self.carry_out_left(slot, now);
            self.carry_out(work, slot, now);
            // What waits already shares the commit.
            while !self.is_stranger(slot)
                && let Some(work) = slot.next_alike()
            {
                self.carry_out(work, slot, now);
            }
            return true;
        }
        let State::Ready(ready) = &mut slot.state else { return false };
        if ready.catch_up != self.catch_ups {
            ready.catch_up = self.catch_ups;
            self.carry_out_left(slot, now);
            let State::Ready(ready) = &mut slot.state else { return false };
            ready.conversation.handle_caught_up(now, self.random.fresh());
            return true;
        }
        slot.wanted = false;
        if slot.outgoing.retry_at().is_some() {
            slot.outgoing.handle_timeout(now);
        }
        if ready.conversation.poll_timeout().is_some_and(|due| due <= now) && ready.looked_at != Some(now) {
            ready.looked_at = Some(now);
            self.carry_out_left(slot, now);
            let State::Ready(ready) = &mut slot.state else { return false };
            ready.conversation.handle_timeout(now, self.random.fresh());
            return true;
        }
        false
    }

    /// The next thing to do. What can wait for it is put off, until it has waited long enough.
    fn next_work(&self, slot: &mut Slot, now: Timestamp) -> Option<Work> {
        while let Some(work) = slot.pending.pop_front() {
            if slot.failures > 0 || self.stopping {
                return Some(work);
            }
            if let Err(work) = slot.put_off(work, now.after(PUT_OFF)) {
                return Some(work);
            }
        }
        if let Some(work) = self.next_put_aside(slot) {
            return Some(work);
        }
        if self.stopping || slot.left_is_due(now) { slot.left.pop().map(Work::Transmitted) } else { None }
    }

    fn next_put_aside(&self, slot: &Slot) -> Option<Work> {
        if slot.is_stuck() {
            return None;
        }
        let (id, from, line, evidence) = self.journal.first_of(&slot.peer)?;
        Some(Work::Delivery { from, line, evidence, origin: Origin::Journal(id), attempts: slot.failures })
    }

    /// Whether an offer of the peer would be one of a stranger, or one was just now.
    fn is_stranger(&self, slot: &Slot) -> bool {
        let State::Ready(ready) = &slot.state else { return false };
        ready.stranger || (!self.may_answer(&slot.peer) && ready.conversation.view().privacy == Privacy::Plaintext)
    }

    /// What was put off, before something new and under its commit.
    fn carry_out_left(&mut self, slot: &mut Slot, now: Timestamp) {
        for id in slot.take_left() {
            self.carry_out(Work::Transmitted(id), slot, now);
        }
    }

    fn carry_out(&mut self, mut work: Work, slot: &mut Slot, now: Timestamp) {
        let State::Ready(ready) = &mut slot.state else { return };
        match &mut work {
            Work::Delivery { line, evidence, origin, .. } => {
                if matches!(origin, Origin::Transport(_)) {
                    self.waiting = self.waiting.saturating_sub(1);
                }
                ready.stranger =
                    !self.may_answer(&slot.peer) && ready.conversation.view().privacy == Privacy::Plaintext;
                // An offer that came late is reported and not answered: so are those of strangers.
                let evidence = Evidence { offline: evidence.offline || ready.stranger, ..*evidence };
                let before = ready.conversation.newest_text();
                ready.conversation.handle_delivery(line, &evidence, now, self.random.fresh());
                if let Origin::Transport(id) = origin
                    && ready.conversation.newest_text() != before
                {
                    slot.read.push(*id);
                }
            }
            Work::Wish(wish) => wish.fulfil(&mut ready.conversation, now, self.random.fresh()),
            Work::Transmitted(id) => ready.conversation.transmitted(*id),
            Work::Taken(id, _) => ready.conversation.acknowledge(*id),
            Work::Forget(_) => {}
        }
        slot.current.push(work);
    }

    fn set_deadline(&mut self, slot: &Slot) {
        let State::Ready(ready) = &slot.state else { return };
        let now = self.now();
        let due = ready.conversation.poll_timeout().map(|due| if due <= now { now.after(PATIENCE) } else { due });
        self.deadlines.set(&slot.peer, due.into_iter().chain(slot.outgoing.retry_at()).chain(slot.left_due).min());
    }

    /// The store failed for this conversation: what is in memory may be ahead of it, so it is loaded again.
    fn fail(&mut self, slot: &mut Slot, error: StoreError) {
        self.in_memory -= usize::from(matches!(slot.state, State::Ready(_)));
        let now = self.now();
        let wait = match slot.failures {
            0 => Duration::ZERO,
            failures => FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures - 1)).min(LONGEST_WAIT),
        };
        let retry_at = now.after(wait);
        let undone = slot.note_failure(&error, retry_at);
        self.waiting += undone.waiting;
        for _ in 0..undone.given_up {
            self.events.push_back(ClientEvent::GivenUp { peer: slot.peer.clone() });
        }
        if matches!(error, StoreError::Poisoned | StoreError::Closed) {
            self.failure = Some(error.clone());
        }
        self.deadlines.set(&slot.peer, Some(retry_at));
        self.events.push_back(ClientEvent::StoreFailed { peer: slot.peer.clone(), error });
    }

    pub(super) fn committed(&mut self, peer: &PeerId, result: Result<(), StoreError>) {
        let Some(mut slot) = self.slots.remove(peer) else { return };
        match (&mut slot.state, result) {
            (State::Ready(ready), Ok(())) => ready.conversation.commit_done(),
            (State::Ready(_), Err(error)) => self.fail(&mut slot, error),
            (State::Forgetting(replies), result) => {
                for reply in replies.drain(..) {
                    // Whoever asked may have gone.
                    let _ = reply.send(result.clone().map_err(ClientError::from));
                }
                slot.state = State::Absent { retry_at: None };
            }
            (State::Absent { .. } | State::Loading | State::Locked(_), _) => {}
        }
        self.slots.insert(peer.clone(), slot);
        self.enqueue(peer);
    }

    pub(super) fn loaded(&mut self, peer: &PeerId, result: Result<Option<Loaded>, StoreError>) {
        let Some(mut slot) = self.slots.remove(peer) else { return };
        match result {
            Ok(row) => match self.open(row) {
                Ok(conversation) => {
                    // The engine counts a peer as there until it is told.
                    let ready = Ready { conversation, present: true, catch_up: 0, stranger: false, looked_at: None };
                    slot.state = State::Ready(Box::new(ready));
                    self.in_memory += 1;
                    self.waiting_for_peer.remove(peer);
                }
                Err(error) => self.lock(&mut slot, error.into()),
            },
            Err(StoreError::Unsealable { reason, .. }) => self.lock(&mut slot, reason.into()),
            Err(error) => {
                slot.fail_wishes(&error.clone().into());
                self.fail(&mut slot, error);
            }
        }
        self.slots.insert(peer.clone(), slot);
        self.enqueue(peer);
    }

    fn open(&mut self, row: Option<Loaded>) -> Result<Conversation, crate::conversation::OpenError> {
        let (identity, settings) = (self.identity.clone(), self.settings.clone());
        let Some(row) = row else { return Ok(Conversation::new(identity, settings)) };
        let now = self.now();
        let rng = self.random.fresh();
        let leap = Leap::random(rng);
        let opening =
            Opening { record: &row.record, generation: row.generation, quarantine: row.quarantine.is_some(), leap };
        Conversation::open(identity, settings, &opening, now, rng)
    }

    fn lock(&mut self, slot: &mut Slot, reason: Unreadable) {
        self.events.push_back(ClientEvent::Locked { peer: slot.peer.clone(), reason: reason.clone() });
        slot.state = State::Locked(reason);
    }
}

fn change_of(slot: &Slot, commit: Commit) -> Change {
    let Commit { expected, record, retires_secret, lifts_quarantine } = commit;
    let mut change = Change::put(slot.name.clone(), expected, record);
    if retires_secret {
        change = change.retiring_secret();
    }
    if lifts_quarantine {
        change = change.lifting_quarantine();
    }
    change
}
