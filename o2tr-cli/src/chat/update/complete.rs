//! Completing commands and addresses.

use super::command::COMMANDS;
use crate::chat::model::Model;

/// Completes the word at the end of the line.
pub(super) fn complete(model: &mut Model) {
    let text = model.editor().text().to_owned();
    if model.editor().cursor() != text.len() || !text.starts_with('/') {
        return;
    }
    let (before, word, candidates) = match text.split_once(' ') {
        None => ("", text.as_str(), COMMANDS.iter().map(|command| command.name.to_owned()).collect::<Vec<_>>()),
        Some((command, word)) => {
            let takes_contact = COMMANDS.iter().any(|known| known.name == command && known.takes_contact);
            if !takes_contact || word.contains(' ') {
                return;
            }
            let names = model.contacts.iter().map(|contact| contact.peer.as_str().to_owned()).collect();
            (text.get(..=command.len()).unwrap_or_default(), word, names)
        }
    };
    let fitting: Vec<_> = candidates.into_iter().filter(|candidate| candidate.starts_with(word)).collect();
    match fitting.as_slice() {
        [] => model.say("Nothing begins like that"),
        [only] => model.editor_mut().set(&format!("{before}{only} ")),
        [first, rest @ ..] => {
            let common = rest.iter().fold(first.as_str(), |common, other| common_start(common, other));
            model.editor_mut().set(&format!("{before}{common}"));
            model.say(fitting.join("  "));
        }
    }
}

fn common_start<'a>(one: &'a str, other: &str) -> &'a str {
    let len = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    one.get(..len).unwrap_or_default()
}
