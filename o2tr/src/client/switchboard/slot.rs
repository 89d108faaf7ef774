//! What the client holds of one conversation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use o2tr_ekm::{RowName, StoreError};
use otr_core::wire::Route;
use otr_core::{InstanceTag, Timestamp, claimed_sender};
use tokio::sync::oneshot;

use crate::client::outgoing::Outgoing;
use crate::client::wish::Wish;
use crate::client::{ClientError, Unreadable};
use crate::conversation::Conversation;
use crate::transport::{Address, DeliveryId, Evidence, PeerId};

/// Wishes and lines that wait for one conversation.
pub(super) const MAX_PENDING: usize = 1024;
/// What one commit may cover. The row grows by all of it before any of it is taken.
const MAX_BATCH: usize = 32;
/// Items of the inbox that the application has not acknowledged: beyond it, what comes is put aside.
const MAX_SHOWN: usize = 1000;
/// Their bytes.
const MAX_SHOWN_BYTES: usize = 2 << 20;
/// Devices of the peer whose address is remembered.
const MAX_DEVICES: usize = 16;
/// How often a line is tried on a store that fails.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// One conversation, in memory or not.
pub(super) struct Slot {
    pub(super) peer: PeerId,
    pub(super) name: RowName,
    pub(super) state: State,
    /// What is to be done, in order.
    pub(super) pending: VecDeque<Work>,
    /// What was done last, in order, under one commit; it is finished when all that it brought about is durable and out.
    pub(super) current: Vec<Work>,
    /// Which of these deliveries have brought a text.
    pub(super) read: Vec<DeliveryId>,
    /// Lines that have left. That may be lost without harm, for the same bytes would leave again: it waits for something
    /// that is to be stored anyway, but not for long.
    pub(super) left: Vec<u64>,
    /// When it waits no more.
    pub(super) left_due: Option<Timestamp>,
    pub(super) outgoing: Outgoing,
    /// Lines that the server has taken, which the store may not know because it failed.
    pub(super) taken: Vec<u64>,
    /// Items that were shown in this run and are not acknowledged, with their sizes: none is shown twice in one run.
    pub(super) shown: BTreeMap<u64, usize>,
    /// Where each device was last heard from.
    devices: VecDeque<(InstanceTag, Arc<str>)>,
    /// Something is due: it is to be loaded although nothing is pending.
    pub(super) wanted: bool,
    /// It stands in the queue of those to run.
    pub(super) queued: bool,
    /// When it was last used, as a running number.
    pub(super) used: u64,
    /// Failures of the store in a row.
    pub(super) failures: u32,
}

/// Where the conversation itself is.
pub(super) enum State {
    /// In the store; after a failure not to be loaded before a while.
    Absent {
        retry_at: Option<Timestamp>,
    },
    Loading,
    Ready(Box<Ready>),
    /// It cannot be read.
    Locked(Unreadable),
    /// Its row is being removed.
    Forgetting(Vec<Reply>),
}

/// A conversation in memory, and what it was told.
pub(super) struct Ready {
    pub(super) conversation: Conversation,
    pub(super) present: bool,
    pub(super) catch_up: u64,
    /// When its passed deadline was last dealt with.
    pub(super) looked_at: Option<Timestamp>,
    /// The peer is a stranger whose offers are not answered, in the work under way.
    pub(super) stranger: bool,
}

/// Something to do.
pub(super) enum Work {
    Delivery {
        from: Address,
        line: Vec<u8>,
        evidence: Evidence,
        origin: Origin,
        attempts: u32,
    },
    Wish(Box<dyn Wish>),
    Transmitted(u64),
    /// An item of the inbox that the application has taken; who waits is told when that is durable.
    Taken(u64, Reply),
    /// Remove the row, whether it can be read or not.
    Forget(Reply),
}

/// What became of deliveries that the store did not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Undone {
    /// They will not be tried again.
    pub(super) given_up: usize,
    /// They wait again, and come from the transport.
    pub(super) waiting: usize,
}

/// Who waits for a row to be removed.
pub(super) type Reply = oneshot::Sender<Result<(), ClientError>>;

