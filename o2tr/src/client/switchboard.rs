//! Everything the client decides, without doing any of it: the driver brings what happened and carries out what follows.
//!
//! Three queues lead out: work for the store, requests to the transport, events for the application. What follows from one
//! delivery or wish is finished, that is acknowledged or answered, when the conversation has nothing left to say and
//! nothing with the store.

mod incoming;
mod slot;
mod turn;

use core::time::Duration;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use o2tr_ekm::StoreError;
use otr_core::{Identity, Timestamp};

use super::deadlines::Deadlines;
use super::journal::Journal;
use super::presence::Presence;
use super::random::Random;
use super::store::{Done, Job};
use super::sweep::{Page, Search};
use super::wish::{Command, WishKind};
use super::{Answering, ClientConfig, ClientError, ClientEvent, Clock, StartError};
use crate::settings::Settings;
use crate::transport::{Address, DeliveryId, PeerId, SendToken};
use slot::{MAX_PENDING, Slot, State, Work};

/// Deliveries in memory that are not begun: beyond it the transport is not read, for the store is what is slow.
const MAX_WAITING: usize = 1024;
/// Events that the application has not read: beyond it the transport is not read.
const MAX_EVENTS: usize = 1024;
/// Conversations that get their turn between two looks at the outside.
const TURNS: usize = 16;
/// A conversation with something due sooner is not worth unloading.
const SOON: Duration = Duration::from_secs(300);
/// The search of the store waits while more than this is to be done there.
const STORE_IS_BUSY: usize = 64;

/// Something for the transport.
#[derive(Debug)]
pub(super) enum Request {
    Send { to: Address, line: Vec<u8>, token: SendToken },
    Confirm(DeliveryId),
    Acknowledge(DeliveryId),
    SetAvailable(bool),
    SetContact(PeerId, bool),
}

/// All conversations of one account.
pub(super) struct Switchboard {
    account: PeerId,
    identity: Arc<Identity>,
    settings: Settings,
    answering: Answering,
    active: usize,
    sweep_every: Duration,
    clock: Arc<dyn Clock>,
    random: Random,

    slots: HashMap<PeerId, Slot>,
    /// How many slots hold their conversation.
    in_memory: usize,
    uses: u64,
    to_run: VecDeque<PeerId>,
    deadlines: Deadlines,
    presence: Presence,
    /// How often the backlog was read completely.
    catch_ups: u64,
    /// Unloaded conversations whose texts wait for the peer.
    waiting_for_peer: HashSet<PeerId>,
    /// Deliveries in memory that are not begun.
    waiting: usize,
    /// Who waits for an answer to which token.
    tokens: HashMap<SendToken, PeerId>,
    last_token: u64,
    max_line: usize,
    journal: Journal,
    journal_loaded: bool,
    sweep_at: Option<Timestamp>,
    search: Option<Search>,

    pub(super) jobs: VecDeque<Job>,
    pub(super) requests: VecDeque<Request>,
    pub(super) events: VecDeque<ClientEvent>,
    /// The store is gone.
    pub(super) failure: Option<StoreError>,
    /// Nothing new is taken on.
    pub(super) stopping: bool,
    /// The transport is being closed: nothing is handed to it any more.
    pub(super) closing: bool,
}

