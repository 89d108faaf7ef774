//! What bitlbee says about private conversations.

use crate::clients::{OtrState, Smp};

/// The answer to `otr info CONTACT`, as far as it is about where texts go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// The words after "connection state".
    state: String,
    /// The peer's, while the conversation is encrypted.
    pub(super) fingerprint: Option<String>,
    verified: bool,
}

impl Info {
    pub(super) fn read(answer: &[String]) -> Self {
        // The master context comes first, then each instance; one of them is the target.
        let target = answer.iter().rposition(|line| line.contains("(target):"));
        let mut info = Self::default();
        for line in answer.iter().skip(target.map_or(usize::MAX, |at| at + 1)) {
            if let Some((_, state)) = line.split_once("connection state: ") {
                state.clone_into(&mut info.state);
                break;
            }
            // A master context lists all fingerprints and marks the active one by letters that are gone here; one peer
            // has one in tests.
            if let Some(fingerprint) = fingerprint(line) {
                info.fingerprint = Some(fingerprint);
                info.verified = !line.contains("(untrusted)");
            }
        }
        if !info.state.starts_with("encrypted") {
            info.fingerprint = None;
        }
        info
    }

    pub(super) fn state(&self) -> OtrState {
        match self.state.as_str() {
            "shut down" => OtrState::Finished,
            encrypted if encrypted.starts_with("encrypted") && self.verified => OtrState::Verified,
            encrypted if encrypted.starts_with("encrypted") => OtrState::Unverified,
            _ => OtrState::Plain,
        }
    }

    /// The version of the protocol, while the conversation is encrypted.
    pub(super) fn version(&self) -> Option<u8> {
        self.state.strip_prefix("encrypted (v")?.strip_suffix(')')?.parse().ok()
    }
}

/// The first fingerprint in a line, without the blanks between its blocks.
pub(super) fn fingerprint(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let block = |word: &&&str| word.len() == 8 && word.chars().all(|digit| digit.is_ascii_hexdigit());
    words.windows(5).find(|blocks| blocks.iter().filter(block).count() == 5).map(|blocks| blocks.concat())
}

/// What a line of the control channel says about SMP with this contact.
pub(super) fn smp(line: &str, nick: &str) -> Option<Smp> {
    if let Some(rest) = line.strip_prefix("smp: ") {
        let begun = [format!("initiating with {nick}..."), format!("responding to {nick}...")];
        if begun.contains(&rest.to_owned()) {
            return Some(Smp::Running);
        }
        let rest = rest.strip_prefix(&format!("initiated by {nick} "))?;
        let question = rest.strip_prefix("with question: \"").and_then(|rest| rest.strip_suffix('"'));
        return Some(Smp::Asked(question.map(str::to_owned)));
    }
    let result = line.strip_prefix(&format!("smp {nick}: "))?;
    let succeeded = ["secrets proved equal", "correct answer"].iter().any(|words| result.starts_with(words));
    Some(if succeeded { Smp::Succeeded } else { Smp::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: &str = "8C3FF802 FBECDF66 EC99E95A 5991CB2F AD90EC31";

    fn info(lines: &[&str]) -> Info {
        Info::read(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_instance_that_gets_the_texts_counts() {
        let print = format!("      {PRINT} (untrusted)");
        let master =
            ["bob:", "  master context:", "    known fingerprints:", &print, "    connection state: cleartext"];
        let instance = ["  instance 0 (target):", "    active fingerprint:", &print];
        let with = |state| info(&[&master[..], &instance[..], &[state]].concat());
        let encrypted = with("    connection state: encrypted (v3)");
        assert_eq!((encrypted.state(), encrypted.version()), (OtrState::Unverified, Some(3)));
        assert_eq!(encrypted.fingerprint, Some(PRINT.replace(' ', "")));
        let finished = with("    connection state: shut down");
        assert_eq!((finished.state(), finished.fingerprint), (OtrState::Finished, None));
    }

    #[test]
    fn version_2_lives_in_the_master_context() {
        let print = format!("      {PRINT} (smp)");
        let info = info(&[
            "  master context (target):",
            "    known fingerprints:",
            &print,
            "    connection state: encrypted (v2)",
        ]);
        assert_eq!((info.state(), info.version()), (OtrState::Verified, Some(2)));
        assert_eq!(Info::read(&[]).state(), OtrState::Plain);
    }

    #[test]
    fn comparing_secrets_has_its_words() {
        assert_eq!(smp("smp: initiated by bob - respond with otr smp bob \"<secret>\"", "bob"), Some(Smp::Asked(None)));
        assert_eq!(
            smp("smp: initiated by bob with question: \"which pet\"", "bob"),
            Some(Smp::Asked(Some("which pet".to_owned())))
        );
        assert_eq!(smp("smp: responding to bob...", "bob"), Some(Smp::Running));
        assert_eq!(smp("smp bob: secrets proved equal, fingerprint trusted", "bob"), Some(Smp::Succeeded));
        assert_eq!(smp("smp bob: wrong answer, you are not trusted", "bob"), Some(Smp::Failed));
        assert_eq!(smp("smp bob: secrets proved equal, fingerprint trusted", "carol"), None);
        assert_eq!(smp("smp: respond with otr smp bob \"<answer>\"", "bob"), None);
    }
}
