//! What became of lines and texts: transmitted, read by the peer, missed by it.

use core::time::Duration;

use o2tr_ekm::record::{InFlight, KeptLine, LineRecord, OutboxText, TextState};
use otr_core::dsa::Fingerprint;
use otr_core::planted::{Fault, planted};
use otr_core::wire::{DataMessage, Route};
use otr_core::{Event as CoreEvent, Output as CoreOutput, SessionId, Timestamp};

use super::{Conversation, Event};
use crate::capability::{AckWindow, PairAck, PairId};

/// How often our newest lines are sent again at most.
const REPEAT_AT_MOST: Duration = Duration::from_secs(30);
/// How often a line is sent again because the peer has shown to miss it: it may be of a pair that is gone there.
const MAX_REPEATS: u8 = 5;

/// A line that an O2TR peer has shown to miss.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    /// Its id.
    line: u64,
    /// In which session it left.
    session: SessionId,
    tries: u8,
}

impl Conversation {
    /// The network has taken a line. Until this is called the line comes again after a restart.
    pub fn transmitted(&mut self, id: u64) {
        let Some(index) = self.lines.iter().position(|line| line.id == id) else { return };
        let Some(line) = self.lines.get_mut(index) else { return };
        if line.transmitted {
            return;
        }
        line.transmitted = true;
        match line.kept {
            None => drop(self.lines.remove(index)),
            Some(kept) => self.note_sent(&kept),
        }
        self.touch();
        self.queue_outputs();
    }

    fn note_sent(&mut self, kept: &KeptLine) {
        let mut sent = None;
        for text in &mut self.outbox {
            if let TextState::InFlight(flight) = &mut text.state
                && flight.is_of(kept)
                && !flight.transmitted
            {
                flight.transmitted = true;
                sent = Some(text.id.clone());
            }
        }
        if let Some(id) = sent {
            self.emit(Event::Sent { id });
        }
    }

    /// The owner of a key has read these uses of one of our keys. It speaks of its own sessions only.
    pub(super) fn take_acknowledgement(&mut self, reader: &Fingerprint, ack: &PairAck) {
        let read = |session: &SessionId, ssid: &[u8; 8], keyids: (u32, u32), use_number: u32| {
            session.fingerprint == *reader
                && PairId::new(ssid, keyids.0, keyids.1) == ack.pair
                && (ack.read.contains(use_number) || planted(Fault::AcknowledgedUnread))
        };
        let mut acknowledged = Vec::new();
        self.outbox.retain(|text| match text.state {
            TextState::InFlight(flight) if read(&flight.session, &flight.ssid, flight.keyids, flight.use_number) => {
                acknowledged.push(text.id.clone());
                false
            }
            TextState::InFlight(_) | TextState::Queued | TextState::HeldForTrust => true,
        });
        let before = self.lines.len();
        self.lines.retain(|line| {
            !line.kept.is_some_and(|kept| read(&kept.session, &kept.ssid, kept.keyids, kept.use_number))
        });
        if self.lines.len() != before || !acknowledged.is_empty() {
            self.touch_and_retire();
        }
        for id in acknowledged {
            self.emit(Event::Acknowledged { id });
        }
    }

    /// Messages without text are not missed once something later was read: heartbeats have done what they were for,
    /// and what the OTR layer made by itself (SMP, the extra key) carries no record, so it is never acknowledged.
    pub(super) fn drop_textless(&mut self, read: &AckWindow) {
        let outbox = &self.outbox;
        let carries_text = |kept: &KeptLine| {
            outbox.iter().any(|text| matches!(text.state, TextState::InFlight(flight) if flight.is_of(kept)))
        };
        let before = self.lines.len();
        self.lines.retain(|line| {
            !line.kept.is_some_and(|kept| line.transmitted && !carries_text(&kept) && is_overtaken(&kept, read))
        });
        if self.lines.len() != before {
            self.touch();
        }
    }

    /// Lines that the peer has not read although it has read later ones: the same bytes again, now or as soon as that
    /// is not too often. An acknowledgement speaks of two pairs only, so what it shows is remembered.
    pub(super) fn repeat_missing(&mut self, session: SessionId, read: &AckWindow, now: Timestamp) {
        let Some(ssid) = self.session_record(session).map(|record| record.ssid) else { return };
        let Self { lines, missing, .. } = self;
        let is_missed = |line: &&LineRecord| {
            line.transmitted && line.kept.is_some_and(|kept| kept.ssid == ssid && is_overtaken(&kept, read))
        };
        for line in lines.iter().filter(is_missed) {
            if !missing.iter().any(|known| known.line == line.id) {
                missing.push(Missing { line: line.id, session, tries: 0 });
            }
        }
        self.repeat_what_is_missed(now);
    }