/// Where a delivery comes from, and is to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Transport(DeliveryId),
    Journal(u64),
}

impl Slot {
    pub(super) fn new(account: &PeerId, peer: &PeerId) -> Self {
        Self {
            peer: peer.clone(),
            name: RowName::conversation(account.as_str().as_bytes(), peer.as_str().as_bytes()),
            state: State::Absent { retry_at: None },
            pending: VecDeque::new(),
            current: Vec::new(),
            read: Vec::new(),
            left: Vec::new(),
            left_due: None,
            outgoing: Outgoing::default(),
            taken: Vec::new(),
            shown: BTreeMap::new(),
            devices: VecDeque::new(),
            wanted: false,
            queued: false,
            used: 0,
            failures: 0,
        }
    }

    /// It does not get on by itself for the time being: what comes for it is put aside.
    pub(super) fn is_stuck(&self) -> bool {
        let stuck = match &self.state {
            State::Locked(_) | State::Forgetting(_) | State::Absent { retry_at: Some(_) } => true,
            State::Absent { retry_at: None } | State::Loading | State::Ready(_) => false,
        };
        stuck || self.pending.len() >= MAX_PENDING || self.is_full()
    }

    /// What may be done under the commit of what is done already: the next in line, but for a delivery that the
    /// application has no room for. After a failure of the store each gets a commit of its own, so that one that cannot
    /// be stored stands in nobody's way.
    pub(super) fn next_alike(&mut self) -> Option<Work> {
        let room = MAX_BATCH.min(MAX_SHOWN.saturating_sub(self.shown.len()));
        if self.failures > 0 || self.current.len() >= room {
            return None;
        }
        match self.pending.front()? {
            Work::Forget(_) => None,
            Work::Delivery { .. } | Work::Wish(_) | Work::Transmitted(_) | Work::Taken(..) => self.pending.pop_front(),
        }
    }

    /// The application takes nothing: what is read now would only fill the row.
    pub(super) fn is_full(&self) -> bool {
        self.shown.len() >= MAX_SHOWN || self.shown.values().sum::<usize>() >= MAX_SHOWN_BYTES
    }

    /// Nothing would be lost with it.
    pub(super) fn is_disposable(&self) -> bool {
        matches!(self.state, State::Absent { retry_at: None })
            && self.pending.is_empty()
            && self.current.is_empty()
            && self.left.is_empty()
            && self.outgoing.is_empty()
            && self.taken.is_empty()
            && self.shown.is_empty()
            && !self.wanted
            && self.failures == 0
    }

    /// Nothing was begun that is not finished, or it cannot be finished.
    pub(super) fn is_settled(&self) -> bool {
        (self.current.is_empty() && self.left.is_empty()) || !matches!(self.state, State::Ready(_))
    }

    /// Puts off what is only the note that a line has left.
    pub(super) fn put_off(&mut self, work: Work, until: Timestamp) -> Result<(), Work> {
        let Work::Transmitted(id) = work else { return Err(work) };
        self.left.push(id);
        self.left_due.get_or_insert(until);
        Ok(())
    }

    /// Whether what was put off is to be done now.
    pub(super) fn left_is_due(&self, now: Timestamp) -> bool {
        self.left_due.is_some_and(|due| due <= now) || self.left.len() >= MAX_BATCH || self.is_full()
    }

    pub(super) fn take_left(&mut self) -> Vec<u64> {
        self.left_due = None;
        core::mem::take(&mut self.left)
    }

    /// The conversation may leave the memory: everything about it is in the store.
    pub(super) fn is_evictable(&self, until: Timestamp) -> bool {
        let State::Ready(ready) = &self.state else { return false };
        ready.conversation.is_idle()
            && self.pending.is_empty()
            && self.current.is_empty()
            && self.left.is_empty()
            && self.outgoing.is_empty()
            && !self.wanted
            && ready.conversation.poll_timeout().is_none_or(|due| due > until)
    }

