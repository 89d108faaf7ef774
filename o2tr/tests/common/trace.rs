//! A story told step by step, to see where it went wrong.

use o2tr::conversation::Output;
use otr_core::wire::DataMessage;

/// With `O2TR_TRACE` in the environment the story is told on stderr.
pub(crate) fn trace(what: impl FnOnce() -> String) {
    if std::env::var_os("O2TR_TRACE").is_some() {
        eprintln!("{}", what());
    }
}

pub(crate) fn describe(output: &Output) -> String {
    match output {
        Output::Commit(commit) => format!("commit {}", commit.expected),
        Output::Transmit(line) => format!("line {} {}", line.id, name_of(&line.line)),
        Output::Event(event) => format!("{event:?}"),
    }
}

pub(crate) fn name_of(line: &[u8]) -> String {
    let Some(bytes) = otr_core::decode_data(line) else {
        return String::from_utf8_lossy(line.get(..24).unwrap_or(line)).into_owned();
    };
    match DataMessage::parse(&bytes) {
        Ok(message) => {
            format!("data ({}, {}) counter {}", message.sender_keyid, message.recipient_keyid, message.counter)
        }
        Err(error) => format!("damaged data: {error}"),
    }
}
