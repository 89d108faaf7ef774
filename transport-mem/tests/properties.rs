//! Whatever the devices do: a faultless server loses nothing, doubles nothing and keeps the order.

#[path = "support/scene.rs"]
mod scene;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use o2tr::transport::{DeliveryId, Refusal, SendToken, TransportEvent};
use proptest::collection::vec;
use proptest::prelude::*;
use scene::{Scene, bob};
use transport_mem::{Config, DeviceId, Faults};

/// Something that happens to a device of bob's, or to alice's words.
#[derive(Clone, Copy, Debug)]
enum Act {
    Say,
    Acknowledge(usize),
    Pass(u16),
    Available(bool),
    Kill,
    Start,
    Cut(u16),
    Connect,
    Close,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    vec(act_strategy(), 1..80)
}

fn act_strategy() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Say),
        3 => (1..5_usize).prop_map(Act::Acknowledge),
        3 => (0..3000_u16).prop_map(Act::Pass),
        1 => any::<bool>().prop_map(Act::Available),
        1 => Just(Act::Kill),
        2 => Just(Act::Start),
        1 => (0..3000_u16).prop_map(Act::Cut),
        1 => Just(Act::Connect),
        1 => Just(Act::Close),
    ]
}

fn faultless() -> impl Strategy<Value = Config> {
    (0..200_u64, 0..200_u64, prop_oneof![Just(0_u64), 1..4000_u64], any::<bool>()).prop_map(
        |(latency, jitter, resumption, archive)| {
            let way = Faults {
                latency: Duration::from_millis(latency),
                jitter: Duration::from_millis(jitter),
                ..Faults::NONE
            };
            let resumption = Duration::from_millis(resumption);
            Config { up: way, down: way, resumption, archive, ..Config::default() }
        },
    )
}

/// What a device of bob's saw.
struct Seen {
    device: DeviceId,
    /// Handed over and not acknowledged in this session, the oldest first.
    held: Vec<(DeliveryId, u64)>,
    /// Acknowledged.
    done: BTreeSet<u64>,
    /// How often each line came.
    times: BTreeMap<u64, usize>,
    /// The last line of this session.
    last: Option<u64>,
    sessions: usize,
}

impl Seen {
    fn new(device: DeviceId) -> Self {
        let (held, done, times) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Self { device, held, done, times, last: None, sessions: 0 }
    }

