//! A trace: what happened, one action after the other; it can be stored, run again and told.

use serde::{Deserialize, Serialize};
use simulate::invariants::Violation;

use crate::end::End;
use crate::ends::{Ends, Given};
use crate::fair;
use crate::scope::{Frame, Scope};
use crate::step::name_of;
use crate::whole::Whole;
pub use crate::whole::{Action, What};

/// What led to a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Where it began and what could happen.
    pub scope: Scope,
    /// What happened.
    pub actions: Vec<Action>,
    /// What came then.
    pub then: Then,
}

/// What comes behind the last action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The network becomes fair, and what was held arrives.
    Fair,
    /// The network becomes fair, and what was held is lost.
    FairAndHeldIsLost,
}

/// What a trace comes to.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What did not hold.
    pub violation: Option<Violation>,
    /// What happened, in words.
    pub story: Vec<String>,
}

/// The first state of a scope.
pub(crate) fn first(scope: &Scope) -> Result<(Ends, Whole), Violation> {
    let frame = Frame::new(scope.k).ok_or_else(|| Violation::new(0, "an illegal tag"))?;
    let [first, second] = fair::beginning(&frame, scope.begin)?;
    let mut ends = Ends::new(frame, scope.budget.crashes > 0);
    let numbers: [u32; 2] = [first, second].map(|end: End| ends.add_end(end));
    let whole = Whole { ends: numbers, wires: Default::default(), held: Default::default(), left: scope.budget };
    Ok((ends, whole))
}

impl Trace {
    /// Runs it again.
    #[must_use]
    pub fn replay(&self) -> Replay {
        let mut story = Vec::new();
        let violation = self.follow(&mut story).err();
        Replay { violation, story }
    }

    fn follow(&self, story: &mut Vec<String>) -> Result<(), Violation> {
        let (mut ends, mut whole) = first(&self.scope)?;
        for action in &self.actions {
            let given = whole.given(*action);
            story.push(tell(&ends, *action, given.map(|(_, given)| given)));
            if let Some((end, given)) = given {
                story.extend(ends.tell(end, given).into_iter().map(|line| format!("    {line}")));
            }
            match whole.act(&mut ends, *action)? {
                Some(next) => whole = next,
                None => story.push("    (makes no sense here)".to_owned()),
            }
        }
        if self.then != Then::Nothing {
            story.push(format!("{:?}", self.then));
            fair::run(&ends, &whole, self.then == Then::FairAndHeldIsLost)?;
        }
        Ok(())
    }
}

fn tell(ends: &Ends, action: Action, given: Option<Given>) -> String {
    let line = match given {
        Some(Given::Deliver(id, _) | Given::Forged(id)) => {
            ends.line(id).map(|line| format!(", {}", name_of(&line.bytes))).unwrap_or_default()
        }
        _ => String::new(),
    };
    let dies = match action.dies {
        0 => String::new(),
        output => format!(", and it dies behind output {output}"),
    };
    format!("{}: {:?}{line}{dies}", action.side, action.what)
}
