//! Two people and the server between them. What happens is written down.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{Context as _, Result};
use otr_core::decode_data;
use otr_core::text::{self, Kind, Line as TextLine};
use otr_core::wire::{DataFlags, DataMessage};
use serde_json::{Value, json};

use super::actor::{Actor, Cast};
use super::timeline::{Act, Fate, Line, Person, Scene, Step, Tally};

/// An act while it is played.
pub(super) struct Stage {
    cast: Cast,
    began: Instant,
    actors: [Option<Actor>; 2],
    /// Lines for each person at the server, oldest first.
    mailboxes: [VecDeque<Letter>; 2],
    /// Keyids that were seen.
    keyids: [u64; 2],
    /// Data messages that left: their bytes, and what they are.
    left: Vec<(String, Person, Line)>,
    written: Vec<String>,
    shown: Vec<String>,
    scenes: Vec<Scene>,
}

/// A line at the server.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    msg: String,
    line: Line,
    /// Nobody was there to take it.
    kept: bool,
}

impl Stage {
    pub(super) fn new(cast: Cast, began: Instant) -> Self {
        Self {
            cast,
            began,
            actors: [None, None],
            mailboxes: Default::default(),
            keyids: [0, 0],
            left: Vec::new(),
            written: Vec::new(),
            shown: Vec::new(),
            scenes: Vec::new(),
        }
    }

    /// Begins a scene with the sentence that explains it.
    pub(super) fn scene(&mut self, sentence: impl Into<String>) {
        let at_ms = self.began.elapsed().as_millis();
        self.scenes.push(Scene { at_ms, sentence: sentence.into(), steps: Vec::new() });
    }

    /// Starts a person's process.
    pub(super) fn start(&mut self, who: Person) -> Result<()> {
        let actor = Actor::start(who, &self.cast)?;
        let text = |member: &str| actor.ready[member].as_str().unwrap_or_default().to_owned();
        let restored = actor.ready["restored"] == true;
        self.note(Step::Started { who, pid: actor.pid(), fingerprint: text("fingerprint"), restored });
        self.actors[index(who)] = Some(actor);
        Ok(())
    }

    /// Kills it.
    pub(super) fn kill(&mut self, who: Person) -> Result<()> {
        let actor = self.actors[index(who)].take().context("nobody to kill")?;
        let pid = actor.pid();
        actor.kill()?;
        self.note(Step::Killed { who, pid });
        Ok(())
    }

    /// A person asks for a private conversation.
    pub(super) fn ask(&mut self, who: Person) -> Result<()> {
        self.command(who, &json!({"cmd": "query"}), None)
    }

    /// A person writes a text.
    pub(super) fn write(&mut self, who: Person, text: &str) -> Result<()> {
        self.written.push(text.to_owned());
        self.command(who, &json!({"cmd": "send", "text": text, "id": text}), Some(text))
    }

    /// Hands over the oldest line that waits for a person. `false` if there is none.
    pub(super) fn deliver(&mut self, to: Person) -> Result<bool> {
        let Some(Letter { msg, line, kept }) = self.mailboxes[index(to)].pop_front() else { return Ok(false) };
        self.note(Step::Delivered { to, line, kept, again: false });
        self.receive(to, &msg)?;
        Ok(true)
    }

    /// Hands over an old line once more.
    pub(super) fn replay(&mut self, to: Person, letter: &Letter) -> Result<()> {
        self.note(Step::Delivered { to, line: letter.line.clone(), kept: true, again: true });
        self.receive(to, &letter.msg)
    }

    /// The oldest line that waits for a person.
    pub(super) fn oldest(&self, to: Person) -> Option<Letter> {
        self.mailboxes[index(to)].front().cloned()
    }

    /// Both talk until nothing is under way.
    pub(super) fn settle(&mut self) -> Result<()> {
        while Person::BOTH.into_iter().try_fold(false, |moved, to| {
            let there = self.actors[index(to)].is_some();
            anyhow::Ok(moved | (there && self.deliver(to)?))
        })? {}
        Ok(())
    }

    /// A person has read everything that waited at the server.
    pub(super) fn caught_up(&mut self, who: Person) -> Result<()> {
        self.command(who, &json!({"cmd": "poll"}), None)
    }

    /// The end of the act.
    pub(super) fn finish(mut self, title: &'static str, subtitle: &'static str) -> Result<Act> {
        for actor in self.actors.iter_mut().filter_map(Option::take) {
            actor.quit()?;
        }
        let times = |text: &String| self.shown.iter().filter(|shown| *shown == text).count();
        let count = |wanted: fn(usize) -> bool| self.written.iter().filter(|text| wanted(times(text))).count();
        let tally =
            Tally { written: self.written.len(), read: count(|times| times == 1), repeated: count(|times| times > 1) };
        Ok(Act { title, subtitle, keeps_keys: self.cast.keeps_keys, scenes: self.scenes, tally })
    }

