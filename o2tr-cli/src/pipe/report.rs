//! What the endpoint says, one JSON object a line (`docs/pipe.md`).

use std::io::{self, Write as _};

use serde::Serialize;
use zeroize::Zeroizing;

/// A line of output. Member names and values are the public interface.
#[derive(Debug, Serialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
pub(super) enum Report<'a> {
    Ready {
        #[serde(rename = "impl")]
        implementation: &'a str,
        fingerprint: String,
        instance: u32,
        state: &'a str,
        restored: bool,
    },
    Done {
        cmd: &'a str,
    },
    Error {
        code: &'a str,
        msg: &'a str,
    },
    Inject {
        msg: &'a str,
    },
    Plaintext {
        text: &'a str,
        encrypted: bool,
        id: String,
        provenance: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        sent_at: Option<String>,
        resent: bool,
    },
    Encrypted(Secured),
    StillEncrypted(Secured),
    Recovered {
        messages_under_key: u32,
        age_s: u64,
    },
    Refreshed {
        how: &'a str,
    },
    Paused {
        queued: usize,
        reason: &'a str,
    },
    Resumed {
        queued: usize,
    },
    Sent {
        id: &'a str,
    },
    Acknowledged {
        id: &'a str,
    },
    Unconfirmed {
        id: &'a str,
    },
    Outbox {
        items: Vec<OutboxItem>,
    },
    Quarantined {
        reason: &'a str,
    },
    NewFingerprint {
        id: String,
        fingerprint: String,
    },
    Finished {
        id: String,
    },
    Insecure,
    Expired {
        fingerprint: String,
    },
    Smp {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        result: &'a str,
        question: Option<&'a str>,
    },
    #[serde(rename = "symkey")]
    SymKey {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(rename = "use")]
        usage: u32,
        key: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        sent: bool,
    },
    Rejected {
        reason: &'a str,
    },
    State(State<'a>),
    Online {
        resumed: bool,
    },
    Offline {
        reason: String,
        retry_in_s: Option<f64>,
    },
    CaughtUp,
    Presence {
        online: bool,
    },
    Subscribe,
    Contact {
        contact: bool,
    },
    Stranger,
    Refused {
        reason: &'a str,
        msg: String,
    },
    Bounced {
        reason: &'a str,
        msg: String,
    },
}

/// An event and whom it is about, where there are several.
#[derive(Debug, Serialize)]
struct With<'a> {
    #[serde(flatten)]
    report: &'a Report<'a>,
    peer: &'a str,
}

/// A private conversation.
#[derive(Debug, Serialize)]
pub(super) struct Secured {
    pub(super) fingerprint: String,
    pub(super) version: u16,
    pub(super) ssid: String,
    pub(super) trust: &'static str,
    pub(super) peer_keeps_keys: bool,
}

/// A text that waits or was not acknowledged.
#[derive(Debug, Serialize)]
pub(super) struct OutboxItem {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) reason: Option<&'static str>,
}

/// The answer to `state`. 0 stands for what is not there, and for a limit that is off.
#[derive(Debug, Serialize)]
pub(super) struct State<'a> {
    pub(super) state: &'a str,
    pub(super) version: u16,
    pub(super) our_instance: u32,
    pub(super) their_instance: u32,
    pub(super) our_keyid: u32,
    pub(super) their_keyid: u32,
    pub(super) uses_of_key: u32,
    pub(super) threshold: u32,
    pub(super) queued: usize,
    pub(super) trust: &'static str,
    pub(super) generation: u64,
}

/// Standard output, a line at a time.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    line: Zeroizing<Vec<u8>>,
}

impl Reporter {
    /// Writes a line and hands it over to whoever reads.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(super) fn report(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.write(report)
    }

    /// As [`report`](Self::report), with the peer that it is about.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(super) fn report_of(&mut self, peer: &str, report: &Report<'_>) -> io::Result<()> {
        self.write(&With { report, peer })
    }

    fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut *self.line, line)?;
        self.line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&self.line)?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_event_comes_first() {
        let written = |report: &Report<'_>| serde_json::to_string(report).unwrap();
        assert_eq!(written(&Report::Done { cmd: "send" }), r#"{"ev":"done","cmd":"send"}"#);
        assert_eq!(written(&Report::Insecure), r#"{"ev":"insecure"}"#);
        assert_eq!(
            written(&Report::SymKey { id: None, usage: 1, key: "00", data: None, sent: true }),
            r#"{"ev":"symkey","use":1,"key":"00","sent":true}"#
        );
        let with_peer = |report: &Report<'_>| serde_json::to_string(&With { report, peer: "bob@b" }).unwrap();
        assert_eq!(with_peer(&Report::Insecure), r#"{"ev":"insecure","peer":"bob@b"}"#);
        assert_eq!(with_peer(&Report::Presence { online: true }), r#"{"ev":"presence","online":true,"peer":"bob@b"}"#);
        let secured = Secured {
            fingerprint: "f".to_owned(),
            version: 3,
            ssid: "s".to_owned(),
            trust: "verified",
            peer_keeps_keys: true,
        };
        let of_bob =
            with_peer(&Report::Encrypted(Secured { fingerprint: "f".to_owned(), ssid: "s".to_owned(), ..secured }));
        assert!(
            of_bob.starts_with(r#"{"ev":"encrypted","fingerprint":"f""#) && of_bob.ends_with(r#","peer":"bob@b"}"#)
        );
        assert_eq!(
            written(&Report::StillEncrypted(secured)),
            r#"{"ev":"still_encrypted","fingerprint":"f","version":3,"ssid":"s","trust":"verified","peer_keeps_keys":true}"#
        );
    }
}
