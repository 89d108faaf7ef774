//! What the client tells.

use o2tr::client::ClientEvent;
use o2tr::conversation::{Encrypted, Event, Hold, Refresh, Rejection, Text};
use o2tr::transport::{Address, PeerId, Subscription};
use o2tr_ekm::record::TrustLevel;
use otr_core::smp::SmpEvent;

use super::{dialog, note};
use crate::chat::markup;
use crate::chat::model::{Connection, Dialog, Kind, Model, Progress, Smp, Tone};
use crate::chat::text::{clean, clean_line};
use crate::chat::wish::{Ask, Wish};
use crate::chat::words;

pub(super) fn happened(model: &mut Model, event: ClientEvent, wishes: &mut Vec<Wish>) {
    match event {
        ClientEvent::Conversation { peer, event } => {
            model.contact(&peer).stale = true;
            conversation(model, &peer, event, wishes);
        }
        ClientEvent::Online { resumed: _ } => {
            model.connection = Connection::Online { caught_up: false };
            for contact in &mut model.contacts {
                contact.refused = None;
            }
        }
        ClientEvent::Offline { reason, retry_in } => {
            let retry_at = retry_in.map(|after| model.now.after(after));
            model.connection = Connection::Offline { reason: clean_line(&reason.to_string()), retry_at };
            // Nobody can be seen.
            for contact in &mut model.contacts {
                contact.there.clear();
                contact.stale |= contact.standing.is_some();
            }
        }
        ClientEvent::CaughtUp => model.connection = Connection::Online { caught_up: true },
        ClientEvent::Presence { from, available } => presence(model, from, available),
        ClientEvent::Subscription { peer, subscription } => subscribed(model, &peer, subscription),
        ClientEvent::Refused { peer, reason } => {
            model.contact(&peer).refused = Some(clean_line(&reason.to_string()));
        }
        ClientEvent::Bounced { peer, reason } => {
            model.contact(&peer).stale = true;
            let reason = clean_line(&reason.to_string());
            note(model, &peer, Tone::Warning, format!("Something came back from the server: {reason}. It is kept."));
        }
        ClientEvent::Stranger { peer } => note(
            model,
            &peer,
            Tone::Warning,
            "A stranger asks for a private conversation. Nothing was answered: /query answers now, /allow answers \
             whenever they ask, /add makes a contact.",
        ),
        ClientEvent::Locked { peer, reason } => {
            let reason = clean_line(&reason.to_string());
            note(model, &peer, Tone::Danger, format!("The stored conversation cannot be read: {reason}."));
            model.contact(&peer).locked = Some(reason);
        }
        ClientEvent::UnreadableRow { reason, .. } => {
            model.complain(format!("A stored conversation cannot be read, and nobody knows whose it is: {reason}"));
        }
        ClientEvent::JournalLost => model.complain("Lines that were put aside earlier cannot be read any more"),
        ClientEvent::StoreFailed { peer, error } => note(
            model,
            &peer,
            Tone::Danger,
            format!(
                "The store failed: {}. The conversation goes on from what is safe.",
                clean_line(&error.to_string())
            ),
        ),
        ClientEvent::GivenUp { peer } => note(
            model,
            &peer,
            Tone::Warning,
            "A message was given up for now, because the store failed on it; it comes again with the next start.",
        ),
        _ => {}
    }
}

fn presence(model: &mut Model, from: Address, available: bool) {
    let Address { peer, resource } = from;
    let contact = model.contact(&peer);
    // What waits may leave now, or no longer.
    contact.stale |= contact.standing.is_some();
    if available {
        contact.asked_again &= contact.is_there();
        contact.there.insert(resource);
    } else if resource.is_none() {
        contact.there.clear();
    } else {
        contact.there.remove(&resource);
    }
}

fn subscribed(model: &mut Model, peer: &PeerId, subscription: Subscription) {
    let before = core::mem::replace(&mut model.contact(peer).subscription, subscription);
    if subscription == Subscription::Requested && before != subscription {
        note(
            model,
            peer,
            Tone::Warning,
            "Wants to be a contact and see when you are there: /accept or /remove. You can write without that.",
        );
        if model.open.as_ref() != Some(peer) {
            let name = model.contact(peer).name.clone();
            model.say(format!("{name} wants to be a contact"));
        }
    }
}

