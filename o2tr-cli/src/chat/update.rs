//! From the model and something that happened to the next model and what is to be done.

mod command;
mod complete;
mod dialog;
mod event;
mod key;
mod look;
mod mouse;
mod reply;
mod scroll;
mod search;

use core::time::Duration;

use o2tr::conversation::Hold;
use o2tr::transport::PeerId;

pub(super) use self::command::COMMANDS;
pub(super) use self::search::hits as search_hits;
use super::model::{Connection, Model, Tone};
use super::wish::{Ask, Message, Wish};

/// After this time without an answer a private conversation is asked for once more.
const UNANSWERED: Duration = Duration::from_secs(75);

/// One step.
pub(super) fn update(model: &mut Model, message: Message) -> Vec<Wish> {
    let mut wishes = Vec::new();
    match message {
        Message::Key(key) => key::pressed(model, key, &mut wishes),
        Message::Mouse(mouse) => mouse::moved(model, mouse),
        Message::Paste(text) => mouse::pasted(model, &text),
        Message::Resize(columns, rows) => model.size = (columns, rows),
        Message::Focus(focused) => model.focused = focused,
        Message::Tick(now) => {
            model.now = now;
            ask_again(model, &mut wishes);
        }
        Message::Drawn => look::drawn(model, &mut wishes),
        Message::Event(event) => event::happened(model, event, &mut wishes),
        Message::Reply(reply) => reply::came(model, reply, &mut wishes),
        Message::Ended(reason) => {
            // What the transport said last is the better reason.
            let reason = match &model.connection {
                Connection::Offline { reason, .. } => reason.clone(),
                _ => reason,
            };
            model.connection = Connection::Ended { reason };
        }
    }
    ask_how_it_stands(model, &mut wishes);
    wishes
}

/// Looks again at every conversation in which something may have changed, one look at a time for each.
fn ask_how_it_stands(model: &mut Model, wishes: &mut Vec<Wish>) {
    for contact in &mut model.contacts {
        if contact.stale && !contact.looking {
            contact.stale = false;
            contact.looking = true;
            wishes.push(Wish::Peer(contact.peer.clone(), Ask::Look));
        }
    }
}

/// Asks once more for a private conversation that texts wait for, if the other side is there and does not answer: the
/// engine's own question may have reached nobody. Once for each time that they come, for to a client without OTR it is
/// a strange message.
fn ask_again(model: &mut Model, wishes: &mut Vec<Wish>) {
    let now = model.now;
    for contact in &mut model.contacts {
        let unanswered = contact.is_there() && contact.waiting().1 == Some(Hold::NoSession);
        if !unanswered {
            contact.unanswered_since = None;
            continue;
        }
        let since = *contact.unanswered_since.get_or_insert(now);
        if !contact.asked_again && now.since(since) >= UNANSWERED {
            contact.asked_again = true;
            wishes.push(Wish::Peer(contact.peer.clone(), Ask::Start));
        }
    }
}

/// Opens a conversation at the first text that nobody has looked at.
pub(super) fn open(model: &mut Model, peer: &PeerId) {
    if model.open.as_ref() != Some(peer) {
        model.search = None;
    }
    model.open = Some(peer.clone());
    model.shows_list = false;
    let contact = model.contact(peer);
    contact.stale = true;
    let first = contact.entries.iter().find(|entry| entry.is_unread()).map(|entry| entry.serial);
    contact.news = first;
    scroll::show_news(model);
    dialog::show_waiting(model);
}

/// Adds a word of the program to a conversation.
fn note(model: &mut Model, peer: &PeerId, tone: Tone, text: impl Into<String>) {
    let now = model.now;
    let kind = super::model::Kind::Notice { text: text.into(), tone, count: 1, unread: None };
    model.contact(peer).push(now, kind);
}
