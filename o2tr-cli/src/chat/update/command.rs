//! Commands: lines that begin with a stroke.

use o2tr::conversation::Privacy;
use o2tr::transport::{PeerId, Subscription};
use o2tr_ekm::record::TrustLevel;

use super::{dialog, note, open, search};
use crate::chat::model::{Dialog, Kind, Model, Quiet, Smp, Tone};
use crate::chat::text::clean_line;
use crate::chat::view;
use crate::chat::wish::{Ask, Wish};
use crate::chat::words;

/// A command, for the manual and the completion.
pub(in crate::chat) struct Command {
    pub(in crate::chat) name: &'static str,
    pub(in crate::chat) arguments: &'static str,
    pub(in crate::chat) does: &'static str,
    pub(in crate::chat) takes_contact: bool,
}

const fn command(name: &'static str, arguments: &'static str, does: &'static str) -> Command {
    Command { name, arguments, does, takes_contact: false }
}

const fn contact(name: &'static str, arguments: &'static str, does: &'static str) -> Command {
    Command { name, arguments, does, takes_contact: true }
}

/// All commands in the order of the manual.
pub(in crate::chat) const COMMANDS: &[Command] = &[
    contact("/open", "ADDRESS", "open a conversation"),
    command("/query", "", "ask for a private conversation, or for new keys in one (also: /otr start)"),
    command("/end", "", "end it: the other side is told, the keys are forgotten"),
    command("/smp", "[QUESTION]", "check that both of you know the same secret; answers if you are asked"),
    command("/smp-abort", "", "break that off"),
    command("/verify", "", "show both keys, to be compared by another way"),
    command("/trust", "[verified|unverified]", "list the keys seen, or say what you think of the present one"),
    command("/release", "", "send to the present key what was held because it is another one"),
    command("/clear", "TEXT", "send this one text unencrypted; asks first"),
    command("/outbox", "", "list the texts that wait, and those not confirmed"),
    command("/cancel", "[NUMBER|all]", "withdraw a waiting text, by its number in /outbox"),
    contact("/add", "ADDRESS", "make a contact"),
    contact("/accept", "[ADDRESS]", "let somebody who asked become a contact"),
    contact("/remove", "[ADDRESS]", "give a contact up, or refuse a request"),
    contact("/allow", "[ADDRESS]", "answer a stranger's wishes for private conversations in this run"),
    command("/search", "TEXT", "find words in this conversation (also: ctrl-f)"),
    command("/forget", "", "forget this conversation: keys, trust, waiting texts; asks first"),
    command("/help", "", "this page (also: F1)"),
    command("/quit", "", "leave; sessions and waiting texts are kept"),
];

/// Carries a line out; `false` if it stays as it is, to be mended.
pub(super) fn run(model: &mut Model, line: &str, wishes: &mut Vec<Wish>) -> bool {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    // What is left in the line depends on the command.
    let done = match (name, rest) {
        ("/help", _) => {
            model.dialogs.push_back(Dialog::Help { scroll: 0 });
            Ok(())
        }
        ("/quit", _) => {
            model.quitting = true;
            Ok(())
        }
        ("/open", address_text) => with_address(model, address_text, |model, peer, _| open(model, peer), wishes),
        ("/add", address_text) => with_address(model, address_text, add, wishes),
        ("/accept", address_text) => with_address(model, address_text, accept, wishes),
        ("/remove", address_text) => with_address(model, address_text, remove, wishes),
        ("/allow", address_text) => with_address(model, address_text, allow, wishes),
        ("/search", words) => {
            search::start(model, words);
            Ok(())
        }
        ("/query", _) | ("/otr", "start" | "query" | "refresh") => here(model, |_, _| Ok(Ask::Start), wishes),
        ("/end", _) | ("/otr", "end" | "stop") => here(model, |_, _| Ok(Ask::End), wishes),
        ("/smp", "abort") | ("/smp-abort", _) => here(model, abort_smp, wishes),
        ("/smp", question) => start_smp(model, question),
        ("/verify", _) => verify(model),
        ("/trust", "") => list_keys(model),
        ("/trust", level) => set_trust(model, level, wishes),
        ("/release", _) => release(model, wishes),
        ("/clear", text) => ask_clear(model, text),
        ("/outbox", _) => list_outbox(model),
        ("/cancel", which) => cancel(model, which, wishes),
        ("/forget", _) => forget(model),
        _ => Err("There is no such command: /help lists them. A text that begins with / begins with //".to_owned()),
    };
    match done {
        Ok(()) => {
            // The editor of the conversation that is open now may be another one: the line stood in the former.
            clear_line(model, line);
            true
        }
        Err(why) => {
            model.complain(why);
            false
        }
    }
}