    /// Takes events in; `orderly` asks for rising numbers within a session and nothing acknowledged again.
    fn take(&mut self, scene: &mut Scene, orderly: bool) -> Result<(), TestCaseError> {
        for event in scene.events(self.device) {
            match event {
                TransportEvent::Online { resumed: false } => {
                    self.sessions += 1;
                    self.held.clear();
                    self.last = None;
                }
                TransportEvent::Delivery(delivery) => {
                    let number = number(&delivery.line);
                    if orderly {
                        prop_assert!(self.last.is_none_or(|last| last < number), "{number} after {:?}", self.last);
                        prop_assert!(!self.done.contains(&number), "{number} was acknowledged");
                    }
                    self.last = Some(number);
                    self.held.push((delivery.id, number));
                    *self.times.entry(number).or_default() += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, scene: &mut Scene, count: usize) {
        let online = scene.server.is_online(self.device);
        for (id, number) in self.held.drain(..count.min(self.held.len())) {
            scene.server.acknowledge(self.device, id);
            if online {
                self.done.insert(number);
            }
        }
    }
}

fn number(line: &[u8]) -> u64 {
    core::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

fn act(scene: &mut Scene, seen: &mut Seen, act: Act, said: &mut u64) {
    let device = seen.device;
    match act {
        Act::Say => {
            *said += 1;
            scene.send(scene.alice, &bob(), said.to_string().as_bytes());
        }
        Act::Acknowledge(count) => seen.acknowledge(scene, count),
        Act::Pass(millis) => {
            scene.server.advance_by(Duration::from_millis(millis.into()));
        }
        Act::Available(available) => scene.server.set_presence(device, available),
        Act::Kill => scene.server.kill(device),
        Act::Start => scene.come(device),
        Act::Cut(millis) => scene.server.cut(device, Some(Duration::from_millis(millis.into()))),
        Act::Connect => scene.server.connect(device),
        Act::Close => scene.server.close(device),
    }
}

/// Bob starts once more and takes all there is.
fn finish(scene: &mut Scene, seen: &mut Seen, orderly: bool) -> Result<(), TestCaseError> {
    scene.settle();
    seen.take(scene, orderly)?;
    scene.come(seen.device);
    scene.settle();
    seen.take(scene, orderly)?;
    seen.acknowledge(scene, usize::MAX);
    Ok(())
}

/// The answers to alice's tokens.
fn answers(scene: &mut Scene) -> Vec<(SendToken, Option<Refusal>)> {
    let events = scene.events(scene.alice).into_iter();
    let answer = |event| match event {
        TransportEvent::Accepted { token } => Some((token, None)),
        TransportEvent::Refused { token, reason } => Some((token, Some(reason))),
        _ => None,
    };
    events.filter_map(answer).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every line comes, in order, at most once a session, never after its acknowledgement; every token is accepted.
    #[test]
    fn faultless_is_exact(config in faultless(), acts in acts(), seed: u64) {
        let mut scene = Scene::new(config, seed);
        let (mut seen, mut said) = (Seen::new(scene.bob), 0);
        for next in acts {
            // A program that was killed or replaced has seen what it took, and nothing after.
            seen.take(&mut scene, true)?;
            act(&mut scene, &mut seen, next, &mut said);
        }
        finish(&mut scene, &mut seen, true)?;
        prop_assert_eq!(seen.done.iter().copied().collect::<Vec<_>>(), (1..=said).collect::<Vec<_>>());
        prop_assert!(seen.times.values().all(|times| *times <= seen.sessions));
        prop_assert_eq!(scene.server.owed_len(scene.bob), 0);
        let answers = answers(&mut scene);
        prop_assert_eq!(answers.len() as u64, said);
        prop_assert!(answers.iter().all(|(_, refused)| refused.is_none()));
    }

    /// Losses only take away, and what was not lost comes in order.
    #[test]
    fn drops_leave_a_subset(acts in acts(), seed: u64, drop in 0..1_000_000_u32) {
        let up = Faults { drop, ..Faults::NONE };
        let mut scene = Scene::new(Config { up, trace: true, ..Config::default() }, seed);
        let (mut seen, mut said) = (Seen::new(scene.bob), 0);
        for next in acts {
            seen.take(&mut scene, true)?;
            act(&mut scene, &mut seen, next, &mut said);
        }
        finish(&mut scene, &mut seen, true)?;
        let dropped = scene.server.trace().iter();
        let dropped = dropped.filter(|event| matches!(event.step, transport_mem::Step::Dropped(..))).count();
        prop_assert!(seen.done.iter().all(|number| (1..=said).contains(number)));
        prop_assert_eq!(seen.done.len() + dropped, usize::try_from(said).unwrap_or(usize::MAX));
    }

    /// Duplicates and disorder take nothing away and invent nothing.
    #[test]
    fn duplicates_and_disorder_leave_a_superset(
        acts in acts(), seed: u64, duplicate in 0..=1_000_000_u32, reorder in 0..=1_000_000_u32, resumption in 0..4000_u64,
    ) {
        let way = Faults { duplicate, reorder, reorder_by: Duration::from_secs(2), ..Faults::NONE };
        let resumption = Duration::from_millis(resumption);
        let mut scene = Scene::new(Config { up: way, down: way, resumption, ..Config::default() }, seed);
        let (mut seen, mut said) = (Seen::new(scene.bob), 0);
        for next in acts {
            seen.take(&mut scene, false)?;
            act(&mut scene, &mut seen, next, &mut said);
        }
        finish(&mut scene, &mut seen, false)?;
        prop_assert_eq!(seen.times.keys().copied().collect::<Vec<_>>(), (1..=said).collect::<Vec<_>>());
        prop_assert_eq!(scene.server.owed_len(scene.bob), 0);
    }

    /// Two devices, each with a life of its own: every line ends with one of them, or with each under an archive, and
    /// none is given to a device that acknowledged it.
    #[test]
    fn two_devices_share_exactly(config in faultless(), acts in vec((any::<bool>(), act_strategy()), 1..120), seed: u64) {
        let archive = config.archive;
        let mut scene = Scene::new(config, seed);
        let tablet = scene.device("tablet");
        let (mut devices, mut said) = ([Seen::new(scene.bob), Seen::new(tablet)], 0);
        for (second, next) in acts {
            for seen in &mut devices {
                seen.take(&mut scene, false)?;
                prop_assert!(seen.held.iter().all(|(_, number)| !seen.done.contains(number)));
            }
            let [phone, tablet] = &mut devices;
            act(&mut scene, if second { tablet } else { phone }, next, &mut said);
        }
        for seen in &mut devices {
            finish(&mut scene, seen, false)?;
            scene.server.close(seen.device);
        }
        let all: BTreeSet<u64> = (1..=said).collect();
        let [phone, tablet] = &devices;
        prop_assert_eq!(&(&phone.done | &tablet.done), &all);
        if archive {
            prop_assert_eq!(&phone.done, &tablet.done);
        }
        for seen in &devices {
            prop_assert!(seen.times.values().all(|times| *times <= seen.sessions));
            prop_assert_eq!(scene.server.owed_len(seen.device), 0);
        }
    }
}
