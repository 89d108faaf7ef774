//! A store full of conversations that all have been cut off at the same point, and the message that each is owed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use o2tr::conversation::{Conversation, Opening, Output};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use o2tr_ekm::{Change, EkmStore, Options, RowName, Unlock, open_sqlite};
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag, Leap, Output as CoreOutput, Peer, SecretBytes, Timestamp};

pub(crate) const ACCOUNT: &str = "me@example.org";
/// Rows written in one transaction.
const GROUP: usize = 2_000;

pub(crate) fn random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

pub(crate) fn unlock() -> Unlock {
    Unlock::Key(SecretBytes::new([7; 32]))
}

/// As the conversations do nothing else in the background.
pub(crate) fn settings() -> Settings {
    Settings { threshold: None, reauthenticate: false, ..Settings::default() }
}

pub(crate) fn peer_name(number: usize) -> String {
    format!("peer{number}@example.org")
}

pub(crate) fn row_name(number: usize) -> RowName {
    RowName::conversation(ACCOUNT.as_bytes(), peer_name(number).as_bytes())
}

/// A conversation with somebody who has plain OTR, both in memory.
pub(crate) struct Acquaintance {
    conversation: Conversation,
    /// The newest record and its generation.
    row: (u64, Vec<u8>),
    friend: Peer,
}

impl Acquaintance {
    /// In a private conversation, with some texts to and fro.
    pub(crate) fn make(own: &Arc<Identity>, friend: &Arc<Identity>, now: Timestamp) -> Self {
        let friend = Peer::new(Arc::clone(friend), otr_core::Settings::default());
        let conversation = Conversation::new(Arc::clone(own), settings());
        let mut made = Self { conversation, row: (0, Vec::new()), friend };
        made.conversation.start(now, &mut random());
        made.settle(now);
        for number in 0..4 {
            if number % 2 == 0 {
                made.friend.send(b"a text of the usual length, as people write them", now).unwrap();
            } else {
                made.conversation.send(b"another one of the usual length", None, now, &mut random()).unwrap();
            }
            made.settle(now);
        }
        made
    }

    /// Lines of texts that the friend writes now.
    pub(crate) fn lines(&mut self, count: usize, text: &[u8], now: Timestamp) -> Vec<Vec<u8>> {
        (0..count).for_each(|_| self.friend.send(text, now).unwrap());
        self.friend_lines()
    }

    pub(crate) fn record(&self) -> &[u8] {
        &self.row.1
    }

    fn friend_lines(&mut self) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| self.friend.poll_output())
            .filter_map(|output| match output {
                CoreOutput::Send(line) => Some(line.bytes),
                CoreOutput::Event(_) | CoreOutput::Retired(_) => None,
            })
            .collect()
    }

    fn settle(&mut self, now: Timestamp) {
        loop {
            let mut moved = false;
            while let Some(output) = self.conversation.poll_output() {
                moved = true;
                match output {
                    Output::Commit(commit) => {
                        self.row = (commit.expected + 1, commit.record.to_vec());
                        self.conversation.commit_done();
                    }
                    Output::Transmit(line) => {
                        self.friend.handle_line(&line.line, now, &mut random());
                        self.conversation.transmitted(line.id);
                    }
                    Output::Event(event) => {
                        event.id().into_iter().for_each(|id| self.conversation.acknowledge(id));
                    }
                }
            }
            for line in self.friend_lines() {
                moved = true;
                self.conversation.handle_delivery(&line, &Evidence::LIVE, now, &mut random());
            }
            if !moved {
                return;
            }
        }
    }
}

/// A directory with the store, our key, and the line that every conversation in it is owed.
pub(crate) struct Stock {
    pub(crate) store: PathBuf,
    pub(crate) identity: Arc<Identity>,
    pub(crate) line: Vec<u8>,
}

impl Stock {
    /// Makes a store of so many conversations, or adds what is missing to one that is there; `progress` hears how many
    /// there are.
    pub(crate) fn fill(directory: &Path, rows: usize, progress: &mut dyn FnMut(usize)) {
        let count = directory.join("count");
        let before: usize = std::fs::read_to_string(&count).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        if before == 0 {
            Self::begin(directory);
        }
        let record = std::fs::read(directory.join("record")).unwrap();
        let mut vault = open_sqlite(&directory.join("store"), &unlock(), &Options::default()).unwrap().vault;
        let mut next = before;
        while next < rows {
            let end = rows.min(next + GROUP);
            let batches = (next..end).map(|row| Change::put(row_name(row), 0, record.clone().into()).into()).collect();
            vault.commit_many(batches).into_iter().for_each(|result| result.unwrap());
            next = end;
            progress(next);
        }
        std::fs::write(count, next.max(before).to_string()).unwrap();
    }

    fn begin(directory: &Path) {
        let now = Timestamp::from_secs(1_800_000_000);
        std::fs::create_dir_all(directory.join("store")).unwrap();
        let key = PrivateKey::generate(&mut random());
        std::fs::write(directory.join("key"), &*key.to_bytes()).unwrap();
        let friend = Identity::new(PrivateKey::generate(&mut random()), InstanceTag::new(0x2000).unwrap());
        let mut known = Acquaintance::make(&own(key), &friend, now);
        std::fs::write(directory.join("record"), known.record()).unwrap();
        let line = known.lines(1, &[b'x'; 100], now).pop().unwrap();
        std::fs::write(directory.join("line"), line).unwrap();
    }

    pub(crate) fn at(directory: &Path) -> Self {
        let key = PrivateKey::from_bytes(&std::fs::read(directory.join("key")).unwrap()).unwrap();
        let line = std::fs::read(directory.join("line")).unwrap();
        Self { store: directory.join("store"), identity: own(key), line }
    }

    /// Reads what the conversation of a row is owed, from the disk to the durable text.
    pub(crate) fn read_owed(&self, store: &mut dyn EkmStore, row: usize) {
        let now = Timestamp::from_secs(1_800_000_100);
        let name = row_name(row);
        let loaded = store.load(&name).unwrap().unwrap();
        let opening = Opening {
            record: &loaded.record,
            generation: loaded.generation,
            quarantine: false,
            leap: Leap::random(&mut random()),
        };
        let identity = Arc::clone(&self.identity);
        let mut conversation = Conversation::open(identity, settings(), &opening, now, &mut random()).unwrap();
        conversation.handle_delivery(&self.line, &Evidence::LIVE, now, &mut random());
        let mut texts = 0;
        while let Some(output) = conversation.poll_output() {
            match output {
                Output::Commit(commit) => {
                    let change = Change::put(name.clone(), commit.expected, commit.record);
                    let change = if commit.retires_secret { change.retiring_secret() } else { change };
                    store.commit(change.into()).unwrap();
                    conversation.commit_done();
                }
                Output::Event(o2tr::conversation::Event::Text(_)) => texts += 1,
                Output::Event(_) | Output::Transmit(_) => {}
            }
        }
        assert_eq!(texts, 1, "the conversation of row {row} is read");
    }
}

fn own(key: PrivateKey) -> Arc<Identity> {
    Identity::new(key, InstanceTag::new(0x1000).unwrap())
}
