//! Lines of one conversation on their way to the server, as a careful client keeps them: in order, until they are taken.

use std::collections::VecDeque;

use o2tr::conversation::Transmission;
use o2tr::transport::SendToken;

/// What the engine has handed out and the server has not taken.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    lines: VecDeque<Line>,
    /// Nothing leaves before something changes for the better.
    blocked: bool,
}

#[derive(Debug)]
struct Line {
    transmission: Transmission,
    /// Tokens without an answer; `None` while it has not left.
    sent: Option<Vec<SendToken>>,
    refused: bool,
}

impl Outgoing {
    /// Takes a line over, unless it is under way in the same bytes.
    pub(crate) fn push(&mut self, transmission: Transmission) {
        if !self.lines.iter().any(|line| line.transmission == transmission) {
            self.lines.push_back(Line { transmission, sent: None, refused: false });
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Takes away what was pushed behind the first `len`.
    pub(crate) fn split_off(&mut self, len: usize) -> Vec<Transmission> {
        self.lines.drain(len.min(self.lines.len())..).map(|line| line.transmission).collect()
    }

    pub(crate) fn next(&self) -> Option<&Transmission> {
        let waits = self.lines.iter().find(|line| line.sent.is_none());
        waits.filter(|_| !self.blocked).map(|line| &line.transmission)
    }

    /// The next line was handed over, in pieces with these tokens.
    pub(crate) fn sent(&mut self, tokens: Vec<SendToken>) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.sent.is_none()) {
            line.sent = Some(tokens);
        }
    }

    /// The server has answered. The id of the line if it is taken as a whole now.
    pub(crate) fn answer(&mut self, token: SendToken, taken: bool) -> Option<u64> {
        let index = self.lines.iter().position(|line| line.sent.as_ref().is_some_and(|open| open.contains(&token)))?;
        let line = self.lines.get_mut(index)?;
        let open = line.sent.as_mut()?;
        open.retain(|waits| *waits != token);
        line.refused |= !taken;
        if !open.is_empty() {
            return None;
        }
        if core::mem::take(&mut line.refused) {
            line.sent = None;
            self.blocked = true;
            return None;
        }
        self.lines.remove(index).map(|line| line.transmission.id)
    }

    /// A new connection; what was not answered on the old one was perhaps lost.
    pub(crate) fn reconnected(&mut self, resumed: bool) {
        self.blocked = false;
        if !resumed {
            self.lines.iter_mut().for_each(|line| line.sent = None);
        }
    }

    /// There is a reason to try again.
    pub(crate) const fn unblock(&mut self) {
        self.blocked = false;
    }
}
