//! What the server does, and what goes wrong.

use core::time::Duration;

/// One in a million; the unit of all probabilities here.
pub const PPM: u32 = 1_000_000;

/// How the server behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The way from a device to the server. What is lost here is lost for good, although it was accepted.
    pub up: Faults,
    /// The way from the server to a device. What is lost here comes again with the next connection.
    pub down: Faults,
    /// What the server does on purpose, by chance.
    pub malice: Malice,
    /// How often, in a million, a line arrives whose sender is told [`Refusal::Unconfirmed`](o2tr::transport::Refusal::Unconfirmed).
    pub unconfirmed: u32,
    /// Whether lines for an account without an available device are kept.
    pub offline: bool,
    /// Whether every device of both sides gets every line, also those that it missed.
    pub archive: bool,
    /// Whether available devices that a line was not routed to get a copy at once.
    pub carbons: bool,
    /// Where a line goes that names no device.
    pub routing: Routing,
    /// The longest line in bytes.
    pub max_message_len: usize,
    /// The most lines kept for one account, and in an archive for one device.
    pub mailbox: usize,
    /// How long the server waits for a lost connection to be resumed; zero ends the session at once.
    pub resumption: Duration,
    /// Whether a [`trace`](crate::Server::trace) is written.
    pub trace: bool,
    /// Whether every line is remembered for [`replay`](crate::Server::replay) and [`Malice::replay`].
    pub history: bool,
}

impl Default for Config {
    /// A faultless server with offline storage, without archive, carbons and resumption, which takes 64 KiB a line.
    fn default() -> Self {
        Self {
            up: Faults::NONE,
            down: Faults::NONE,
            malice: Malice::NONE,
            unconfirmed: 0,
            offline: true,
            archive: false,
            carbons: false,
            routing: Routing::All,
            max_message_len: 65_536,
            mailbox: 10_000,
            resumption: Duration::ZERO,
            trace: false,
            history: false,
        }
    }
}

/// Where a line goes that names no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// To every available device.
    All,
    /// To the device that became available last.
    Latest,
}

/// What one direction of a connection does to the lines on it.
///
/// Each of the first five is a probability in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The line vanishes.
    pub drop: u32,
    /// The line comes twice.
    pub duplicate: u32,
    /// The line is held for up to [`Faults::reorder_by`] while later ones pass it.
    pub reorder: u32,
    /// The line is held for up to [`Faults::delay_by`], and everything behind it too.
    pub delay: u32,
    /// The line is changed: one byte of it, its length, or its end.
    pub modify: u32,
    /// How long each line is under way.
    pub latency: Duration,
    /// How much longer it may be under way, by chance; the order is kept.
    pub jitter: Duration,
    /// See [`Faults::reorder`].
    pub reorder_by: Duration,
    /// See [`Faults::delay`].
    pub delay_by: Duration,
}

impl Faults {
    /// Everything arrives, at once and in order.
    pub const NONE: Self = Self {
        drop: 0,
        duplicate: 0,
        reorder: 0,
        delay: 0,
        modify: 0,
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        reorder_by: Duration::ZERO,
        delay_by: Duration::ZERO,
    };
}

impl Default for Faults {
    fn default() -> Self {
        Self::NONE
    }
}

/// What a hostile server does to a line that reaches it; probabilities in parts per million.
///
/// For attacks on purpose see [`Server::set_filter`](crate::Server::set_filter),
/// [`Server::replay`](crate::Server::replay) and [`Server::inject`](crate::Server::inject).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Malice {
    /// Another line that the account once got is delivered to it again, after this one. Needs [`Config::history`].
    pub replay: u32,
    /// The line is shown as coming from another device of the sender, one that may not exist.
    pub forge_resource: u32,
    /// The line is kept back between one day and thirty.
    pub hold_days: u32,
}

impl Malice {
    /// An honest server.
    pub const NONE: Self = Self { replay: 0, forge_resource: 0, hold_days: 0 };
}
