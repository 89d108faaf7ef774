//! The dimensions of the matrix, and which combinations of them mean something.

use std::fmt;

/// A dimension's values, their names, and what a name means.
macro_rules! dimension {
    ($(#[$doc:meta])* $name:ident: $($value:ident $text:literal $title:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum $name {
            $(#[doc = $title] $value,)*
        }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$value),*];

            /// The name by which it is chosen.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)*
                }
            }

            /// What it means.
            pub(crate) const fn title(self) -> &'static str {
                match self {
                    $(Self::$value => $title,)*
                }
            }
        }
    };
}

dimension! {
    /// What carries the lines.
    Transport:
    Memory "memory" "the harness carries lines of the pipe language",
    Prosody "prosody" "a prosody server on loopback",
    Ejabberd "ejabberd" "an ejabberd server on loopback",
}

dimension! {
    /// Where our endpoint keeps its keys.
    Store:
    None "in-memory" "nowhere: pipe --memory",
    Files "files" "one sealed file per conversation",
    Sqlite "sqlite" "a sealed SQLite database",
}

dimension! {
    /// Who is at the other end.
    Peer:
    O2tr "o2tr" "o2tr with a store of the same kind",
    LibotrV2 "libotr-v2" "libotr 4, told to speak version 2",
    LibotrV3 "libotr-v3" "libotr 4, told to speak version 3",
    Potr "potr" "pure-python-otr 1.0 (version 2)",
    Otr3 "otr3" "otr3, in Go",
    Bitlbee "bitlbee" "bitlbee with its OTR plugin",
    Pidgin "pidgin" "Pidgin with pidgin-otr",
    Mcabber "mcabber" "mcabber",
    Profanity "profanity" "profanity (version 2)",
}

dimension! {
    /// What happens.
    Scenario:
    Begin "begin" "we ask for a private conversation",
    Answer "answer" "the peer asks for a private conversation",
    Talk "talk" "texts both ways, one by one and in bursts",
    Smp "smp" "secrets are compared, asked from both sides; once they differ",
    Offline "offline" "texts are sent while we are away, and read when we are back",
    Refresh "refresh" "after that, fresh keys replace the restored ones",
    End "end" "the conversation is ended, once from each side",
}

dimension! {
    /// What goes wrong meanwhile.
    Fault:
    None "none" "nothing",
    Kill "kill" "our process is killed (SIGKILL) in the midst of it and started again",
    Lost "lost" "a line is lost",
    Twice "twice" "every line is delivered twice",
    Reordered "reordered" "lines that are under way together arrive in reverse order",
    Server "server" "the server is killed (SIGKILL) and started again",
}

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell {
    pub(crate) transport: Transport,
    pub(crate) store: Store,
    pub(crate) peer: Peer,
    pub(crate) scenario: Scenario,
    pub(crate) fault: Fault,
}

impl Peer {
    /// Whether it is a program with a network of its own.
    pub(crate) const fn is_program(self) -> bool {
        matches!(self, Self::Bitlbee | Self::Pidgin | Self::Mcabber | Self::Profanity)
    }

    /// The version it speaks with us.
    pub(crate) const fn version(self) -> u64 {
        match self {
            Self::LibotrV2 | Self::Potr | Self::Profanity => 2,
            Self::O2tr | Self::LibotrV3 | Self::Otr3 | Self::Bitlbee | Self::Pidgin | Self::Mcabber => 3,
        }
    }
}

impl Cell {
    /// All combinations, those included that mean nothing.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Transport::ALL.iter().flat_map(|transport| {
            Store::ALL.iter().flat_map(|store| {
                Peer::ALL.iter().flat_map(|peer| {
                    Scenario::ALL.iter().flat_map(|scenario| {
                        Fault::ALL.iter().map(|fault| Self {
                            transport: *transport,
                            store: *store,
                            peer: *peer,
                            scenario: *scenario,
                            fault: *fault,
                        })
                    })
                })
            })
        })
    }

    /// The names of its values, in the order of the dimensions.
    pub(crate) const fn names(&self) -> [&'static str; 5] {
        [self.transport.name(), self.store.name(), self.peer.name(), self.scenario.name(), self.fault.name()]
    }

    /// Why this combination means nothing, if so.
    pub(crate) fn is_senseless(&self) -> Option<&'static str> {
        let Self { transport, store, peer, scenario, fault } = *self;
        let away = matches!(scenario, Scenario::Offline | Scenario::Refresh);
        if transport == Transport::Memory && peer.is_program() {
            return Some("a chat program needs a server");
        }
        if transport != Transport::Memory && !peer.is_program() && peer != Peer::O2tr {
            return Some("a library without a network of its own; over a server the programs stand for it");
        }
        if store == Store::None && (away || fault == Fault::Kill) {
            return Some("what is kept in memory does not outlive the process");
        }
        match fault {
            Fault::Lost | Fault::Twice | Fault::Reordered if transport != Transport::Memory => {
                return Some("TCP and a server lose, repeat and reorder no single lines");
            }
            Fault::Reordered if !away && scenario != Scenario::Talk => {
                return Some("never two lines under way in one direction");
            }
            Fault::Server if transport == Transport::Memory => return Some("there is no server"),
            Fault::Server if transport == Transport::Ejabberd && scenario == Scenario::Offline && peer.is_program() => {
                return Some("a killed ejabberd loses what it has taken, and a plain OTR sender keeps no copy");
            }
            Fault::Server if matches!(peer, Peer::Mcabber | Peer::Profanity) => {
                return Some("the program does not log in again by itself");
            }
            _ => {}
        }
        if away && peer == Peer::Profanity {
            return Some("profanity 0.13 goes on in clear text when the peer goes away, and forbids servers to store");
        }
        None
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join("/"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_value_of_every_dimension_is_in_a_cell_that_means_something() {
        let used: BTreeSet<_> =
            Cell::all().filter(|cell| cell.is_senseless().is_none()).flat_map(|cell| cell.names()).collect();
        let all: BTreeSet<_> = Cell::all().flat_map(|cell| cell.names()).collect();
        // The only names that two dimensions share are those that would make a choice unclear: none.
        let count = Transport::ALL.len() + Store::ALL.len() + Peer::ALL.len() + Scenario::ALL.len() + Fault::ALL.len();
        assert_eq!((used.len(), all.len()), (count, count));
    }

    #[test]
    fn a_cell_is_listed_once() {
        let all: Vec<_> = Cell::all().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
