//! Makes a plan from a seed.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Action, DeviceSetup, Injection, Loss, Plan, Rows, Setup, Weather};

/// What a seed is about; what may happen besides talking follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Theme {
    /// A network that loses, repeats, reorders.
    Network,
    /// Processes that die, on a fair network.
    Crashes,
    /// Both.
    Storm,
    /// Disks that fail.
    Disks,
    /// Stores that are set back and copied.
    Copies,
    /// A server that is an adversary.
    Hostile,
    /// Users who change their minds: SMP, policies, ends.
    Users,
    /// Two devices on each side.
    Devices,
    /// A plain OTR client at the other end.
    Legacy,
    /// All of it.
    Everything,
}

const THEMES: [Theme; 10] = [
    Theme::Network,
    Theme::Crashes,
    Theme::Storm,
    Theme::Disks,
    Theme::Copies,
    Theme::Hostile,
    Theme::Users,
    Theme::Devices,
    Theme::Legacy,
    Theme::Everything,
];

impl Theme {
    /// All themes, in the order in which seeds take turns.
    pub const ALL: [Self; 10] = THEMES;

    /// The theme with this name, in letters of any size.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        THEMES.into_iter().find(|theme| format!("{theme:?}").eq_ignore_ascii_case(name))
    }

    /// The theme of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let index = usize::try_from(seed % THEMES.len() as u64).unwrap_or(0);
        THEMES.get(index).copied().unwrap_or(Self::Everything)
    }
}

struct Dice(ChaCha20Rng);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }

    fn small(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or(0)
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T], otherwise: T) -> T {
        let index = self.index(of.len());
        of.get(index).copied().unwrap_or(otherwise)
    }
}

/// The plan of a seed, with so many actions besides the passing of time.
#[must_use]
pub fn generate(seed: u64, length: usize) -> Plan {
    let mut dice = Dice(ChaCha20Rng::seed_from_u64(seed));
    let theme = Theme::of(seed);
    let setup = setup(theme, &mut dice);
    let devices = setup.devices.len();
    let mut actions = vec![Action::Ask(0), Action::Wait(3000), Action::Send(0, 8), Action::Wait(1000)];
    actions.extend([Action::Send(devices - 1, 8), Action::Wait(1000)]);
    for _ in 0..length {
        let device = dice.index(devices);
        actions.push(action(theme, device, &mut dice));
        actions.push(Action::Wait(pause(&mut dice)));
    }
    Plan { seed, setup, actions }
}

fn setup(theme: Theme, dice: &mut Dice) -> Setup {
    let two = theme == Theme::Devices || (theme == Theme::Everything && dice.one_in(4));
    let legacy = theme == Theme::Legacy || (theme == Theme::Everything && dice.one_in(6));
    let mut devices = Vec::new();
    for account in 0..2 {
        for number in 0..if two { 2 } else { 1 } {
            // Two devices of one user have one long-term key or two.
            let own_key = number == 1 && dice.one_in(2);
            devices.push(DeviceSetup {
                account,
                key: account + if own_key { 2 } else { 0 },
                tag: 0x1000 + dice.small(0x1_0000) * 4 + u32::try_from(account * 2 + number).unwrap_or(0),
                legacy: legacy && account == 1,
                rows: dice.pick(&[Rows::Database, Rows::Files], Rows::Files),
                k: dice.pick(&[Some(2), Some(3), Some(5), Some(5), None], Some(5)),
                requires_encryption: dice.one_in(4),
                sends_to_absent: dice.one_in(4),
                receipts: !dice.one_in(8),
                takes_at_once: !dice.one_in(3),
                clock: if dice.one_in(4) { i64::from(dice.small(600_000)) - 300_000 } else { 0 },
            });
        }
    }
    Setup {
        devices,
        archive: two,
        carbons: two && dice.one_in(2),
        resumption: dice.pick(&[0, 0, 30, 300], 0),
        max_line: dice.pick(&[65_536, 65_536, 65_536, 4000, 700], 65_536),
    }
}

/// Mostly moments, sometimes a day.
fn pause(dice: &mut Dice) -> u64 {
    match dice.below(40) {
        0..12 => 0,
        12..24 => dice.below(300),
        24..33 => dice.below(5_000),
        33..37 => dice.below(60_000),
        37 => dice.below(900_000),
        38 => dice.below(7_200_000),
        _ => dice.below(86_400_000),
    }
}

fn loss(dice: &mut Dice) -> Loss {
    match dice.below(4) {
        0 => Loss::Everything,
        1 => Loss::Some(dice.below(1 << 32)),
        _ => Loss::Nothing,
    }
}

fn down(dice: &mut Dice) -> u64 {
    dice.pick(&[0, 0, 100, 2_000, 30_000, 600_000, 86_400_000], 0)
}

