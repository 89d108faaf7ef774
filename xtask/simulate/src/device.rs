//! A device: who it is, its disk, and the program on it while it runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use o2tr::conversation::{Commit, Conversation};
use o2tr::settings::{AbsentPolicy, Settings};
use o2tr::transport::{Address, PeerId};
use o2tr_ekm::EkmStore;
use otr_core::wire::Route;
use otr_core::{Identity, InstanceTag, Peer, Policy, Timestamp, claimed_sender};
use transport_mem::DeviceId;

use crate::disk::{Disk, Loss};
use crate::keys;
use crate::outgoing::Outgoing;
use crate::plan::DeviceSetup;
use crate::randomness::Randomness;
use crate::watch::Watch;

/// A device of one account, in conversation with the other account.
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) account: usize,
    pub(crate) peer: PeerId,
    pub(crate) identity: Arc<Identity>,
    pub(crate) settings: Settings,
    pub(crate) legacy: bool,
    pub(crate) takes_at_once: bool,
    pub(crate) rng: Randomness,
    /// How far its clock is off (milliseconds).
    pub(crate) clock: i64,

    pub(crate) disk: Disk,
    /// A backup and the generation of its row.
    pub(crate) backup: Option<(Disk, u64)>,
    /// Something old was put in place since the program ran last.
    pub(crate) moved: bool,
    /// The store has doubts about the row, and no AKE was complete since.
    pub(crate) doubted: bool,
    /// Somebody has put something old in place: the store may doubt its row until an AKE.
    pub(crate) tampered: bool,
    /// The generation of the row as it must be.
    pub(crate) generation: u64,
    /// A commit of which nobody knows whether it is durable.
    pub(crate) pending: Option<Commit>,
    /// When keys that were retired are overwritten.
    pub(crate) flush_at: Option<Timestamp>,
    /// Ids of data keys that were retired and must be gone after the next flush.
    pub(crate) retired: Vec<[u8; 16]>,

    pub(crate) program: Option<Program>,
    /// When it starts by itself.
    pub(crate) up_at: Option<Timestamp>,
    /// It is started no more.
    pub(crate) gone: bool,
    /// It dies after so many points.
    pub(crate) fuse: Option<Fuse>,
    /// What its disk's death leaves, and for how long it is down then.
    pub(crate) disk_fuse: (Loss, u64),

    pub(crate) watch: Watch,
    /// Automatic messages that it has sent since the last action.
    pub(crate) automatic: usize,
    /// D-H Commits that it has sent since the last action.
    pub(crate) commits: u32,
    /// Texts of its user.
    pub(crate) texts: u32,
    /// Items that the application has not taken.
    pub(crate) untaken: Vec<u64>,
    /// The generation of the row when the program started: until the next commit the row does not know that the
    /// counters have leapt.
    pub(crate) started_at: u64,
    /// It is a clone of another one.
    pub(crate) original: Option<usize>,
    /// The user was asked for the SMP secret.
    pub(crate) smp_asked: bool,
    /// What a plain OTR client has shown.
    pub(crate) shown: Vec<String>,
}

/// When a program dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuse {
    pub(crate) left: u32,
    pub(crate) loss: Loss,
    pub(crate) down: u64,
}

/// What is in memory while the program runs.
pub(crate) struct Program {
    pub(crate) kind: Kind,
    pub(crate) outgoing: Outgoing,
    pub(crate) online: bool,
    /// What the engine was told last.
    pub(crate) present: bool,
    /// Devices of the peer that are there.
    pub(crate) there: BTreeSet<Option<Arc<str>>>,
    /// Which device has which tag.
    pub(crate) known: Vec<(InstanceTag, Arc<str>)>,
    pub(crate) last_token: u64,
    /// When a deadline that had passed was dealt with last.
    pub(crate) looked_at: Option<Timestamp>,
    /// When blocked lines are tried again.
    pub(crate) retry_at: Option<Timestamp>,
}

pub(crate) enum Kind {
    O2tr { vault: Box<dyn EkmStore>, conversation: Box<Conversation> },
    Plain(Box<Peer>),
}

