//! Somebody else who speaks under an address and a tag that are not theirs.

use o2tr::transport::Evidence;
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag, Output, Peer, Version};

use super::Pair;

/// A plain OTR client with any key and tag.
pub(crate) struct Stranger {
    pub(crate) peer: Peer,
    pub(crate) events: Vec<otr_core::Event>,
    lines: Vec<Vec<u8>>,
}

impl Stranger {
    pub(crate) fn new(key: PrivateKey, tag: u32) -> Self {
        let identity = Identity::new(key, InstanceTag::new(tag).unwrap());
        Self { peer: Peer::new(identity, otr_core::Settings::default()), events: Vec::new(), lines: Vec::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Send(line) => self.lines.push(line.bytes),
                Output::Event(event) => self.events.push(event),
                Output::Retired(_) => {}
            }
        }
    }

    /// What the stranger was told.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|event| match event {
                otr_core::Event::Message(message) if !message.content.text.is_empty() => {
                    Some(String::from_utf8_lossy(&message.content.text).into_owned())
                }
                _ => None,
            })
            .collect()
    }
}

impl Pair {
    /// The stranger makes an AKE with one end, by a D-H Commit.
    pub(crate) fn intrude(&mut self, side: usize, stranger: &mut Stranger) {
        stranger.peer.open_exchange(Version::V3, self.now, &mut self.rng);
        self.speak(side, stranger);
    }

    /// What the stranger has to say is said, and what that leads to is answered. Lines of the end go to the stranger
    /// only.
    pub(crate) fn speak(&mut self, side: usize, stranger: &mut Stranger) {
        stranger.drain();
        for _ in 0..100 {
            if stranger.lines.is_empty() {
                return;
            }
            let under_way = core::mem::take(&mut self.ends[1 - side].incoming);
            for line in core::mem::take(&mut stranger.lines) {
                self.deliver_line(side, &line, &Evidence::LIVE);
            }
            let answers = core::mem::replace(&mut self.ends[1 - side].incoming, under_way);
            for line in answers {
                stranger.peer.handle_line(&line, self.now, &mut self.rng);
            }
            stranger.drain();
        }
    }
}
