//! Questions and their answers.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use o2tr::transport::PeerId;
use o2tr_ekm::record::TrustLevel;

use super::note;
use crate::chat::model::{Dialog, KeyChange, Model, Smp, Tone};
use crate::chat::wish::{Ask, Wish};
use crate::chat::{model::Progress, view};

/// The warning comes before every other question.
pub(super) fn warn_of_key(model: &mut Model, peer: &PeerId, change: KeyChange) {
    model.dialogs.push_front(Dialog::KeyChanged { peer: peer.clone(), change, choice: 0 });
}

/// Shows a question about the open conversation if that takes nothing out of the user's hands.
pub(super) fn show_if_quiet(model: &mut Model, dialog: Dialog) {
    if is_quiet(model, dialog.peer()) {
        model.dialogs.push_back(dialog);
    }
}

/// Asks for the answer to the peer's SMP if the user is not writing; else the banner says so.
pub(super) fn ask_for_answer_if_quiet(model: &mut Model, peer: &PeerId) {
    if is_quiet(model, Some(peer)) {
        ask_for_answer(model, peer);
    }
}

/// Asks for the answer to the peer's SMP, if it asks.
pub(super) fn ask_for_answer(model: &mut Model, peer: &PeerId) {
    if let Smp::Asks { question } = model.contact(peer).smp.clone() {
        model.dialogs.push_back(Dialog::SmpAnswer { peer: peer.clone(), question, secret: Default::default() });
    }
}

/// What the peer asked before is past.
pub(super) fn drop_answers(model: &mut Model, peer: &PeerId) {
    model.dialogs.retain(|dialog| !matches!(dialog, Dialog::SmpAnswer { peer: about, .. } if about == peer));
}

/// A conversation was opened that has a question.
pub(super) fn show_waiting(model: &mut Model) {
    if let Some(peer) = model.open.clone()
        && !model.dialogs.iter().any(|dialog| dialog.peer() == Some(&peer))
    {
        ask_for_answer_if_quiet(model, &peer);
    }
}

fn is_quiet(model: &Model, peer: Option<&PeerId>) -> bool {
    model.open.as_ref() == peer && model.editor().is_empty() && model.dialogs.is_empty()
}

