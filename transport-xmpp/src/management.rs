//! Stream management (XEP-0198): which stanzas the other side has, in both directions.
//!
//! Pure counting. [`Outbound`] keeps what we sent until the server has counted it; [`Inbound`] counts what we got, and counts
//! a stanza that carries a line only when the line is durable here.

use std::collections::VecDeque;

use o2tr::transport::{DeliveryId, SendToken};
use xmpp_parsers::stanza::Stanza;

use crate::archive::ArchiveId;

/// The server claims to have got more stanzas than were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountTooHigh;

/// A stanza that the server has not counted yet.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) stanza: Stanza,
    /// Who waits for the answer.
    pub(crate) token: Option<SendToken>,
}

/// Stanzas on their way to the server, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    /// How many stanzas before the first of the queue have been sent on this stream.
    counted: u64,
    queue: VecDeque<Sent>,
}

impl Outbound {
    pub(crate) fn push(&mut self, stanza: Stanza, token: Option<SendToken>) {
        self.queue.push_back(Sent { stanza, token });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many stanzas have been sent on this stream.
    pub(crate) fn sent(&self) -> u64 {
        self.counted + self.queue.len() as u64
    }

    /// The server has handled `h` stanzas (XEP-0198, section 4), counted modulo 2^32. Returns what that is.
    pub(crate) fn acknowledge(&mut self, h: u32) -> Result<Vec<Sent>, CountTooHigh> {
        // The low half of the count is what `h` shows.
        let fresh = h.wrapping_sub(self.counted as u32);
        if u64::from(fresh) > self.queue.len() as u64 {
            return Err(CountTooHigh);
        }
        Ok(self.settle(self.counted + u64::from(fresh)))
    }

    /// The first `count` stanzas of this stream have been handled. Returns what that is.
    pub(crate) fn settle(&mut self, count: u64) -> Vec<Sent> {
        let fresh = count.saturating_sub(self.counted).min(self.queue.len() as u64);
        self.counted += fresh;
        let fresh = usize::try_from(fresh).unwrap_or(self.queue.len());
        self.queue.drain(..fresh).collect()
    }

    /// Takes the token of the message with this id: it has been answered by an error.
    pub(crate) fn take_token(&mut self, id: &str) -> Option<SendToken> {
        let of_id = |sent: &&mut Sent| match &sent.stanza {
            Stanza::Message(message) => message.id.as_ref().is_some_and(|own| own.0 == id),
            Stanza::Iq(_) | Stanza::Presence(_) => false,
        };
        self.queue.iter_mut().find(of_id)?.token.take()
    }

    /// What the server has not counted, in order: it is sent again after a resumption.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = &Stanza> {
        self.queue.iter().map(|sent| &sent.stanza)
    }

    /// Whether a message waits for its answer.
    pub(crate) fn awaits_answers(&self) -> bool {
        self.queue.iter().any(|sent| sent.token.is_some())
    }

    /// A new stream. Returns what the former one left unanswered.
    pub(crate) fn restart(&mut self) -> VecDeque<Sent> {
        self.counted = 0;
        core::mem::take(&mut self.queue)
    }
}

/// The same stanza once more.
pub(crate) fn copy(stanza: &Stanza) -> Stanza {
    match stanza {
        Stanza::Iq(iq) => Stanza::Iq(iq.clone()),
        Stanza::Message(message) => Stanza::Message(message.clone()),
        Stanza::Presence(presence) => Stanza::Presence(presence.clone()),
    }
}

/// What a counted stanza means for us.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    /// The delivery it carries, while that is not acknowledged.
    open: Option<DeliveryId>,
    archive_id: Option<ArchiveId>,
}

/// Stanzas from the server: the count goes up to the first line that is not safe yet.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// What we may tell the server (XEP-0198 `h`), modulo 2^32.
    handled: u32,
    /// Everything behind it.
    queue: VecDeque<Got>,
    /// How much of the queue the server does not know that we have: told the present count, it would send that again.
    unknown: usize,
    /// How many stanzas are still to come a second time.
    repeats: usize,
}

impl Inbound {
    /// The count for the server.
    pub(crate) const fn handled(&self) -> u32 {
        self.handled
    }

    /// The count to resume a stream with (XEP-0198, section 5).
    pub(crate) fn resume(&mut self) -> u32 {
        self.unknown = self.queue.len();
        self.handled
    }

    /// The stream goes on from that count: what we have behind it comes again.
    pub(crate) const fn resumed(&mut self) {
        self.repeats = self.unknown;
    }

    /// A stanza has come. True if it is one that we have already: it is not to be handled or counted again.
    pub(crate) const fn is_repeat(&mut self) -> bool {
        let repeat = self.repeats > 0;
        self.repeats = self.repeats.saturating_sub(1);
        repeat
    }

    /// A stanza has come; with the delivery it carries. Returns the archive ids that are done with.
    pub(crate) fn push(&mut self, open: Option<DeliveryId>, archive_id: Option<ArchiveId>) -> Vec<ArchiveId> {
        self.queue.push_back(Got { open, archive_id });
        self.advance()
    }

    /// A delivery is durable. Unknown ids are ignored. Returns the archive ids that are done with, in order.
    pub(crate) fn acknowledge(&mut self, id: DeliveryId) -> Vec<ArchiveId> {
        if let Some(got) = self.queue.iter_mut().find(|got| got.open == Some(id)) {
            got.open = None;
        }
        self.advance()
    }

    /// How many stanzas wait for an acknowledgement, their own or that of an earlier one.
    pub(crate) fn open(&self) -> usize {
        self.queue.len()
    }