    fn receive(&mut self, to: Person, msg: &str) -> Result<()> {
        self.command(to, &json!({"cmd": "recv", "msg": msg}), None)
    }

    fn command(&mut self, who: Person, command: &Value, text: Option<&str>) -> Result<()> {
        let actor = self.actors[index(who)].as_mut().context("somebody acts who is not there")?;
        let events = actor.command(command)?;
        let state = actor.command(&json!({"cmd": "state"}))?;
        // Texts leave in order, and each is reported.
        let mut sent: VecDeque<_> = events.iter().filter(|event| event["ev"] == "sent").collect();
        for event in &events {
            self.take(who, event, &mut sent, text);
        }
        if let Some(keyid) = state.iter().find_map(|event| event["our_keyid"].as_u64())
            && keyid > self.keyids[index(who)]
        {
            self.keyids[index(who)] = keyid;
            self.note(Step::Key { who, keyid });
        }
        Ok(())
    }

    fn take(&mut self, who: Person, event: &Value, sent: &mut VecDeque<&Value>, text: Option<&str>) {
        let member = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        match event["ev"].as_str().unwrap_or_default() {
            "inject" => {
                let msg = member("msg");
                let line = self.describe(who, &msg, sent);
                let kept = self.actors[index(who.other())].is_none();
                self.mailboxes[index(who.other())].push_back(Letter { msg, line: line.clone(), kept });
                let fate = if kept { Fate::Kept } else { Fate::Arrives };
                self.note(Step::Line { from: who, line, fate });
            }
            "plaintext" => {
                self.shown.push(member("text"));
                self.note(Step::Shown { who, text: member("text"), provenance: member("provenance") });
            }
            "paused" => {
                let queued = event["queued"].as_u64().unwrap_or_default();
                let text = text.unwrap_or_default().to_owned();
                self.note(Step::Paused { who, text, queued, reason: member("reason") });
            }
            "encrypted" | "still_encrypted" => {
                // Keyids begin anew, and so do the uses of their pairs.
                self.keyids[index(who)] = 0;
                self.left.retain(|(_, sender, _)| *sender != who);
                self.note(Step::Encrypted { who, ssid: member("ssid") });
            }
            "recovered" => self.note(Step::Recovered { who }),
            "refreshed" => self.note(Step::Refreshed { who }),
            "rejected" => self.note(Step::Rejected { who, reason: member("reason") }),
            _ => {}
        }
    }

    /// What a line is, and which key it uses for the how many-th time.
    fn describe(&mut self, from: Person, msg: &str, sent: &mut VecDeque<&Value>) -> Line {
        match text::classify_reassembled(msg.as_bytes()) {
            TextLine::Query { .. } => Line::Handshake { name: "query" },
            TextLine::Encoded(encoded) => match encoded.kind() {
                Kind::Commit => Line::Handshake { name: "D-H Commit" },
                Kind::Key => Line::Handshake { name: "D-H Key" },
                Kind::RevealSignature => Line::Handshake { name: "Reveal Signature" },
                Kind::Signature => Line::Handshake { name: "Signature" },
                Kind::Data => self.describe_data(from, msg, sent).unwrap_or(Line::Other),
            },
            _ => Line::Other,
        }
    }

    fn describe_data(&mut self, from: Person, msg: &str, sent: &mut VecDeque<&Value>) -> Option<Line> {
        let before = self.left.iter().find(|(bytes, sender, _)| *sender == from && bytes == msg);
        if let Some((_, _, Line::Data { text, keys, used, .. })) = before {
            return Some(Line::Data { text: text.clone(), keys: *keys, used: *used, repeated: true });
        }
        let bytes = decode_data(msg.as_bytes())?;
        let message = DataMessage::parse(&bytes).ok()?;
        let keys = (message.sender_keyid, message.recipient_keyid);
        let uses = |line: &Line| matches!(line, Line::Data { keys: known, .. } if *known == keys);
        let before = self.left.iter().filter(|(_, sender, line)| *sender == from && uses(line)).count();
        let used = u32::try_from(before).ok()?.checked_add(1)?;
        let text = match message.flags.contains(DataFlags::IGNORE_UNREADABLE) {
            true => None,
            false => sent.pop_front().and_then(|sent| sent["id"].as_str()).map(str::to_owned),
        };
        let line = Line::Data { text, keys, used, repeated: false };
        self.left.push((msg.to_owned(), from, line.clone()));
        Some(line)
    }

    fn note(&mut self, step: Step) {
        if self.scenes.is_empty() {
            self.scene("");
        }
        if let Some(scene) = self.scenes.last_mut() {
            scene.steps.push(step);
        }
    }
}

const fn index(who: Person) -> usize {
    match who {
        Person::Alice => 0,
        Person::Bob => 1,
    }
}