/// A key was pressed while a question is shown.
pub(super) fn pressed(model: &mut Model, key: KeyEvent, wishes: &mut Vec<Wish>) {
    let Some(dialog) = model.dialogs.front_mut() else { return };
    if let Dialog::Help { scroll } = dialog {
        match key.code {
            KeyCode::Up => *scroll = scroll.saturating_sub(1),
            KeyCode::Down => *scroll += 1,
            KeyCode::PageUp => *scroll = scroll.saturating_sub(10),
            KeyCode::PageDown | KeyCode::Char(' ') => *scroll += 10,
            KeyCode::Home => *scroll = 0,
            _ => {
                model.dialogs.pop_front();
                return;
            }
        }
        let most = view::help_rows(model).saturating_sub(usize::from(model.size.1.saturating_sub(4)));
        if let Some(Dialog::Help { scroll }) = model.dialogs.front_mut() {
            *scroll = (*scroll).min(most);
        }
        return;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if let Some(secret) = dialog.secret_mut() {
        match key.code {
            KeyCode::Char('r') if control => secret.visible = !secret.visible,
            KeyCode::Char('u') if control => secret.clear(),
            KeyCode::Char(c) if !control => secret.push(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => secret.pop(),
            KeyCode::Enter if !secret.is_empty() => answer(model, wishes),
            KeyCode::Esc => refuse(model),
            _ => {}
        }
        return;
    }
    let buttons = dialog.buttons().len();
    let step = match key.code {
        KeyCode::Tab | KeyCode::Right | KeyCode::Down => 1,
        KeyCode::BackTab | KeyCode::Left | KeyCode::Up => buttons.saturating_sub(1),
        KeyCode::Enter => return answer(model, wishes),
        KeyCode::Esc => return refuse(model),
        _ => return,
    };
    if let Some(choice) = dialog.choice_mut() {
        *choice = (*choice + step) % buttons.max(1);
    }
}

/// A text was pasted while a question is shown.
pub(super) fn pasted(model: &mut Model, text: &str) {
    if let Some(secret) = model.dialogs.front_mut().and_then(Dialog::secret_mut) {
        secret.push(text.trim_end_matches(['\r', '\n']));
    }
}

/// Escape: the safe answer.
fn refuse(model: &mut Model) {
    match model.dialogs.pop_front() {
        // Nothing that was written is lost.
        Some(Dialog::Clear { text, .. }) if model.editor().is_empty() => {
            model.editor_mut().set(&format!("/clear {}", text.0));
        }
        Some(Dialog::KeyChanged { peer, .. }) => hold(model, &peer),
        _ => {}
    }
}

fn answer(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(dialog) = model.dialogs.pop_front() else { return };
    match dialog {
        Dialog::Help { .. } | Dialog::SmpResult { .. } => {}
        Dialog::KeyChanged { peer, change, choice } => match choice {
            2 => accept_key(model, &peer, change, wishes),
            1 => {
                model.dialogs.push_front(Dialog::KeyChanged { peer: peer.clone(), change, choice: 0 });
                model.dialogs.push_front(Dialog::Fingerprints { peer, choice: 0 });
            }
            _ => hold(model, &peer),
        },
        Dialog::Fingerprints { peer, choice } => compared(model, &peer, choice, wishes),
        Dialog::SmpStart { peer, question, mut secret } => {
            model.contact(&peer).smp = Smp::Asked;
            note(model, &peer, Tone::Dim, "SMP: asked. The result comes when the other side has answered.");
            wishes.push(Wish::Peer(peer, Ask::StartSmp { secret: secret.take(), question }));
        }
        Dialog::SmpAnswer { peer, question, mut secret } => {
            let verifies = question.is_none();
            model.contact(&peer).smp = Smp::Running { verifies };
            note(model, &peer, Tone::Dim, "SMP: answered. The result is one step away.");
            wishes.push(Wish::Peer(peer, Ask::RespondSmp { secret: secret.take() }));
        }
        Dialog::Clear { peer, text, choice: 1 } => send_clear(model, &peer, text.0, wishes),
        Dialog::Clear { text, .. } if model.editor().is_empty() => {
            model.editor_mut().set(&format!("/clear {}", text.0));
        }
        Dialog::Clear { .. } => {}
        Dialog::Paste { text, choice: 1 } => {
            if !model.editor_mut().insert(&text.0) {
                model.complain("That is more than a message holds; nothing was inserted");
            }
        }
        Dialog::Paste { .. } => {}
        Dialog::Forget { peer, choice: 1 } => {
            let contact = model.contact(&peer);
            contact.locked = None;
            contact.standing = None;
            contact.key_change = None;
            wishes.push(Wish::Peer(peer, Ask::Forget));
        }
        Dialog::Forget { .. } => {}
    }
}

fn hold(model: &mut Model, peer: &PeerId) {
    note(model, peer, Tone::Warning, "You hold: nothing is sent to the new key before /release or /verify.");
}

/// The user takes the new key as the peer's: the event is settled, texts that were held may leave.
pub(super) fn accept_key(model: &mut Model, peer: &PeerId, change: KeyChange, wishes: &mut Vec<Wish>) {
    model.contact(peer).key_change = None;
    model.dialogs.retain(|dialog| !matches!(dialog, Dialog::KeyChanged { peer: about, .. } if about == peer));
    wishes.push(Wish::Peer(peer.clone(), Ask::Acknowledge(change.id)));
    wishes.push(Wish::Peer(peer.clone(), Ask::Release));
}

fn compared(model: &mut Model, peer: &PeerId, choice: usize, wishes: &mut Vec<Wish>) {
    let level = match choice {
        1 => TrustLevel::Verified,
        2 => TrustLevel::Unverified,
        _ => return,
    };
    let Some(key) = view::key_to_compare(model, peer) else {
        return model.complain("There is no key to compare yet");
    };
    wishes.push(Wish::Peer(peer.clone(), Ask::Trust { key, level }));
    let contact = model.contact(peer);
    if let Some(change) = contact.key_change
        && change.key == key
        && level == TrustLevel::Verified
    {
        accept_key(model, peer, change, wishes);
    }
}

fn send_clear(model: &mut Model, peer: &PeerId, text: String, wishes: &mut Vec<Wish>) {
    let id = model.next_id();
    let now = model.now;
    let kind = super::super::model::Kind::Sent { id: id.clone(), text: text.clone(), progress: Progress::Clear };
    let contact = model.contact(peer);
    contact.push(now, kind);
    contact.anchor = None;
    wishes.push(Wish::Peer(peer.clone(), Ask::SendClear { id, text: text.into() }));
}