fn conversation(model: &mut Model, peer: &PeerId, event: Event, wishes: &mut Vec<Wish>) {
    let id = event.id();
    match event {
        Event::Text(text) => received(model, peer, &text),
        Event::Encrypted(encrypted) => secured(model, peer, &encrypted),
        Event::Finished { .. } => {
            model.contact(peer).smp = Smp::Idle;
            let text = "The other side has ended the private conversation. What you type waits: /query starts a new \
                        one, /end gives it up.";
            acknowledged_note(model, peer, Tone::Warning, text.to_owned(), id);
        }
        Event::NewFingerprint { id, fingerprint } => {
            // The keys known so far say whether it is the first one; the look that follows brings them.
            model.contact(peer).new_keys.push((id, fingerprint));
        }
        Event::VersionLowered { highest, .. } => note(
            model,
            peer,
            Tone::Warning,
            format!(
                "With this key the other side spoke version {highest} before and does not now: somebody on the way may \
                 have cut its offer."
            ),
        ),
        Event::Recovered { age, messages_under_key, .. } => note(
            model,
            peer,
            Tone::Good,
            format!(
                "Recovered: the session from {} ago reads what was sent meanwhile ({} under one key).",
                words::duration(age),
                words::count(messages_under_key as usize, "message")
            ),
        ),
        Event::Refreshed { how, .. } => {
            let how = match how {
                Refresh::Ratchet => "the other side has used a new key",
                Refresh::Ake => "by a new handshake",
            };
            note(model, peer, Tone::Good, format!("Refreshed: fresh keys have replaced the stored ones ({how})."));
        }
        Event::Paused { reason, .. } => paused(model, peer, reason),
        Event::Resumed => note(model, peer, Tone::Dim, "Nothing waits any more."),
        Event::Sent { id } => progress(model, peer, &id, Progress::Sent),
        Event::Acknowledged { id } => progress(model, peer, &id, Progress::Read),
        Event::Unconfirmed { id } => progress(model, peer, &id, Progress::Unconfirmed),
        Event::Smp { event, .. } => smp(model, peer, &event),
        Event::SmpResult { equal, .. } => {
            let verifies = match core::mem::take(&mut model.contact(peer).smp) {
                Smp::Asked => Some(true),
                Smp::Running { verifies } => Some(verifies),
                // It comes again from an earlier run.
                Smp::Idle | Smp::Asks { .. } => None,
            };
            let (tone, text) = match (equal, verifies) {
                (true, Some(true)) => (Tone::Good, "SMP: both of you know the same secret. Their key is verified."),
                (true, Some(false)) => (
                    Tone::Good,
                    "SMP: your answer was right, so they have verified you. To verify them, ask in turn: /smp QUESTION.",
                ),
                (true, None) => (Tone::Good, "SMP: both of you know the same secret."),
                (false, _) => {
                    (Tone::Danger, "SMP: the secrets differ. Somebody may be in between, or one of you mistyped.")
                }
            };
            acknowledged_note(model, peer, tone, text.to_owned(), id);
            dialog::show_if_quiet(model, Dialog::SmpResult { peer: peer.clone(), equal, verifies });
        }
        Event::ExtraKey { usage, .. } => acknowledged_note(
            model,
            peer,
            Tone::Dim,
            format!("The other side uses the extra symmetric key (use {usage}); this program has no use for it."),
            id,
        ),
        Event::PeerError { text } => {
            let text = clean_line(&String::from_utf8_lossy(&text));
            note(model, peer, Tone::Warning, format!("The other side's program says (not authenticated): {text}"));
        }
        Event::LateOffer { sent_at } => {
            let when = sent_at.map_or(String::new(), |at| format!(" at {}", words::time(at, &model.zone)));
            note(
                model,
                peer,
                Tone::Dim,
                format!("A private conversation was asked for{when} while you were away: /query starts one."),
            );
        }
        Event::Rejected(reason) => rejected(model, peer, reason),
        Event::Expired { .. } => note(
            model,
            peer,
            Tone::Warning,
            "The stored session has reached its time to live; its keys are gone. What you type waits for a new one.",
        ),
        Event::Quarantined => note(
            model,
            peer,
            Tone::Danger,
            "The store looks like an old copy: others may know its keys. What is read with them is marked UNVERIF., and \
             nothing leaves before a new handshake.",
        ),
        _ => {}
    }
    // Nothing to be looked at: it is taken at once.
    if let Some(id) = id
        && !is_held(model, peer, id)
    {
        wishes.push(Wish::Peer(peer.clone(), Ask::Acknowledge(id)));
    }
}

/// Whether an event waits for somebody to look at it or to decide.
fn is_held(model: &Model, peer: &PeerId, id: u64) -> bool {
    model.find(peer).is_some_and(|contact| {
        contact.new_keys.iter().any(|(known, _)| *known == id)
            || contact.entries.iter().rev().any(|entry| match &entry.kind {
                Kind::Received { unread, .. } | Kind::Notice { unread, .. } => *unread == Some(id),
                Kind::Sent { .. } => false,
            })
    })
}

fn received(model: &mut Model, peer: &PeerId, text: &Text) {
    let now = model.now;
    let contact = model.contact(peer);
    let plain = String::from_utf8_lossy(&text.text);
    let o2tr = contact.standing.as_ref().is_some_and(|standing| standing.view.peer_keeps_keys);
    // Clients of libotr's kin write HTML; ours does not.
    let plain = if o2tr { plain.into_owned() } else { markup::plain(&plain) };
    let late = text.sent_at.filter(|at| now.since(*at).as_secs() >= 60);
    contact.push(
        now,
        Kind::Received {
            text: clean(&plain),
            mark: text.provenance.into(),
            resent: text.resent,
            sent_at: late,
            unread: Some(text.id),
        },
    );
}