/// How often what happens, out of their sum: talk, crash, disk, copy, weather, cut, hostile server, users, odds and ends.
const fn weights(theme: Theme) -> [u64; 9] {
    match theme {
        Theme::Network => [60, 0, 0, 0, 14, 8, 0, 0, 8],
        Theme::Crashes => [60, 24, 0, 0, 0, 4, 0, 0, 8],
        Theme::Storm => [60, 16, 0, 0, 10, 4, 0, 0, 8],
        Theme::Disks => [60, 8, 24, 0, 0, 2, 0, 0, 6],
        Theme::Copies => [60, 6, 0, 20, 2, 2, 0, 0, 8],
        Theme::Hostile => [50, 4, 0, 0, 6, 4, 26, 0, 8],
        Theme::Users => [50, 4, 0, 0, 0, 4, 0, 34, 8],
        Theme::Devices => [60, 10, 0, 0, 4, 6, 0, 4, 8],
        Theme::Legacy => [60, 10, 2, 2, 6, 4, 2, 6, 8],
        Theme::Everything => [50, 6, 6, 4, 4, 4, 10, 10, 6],
    }
}

fn action(theme: Theme, d: usize, dice: &mut Dice) -> Action {
    let weights = weights(theme);
    let mut roll = dice.below(weights.iter().sum());
    let mut kind = 0;
    for weight in weights {
        if roll < weight {
            break;
        }
        roll -= weight;
        kind += 1;
    }
    match kind {
        0 => Action::Send(d, if dice.one_in(20) { 600 } else { 8 }),
        1 => crash(d, dice),
        2 => disk(d, dice),
        3 => copy(d, dice),
        4 => Action::Weather(weather(dice, matches!(theme, Theme::Hostile | Theme::Everything))),
        5 => Action::Cut(d, dice.pick(&[0, 1000, 40_000, 3_600_000], 0)),
        6 => hostile(d, dice),
        7 => user(d, dice),
        _ => odds(d, dice),
    }
}

fn odds(d: usize, dice: &mut Dice) -> Action {
    match dice.below(8) {
        0..3 => Action::Take(d),
        3 | 4 => Action::Release(d),
        5 => Action::Ask(d),
        6 => Action::Clock(d, i64::from(dice.small(7_200_000)) - 3_600_000),
        _ => Action::Cancel(d),
    }
}

fn crash(d: usize, dice: &mut Dice) -> Action {
    match dice.below(6) {
        0 => Action::Close(d, down(dice)),
        1 | 2 => Action::Kill(d, loss(dice), down(dice)),
        _ => Action::Fuse(d, dice.small(24), loss(dice), down(dice)),
    }
}

fn disk(d: usize, dice: &mut Dice) -> Action {
    match dice.below(5) {
        0 => Action::DiskFull(d, 1 + dice.below(20)),
        1 => Action::SyncFails(d, 1 + dice.below(20)),
        _ => Action::DiskCrash(d, 1 + dice.below(40), loss(dice), down(dice)),
    }
}

fn copy(d: usize, dice: &mut Dice) -> Action {
    match dice.below(10) {
        0..5 => Action::Backup(d),
        5 | 6 => Action::RestoreRows(d),
        7 => Action::RestoreCopy(d),
        8 => Action::Twin(d),
        _ => Action::Clone(d),
    }
}

fn weather(dice: &mut Dice, hostile: bool) -> Weather {
    if dice.one_in(3) {
        return Weather::default();
    }
    let mut often = |most: u32| if dice.one_in(2) { dice.small(most) } else { 0 };
    let fair = Weather {
        drop: often(200_000),
        duplicate: often(300_000),
        reorder: often(300_000),
        delay: often(200_000),
        unconfirmed: often(100_000),
        ..Weather::default()
    };
    if !hostile {
        return fair;
    }
    Weather {
        modify: often(200_000),
        replay: often(300_000),
        forge_resource: often(200_000),
        hold_days: often(30_000),
        ..fair
    }
}

fn hostile(d: usize, dice: &mut Dice) -> Action {
    match dice.below(12) {
        0..4 => Action::Replay(d, dice.index(1 << 20), dice.one_in(2)),
        4 | 5 => Action::Forge(d, dice.index(1 << 20)),
        6..8 => Action::ForgeRevealed(d, dice.index(1 << 20)),
        8 => Action::Intrude(d),
        _ => {
            let all = [
                Injection::Error,
                Injection::Query,
                Injection::Tagged,
                Injection::Plain,
                Injection::Fragment,
                Injection::Garbage,
            ];
            Action::Inject(d, dice.pick(&all, Injection::Error))
        }
    }
}

fn user(d: usize, dice: &mut Dice) -> Action {
    match dice.below(20) {
        0..5 => Action::Smp(d, !dice.one_in(3)),
        5 => Action::AbortSmp(d),
        6 | 7 => Action::ExtraKey(d),
        8..10 => Action::Threshold(d, dice.pick(&[Some(2), Some(3), Some(5), Some(8), None], None)),
        10 | 11 => Action::Require(d, dice.one_in(2)),
        12 => Action::End(d),
        13 => Action::SendClear(d),
        14 => Action::Trust(d),
        15 => Action::Ask(d),
        16 => Action::Forget(d),
        17 => Action::Close(d, down(dice)),
        _ => Action::Release(d),
    }
}