impl Switchboard {
    pub(super) fn new(config: ClientConfig, identity: Arc<Identity>) -> Result<Self, StartError> {
        let ClientConfig { account, settings, answering, assume_present, available, active, sweep_every, clock } =
            config;
        let journal = Journal::new(&account);
        let mut requests = VecDeque::new();
        if available {
            requests.push_back(Request::SetAvailable(true));
        }
        Ok(Self {
            jobs: VecDeque::from([journal.load()]),
            requests,
            events: VecDeque::new(),
            failure: None,
            stopping: false,
            closing: false,
            sweep_at: Some(clock.now()),
            search: None,
            journal,
            journal_loaded: false,
            account,
            identity,
            settings,
            answering,
            active,
            sweep_every,
            clock,
            random: Random::start()?,
            slots: HashMap::new(),
            in_memory: 0,
            uses: 0,
            to_run: VecDeque::new(),
            deadlines: Deadlines::default(),
            presence: Presence::new(assume_present),
            catch_ups: 0,
            waiting_for_peer: HashSet::new(),
            waiting: 0,
            tokens: HashMap::new(),
            last_token: 0,
            max_line: 0,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the connection carries now.
    pub(super) const fn set_max_line(&mut self, bytes: usize) {
        self.max_line = bytes;
    }

    /// Whether the transport is to be read.
    pub(super) fn accepts(&self) -> bool {
        self.journal_loaded && self.waiting < MAX_WAITING && self.events.len() < MAX_EVENTS
    }

    /// Whether conversations wait for their turn.
    pub(super) fn has_turns(&self) -> bool {
        !self.to_run.is_empty()
    }

    /// Whether everything begun is finished: the moment to stop at.
    pub(super) fn is_quiet(&self) -> bool {
        self.to_run.is_empty()
            && self.requests.is_empty()
            && self.journal.is_quiet()
            && self.slots.values().all(|slot| slot.is_settled())
    }

    /// When [`run`](Self::run) is needed although nothing happens.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.deadlines.next().into_iter().chain(self.sweep_at).min()
    }

    /// Goes on with what is due and what has got something to do, for a limited time.
    pub(super) fn run(&mut self, store_load: usize) {
        let now = self.now();
        while let Some(peer) = self.deadlines.pop_due(now) {
            self.want(&peer);
        }
        self.go_on_searching(now, store_load);
        for _ in 0..TURNS {
            let Some(peer) = self.to_run.pop_front() else { break };
            self.turn(&peer);
        }
        self.unload_surplus(now);
        self.jobs.extend(self.journal.save());
    }

    /// The application asks for something.
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Wish { peer, wish, kind } => {
                if kind == WishKind::Address {
                    self.presence.allow(&peer, true);
                }
                let slot = self.slot(&peer);
                if slot.pending.len() >= MAX_PENDING {
                    return wish.settle(Err(ClientError::Busy));
                }
                slot.pending.push_back(Work::Wish(wish));
                self.enqueue(&peer);
            }
            Command::Taken { peer, id, reply } => {
                let slot = self.slot(&peer);
                if slot.pending.len() >= MAX_PENDING {
                    // Whoever asked may have gone.
                    let _ = reply.send(Err(ClientError::Busy));
                    return;
                }
                slot.pending.push_back(Work::Taken(id, reply));
                self.enqueue(&peer);
            }
            Command::Forget { peer, reply } => {
                self.slot(&peer).pending.push_back(Work::Forget(reply));
                self.enqueue(&peer);
            }
            Command::Allow(peer, allowed) => self.presence.allow(&peer, allowed),
            Command::SetAvailable(available) => self.requests.push_back(Request::SetAvailable(available)),
            Command::SetContact(peer, contact) => {
                self.presence.allow(&peer, contact);
                self.requests.push_back(Request::SetContact(peer, contact));
            }
            Command::SetSettings(settings) => {
                for slot in self.slots.values_mut() {
                    if let State::Ready(ready) = &mut slot.state {
                        ready.conversation.set_settings(settings.clone());
                    }
                }
                self.settings = settings;
            }
            Command::Mark(number) => self.events.push_back(ClientEvent::Mark { number }),
            Command::Stop => self.stop(),
        }
    }

