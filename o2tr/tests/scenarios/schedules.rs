//! Random schedules: everything that can happen, in any order; then the network becomes fair, and whatever was
//! promised arrives. `O2TR_SEEDS=from..to` runs others, and more.

use core::ops::Range;

use o2tr::conversation::Hold;
use o2tr::transport::Evidence;
use otr_core::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::common::invariants::Whereabouts;
use crate::common::{Fuse, Pair, k, late};

/// What may happen besides sending and delivering.
#[derive(Clone, Copy)]
struct Weather {
    loses: bool,
    crashes: bool,
    set_back: bool,
    legacy: bool,
}

struct Dice(ChaCha20Rng);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound.max(1) as u64).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

fn seeds(default: Range<u64>) -> Range<u64> {
    let Ok(range) = std::env::var("O2TR_SEEDS") else { return default };
    let (from, to) = range.split_once("..").expect("O2TR_SEEDS is from..to");
    from.parse().unwrap()..to.parse().unwrap()
}

/// Prints the seed if the schedule fails.
struct Named(u64, &'static str);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("schedule {} with seed {}", self.1, self.0);
        }
    }
}

fn run(name: &'static str, seed: u64, steps: usize, weather: Weather) {
    let _named = Named(seed, name);
    let mut dice = Dice(ChaCha20Rng::seed_from_u64(seed));
    let threshold = [2, 3, 5, 5][dice.below(4)];
    let mut pair = if weather.legacy { Pair::with_legacy(k(threshold)) } else { Pair::with(k(threshold), k(5)) };
    pair.rng = ChaCha20Rng::seed_from_u64(seed ^ 0x5eed);
    pair = pair.talking();
    let mut copies = [pair.ends[0].row.clone(), pair.ends[1].row.clone()];
    let mut sent: [Vec<String>; 2] = Default::default();
    let mut lost = false;
    for step in 0..steps {
        let side = dice.below(2);
        let o2tr = pair.ends[side].legacy.is_none();
        match dice.below(20) {
            0..4 => {
                let text = format!("{name} {seed} {step}");
                if o2tr
                    || pair.ends[side].legacy.as_ref().is_some_and(|peer| peer.state() == otr_core::State::Encrypted)
                {
                    pair.send(side, &text);
                    sent[side].push(text);
                }
            }
            4..12 => {
                let evidence = if dice.one_in(4) { late() } else { Evidence::LIVE };
                pair.deliver(side, &evidence);
            }
            12 if weather.loses => {
                lost |= pair.ends[side].incoming.pop_front().is_some();
            }
            13 if weather.loses => {
                if let Some(line) = pair.ends[side].incoming.front().cloned() {
                    pair.ends[side].incoming.push_back(line);
                }
            }
            14 if weather.loses => {
                let waiting = &mut pair.ends[side].incoming;
                if waiting.len() > 1 {
                    let (one, other) = (dice.below(waiting.len()), dice.below(waiting.len()));
                    waiting.swap(one, other);
                }
            }
            15 if weather.crashes && o2tr => pair.restart(side),
            16 if weather.crashes && o2tr => pair.fuse = Some(Fuse { side, left: dice.below(12) }),
            17 => {
                pair.now = Timestamp::from_millis(pair.now.as_millis() + dice.below(20_000) as u64);
                pair.poll();
            }
            18 if o2tr => match dice.below(4) {
                0 => pair.presence(side, false),
                1 => pair.caught_up(side),
                _ => pair.presence(side, true),
            },
            19 if weather.set_back && o2tr && dice.one_in(6) => {
                if let Some((_, row)) = copies[side].clone() {
                    pair.fuse = None;
                    pair.set_back(side, row);
                    // What was said since the copy is forgotten, also by its user.
                    sent[side].clear();
                    sent[1 - side].clear();
                }
            }
            19 if dice.one_in(8) && o2tr => {
                pair.turn(side, |conversation, now, rng| conversation.start(now, rng));
            }
            _ => {
                if dice.one_in(20) {
                    copies[side] = pair.ends[side].row.clone();
                }
            }
        }
    }
    pair.fuse = None;
    come_to_rest(&mut pair, weather);
    // A plain client that has completed an AKE which we had begun anew by then is told that it was not understood.
    let told = |event: &otr_core::Event| matches!(event, otr_core::Event::ErrorReceived { .. });
    let told = pair.ends.each_ref().map(|end| end.legacy_events.iter().any(told));
    let read = [pair.ends[1].texts(), pair.ends[0].texts()];
    for side in [0, 1] {
        if !told[side] {
            arrived(&pair, side, &sent[side], &read[side], lost, weather);
        }
    }
}