fn clear_line(model: &mut Model, line: &str) {
    let editors = model.contacts.iter_mut().map(|contact| &mut contact.editor).chain([&mut model.loose]);
    for editor in editors {
        if editor.text().trim() == line {
            editor.take();
        }
    }
}

/// An address as a user writes it: lower case; the transport prepares it for good.
pub(in crate::chat) fn address(text: &str) -> Option<PeerId> {
    let bare = text.split_once('/').map_or(text, |(bare, _)| bare);
    let fits = !bare.is_empty() && bare.len() <= 1024 && !bare.chars().any(|c| c.is_whitespace() || c.is_control());
    if !fits {
        return None;
    }
    match bare.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => crate::xmpp::address(bare).ok(),
        _ => None,
    }
}

fn with_address(
    model: &mut Model,
    text: &str,
    then: impl FnOnce(&mut Model, &PeerId, &mut Vec<Wish>),
    wishes: &mut Vec<Wish>,
) -> Result<(), String> {
    let known = |contact: &&super::super::model::Contact| contact.short() == text || contact.peer.as_str() == text;
    let peer = match text {
        "" => model.open.clone().ok_or("Say whose: an address")?,
        text => match model.contacts.iter().find(known) {
            Some(contact) => contact.peer.clone(),
            None => address(text).ok_or_else(|| format!("{} is no address: name@server", clean_line(text)))?,
        },
    };
    then(model, &peer, wishes);
    Ok(())
}

fn add(model: &mut Model, peer: &PeerId, wishes: &mut Vec<Wish>) {
    wishes.push(Wish::Peer(peer.clone(), Ask::Contact(true)));
    open(model, peer);
    note(model, peer, Tone::Dim, "Asked to become a contact. You can write already; it waits until they are there.");
}

fn accept(model: &mut Model, peer: &PeerId, wishes: &mut Vec<Wish>) {
    wishes.push(Wish::Peer(peer.clone(), Ask::Contact(true)));
    note(model, peer, Tone::Dim, "Accepted as a contact.");
}

fn remove(model: &mut Model, peer: &PeerId, wishes: &mut Vec<Wish>) {
    wishes.push(Wish::Peer(peer.clone(), Ask::Contact(false)));
    model.contact(peer).subscription = Subscription::None;
    note(model, peer, Tone::Dim, "No contact any more. Keys and waiting texts stay: /forget removes them.");
}

fn allow(model: &mut Model, peer: &PeerId, wishes: &mut Vec<Wish>) {
    wishes.push(Wish::Peer(peer.clone(), Ask::Allow(true)));
    note(model, peer, Tone::Dim, "Wishes for private conversations are answered until you quit.");
}

/// For the open conversation.
fn current(model: &Model) -> Result<PeerId, String> {
    model.open.clone().ok_or_else(|| "Open a conversation first: ctrl-n, or /open ADDRESS".to_owned())
}

fn here(
    model: &mut Model,
    ask: impl FnOnce(&mut Model, &PeerId) -> Result<Ask, String>,
    wishes: &mut Vec<Wish>,
) -> Result<(), String> {
    let peer = current(model)?;
    let ask = ask(model, &peer)?;
    wishes.push(Wish::Peer(peer, ask));
    Ok(())
}

fn abort_smp(model: &mut Model, peer: &PeerId) -> Result<Ask, String> {
    if core::mem::take(&mut model.contact(peer).smp) == Smp::Idle {
        return Err("No check of a secret is under way".to_owned());
    }
    dialog::drop_answers(model, peer);
    note(model, peer, Tone::Dim, "SMP: broken off.");
    Ok(Ask::AbortSmp)
}

fn start_smp(model: &mut Model, question: &str) -> Result<(), String> {
    let peer = current(model)?;
    if matches!(model.contact(&peer).smp, Smp::Asks { .. }) {
        dialog::ask_for_answer(model, &peer);
        return Ok(());
    }
    if model.contact(&peer).privacy() != Some(Privacy::Encrypted) {
        return Err("SMP needs a private conversation: /query starts one".to_owned());
    }
    let question = (!question.is_empty()).then(|| question.to_owned());
    model.dialogs.push_back(Dialog::SmpStart { peer, question, secret: Default::default() });
    Ok(())
}

fn verify(model: &mut Model) -> Result<(), String> {
    let peer = current(model)?;
    view::key_to_compare(model, &peer).ok_or("There is no key to compare yet: /query starts a private conversation")?;
    model.dialogs.push_back(Dialog::Fingerprints { peer, choice: 0 });
    Ok(())
}

