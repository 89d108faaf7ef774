//! The hostile side of the server: what a test or an attacker makes it do.

use core::time::Duration;
use std::sync::Arc;

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, Evidence};

use crate::server::{Item, What};
use crate::{DeviceId, LineId, Server, Step};

/// A line as the server sees it when it arrives.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// When it arrived.
    pub at: Timestamp,
    /// The device that sent it.
    pub from: &'a Address,
    /// Whom it is for.
    pub to: &'a Address,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// What the server does with a line. The sender is told that the line was accepted in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ruling {
    /// Route it.
    Pass,
    /// Lose it.
    Drop,
    /// Route other bytes in its place.
    Replace(Vec<u8>),
    /// Route it later, and say so in a delay stamp or not.
    Hold {
        /// How much later.
        by: Duration,
        /// Whether the delivery tells.
        stamped: bool,
    },
    /// Route it as if it came from this device of the sender; `None` for the bare account.
    Forge {
        /// The device.
        resource: Option<String>,
    },
}

/// Decides on each line. A shared function, so that a server can be cloned.
pub type Filter = Arc<dyn Fn(&Line<'_>) -> Ruling + Send + Sync>;

/// A line that passed the server, kept under [`Config::history`](crate::Config::history).
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Which line.
    pub line: LineId,
    /// When it arrived.
    pub at: Timestamp,
    /// Who sent it.
    pub from: Address,
    /// Whom it was for.
    pub to: Address,
    /// Its bytes, before the server changed anything.
    pub bytes: Arc<[u8]>,
}

impl Server {
    /// Puts every line before a judge; `None` takes the judge away.
    pub fn set_filter(&mut self, filter: Option<Filter>) {
        self.filter = filter;
    }

    /// Every line that arrived while [`Config::history`](crate::Config::history) was on, the oldest first.
    #[must_use]
    pub fn history(&self) -> &[Recorded] {
        &self.history
    }

    /// Delivers a line from the [history](Self::history) to a device once more, with evidence of the caller's
    /// choice. A device that is away gets it when it is back, after a restart too. False if there is no such line.
    pub fn replay(&mut self, index: usize, to: DeviceId, evidence: Evidence, after: Duration) -> bool {
        let Some(old) = self.history.get(index) else { return false };
        let (line, from, bytes) = (old.line, old.from.clone(), Arc::clone(&old.bytes));
        self.trace.note(self.now, Step::Replayed(line));
        self.plant(to, line, from, bytes, evidence, after);
        true
    }

    /// Delivers a line that nobody sent, from any address and with any evidence.
    pub fn inject(&mut self, to: DeviceId, from: Address, bytes: &[u8], evidence: Evidence, after: Duration) -> LineId {
        let line = self.next_line();
        self.trace.note(self.now, Step::Forged(line));
        self.plant(to, line, from, Arc::from(bytes), evidence, after);
        line
    }

    /// Delivers a line that this account once got, picked by chance, to its devices again.
    pub(crate) fn replay_by_chance(&mut self, present: &Address, devices: &[DeviceId]) {
        let Some(account) = self.names.get(&present.peer).and_then(|id| self.accounts.get(id.index())) else { return };
        let pick = self.rng.index(account.history.len());
        let Some(&index) = account.history.get(pick) else { return };
        for &device in devices {
            // Half of the replays look live, the others late.
            let delayed = self.history.get(index).map(|old| old.at).filter(|_| self.rng.chance(crate::PPM / 2));
            let evidence = Evidence { delayed, offline: delayed.is_some(), ..Evidence::LIVE };
            self.replay(index, device, evidence, Duration::ZERO);
        }
    }

    fn plant(
        &mut self,
        to: DeviceId,
        line: LineId,
        from: Address,
        bytes: Arc<[u8]>,
        evidence: Evidence,
        after: Duration,
    ) {
        let at = self.now.after(after);
        let item = Item { line, serial: self.next_serial(), from, sender: None, bytes, at };
        self.schedule(at, What::Plant { to, item, evidence });
    }
}
