//! The world: devices, the server between them, one virtual clock.

mod apply;
mod hostile;
mod network;
mod process;
mod rest;
mod turn;

use core::time::Duration;
use std::collections::{HashMap, HashSet};

use o2tr::transport::PeerId;
use otr_core::Timestamp;
use transport_mem::{Config, Routing, Server};

use crate::device::Device;
use crate::invariants::{Check, Violation, ensure};
use crate::plan::{Setup, Weather};
use crate::randomness::Randomness;

/// A moment long after 1970.
const START: Timestamp = Timestamp::from_secs(1_700_000_000);
/// How long a retired key may wait to be overwritten.
const FLUSH_AFTER: Duration = Duration::from_millis(75);
/// Things that happen in one action, at most: more is a loop.
const MOST: usize = 200_000;

/// Everything.
pub(crate) struct World {
    pub(crate) server: Server,
    config: Config,
    pub(crate) devices: Vec<Device>,
    seed: u64,
    stranger_rng: Randomness,
    pub(crate) now: Timestamp,
    /// How deep in a chain of automatic answers a line is, whole or a fragment.
    depths: HashMap<Vec<u8>, usize>,
    /// Lines that the server has made without knowing a key.
    forged: HashSet<Vec<u8>>,
    /// A line may be lost for good.
    lossy: bool,
    /// Inputs that an engine was given, and outputs that it gave.
    pub(crate) steps: u64,
    /// Told if anybody listens.
    pub(crate) story: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(setup: &Setup, seed: u64, story: bool) -> Result<Self, Violation> {
        let config = Config {
            archive: setup.archive,
            carbons: setup.carbons,
            routing: Routing::All,
            resumption: Duration::from_secs(setup.resumption),
            max_message_len: setup.max_line,
            history: true,
            ..Config::default()
        };
        let mut server = Server::new(config.clone(), seed, START);
        let accounts = [PeerId::new("alice"), PeerId::new("bob")];
        let [alice, bob] = &accounts;
        server.befriend(alice, bob);
        let mut devices = Vec::new();
        for (index, device) in setup.devices.iter().enumerate() {
            let own = accounts.get(device.account).unwrap_or(alice);
            let peer = if own == alice { bob } else { alice };
            let id = server.add_device(own, &format!("device-{index}"));
            let made = Device::new(id, peer.clone(), device, Randomness::new(seed, index as u64));
            devices.push(made.ok_or_else(|| Violation::new(0, "the plan has an illegal instance tag"))?);
        }
        // A plain OTR client acknowledges nothing.
        let legacy = setup.devices.iter().any(|device| device.legacy);
        devices.iter_mut().for_each(|device: &mut Device| device.watch.strict = !legacy);
        let mut world = Self {
            server,
            config,
            devices,
            seed,
            stranger_rng: Randomness::new(seed, 99),
            now: START,
            depths: HashMap::new(),
            forged: HashSet::new(),
            lossy: false,
            steps: 0,
            story: story.then(Vec::new),
        };
        for index in 0..world.devices.len() {
            world.start(index)?;
        }
        world.run_for(0)?;
        Ok(world)
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        let at = self.now.since(START).as_millis();
        if let Some(story) = &mut self.story {
            story.push(format!("{at:>10} {}", what()));
        }
    }

    /// Time passes; whatever is due on the way happens.
    pub(crate) fn run_for(&mut self, millis: u64) -> Check {
        let until = self.now.after(Duration::from_millis(millis));
        self.devices.iter_mut().for_each(|device| device.commits = 0);
        for _ in 0..MOST {
            self.pump_all()?;
            let due = self.devices.iter().filter_map(Device::due).chain(self.server.next_due()).min();
            let Some(due) = due.filter(|due| *due <= until) else {
                self.server.advance(until);
                self.now = until;
                return self.nobody_storms(millis);
            };
            self.now = self.now.max(due);
            if self.server.next_due().is_some_and(|due| due <= self.now) {
                self.server.step();
            }
            for index in 0..self.devices.len() {
                self.run_device(index)?;
            }
        }
        Err(Violation::new(15, "the world does not come to rest"))
    }

    /// Nobody starts one AKE after the other: there is a back-off.
    fn nobody_storms(&self, millis: u64) -> Check {
        let most = 60 + millis / 60_000;
        let worst = self.devices.iter().map(|device| device.commits).max().unwrap_or(0);
        ensure(15, u64::from(worst) <= most, || format!("{worst} D-H Commits of one device in {millis} ms"))
    }

    /// Does what is due on one device.
    fn run_device(&mut self, index: usize) -> Check {
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if device.due().is_none_or(|due| due > now) {
            return Ok(());
        }
        if device.program.is_none() {
            device.up_at = None;
            return if device.gone { Ok(()) } else { self.start(index) };
        }
        if device.flush_at.is_some_and(|at| at <= now) && !self.flush(index)? {
            return Ok(());
        }
        self.retry(index);
        self.timeout(index)
    }

    pub(crate) fn set_weather(&mut self, weather: &Weather) {
        self.lossy |= weather.drop > 0 || weather.modify > 0 || weather.hold_days > 0;
        let faults = transport_mem::Faults {
            drop: weather.drop,
            duplicate: weather.duplicate,
            reorder: weather.reorder,
            delay: weather.delay,
            modify: weather.modify,
            latency: Duration::from_millis(20),
            jitter: Duration::from_millis(30),
            reorder_by: Duration::from_secs(20),
            delay_by: Duration::from_secs(60),
        };
        let malice = transport_mem::Malice {
            replay: weather.replay,
            forge_resource: weather.forge_resource,
            hold_days: weather.hold_days,
        };
        let config =
            Config { up: faults, down: faults, malice, unconfirmed: weather.unconfirmed, ..self.config.clone() };
        self.server.set_config(config);
    }

    fn device(&mut self, index: usize) -> Option<&mut Device> {
        self.devices.get_mut(index)
    }
}
