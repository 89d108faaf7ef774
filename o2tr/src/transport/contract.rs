//! The tests that every transport passes: the [contract](super::Transport#the-contract), rule by rule.
//!
//! A transport's test suite implements [`Harness`] over a server of its own and calls [`Rule::check`] for each rule of
//! [`Rule::ALL`], each with a fresh harness. Nothing here panics; a broken rule comes back as a [`Violation`].

mod program;
mod receiving;
mod sending;

use core::fmt;
use core::time::Duration;

use async_trait::async_trait;

use super::{PeerId, Transport};

/// What a transport's test suite provides: a server with the accounts `alice`, `bob` and `carol`, all contacts of each
/// other, with empty mailboxes, and power over their programs and connections.
#[async_trait]
pub trait Harness: Send {
    /// The address of one of the accounts.
    fn peer(&self, account: &str) -> PeerId;

    /// Starts a program on a device of an account; it connects but does not announce itself.
    async fn start(&mut self, account: &str, resource: &str) -> Box<dyn Transport>;

    /// Ends a program as a crash does: nothing that was still to be written leaves. Returns when the server has
    /// noticed.
    async fn kill(&mut self, program: Box<dyn Transport>);

    /// Breaks the connection of a running program and keeps it from coming back.
    async fn cut(&mut self, account: &str, resource: &str);

    /// Lets a program whose connection was broken come back; it does so by itself.
    async fn mend(&mut self, account: &str, resource: &str);

    /// How long something that must happen may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// How long nothing must be seen to be sure that nothing comes.
    fn quiet(&self) -> Duration {
        Duration::from_millis(500)
    }
}

/// A rule of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Nothing is delivered before the first `set_presence(true)`.
    SilentBeforePresence,
    /// What was sent to somebody away comes when they are back, in order, marked late, before `CaughtUp`.
    OfflineInOrder,
    /// What was not acknowledged comes again after a crash, in order.
    UnacknowledgedComesAgain,
    /// What was acknowledged does not come again after a restart.
    AcknowledgedStaysAway,
    /// Acknowledgements may come in any order and more than once, and those that are void do no harm.
    AnyAcknowledgement,
    /// The lines of each sender come in the order in which they were sent.
    OrderPerSender,
    /// Bytes arrive as they were sent, up to the longest line.
    LongestLineArrives,
    /// A line over the limit is refused with both lengths, and sent to nobody.
    TooLongRefused,
    /// A line for a peer that does not exist never counts as delivered, and its token is answered.
    UnknownPeerAnswered,
    /// Every token is answered once.
    TokensAnsweredOnce,
    /// What is sent without a connection is refused as such and not kept.
    OfflineSendRefused,
    /// A broken connection comes back, and no accepted line is lost over it.
    NothingLostOverCut,
    /// A line for a device reaches that device only; when it is gone, it reaches the account.
    DeviceAddressed,
    /// Contacts see each other come and go.
    PresenceSeen,
    /// After `close` the acknowledgements hold, the lines sent have left and the events end.
    CloseIsOrderly,
    /// `next_event` may be dropped at any time without losing an event.
    CancelSafe,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 16] = [
        Self::SilentBeforePresence,
        Self::OfflineInOrder,
        Self::UnacknowledgedComesAgain,
        Self::AcknowledgedStaysAway,
        Self::AnyAcknowledgement,
        Self::OrderPerSender,
        Self::LongestLineArrives,
        Self::TooLongRefused,
        Self::UnknownPeerAnswered,
        Self::TokensAnsweredOnce,
        Self::OfflineSendRefused,
        Self::NothingLostOverCut,
        Self::DeviceAddressed,
        Self::PresenceSeen,
        Self::CloseIsOrderly,
        Self::CancelSafe,
    ];

    /// Tests this rule. Needs a tokio runtime with a clock; it may be paused.
    ///
    /// # Errors
    /// The rule is broken.
    pub async fn check(self, harness: &mut dyn Harness) -> Result<(), Violation> {
        let result = match self {
            Self::SilentBeforePresence => receiving::silent_before_presence(harness).await,
            Self::OfflineInOrder => receiving::offline_in_order(harness).await,
            Self::UnacknowledgedComesAgain => receiving::unacknowledged_comes_again(harness).await,
            Self::AcknowledgedStaysAway => receiving::acknowledged_stays_away(harness).await,
            Self::AnyAcknowledgement => receiving::any_acknowledgement(harness).await,
            Self::OrderPerSender => receiving::order_per_sender(harness).await,
            Self::LongestLineArrives => sending::longest_line_arrives(harness).await,
            Self::TooLongRefused => sending::too_long_refused(harness).await,
            Self::UnknownPeerAnswered => sending::unknown_peer_answered(harness).await,
            Self::TokensAnsweredOnce => sending::tokens_answered_once(harness).await,
            Self::OfflineSendRefused => sending::offline_send_refused(harness).await,
            Self::NothingLostOverCut => receiving::nothing_lost_over_cut(harness).await,
            Self::DeviceAddressed => sending::device_addressed(harness).await,
            Self::PresenceSeen => receiving::presence_seen(harness).await,
            Self::CloseIsOrderly => sending::close_is_orderly(harness).await,
            Self::CancelSafe => receiving::cancel_safe(harness).await,
        };
        result.map_err(|seen| Violation { rule: self, seen })
    }
}

/// A rule that a transport broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// How.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.seen)
    }
}

impl core::error::Error for Violation {}
