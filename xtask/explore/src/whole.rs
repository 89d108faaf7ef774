//! The whole: both ends, the wires between them, what may still happen; and the actions that lead on.

use serde::{Deserialize, Serialize};
use simulate::invariants::{self, Violation};

use crate::ends::{Came, EndId, Ends, Given, LineId};
use crate::scope::Budget;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// To which end, 0 or 1.
    pub side: u8,
    /// What.
    pub what: What,
    /// Behind which of the outputs that follow its process dies, from 1; 0: it lives on. A line that it dies over
    /// stays on the wire.
    pub dies: u8,
}

/// What happens. The oldest line on the wire to the end is its head.
///
/// A line that is lost, late or overtaken is held at first: nothing tells these apart before it arrives, if it does.
/// That it is held when it is the head is no restriction, since nobody could have noticed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// The user asks for a new session.
    Start,
    /// The user writes the next text.
    Send,
    /// The head arrives.
    Deliver,
    /// The head arrives, and a copy of it is held.
    DeliverTwice,
    /// The head is held.
    Hold,
    /// What is held arrives, by its place among all that is.
    DeliverHeld(u8),
    /// The same, and the server says that it was kept.
    DeliverLate(u8),
    /// The head arrives with one bit changed, and stays on the wire as it was.
    Forge,
    /// Time passes until the end's next deadline.
    Tick,
    /// Time passes, 90 seconds.
    Pause,
    /// What waited at the server has arrived.
    CaughtUp,
    /// The end hears that its peer has come, or gone.
    Presence(bool),
    /// Its process dies while nothing goes on.
    Crash,
    /// Its process starts.
    Restore,
}

/// A state of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Whole {
    pub(crate) ends: [EndId; 2],
    /// To each end, the oldest line first.
    pub(crate) wires: [Vec<LineId>; 2],
    /// To each end: what is lost, late or overtaken, and copies; in the order of their numbers.
    pub(crate) held: [Vec<LineId>; 2],
    pub(crate) left: Budget,
}

/// A whole in little memory.
pub(crate) type Packed = Box<[u32]>;

impl Whole {
    pub(crate) fn pack(&self) -> Packed {
        let Self { ends, wires, held, left } = self;
        let Budget { texts, starts, timers, faults, crashes } = *left;
        let lists = [&wires[0], &wires[1], &held[0], &held[1]];
        let mut packed = vec![
            ends[0],
            ends[1],
            u32::from_be_bytes([texts, starts, timers, faults]),
            u32::from(crashes),
            u32::from_be_bytes(lists.map(|list| u8::try_from(list.len()).unwrap_or(u8::MAX))),
        ];
        lists.into_iter().for_each(|list| packed.extend(list));
        packed.into()
    }

    pub(crate) fn unpack(packed: &[u32]) -> Option<Self> {
        let ([first, second, budget, crashes, lengths], mut rest) = packed.split_first_chunk()?;
        let [texts, starts, timers, faults] = budget.to_be_bytes();
        let [a, b, c, d] = lengths.to_be_bytes();
        let mut list = |length: u8| {
            let (list, tail) = rest.split_at_checked(usize::from(length))?;
            rest = tail;
            Some(list.to_vec())
        };
        Some(Self {
            ends: [*first, *second],
            wires: [list(a)?, list(b)?],
            held: [list(c)?, list(d)?],
            left: Budget { texts, starts, timers, faults, crashes: u8::try_from(*crashes).ok()? },
        })
    }

    /// What can happen now, deaths not counted.
    pub(crate) fn choices(&self, ends: &Ends) -> Vec<(u8, What)> {
        let is_dead = |side: u8| {
            let id = self.ends.get(usize::from(side)).copied().unwrap_or_default();
            ends.end(id).is_some_and(|end| end.engine.is_none())
        };
        // One that is down comes back before anything else happens.
        if let Some(side) = [0, 1].into_iter().find(|side| is_dead(*side)) {
            return vec![(side, What::Restore)];
        }
        [0, 1]
            .into_iter()
            .flat_map(|side| self.choices_of(side, ends).into_iter().map(move |what| (side, what)))
            .collect()
    }

    fn choices_of(&self, side: u8, ends: &Ends) -> Vec<What> {
        let index = usize::from(side);
        let Budget { texts, starts, timers, faults, crashes } = self.left;
        let list = |lists: &[Vec<LineId>; 2]| lists.get(index).map_or(0, Vec::len).min(usize::from(u8::MAX)) as u8;
        let end = self.ends.get(index).and_then(|id| ends.end(*id));
        let mut choices = Vec::new();
        if list(&self.wires) > 0 {
            choices.push(What::Deliver);
            if faults > 0 {
                choices.extend([What::DeliverTwice, What::Hold, What::Forge]);
            }
        }
        for place in 0..list(&self.held) {
            choices.extend([What::DeliverHeld(place), What::DeliverLate(place)]);
        }
        if texts > 0 {
            choices.push(What::Send);
        }
        if starts > 0 {
            choices.push(What::Start);
        }
        if timers > 0 {
            choices.extend([What::Tick, What::Pause]);
        }
        if crashes > 0 {
            choices.push(What::Crash);
        }
        if let Some(end) = end {
            if !end.caught_up {
                choices.push(What::CaughtUp);
            }
            if !end.present {
                choices.push(What::Presence(true));
            } else if faults > 0 {
                choices.push(What::Presence(false));
            }
        }
        choices
    }