    /// Repeats what is known to be missed, of each session at most once in a while.
    pub(super) fn repeat_what_is_missed(&mut self, now: Timestamp) {
        let Self { lines, missing, .. } = self;
        missing.retain(|known| known.tries < MAX_REPEATS && lines.iter().any(|line| line.id == known.line));
        let mut sessions: Vec<SessionId> = Vec::new();
        for known in &self.missing {
            if !sessions.contains(&known.session) {
                sessions.push(known.session);
            }
        }
        for session in sessions {
            let of_session: Vec<_> =
                self.missing.iter().filter(|known| known.session == session).map(|known| known.line).collect();
            if self.repeat(session, now, |line, _| of_session.contains(&line)) {
                let sent = self.missing.iter_mut().filter(|known| known.session == session);
                sent.for_each(|known| known.tries += 1);
            }
        }
    }

    /// When [`Self::repeat_what_is_missed`] is due: only while the peer is there.
    pub(super) fn repeat_due(&self) -> Option<Timestamp> {
        let last = |known: &Missing| self.session_record(known.session)?.repeated_at;
        let waits = self
            .missing
            .iter()
            .filter(|known| known.tries < MAX_REPEATS && self.lines.iter().any(|line| line.id == known.line));
        waits.filter_map(last).min().filter(|_| self.presence.online).map(|at| at.after(REPEAT_AT_MOST))
    }

    /// The peer has sent us its newest message again: perhaps it waits for an answer that was lost.
    pub(super) fn peer_missed_something(&mut self, message: &DataMessage<'_>, now: Timestamp) {
        let session = self.peer.sessions().find(|view| {
            view.encrypted
                && Some(view.id.version) == Some(message.route.version())
                && view.id.instance == message.route.sender()
        });
        let Some(view) = session else { return };
        let capable = self.session_record(view.id).is_some_and(|record| record.capability.is_some());
        if capable {
            let current = (view.keyids.0.saturating_sub(1), view.keyids.1);
            self.repeat(view.id, now, |_, kept| kept.keyids == current);
        }
    }

    /// The peer has asked for our Signature once more: what we have sent in the new session since went by it, too.
    /// To be called before the outputs of the OTR layer are taken.
    pub(super) fn repeat_provisional(&mut self) {
        let outputs: Vec<_> = core::iter::from_fn(|| self.peer.poll_output()).collect();
        let completed = |output: &CoreOutput| matches!(output, CoreOutput::Event(CoreEvent::Established(_)));
        let signature = outputs.iter().find_map(|output| match output {
            CoreOutput::Send(line) => Some(line.clone()),
            CoreOutput::Event(_) | CoreOutput::Retired(_) => None,
        });
        let Some(signature) = signature.filter(|_| !outputs.iter().any(completed)) else {
            return self.turn.deferred.extend(outputs);
        };
        let receiver = match signature.route {
            Some(Route::V3 { receiver, .. }) => receiver,
            Some(Route::V2) | None => None,
        };
        self.add_line(signature.bytes, signature.route, None);
        let provisional: Vec<_> = self
            .sessions
            .iter()
            .filter(|record| !record.confirmed && record.id.instance == receiver)
            .map(|record| record.ssid)
            .collect();
        let again: Vec<_> = self
            .lines
            .iter()
            .filter(|line| line.transmitted && line.kept.is_some_and(|kept| provisional.contains(&kept.ssid)))
            .map(|line| line.id)
            .collect();
        again.into_iter().for_each(|id| self.transmit_line(id));
    }

    /// Sends kept lines of a session again, byte for byte: no key is used once more. `false` if it is too soon.
    fn repeat(&mut self, session: SessionId, now: Timestamp, which: impl Fn(u64, &KeptLine) -> bool) -> bool {
        let Some(record) = self.session_record(session) else { return false };
        let ssid = record.ssid;
        if record.repeated_at.is_some_and(|at| now.since(at) < REPEAT_AT_MOST) {
            return false;
        }
        let of_session = |line: &&LineRecord| line.kept.is_some_and(|kept| kept.ssid == ssid && which(line.id, &kept));
        let ids: Vec<_> =
            self.lines.iter().filter(|line| line.transmitted).filter(of_session).map(|line| line.id).collect();
        if ids.is_empty() {
            return false;
        }
        if let Some(record) = self.session_record_mut(session) {
            record.repeated_at = Some(now);
        }
        self.touch();
        self.expect_errors(ids.len(), now);
        ids.into_iter().for_each(|id| self.transmit_line(id));
        true
    }

