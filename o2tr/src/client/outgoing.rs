//! Lines on their way to one peer: kept in order until the server has taken them.

use core::time::Duration;
use std::collections::VecDeque;

use otr_core::Timestamp;

use crate::conversation::Transmission;
use crate::transport::{Refusal, SendToken};

/// How long a server that asks to wait is left alone; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// And at most.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The lines of one conversation that the engine has handed out and the server has not taken.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    lines: VecDeque<Line>,
    /// Why nothing leaves at present.
    blocked: Option<Refusal>,
    retry_at: Option<Timestamp>,
    waits: u32,
}

#[derive(Debug)]
struct Line {
    transmission: Transmission,
    state: State,
    /// It was too long although it had been cut to measure.
    too_long: bool,
}

#[derive(Debug)]
enum State {
    Waiting,
    Sent { unanswered: Vec<SendToken>, refused: Option<Refusal> },
}

/// What an answer of the server brings about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// Nothing yet: other pieces are still out, or the token is unknown.
    Nothing,
    /// The line has been taken as a whole.
    Taken(u64),
    /// The line goes out again as soon as nothing blocks.
    Kept,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes a line over. One that is under way already, in the same bytes, goes on.
    pub(super) fn push(&mut self, transmission: Transmission) {
        if self.lines.iter().any(|line| line.transmission == transmission) {
            return;
        }
        self.lines.push_back(Line { transmission, state: State::Waiting, too_long: false });
        // Something new to say is a reason to try again, unless there is no connection.
        if !matches!(self.blocked, Some(Refusal::Offline | Refusal::Unconfirmed | Refusal::Busy)) {
            self.blocked = None;
        }
    }

    /// The next line to send, in order.
    pub(super) fn next(&self) -> Option<&Transmission> {
        if self.blocked.is_some() {
            return None;
        }
        self.lines.iter().find(|line| matches!(line.state, State::Waiting)).map(|line| &line.transmission)
    }

    /// The next line has been handed to the transport, in pieces with these tokens.
    pub(super) fn sent(&mut self, tokens: Vec<SendToken>) {
        if let Some(line) = self.lines.iter_mut().find(|line| matches!(line.state, State::Waiting)) {
            line.state = State::Sent { unanswered: tokens, refused: None };
        }
    }

    /// The next line cannot be sent at all.
    pub(super) fn block(&mut self, reason: Refusal) {
        self.blocked = Some(reason);
    }

    /// The server has answered.
    pub(super) fn answer(&mut self, token: SendToken, answer: Result<(), Refusal>, now: Timestamp) -> Answered {
        let found = self.lines.iter_mut().enumerate().find_map(|(index, line)| match &mut line.state {
            State::Sent { unanswered, refused } if unanswered.contains(&token) => {
                unanswered.retain(|open| *open != token);
                *refused = refused.or(answer.err());
                unanswered.is_empty().then_some((index, *refused))
            }
            State::Sent { .. } | State::Waiting => None,
        });
        match found {
            None => Answered::Nothing,
            Some((index, None)) => {
                self.waits = 0;
                self.lines.remove(index).map_or(Answered::Nothing, |line| Answered::Taken(line.transmission.id))
            }
            Some((index, Some(reason))) => {
                self.keep(index, reason, now);
                Answered::Kept
            }
        }
    }

    fn keep(&mut self, index: usize, reason: Refusal, now: Timestamp) {
        let Some(line) = self.lines.get_mut(index) else { return };
        line.state = State::Waiting;
        // The limit may have changed under way: cut to the new measure once.
        let cut_again = matches!(reason, Refusal::TooLong { .. }) && !core::mem::replace(&mut line.too_long, true);
        if cut_again {
            return;
        }
        self.blocked = Some(reason);
        if reason == Refusal::Busy {
            let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.waits)).min(LONGEST_WAIT);
            self.waits = self.waits.saturating_add(1);
            self.retry_at = Some(now.after(wait));
        }
    }

    /// Something has changed for the better: the peer has come.
    pub(super) fn unblock(&mut self) {
        if !matches!(self.blocked, Some(Refusal::Offline | Refusal::Unconfirmed)) {
            self.blocked = None;
            self.retry_at = None;
        }
    }

    /// A new connection: answers that are still open will not come any more.
    pub(super) fn reconnected(&mut self, resumed: bool) {
        self.blocked = None;
        self.retry_at = None;
        if !resumed {
            for line in &mut self.lines {
                line.state = State::Waiting;
            }
        }
    }

    /// When to try again.
    pub(super) const fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// Tries again if it is time.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.unblock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn line(id: u64) -> Transmission {
        Transmission { id, line: vec![b'x'; 4], route: None }
    }

    fn send(outgoing: &mut Outgoing, tokens: &[u64]) -> Option<u64> {
        let id = outgoing.next()?.id;
        outgoing.sent(tokens.iter().copied().map(SendToken).collect());
        Some(id)
    }

    #[test]
    fn a_line_is_taken_when_all_its_pieces_are() {
        let mut outgoing = Outgoing::default();
        outgoing.push(line(1));
        outgoing.push(line(1));
        assert_eq!(send(&mut outgoing, &[1, 2]), Some(1));
        assert_eq!(send(&mut outgoing, &[3]), None, "the same line is not sent twice");
        assert_eq!(outgoing.answer(SendToken(2), Ok(()), NOW), Answered::Nothing);
        assert_eq!(outgoing.answer(SendToken(2), Ok(()), NOW), Answered::Nothing);
        assert_eq!(outgoing.answer(SendToken(1), Ok(()), NOW), Answered::Taken(1));
        assert!(outgoing.is_empty());
    }

    #[test]
    fn what_was_refused_offline_leaves_in_order_with_the_next_connection() {
        let mut outgoing = Outgoing::default();
        outgoing.push(line(1));
        outgoing.push(line(2));
        assert_eq!(send(&mut outgoing, &[1]), Some(1));
        assert_eq!(send(&mut outgoing, &[2]), Some(2));
        assert_eq!(outgoing.answer(SendToken(1), Err(Refusal::Offline), NOW), Answered::Kept);
        outgoing.push(line(3));
        outgoing.unblock();
        assert_eq!(outgoing.next(), None);
        assert_eq!(outgoing.answer(SendToken(2), Err(Refusal::Unconfirmed), NOW), Answered::Kept);
        outgoing.reconnected(false);
        assert_eq!(send(&mut outgoing, &[4]), Some(1));
        assert_eq!(send(&mut outgoing, &[5]), Some(2));
        assert_eq!(send(&mut outgoing, &[6]), Some(3));
    }

    #[test]
    fn answers_that_never_came_count_as_lost_unless_resumed() {
        let mut outgoing = Outgoing::default();
        outgoing.push(line(1));
        send(&mut outgoing, &[1]);
        outgoing.reconnected(true);
        assert_eq!(outgoing.next(), None);
        outgoing.reconnected(false);
        assert_eq!(send(&mut outgoing, &[2]), Some(1));
    }

    #[test]
    fn a_busy_server_is_left_alone_for_longer_each_time() {
        let mut outgoing = Outgoing::default();
        outgoing.push(line(1));
        send(&mut outgoing, &[1]);
        outgoing.answer(SendToken(1), Err(Refusal::Busy), NOW);
        outgoing.push(line(2));
        assert_eq!(outgoing.next(), None);
        assert_eq!(outgoing.retry_at(), Some(NOW.after(FIRST_WAIT)));
        let later = NOW.after(FIRST_WAIT);
        outgoing.handle_timeout(later);
        assert_eq!(send(&mut outgoing, &[2]), Some(1));
        outgoing.answer(SendToken(2), Err(Refusal::Busy), later);
        assert_eq!(outgoing.retry_at(), Some(later.after(FIRST_WAIT * 2)));
    }

    #[test]
    fn a_refused_line_is_tried_again_when_there_is_a_reason() {
        let mut outgoing = Outgoing::default();
        outgoing.push(line(1));
        send(&mut outgoing, &[1]);
        assert_eq!(outgoing.answer(SendToken(1), Err(Refusal::Forbidden), NOW), Answered::Kept);
        assert_eq!(outgoing.next(), None);
        outgoing.push(line(2));
        assert_eq!(send(&mut outgoing, &[2]), Some(1));
        outgoing.answer(SendToken(2), Err(Refusal::Undeliverable), NOW);
        assert_eq!(outgoing.next(), None);
        outgoing.unblock();
        assert_eq!(send(&mut outgoing, &[3]), Some(1));
        let too_long = Refusal::TooLong { len: 4, max: 3 };
        outgoing.answer(SendToken(3), Err(too_long), NOW);
        assert_eq!(send(&mut outgoing, &[4]), Some(1), "cut to the new measure");
        outgoing.answer(SendToken(4), Err(too_long), NOW);
        assert_eq!(outgoing.next(), None);
    }
}