    /// Does one action. `None` if it makes no sense here. With every state that follows comes behind which output
    /// the process dies, if it does; `deaths` says whether anybody wants to know of these.
    pub(crate) fn follow(
        &self,
        ends: &mut Ends,
        (side, what): (u8, What),
        deaths: bool,
    ) -> Result<Vec<(u8, Self)>, Violation> {
        let mut followers = Vec::new();
        let Some((given, after)) = self.prepare(side, what) else { return Ok(followers) };
        let Some(given) = given else { return Ok(vec![(0, after)]) };
        let Some(end) = self.ends.get(usize::from(side)) else { return Ok(followers) };
        let Some(answer) = ends.ask(*end, given)? else { return Ok(followers) };
        followers.push((0, after.clone().arrive(ends, side, &answer.done)?));
        // Over a line of which there is a copy anyway it need not die once more.
        if deaths && self.left.crashes > 0 && what != What::DeliverTwice {
            let mut last = None;
            for (dies, came) in (1..=u8::MAX).zip(&answer.deaths) {
                if last == Some(came) {
                    continue;
                }
                last = Some(came);
                // The line was not acknowledged to the server: it will come again.
                let mut whole = after.clone();
                if matches!(given, Given::Deliver(..) | Given::Forged(_)) {
                    whole.wires.clone_from(&self.wires);
                    whole.held.clone_from(&self.held);
                }
                whole.left.crashes = whole.left.crashes.saturating_sub(1);
                followers.push((dies, whole.arrive(ends, side, came)?));
            }
        }
        Ok(followers)
    }

    /// What the end is given by an action, if anything, and the whole without what it uses up.
    fn prepare(&self, side: u8, what: What) -> Option<(Option<Given>, Self)> {
        let mut after = self.clone();
        let index = usize::from(side);
        let wire = after.wires.get_mut(index)?;
        let held = after.held.get_mut(index)?;
        let spend = |of: &mut u8| {
            *of = of.checked_sub(1)?;
            Some(())
        };
        let left = &mut after.left;
        let given = match what {
            What::Start => {
                spend(&mut left.starts)?;
                Given::Start
            }
            What::Send => {
                spend(&mut left.texts)?;
                Given::Send
            }
            What::Deliver => Given::Deliver(take(wire, 0)?, false),
            What::DeliverTwice => {
                spend(&mut left.faults)?;
                let line = take(wire, 0)?;
                hold(held, line);
                Given::Deliver(line, false)
            }
            What::Hold => {
                spend(&mut left.faults)?;
                hold(held, take(wire, 0)?);
                return Some((None, after));
            }
            What::DeliverHeld(place) => Given::Deliver(take(held, place)?, false),
            What::DeliverLate(place) => Given::Deliver(take(held, place)?, true),
            What::Forge => {
                spend(&mut left.faults)?;
                Given::Forged(*wire.first()?)
            }
            What::Tick => {
                spend(&mut left.timers)?;
                Given::Tick
            }
            What::Pause => {
                spend(&mut left.timers)?;
                Given::Pause
            }
            What::CaughtUp => Given::CaughtUp,
            What::Presence(there) => {
                if !there {
                    spend(&mut left.faults)?;
                }
                Given::Presence(there)
            }
            What::Crash => {
                spend(&mut left.crashes)?;
                Given::Crash
            }
            What::Restore => Given::Restore,
        };
        Some((Some(given), after))
    }

    /// The end has become another, and its lines are on the wire.
    fn arrive(mut self, ends: &Ends, side: u8, came: &Came) -> Result<Self, Violation> {
        let (own, other) = if side == 0 { (0, 1) } else { (1, 0) };
        self.ends[own] = came.end;
        self.wires[other].extend(&came.lines);
        if let Some(peer) = ends.end(self.ends[other]) {
            for text in &came.claims {
                invariants::acknowledged_was_committed(peer.watch.committed.contains(text), text)?;
            }
        }
        Ok(self)
    }

    /// Follows one action of a trace. `None` if it makes no sense here.
    pub(crate) fn act(&self, ends: &mut Ends, action: Action) -> Result<Option<Self>, Violation> {
        let followers = self.follow(ends, (action.side, action.what), action.dies > 0)?;
        Ok(followers.into_iter().find(|(dies, _)| *dies == action.dies).map(|(_, whole)| whole))
    }

    /// What an end is given by an action, for a story.
    pub(crate) fn given(&self, action: Action) -> Option<(EndId, Given)> {
        let (given, _) = self.prepare(action.side, action.what)?;
        Some((*self.ends.get(usize::from(action.side))?, given?))
    }
}

fn take(list: &mut Vec<LineId>, place: u8) -> Option<LineId> {
    let place = usize::from(place);
    (place < list.len()).then(|| list.remove(place))
}

/// In the order of numbers: in which order lines came to be held makes no difference.
fn hold(held: &mut Vec<LineId>, line: LineId) {
    held.push(line);
    held.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_is_packed_and_unpacked() {
        let left = Budget { texts: 1, starts: 2, timers: 3, faults: 4, crashes: 5 };
        let whole = Whole { ends: [7, 8], wires: [vec![1, 2], vec![]], held: [vec![], vec![3]], left };
        assert_eq!(Whole::unpack(&whole.pack()), Some(whole));
        assert_eq!(Whole::unpack(&[1, 2, 3]), None);
    }
}
