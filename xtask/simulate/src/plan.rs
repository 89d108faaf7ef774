//! What happens in a world, as plain data: it is made from a seed, shortened, stored and run again.

mod generate;

use serde::{Deserialize, Serialize};

pub use crate::disk::{Loss, Rows};
pub use generate::{Theme, generate};

/// A world and what happens in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where the server's and the engines' randomness begins.
    pub seed: u64,
    /// Who is there.
    pub setup: Setup,
    /// What happens, in order.
    pub actions: Vec<Action>,
}

/// Who is there, and over what they talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The devices of the two accounts.
    pub devices: Vec<DeviceSetup>,
    /// Whether every device gets every line, also those that it missed.
    pub archive: bool,
    /// Whether other devices get copies at once.
    pub carbons: bool,
    /// For how many seconds a lost connection can be resumed.
    pub resumption: u64,
    /// The longest line that the server takes.
    pub max_line: usize,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSetup {
    /// 0 or 1.
    pub account: usize,
    /// Number of the long-term key.
    pub key: usize,
    /// Instance tag.
    pub tag: u32,
    /// A plain OTR client, which forgets everything when it is restarted.
    pub legacy: bool,
    /// How its store keeps rows.
    pub rows: Rows,
    /// Its threshold.
    pub k: Option<u32>,
    /// Texts wait until there is a session.
    pub requires_encryption: bool,
    /// Texts leave also when a plain peer is away.
    pub sends_to_absent: bool,
    /// Tells its peer what was read.
    pub receipts: bool,
    /// Its application takes what it is given at once.
    pub takes_at_once: bool,
    /// How far its clock is off (milliseconds).
    pub clock: i64,
}

/// One thing that happens. `d` is the number of a device, clones behind the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Time passes (milliseconds).
    Wait(u64),
    /// The user sends the next text, of so many bytes at least.
    Send(usize, usize),
    /// The user sends a text in clear, against all warnings.
    SendClear(usize),
    /// The user asks for a private conversation.
    Ask(usize),
    /// The user ends it.
    End(usize),
    /// The user has all keys forgotten, as at the end of their time.
    Forget(usize),
    /// The user withdraws the oldest text that waits.
    Cancel(usize),
    /// The user lets go what is held for trust.
    Release(usize),
    /// The user verifies the peer's key.
    Trust(usize),
    /// The user starts SMP, or answers it, with the right secret or not.
    Smp(usize, bool),
    /// The user ends SMP.
    AbortSmp(usize),
    /// The application uses the extra symmetric key.
    ExtraKey(usize),
    /// The threshold changes.
    Threshold(usize, Option<u32>),
    /// Policy: texts wait for a session or not.
    Require(usize, bool),
    /// The application takes all it was given.
    Take(usize),
    /// The program dies after so many points, of which each output has two; then it is down for some milliseconds.
    Fuse(usize, u32, Loss, u64),
    /// The program dies now and is down for some milliseconds.
    Kill(usize, Loss, u64),
    /// The program is closed in good order and is down for some milliseconds.
    Close(usize, u64),
    /// The disk dies in the middle of its n-th operation from now, with the program.
    DiskCrash(usize, u64, Loss, u64),
    /// The disk is full from its n-th operation on, until the program is started again.
    DiskFull(usize, u64),
    /// Synchronising fails from the n-th operation on, until the program is started again.
    SyncFails(usize, u64),
    /// Somebody makes a backup of the store.
    Backup(usize),
    /// The program is stopped, the rows of the backup are put back, it is started again.
    RestoreRows(usize),
    /// The program is stopped and goes on with a copy of the backup.
    RestoreCopy(usize),
    /// A copy of the store goes to another machine and is started there.
    Clone(usize),
    /// A copy that cannot be told from the original, as of a virtual machine, is started elsewhere.
    Twin(usize),
    /// The connection breaks; the program is back after some milliseconds.
    Cut(usize, u64),
    /// The device's clock jumps (milliseconds).
    Clock(usize, i64),
    /// What the network does from now on.
    Weather(Weather),
    /// The server delivers an old line again, the n-th of all modulo their number, live or with its stamp.
    Replay(usize, usize, bool),
    /// The server changes the n-th line of all without knowing any key, and delivers it.
    Forge(usize, usize),
    /// The server forges a message with MAC keys that were revealed.
    ForgeRevealed(usize, usize),
    /// The server says something in clear in the peer's name.
    Inject(usize, Injection),
    /// Somebody with another key makes an AKE in the peer's name and under the tag of the peer's first device.
    Intrude(usize),
}

/// Something in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Injection {
    /// `?OTR Error`.
    Error,
    /// A query.
    Query,
    /// A text with a whitespace tag.
    Tagged,
    /// A text.
    Plain,
    /// A fragment of which the rest never comes.
    Fragment,
    /// Something that is no OTR message but begins like one.
    Garbage,
}

/// Probabilities in parts per million, for both ways alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// A line vanishes.
    pub drop: u32,
    /// It comes twice.
    pub duplicate: u32,
    /// Later ones pass it.
    pub reorder: u32,
    /// It and what is behind it is late.
    pub delay: u32,
    /// It is changed.
    pub modify: u32,
    /// The sender is told that nobody knows.
    pub unconfirmed: u32,
    /// Another line comes again.
    pub replay: u32,
    /// It seems to come from another device.
    pub forge_resource: u32,
    /// It is held for days.
    pub hold_days: u32,
}