    /// Takes what the transport delivered and was not begun: it comes again under another id. Returns how many.
    pub(super) fn drop_deliveries(&mut self) -> usize {
        let before = self.pending.len();
        self.pending.retain(|work| !matches!(work, Work::Delivery { origin: Origin::Transport(_), .. }));
        before - self.pending.len()
    }

    /// Fails what the application waits for, but for the wish to forget.
    pub(super) fn fail_wishes(&mut self, error: &ClientError) {
        for work in core::mem::take(&mut self.pending) {
            match work {
                Work::Wish(wish) => wish.settle(Err(error.clone())),
                Work::Taken(_, reply) => drop(reply.send(Err(error.clone()))),
                Work::Delivery { .. } | Work::Transmitted(_) | Work::Forget(_) => {
                    self.pending.push_back(work);
                }
            }
        }
    }

    /// Takes the wishes to forget.
    pub(super) fn take_forgets(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        for work in core::mem::take(&mut self.pending) {
            match work {
                Work::Forget(reply) => replies.push(reply),
                Work::Delivery { .. } | Work::Transmitted(_) | Work::Taken(..) | Work::Wish(_) => {
                    self.pending.push_back(work);
                }
            }
        }
        replies
    }

    /// Nothing of what was known holds any more.
    pub(super) fn start_anew(&mut self, replies: Vec<Reply>) {
        self.state = State::Forgetting(replies);
        self.outgoing = Outgoing::default();
        self.taken.clear();
        let _ = self.take_left();
        self.shown.clear();
        self.devices.clear();
        self.wanted = false;
        self.failures = 0;
    }

    /// How the conversation is after a failure of the store.
    pub(super) fn note_failure(&mut self, error: &StoreError, retry_at: Timestamp) -> Undone {
        self.state = State::Absent { retry_at: Some(retry_at) };
        self.failures = self.failures.saturating_add(1);
        self.wanted = true;
        let mut undone = Undone::default();
        // The conversation that comes from the store does not know that these have left.
        let left = self.take_left();
        self.taken.extend(left);
        for work in core::mem::take(&mut self.current).into_iter().rev() {
            match work {
                Work::Delivery { attempts, .. } if attempts + 1 >= MAX_ATTEMPTS => undone.given_up += 1,
                Work::Delivery { from, line, evidence, origin, attempts } => {
                    undone.waiting += usize::from(matches!(origin, Origin::Transport(_)));
                    self.pending.push_front(Work::Delivery { from, line, evidence, origin, attempts: attempts + 1 });
                }
                Work::Wish(wish) => wish.settle(Err(error.clone().into())),
                Work::Transmitted(id) => self.taken.push(id),
                Work::Taken(_, reply) => drop(reply.send(Err(error.clone().into()))),
                // It is carried out at once and is never the work under way.
                Work::Forget(reply) => drop(reply.send(Err(error.clone().into()))),
            }
        }
        undone
    }

    /// Remembers from where a device of the peer speaks. The server may lie about it: all it steers is where the server
    /// puts our lines.
    pub(super) fn learn_device(&mut self, from: &Address, line: &[u8], own: InstanceTag) {
        let Some(resource) = &from.resource else { return };
        let Some(tag) = claimed_sender(line, own) else { return };
        self.devices.retain(|(known, _)| *known != tag);
        if self.devices.len() >= MAX_DEVICES {
            self.devices.pop_front();
        }
        self.devices.push_back((tag, Arc::clone(resource)));
    }

    /// A device is gone: what is for it goes to the account.
    pub(super) fn forget_device(&mut self, gone: Option<&Arc<str>>) {
        self.devices.retain(|(_, resource)| gone.is_some_and(|gone| gone != resource));
    }

    /// Where a line goes.
    pub(super) fn address(&self, route: Option<Route>) -> Address {
        let tag = match route {
            Some(Route::V3 { receiver, .. }) => receiver,
            Some(Route::V2) | None => None,
        };
        let resource = tag.and_then(|tag| self.devices.iter().find(|(known, _)| *known == tag));
        Address { peer: self.peer.clone(), resource: resource.map(|(_, resource)| Arc::clone(resource)) }
    }
}