    /// Takes nothing more on. What the transport delivered and was not begun comes again.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        for slot in self.slots.values_mut() {
            slot.drop_deliveries();
        }
        self.waiting = 0;
        // What was put off is done now.
        self.enqueue_all();
    }

    /// Nothing goes on any more.
    pub(super) fn fail_wishes(&mut self, error: &ClientError) {
        for slot in self.slots.values_mut() {
            for work in core::mem::take(&mut slot.current) {
                if let Work::Wish(wish) = work {
                    wish.settle(Err(error.clone()));
                }
            }
            slot.fail_wishes(error);
        }
    }

    /// The store has done something.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Loaded(peer, result) => self.loaded(&peer, result),
            Done::Committed(peer, result) => self.committed(&peer, result),
            Done::JournalLoaded(result) => {
                match self.journal.loaded(result) {
                    Ok(Some(peers)) => peers.iter().for_each(|peer| self.want(peer)),
                    Ok(None) => self.events.push_back(ClientEvent::JournalLost),
                    Err(error) => self.failure = Some(error),
                }
                self.journal_loaded = true;
            }
            Done::JournalSaved(result) => match self.journal.saved(result) {
                Ok(safe) => self.requests.extend(safe.into_iter().map(Request::Acknowledge)),
                // Nothing else writes this row: without it there is no way to keep what is put aside.
                Err(error) => self.failure = Some(error),
            },
            Done::Swept(result) => self.swept(result),
        }
    }

    fn slot(&mut self, peer: &PeerId) -> &mut Slot {
        let account = &self.account;
        self.slots.entry(peer.clone()).or_insert_with(|| Slot::new(account, peer))
    }

    /// The conversation has something to do.
    fn enqueue(&mut self, peer: &PeerId) {
        if let Some(slot) = self.slots.get_mut(peer)
            && !core::mem::replace(&mut slot.queued, true)
        {
            self.to_run.push_back(peer.clone());
        }
    }

    /// The conversation is to be loaded, for something is due in it.
    fn want(&mut self, peer: &PeerId) {
        self.slot(peer).wanted = true;
        self.enqueue(peer);
    }

    fn enqueue_all(&mut self) {
        let peers: Vec<_> = self.slots.keys().cloned().collect();
        peers.iter().for_each(|peer| self.enqueue(peer));
    }

    fn go_on_searching(&mut self, now: Timestamp, store_load: usize) {
        if !self.journal_loaded || self.stopping {
            return;
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep_at = None;
            let time_to_live = self.settings.time_to_live;
            self.search = Some(Search { account: self.account.clone(), after: None, now, time_to_live });
        }
        let room = store_load + self.jobs.len() < STORE_IS_BUSY
            && self.to_run.len() < STORE_IS_BUSY
            && self.events.len() < MAX_EVENTS;
        if room && let Some(search) = self.search.take() {
            self.jobs.push_back(Job::Sweep(search));
        }
    }

    fn swept(&mut self, result: Result<Page, StoreError>) {
        let now = self.now();
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                self.failure = Some(error);
                return;
            }
        };
        let horizon = now.after(self.sweep_every);
        for (peer, due) in page.due {
            if due <= now {
                self.want(&peer);
            } else if due <= horizon {
                self.deadlines.at_latest(&peer, due);
            }
        }
        for peer in page.waiting {
            if self.presence.is_there(&peer) {
                self.want(&peer);
            } else if !self.slots.contains_key(&peer) {
                self.waiting_for_peer.insert(peer);
            }
        }
        for (row, reason) in page.unreadable {
            self.events.push_back(ClientEvent::UnreadableRow { row, reason });
        }
        match page.next {
            None => self.sweep_at = Some(horizon),
            after => {
                let time_to_live = self.settings.time_to_live;
                self.search = Some(Search { account: self.account.clone(), after, now, time_to_live });
            }
        }
    }

    /// Unloads what was not used for longest, if there is too much.
    fn unload_surplus(&mut self, now: Timestamp) {
        if self.in_memory <= self.active {
            return;
        }
        let until = now.after(SOON);
        let mut idle: Vec<_> = self
            .slots
            .values()
            .filter(|slot| slot.is_evictable(until))
            .map(|slot| (slot.used, slot.peer.clone()))
            .collect();
        idle.sort_unstable();
        // Some more than needed, so that this is not done at every turn.
        let surplus = self.in_memory - self.active + self.active / 8;
        for (_, peer) in idle.into_iter().take(surplus) {
            self.unload(&peer);
        }
    }

    fn unload(&mut self, peer: &PeerId) {
        let Some(slot) = self.slots.get_mut(peer) else { return };
        let State::Ready(ready) = &slot.state else { return };
        if ready.conversation.view().queued > 0 {
            self.waiting_for_peer.insert(peer.clone());
        }
        slot.state = State::Absent { retry_at: None };
        self.in_memory -= 1;
        if slot.is_disposable() {
            self.slots.remove(peer);
        }
    }
}