impl Program {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            outgoing: Outgoing::default(),
            online: false,
            present: true,
            there: BTreeSet::new(),
            known: Vec::new(),
            last_token: 0,
            looked_at: None,
            retry_at: None,
        }
    }

    pub(crate) fn conversation(&mut self) -> Option<&mut Conversation> {
        match &mut self.kind {
            Kind::O2tr { conversation, .. } => Some(conversation),
            Kind::Plain(_) => None,
        }
    }

    /// Where a line goes.
    pub(crate) fn address(&self, peer: &PeerId, route: Option<Route>) -> Address {
        let tag = match route {
            Some(Route::V3 { receiver, .. }) => receiver,
            Some(Route::V2) | None => None,
        };
        let resource = tag.and_then(|tag| self.known.iter().find(|(known, _)| *known == tag));
        Address { peer: peer.clone(), resource: resource.map(|(_, resource)| Arc::clone(resource)) }
    }

    pub(crate) fn learn(&mut self, from: &Address, line: &[u8], own: InstanceTag) {
        let (Some(resource), Some(tag)) = (&from.resource, claimed_sender(line, own)) else { return };
        self.known.retain(|(known, _)| *known != tag);
        self.known.push((tag, Arc::clone(resource)));
    }
}

impl Device {
    pub(crate) fn new(id: DeviceId, peer: PeerId, setup: &DeviceSetup, rng: Randomness) -> Option<Self> {
        let identity = Identity::new(keys::key(setup.key), InstanceTag::new(setup.tag)?);
        let settings = Settings {
            policy: policy(setup.requires_encryption),
            threshold: setup.k,
            absent: if setup.sends_to_absent { AbsentPolicy::Send } else { AbsentPolicy::Hold },
            receipts: setup.receipts,
            ..Settings::default()
        };
        Some(Self {
            id,
            account: setup.account,
            peer,
            identity,
            watch: Watch::new(settings.threshold),
            settings,
            legacy: setup.legacy,
            takes_at_once: setup.takes_at_once,
            rng,
            clock: setup.clock,
            disk: Disk::new(setup.rows),
            backup: None,
            moved: false,
            doubted: false,
            tampered: false,
            generation: 0,
            pending: None,
            flush_at: None,
            retired: Vec::new(),
            program: None,
            up_at: None,
            gone: false,
            fuse: None,
            disk_fuse: (Loss::Nothing, 0),
            automatic: 0,
            commits: 0,
            texts: 0,
            untaken: Vec::new(),
            started_at: 0,
            original: None,
            smp_asked: false,
            shown: Vec::new(),
        })
    }

    /// A copy of its store on another machine, under the same account, key and tag.
    pub(crate) fn cloned(&self, id: DeviceId, rng: Randomness) -> Self {
        Self {
            id,
            account: self.account,
            peer: self.peer.clone(),
            identity: Arc::clone(&self.identity),
            settings: self.settings.clone(),
            legacy: false,
            takes_at_once: self.takes_at_once,
            rng,
            clock: 0,
            disk: self.disk.copied(),
            backup: None,
            moved: true,
            doubted: false,
            tampered: true,
            generation: self.generation,
            pending: None,
            flush_at: None,
            retired: Vec::new(),
            program: None,
            up_at: None,
            gone: false,
            fuse: None,
            disk_fuse: (Loss::Nothing, 0),
            watch: self.watch.clone(),
            automatic: 0,
            commits: 0,
            texts: self.texts + 1_000_000,
            untaken: Vec::new(),
            started_at: 0,
            original: None,
            smp_asked: false,
            shown: Vec::new(),
        }
    }

    /// What its clock shows when the world's shows `now`.
    pub(crate) fn shows(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add_signed(self.clock))
    }

    /// What the world's clock shows when its shows `at`.
    pub(crate) fn world_time(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().saturating_add_signed(-self.clock))
    }

    pub(crate) fn conversation(&mut self) -> Option<&mut Conversation> {
        self.program.as_mut()?.conversation()
    }

    /// When something is due on it, by the world's clock.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let Some(program) = &self.program else { return self.up_at };
        let timeout = match &program.kind {
            Kind::O2tr { conversation, .. } => conversation.poll_timeout(),
            Kind::Plain(peer) => peer.poll_timeout(),
        };
        // A deadline that has passed and was dealt with is not looked at again before a second is over.
        let patience = program.looked_at.map(|at| at.after(core::time::Duration::from_secs(1)));
        let timeout = timeout.map(|at| self.world_time(at).max(patience.unwrap_or_default()));
        [timeout, self.flush_at, program.retry_at].into_iter().flatten().min()
    }
}

/// OPPORTUNISTIC, and held back or not.
pub(crate) fn policy(requires_encryption: bool) -> Policy {
    if requires_encryption { Policy::OPPORTUNISTIC.union(Policy::REQUIRE_ENCRYPTION) } else { Policy::OPPORTUNISTIC }
}
