//! Received lines that could not be handled yet: kept raw, so that the server need not keep them.

use otr_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::MessageText;
use crate::codec::Record;

/// All such lines of one account, in the order in which they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct JournalRecord {
    /// The lines.
    pub items: Vec<JournalItem>,
}

/// One received line with its circumstances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalItem {
    /// The sender's account.
    pub peer: String,
    /// The sender's device, if it was named.
    pub resource: Option<String>,
    /// The line: OTR, or text in clear.
    pub line: MessageText,
    /// When the server first had it, if it said so.
    pub delayed: Option<Timestamp>,
    /// It came out of an archive.
    pub archived: bool,
    /// The server had stored it.
    pub offline: bool,
    /// It is a copy of what was sent to another device of ours.
    pub copy: bool,
    /// It came back as an error.
    pub error: bool,
}

impl Record for JournalRecord {
    const SCHEMA: u16 = 1;
    const LIMIT: usize = 8 << 20;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn reads_back_and_does_not_show_the_line() {
        let item = JournalItem {
            peer: "ada".to_owned(),
            resource: Some("phone".to_owned()),
            line: MessageText::new(b"meet me at nine".to_vec()),
            delayed: Some(Timestamp::from_secs(7)),
            archived: false,
            offline: true,
            copy: false,
            error: false,
        };
        assert!(!format!("{item:?}").contains("nine"));
        let bytes = codec::encode(&JournalRecord { items: vec![item.clone()] }).unwrap();
        let read: JournalRecord = codec::decode(&bytes).unwrap();
        assert_eq!(read.items, [item]);
    }
}