/// Both are there, nothing is lost, the users answer each other and let go what is held for trust.
fn come_to_rest(pair: &mut Pair, weather: Weather) {
    for side in [0, 1] {
        if pair.ends[side].legacy.is_none() {
            pair.presence(side, true);
            pair.caught_up(side);
        }
    }
    pair.settle();
    for round in 0..12 {
        pair.wait(130);
        for side in [0, 1] {
            if pair.ends[side].legacy.is_some() {
                continue;
            }
            let held = pair.ends[side].conversation.outbox().iter().any(|text| text.reason == Some(Hold::Trust));
            if held {
                pair.turn(side, |conversation, now, rng| conversation.release(now, rng));
            }
        }
        pair.settle();
        let quiet = (0..2).all(|side| pair.ends[side].legacy.is_some() || pair.ends[side].queued() == 0);
        if quiet && round > 3 {
            break;
        }
        for side in [0, 1] {
            if !weather.legacy {
                pair.send(side, &format!("round {round}"));
                pair.settle();
            }
        }
    }
    for side in [0, 1] {
        if pair.ends[side].legacy.is_none() {
            let outbox = pair.ends[side].conversation.outbox();
            assert!(outbox.iter().all(|text| text.in_flight), "side {side} is stuck: {outbox:?}");
        }
    }
}

/// All that was sent has arrived, or its user knows that it is not known.
fn arrived(pair: &Pair, side: usize, sent: &[String], read: &[String], lost: bool, weather: Weather) {
    let watch = &pair.ends[side].watch;
    let fate = |text: &String| watch.texts.iter().find(|(_, known)| *known == text).and_then(|(id, _)| watch.fate(id));
    let missing: Vec<_> = sent
        .iter()
        .filter(|text| !read.iter().any(|got| got.ends_with(text.as_str())))
        .filter(|text| fate(text) != Some(Whereabouts::Unconfirmed))
        .collect();
    if !lost {
        assert!(missing.is_empty(), "side {side}: {missing:?}");
        return;
    }
    if weather.legacy {
        return;
    }
    // A network that loses may lose the newest without a trace; what else is missing has been told.
    let open: Vec<_> = pair.ends[side].conversation.outbox().into_iter().map(|text| text.id).collect();
    for text in missing {
        let id = watch.texts.iter().find(|(_, known)| *known == text).map(|(id, _)| id.clone());
        let told = id.as_ref().is_none_or(|id| watch.fate(id).is_some() || open.contains(id));
        assert!(told || !watch.strict, "side {side}: {text} is lost and nobody knows");
    }
}

#[test]
fn a_network_that_loses_repeats_and_reorders() {
    let weather = Weather { loses: true, crashes: false, set_back: false, legacy: false };
    seeds(0..25).for_each(|seed| run("lossy", seed, 250, weather));
}

#[test]
fn processes_that_die_on_a_network_that_loses_nothing() {
    let weather = Weather { loses: false, crashes: true, set_back: false, legacy: false };
    seeds(100..125).for_each(|seed| run("crashes", seed, 250, weather));
}

#[test]
fn processes_that_die_on_a_network_that_loses() {
    let weather = Weather { loses: true, crashes: true, set_back: false, legacy: false };
    seeds(200..225).for_each(|seed| run("lossy crashes", seed, 250, weather));
}

#[test]
fn stores_that_are_set_back() {
    let weather = Weather { loses: true, crashes: true, set_back: true, legacy: false };
    seeds(300..320).for_each(|seed| run("set back", seed, 250, weather));
}

#[test]
fn a_plain_client_at_the_other_end() {
    for loses in [false, true] {
        let weather = Weather { loses, crashes: true, set_back: false, legacy: true };
        seeds(400..412).for_each(|seed| run("legacy", seed, 200, weather));
    }
}