    /// Lines are sent again that the peer may have: a plain OTR client answers each with an error.
    pub(super) fn expect_errors(&mut self, lines: usize, now: Timestamp) {
        let (before, _) = self.timers.sent_again;
        self.timers.sent_again = (before.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)), now);
    }

    /// The peer has used a newer key: to a plain OTR client what left under older ones is past; from an O2TR peer
    /// an acknowledgement is still to come.
    pub(super) fn settle_epochs(&mut self, session: SessionId) {
        let Some(view) = self.peer.view(session) else { return };
        let current = (view.keyids.0.saturating_sub(1), view.keyids.1);
        let capable = self.session_record(session).is_some_and(|record| record.capability.is_some());
        if capable {
            return self.cap_kept_lines(session);
        }
        let past = |ssid: [u8; 8], keyids: (u32, u32)| ssid == view.ssid && keyids != current;
        self.outbox.retain(|text| match text.state {
            TextState::InFlight(flight) => !(flight.transmitted && past(flight.ssid, flight.keyids)),
            TextState::Queued | TextState::HeldForTrust => true,
        });
        self.lines.retain(|line| !(line.transmitted && line.kept.is_some_and(|kept| past(kept.ssid, kept.keyids))));
    }

    /// An O2TR peer that never acknowledges does not make us keep everything: the oldest texts are given up with a
    /// word.
    fn cap_kept_lines(&mut self, session: SessionId) {
        const MAX_KEPT: usize = 64;
        let mut surplus: Vec<_> = self
            .lines
            .iter()
            .filter(|line| line.transmitted && line.kept.is_some_and(|kept| kept.session == session))
            .filter_map(|line| Some((line.id, line.kept?)))
            .collect();
        surplus.truncate(surplus.len().saturating_sub(MAX_KEPT));
        if surplus.is_empty() {
            return;
        }
        let given_up = |text: &OutboxText| matches!(text.state, TextState::InFlight(flight) if surplus.iter().any(|(_, kept)| flight.is_of(kept)));
        let lost: Vec<_> = self.outbox.iter().filter(|text| given_up(text)).map(|text| text.id.clone()).collect();
        self.outbox.retain(|text| !given_up(text));
        self.lines.retain(|line| !surplus.iter().any(|(id, _)| *id == line.id));
        self.touch_and_retire();
        for id in lost {
            self.emit(Event::Unconfirmed { id });
        }
    }

    /// A new AKE with the same key: what was under way in the old session, text by text. `again` decides whether a
    /// text goes out anew; what does not is given up with a word.
    pub(super) fn settle_in_flight(&mut self, ssid: [u8; 8], again: impl Fn(&OutboxText, &InFlight) -> bool) {
        let mut lost = Vec::new();
        self.outbox.retain_mut(|text| match text.state {
            TextState::InFlight(flight) if flight.ssid == ssid => {
                if again(text, &flight) {
                    text.state = TextState::Queued;
                    text.again |= flight.transmitted;
                    true
                } else {
                    lost.push(text.id.clone());
                    false
                }
            }
            TextState::InFlight(_) | TextState::Queued | TextState::HeldForTrust => true,
        });
        self.lines.retain(|line| line.kept.is_none_or(|kept| kept.ssid != ssid));
        self.touch_and_retire();
        for id in lost {
            self.emit(Event::Unconfirmed { id });
        }
    }
}

/// Whether the peer has read something that left after this line, and says nothing of the line itself.
///
/// Keyids rise, so a pair is older than another if neither of its keyids is higher. A pair that the window does not
/// mention may have been pushed out of it; but not while an older one is still there.
fn is_overtaken(kept: &KeptLine, read: &AckWindow) -> bool {
    let own = PairId::new(&kept.ssid, kept.keyids.0, kept.keyids.1);
    if let Some(highest) = read.get(own).and_then(|map| map.highest())
        && kept.use_number < highest
    {
        return true;
    }
    let of_session = || read.parts().iter().flatten().map(|ack| ack.pair).filter(|pair| pair.ssid == own.ssid);
    let older = |one: PairId, other: PairId| {
        one != other && one.sender_keyid <= other.sender_keyid && one.recipient_keyid <= other.recipient_keyid
    };
    of_session().any(|pair| older(own, pair)) && of_session().any(|pair| pair == own || older(pair, own))
}

/// Ties a text to its line.
trait OfLine {
    fn is_of(&self, kept: &KeptLine) -> bool;
}

impl OfLine for InFlight {
    fn is_of(&self, kept: &KeptLine) -> bool {
        (self.session, self.ssid, self.keyids, self.use_number)
            == (kept.session, kept.ssid, kept.keyids, kept.use_number)
    }
}