fn list_keys(model: &mut Model) -> Result<(), String> {
    let peer = current(model)?;
    let keys = model.contact(&peer).standing.as_ref().map(|standing| standing.keys.clone()).unwrap_or_default();
    if keys.is_empty() {
        return Err("No key of this contact was seen yet".to_owned());
    }
    for key in keys {
        let level = view::trust_words(key.level);
        let seen = words::day(key.first_seen, &model.zone);
        note(model, &peer, Tone::Plain, format!("{}: {level}, first seen {seen}", key.fingerprint));
    }
    Ok(())
}

fn set_trust(model: &mut Model, level: &str, wishes: &mut Vec<Wish>) -> Result<(), String> {
    let peer = current(model)?;
    let level = match level {
        "verified" => TrustLevel::Verified,
        "unverified" => TrustLevel::Unverified,
        _ => return Err("/trust verified, or /trust unverified".to_owned()),
    };
    let key = view::key_to_compare(model, &peer).ok_or("There is no key yet")?;
    note(model, &peer, Tone::Dim, format!("{key} is {} now.", view::trust_words(level)));
    wishes.push(Wish::Peer(peer, Ask::Trust { key, level }));
    Ok(())
}

fn release(model: &mut Model, wishes: &mut Vec<Wish>) -> Result<(), String> {
    let peer = current(model)?;
    match model.contact(&peer).key_change {
        Some(change) => dialog::accept_key(model, &peer, change, wishes),
        None => wishes.push(Wish::Peer(peer.clone(), Ask::Release)),
    }
    note(model, &peer, Tone::Warning, "Released: what was held goes to the present key.");
    Ok(())
}

fn ask_clear(model: &mut Model, text: &str) -> Result<(), String> {
    let peer = current(model)?;
    if text.is_empty() {
        return Err("/clear TEXT: what is to be sent unencrypted?".to_owned());
    }
    model.dialogs.push_back(Dialog::Clear { peer, text: Quiet(text.to_owned()), choice: 0 });
    Ok(())
}

fn list_outbox(model: &mut Model) -> Result<(), String> {
    let peer = current(model)?;
    let outbox = model.contact(&peer).standing.as_ref().map(|standing| standing.outbox.clone()).unwrap_or_default();
    if outbox.is_empty() {
        note(model, &peer, Tone::Plain, "Outbox: nothing waits, nothing is unconfirmed.");
        return Ok(());
    }
    for (number, text) in (1..).zip(outbox) {
        let said = model.contact(&peer).own_text(&text.id).map(|said| crate::chat::text::clip(&clean_line(said), 40));
        let said = said.map_or_else(|| "(from an earlier run)".to_owned(), |said| format!("\"{said}\""));
        let written = words::written(text.written, model.now, &model.zone);
        let state = view::outbox_words(&text);
        note(model, &peer, Tone::Plain, format!("Outbox {number}: {said}, written {written}, {state}"));
    }
    Ok(())
}

fn cancel(model: &mut Model, which: &str, wishes: &mut Vec<Wish>) -> Result<(), String> {
    let peer = current(model)?;
    let outbox = model.contact(&peer).standing.as_ref().map(|standing| standing.outbox.clone()).unwrap_or_default();
    let waiting = || outbox.iter().filter(|text| !text.in_flight);
    let chosen: Vec<_> = match which {
        "all" => waiting().map(|text| text.id.clone()).collect(),
        "" if waiting().count() == 1 => waiting().map(|text| text.id.clone()).collect(),
        number => {
            let number: usize = number.parse().map_err(|_| "/cancel NUMBER, as /outbox lists them; or /cancel all")?;
            let chosen = number.checked_sub(1).and_then(|index| outbox.get(index));
            chosen.map(|text| text.id.clone()).into_iter().collect()
        }
    };
    if chosen.is_empty() {
        return Err("No such text waits".to_owned());
    }
    wishes.extend(chosen.into_iter().map(|id| Wish::Peer(peer.clone(), Ask::Cancel { id })));
    Ok(())
}

fn forget(model: &mut Model) -> Result<(), String> {
    let peer = current(model)?;
    let waits =
        model.contact(&peer).entries.iter().any(|entry| matches!(entry.kind, Kind::Received { unread: Some(_), .. }));
    if waits {
        return Err("There are texts that you have not looked at; scroll to them first".to_owned());
    }
    model.dialogs.push_back(Dialog::Forget { peer, choice: 0 });
    Ok(())
}