    /// A new stream: earlier ids are void. Returns the archive ids of what was not acknowledged.
    pub(crate) fn restart(&mut self) -> Vec<ArchiveId> {
        let former = core::mem::take(self);
        former.queue.into_iter().filter(|got| got.open.is_some()).filter_map(|got| got.archive_id).collect()
    }

    fn advance(&mut self) -> Vec<ArchiveId> {
        let mut done = Vec::new();
        while self.queue.front().is_some_and(|got| got.open.is_none()) {
            self.handled = self.handled.wrapping_add(1);
            done.extend(self.queue.pop_front().and_then(|got| got.archive_id));
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp_parsers::message::{Id, Message};

    fn message(id: &str) -> Stanza {
        let mut message = Message::chat(None);
        message.id = Some(Id(id.to_owned()));
        Stanza::Message(message)
    }

    fn tokens(sent: Vec<Sent>) -> Vec<u64> {
        sent.into_iter().filter_map(|sent| Some(sent.token?.0)).collect()
    }

    fn acknowledge(outbound: &mut Outbound, h: u32) -> Result<Vec<u64>, CountTooHigh> {
        outbound.acknowledge(h).map(tokens)
    }

    fn outbound(count: u64) -> Outbound {
        let mut outbound = Outbound::default();
        for number in 0..count {
            outbound.push(message(&number.to_string()), Some(SendToken(number)));
        }
        outbound
    }

    #[test]
    fn the_server_counts_what_it_got() {
        let mut outbound = outbound(3);
        assert_eq!(acknowledge(&mut outbound, 0), Ok(vec![]));
        assert_eq!(acknowledge(&mut outbound, 2), Ok(vec![0, 1]));
        assert_eq!(acknowledge(&mut outbound, 2), Ok(vec![]));
        assert_eq!(outbound.unacknowledged().count(), 1);
        assert_eq!(outbound.sent(), 3);
        assert_eq!(acknowledge(&mut outbound, 3), Ok(vec![2]));
        assert!(outbound.is_empty());
    }

    #[test]
    fn a_count_that_lies_changes_nothing() {
        let mut outbound = outbound(3);
        assert_eq!(acknowledge(&mut outbound, 2).map(|tokens| tokens.len()), Ok(2));
        for h in [4, 1, 0, u32::MAX] {
            assert_eq!(acknowledge(&mut outbound, h), Err(CountTooHigh), "{h}");
        }
        assert_eq!(outbound.unacknowledged().count(), 1);
    }

    #[test]
    fn counts_wrap_around() {
        let mut outbound = outbound(4);
        outbound.counted = u64::from(u32::MAX) - 1;
        assert_eq!(acknowledge(&mut outbound, u32::MAX), Ok(vec![0]));
        assert_eq!(acknowledge(&mut outbound, 1), Ok(vec![1, 2]));
        assert_eq!(acknowledge(&mut outbound, 3), Err(CountTooHigh));
        let mut inbound = Inbound { handled: u32::MAX, ..Inbound::default() };
        inbound.push(None, None);
        assert_eq!(inbound.handled(), 0);
    }

    #[test]
    fn an_error_answers_a_token_before_the_count_does() {
        let mut outbound = outbound(2);
        assert_eq!(outbound.take_token("1"), Some(SendToken(1)));
        assert_eq!(outbound.take_token("1"), None);
        assert_eq!(acknowledge(&mut outbound, 2), Ok(vec![0]));
    }

    #[test]
    fn a_new_stream_gives_back_what_was_open() {
        let mut outbound = outbound(3);
        assert_eq!(acknowledge(&mut outbound, 1).map(|tokens| tokens.len()), Ok(1));
        assert_eq!(outbound.restart().len(), 2);
        assert_eq!((outbound.sent(), outbound.is_empty()), (0, true));
        let mut outbound = self::outbound(3);
        assert_eq!(tokens(outbound.settle(2)), [0, 1]);
        assert_eq!(tokens(outbound.settle(9)), [2]);
    }

    #[test]
    fn after_a_resumption_what_was_not_counted_comes_again() {
        let mut inbound = Inbound::default();
        inbound.push(Some(DeliveryId(1)), None);
        inbound.push(None, None);
        inbound.push(Some(DeliveryId(2)), None);
        assert_eq!(inbound.resume(), 0);
        // Safe meanwhile, but the server was told the count before that.
        inbound.acknowledge(DeliveryId(1));
        assert!(!inbound.is_repeat());
        inbound.resumed();
        assert_eq!([(); 4].map(|()| inbound.is_repeat()), [true, true, true, false]);
        assert_eq!((inbound.handled(), inbound.open()), (2, 1));
    }

    #[test]
    fn the_count_stops_before_what_is_not_durable() {
        let id = |id: &str| Some(ArchiveId::new(id));
        let mut inbound = Inbound::default();
        inbound.push(None, None);
        inbound.push(Some(DeliveryId(1)), id("a"));
        inbound.push(None, None);
        inbound.push(Some(DeliveryId(2)), id("b"));
        assert_eq!((inbound.handled(), inbound.open()), (1, 3));
        assert_eq!(inbound.acknowledge(DeliveryId(2)), []);
        assert_eq!(inbound.acknowledge(DeliveryId(77)), []);
        assert_eq!(inbound.handled(), 1);
        assert_eq!(inbound.acknowledge(DeliveryId(1)), [ArchiveId::new("a"), ArchiveId::new("b")]);
        assert_eq!((inbound.handled(), inbound.open()), (4, 0));
        inbound.push(Some(DeliveryId(3)), id("c"));
        assert_eq!(inbound.restart(), [ArchiveId::new("c")]);
        assert_eq!((inbound.handled(), inbound.open()), (0, 0));
    }
}