fn secured(model: &mut Model, peer: &PeerId, encrypted: &Encrypted) {
    let version = encrypted.session.version.number();
    let trust = match encrypted.trust {
        TrustLevel::Unverified => "The key is not verified: /smp or /verify.",
        TrustLevel::Smp => "The key is verified (SMP).",
        TrustLevel::Verified => "The key is verified.",
    };
    let text = if encrypted.renewed {
        format!("Still private (OTR {version}), with new keys. {trust}")
    } else {
        format!("Private (OTR {version}). {trust}")
    };
    note(model, peer, Tone::Good, text);
}

fn paused(model: &mut Model, peer: &PeerId, reason: Hold) {
    // The banner says it as long as it lasts.
    if reason == Hold::Trust {
        note(
            model,
            peer,
            Tone::Danger,
            "Held: another key has answered than the one this was written for. /verify compares, /release sends, \
             /cancel withdraws.",
        );
    }
}

fn progress(model: &mut Model, peer: &PeerId, id: &str, to: Progress) {
    let contact = model.contact(peer);
    // Read is read, whatever is said of the line later.
    if contact.progress(id) == Some(&Progress::Read) {
        return;
    }
    if contact.set_progress(id, to.clone()) {
        return;
    }
    let text = match to {
        Progress::Sent => "A text from an earlier run has left.",
        Progress::Read => "A text from an earlier run was read.",
        Progress::Unconfirmed => "Nobody knows whether a text from an earlier run was read.",
        _ => return,
    };
    note(model, peer, Tone::Dim, text);
}

fn smp(model: &mut Model, peer: &PeerId, event: &SmpEvent) {
    let contact = model.contact(peer);
    let (state, tone, text) = match event {
        SmpEvent::AskSecret => (
            Smp::Asks { question: None },
            Tone::Strong,
            "SMP: the other side wants to check that you both know the same secret. /smp answers.".to_owned(),
        ),
        SmpEvent::AskAnswer { question } => {
            let question = clean_line(&String::from_utf8_lossy(question));
            let text = format!("SMP: the other side asks: \"{question}\" /smp answers.");
            (Smp::Asks { question: Some(question) }, Tone::Strong, text)
        }
        SmpEvent::InProgress => {
            (Smp::Running { verifies: true }, Tone::Dim, "SMP: the answer has come; one step is left.".to_owned())
        }
        // The result comes as an event of its own.
        SmpEvent::Success | SmpEvent::Failure => return,
        SmpEvent::Aborted => (Smp::Idle, Tone::Warning, "SMP: broken off by the other side.".to_owned()),
        SmpEvent::Cheated(_) => {
            (Smp::Idle, Tone::Danger, "SMP: a message failed its checks. Somebody may be in between.".to_owned())
        }
        SmpEvent::Error(_) => (Smp::Idle, Tone::Warning, "SMP: broken off; start it again.".to_owned()),
    };
    contact.smp = state;
    note(model, peer, tone, text);
    dialog::drop_answers(model, peer);
    dialog::ask_for_answer_if_quiet(model, peer);
}

fn rejected(model: &mut Model, peer: &PeerId, reason: Rejection) {
    let (tone, text) = match reason {
        // Nothing is missing.
        Rejection::Duplicate | Rejection::Echo | Rejection::Handshake => return,
        Rejection::Unreadable => (Tone::Warning, "A message could not be read: its key is not here."),
        Rejection::Forged => (Tone::Danger, "A message was refused: its authenticator is wrong."),
        Rejection::OtherInstance => (Tone::Dim, "A message for another device of yours."),
        Rejection::Policy => (Tone::Dim, "Something was asked for that is not allowed, or not now."),
        Rejection::OverLimit => (Tone::Warning, "A message was put aside: more waits than is kept."),
        Rejection::CloneSuspected => (
            Tone::Danger,
            "Two different messages carry one number: somebody else may use the same keys. A new handshake is made.",
        ),
        _ => (Tone::Warning, "A message was refused: it has not the form it should have."),
    };
    note(model, peer, tone, text);
}

fn acknowledged_note(model: &mut Model, peer: &PeerId, tone: Tone, text: String, unread: Option<u64>) {
    let now = model.now;
    let contact = model.contact(peer);
    let serial = contact.push(now, Kind::Notice { text, tone, count: 1, unread });
    // A notice that was said before and looked at waits to be looked at once more.
    if let Some(index) = contact.index_of(serial)
        && let Some(entry) = contact.entries.get_mut(index)
        && let Kind::Notice { unread: known @ None, .. } = &mut entry.kind
    {
        *known = unread;
    }
}
