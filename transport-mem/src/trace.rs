//! The record of what happened, in order: equal for equal seeds.

use core::fmt;
use core::time::Duration;

use o2tr::transport::Timestamp;
use o2tr::transport::{DeliveryId, Refusal};

use crate::{AccountId, DeviceId, Direction};

/// Names a line that was sent, through all its copies, changes and replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u64);

/// One entry of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// When, on the server's clock.
    pub at: Timestamp,
    /// What.
    pub step: Step,
}

/// What happened; small and without payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A device connected; true if it resumed its former connection.
    Connected(DeviceId, bool),
    /// A connection was lost.
    Cut(DeviceId),
    /// A program ended without a farewell.
    Killed(DeviceId),
    /// A program took its leave.
    Closed(DeviceId),
    /// The server gave a session up.
    Ended(DeviceId),
    /// A device said whether it wants messages.
    Available(DeviceId, bool),
    /// A device handed over a line of this many bytes.
    Sent(DeviceId, LineId, usize),
    /// A device was told that a line was not taken.
    Refused(DeviceId, Refusal),
    /// A line vanished on its way.
    Dropped(LineId, Direction),
    /// A line was doubled.
    Duplicated(LineId, Direction),
    /// A line fell behind the ones after it.
    Reordered(LineId, Direction, Duration),
    /// A line was held up, and the ones behind it.
    Delayed(LineId, Direction, Duration),
    /// A line was changed.
    Modified(LineId, Direction),
    /// The server dropped a line on purpose.
    Filtered(LineId),
    /// The server changed a line on purpose.
    Replaced(LineId),
    /// The server keeps a line back on purpose.
    Held(LineId, Duration),
    /// The server delivers an old line again.
    Replayed(LineId),
    /// The server invented a line, or its sender.
    Forged(LineId),
    /// A line went to the mailbox of an account.
    Stored(LineId, AccountId),
    /// A line was lost to a full archive.
    Evicted(LineId, DeviceId),
    /// A line became owed to a device.
    Routed(LineId, DeviceId, DeliveryId),
    /// A device received a line.
    Delivered(LineId, DeviceId, DeliveryId),
    /// A device acknowledged a delivery.
    Acknowledged(DeviceId, DeliveryId),
}

/// One line of text.
impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} {:?}", self.at.as_millis(), self.step)
    }
}

/// A trace that costs nothing while it is off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) on: bool,
    pub(crate) events: Vec<TraceEvent>,
}

impl Trace {
    pub(crate) fn note(&mut self, at: Timestamp, step: Step) {
        if self.on {
            self.events.push(TraceEvent { at, step });
        }
    }
}
