//! From the engine's events to the words of the pipe.

use o2tr::conversation::{Event, Hold, OutboxView, Privacy, Refresh, Rejection, SendError, Text, View};
use o2tr::transport::Refusal;
use o2tr_ekm::Quarantine;
use o2tr_ekm::record::{Provenance, TrustLevel};
use otr_core::smp::SmpEvent;
use otr_core::{InstanceTag, Timestamp};
use zeroize::Zeroizing;

use super::report::{OutboxItem, Report, Secured, State};

/// How the conversation is in which something happened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circumstances {
    /// The peer has shown that it keeps keys.
    pub(super) peer_keeps_keys: bool,
    /// How many texts wait.
    pub(super) queued: usize,
    /// Why its store is in doubt.
    pub(super) quarantine: Option<Quarantine>,
}

impl Circumstances {
    /// As a look at the conversation shows them.
    pub(super) const fn of(view: &View, quarantine: Option<Quarantine>) -> Self {
        Self { peer_keeps_keys: view.peer_keeps_keys, queued: view.queued, quarantine }
    }
}

/// Whether a look at the conversation is needed to say an event.
pub(super) const fn needs_view(event: &Event) -> bool {
    matches!(event, Event::Encrypted(_) | Event::Resumed)
}

/// Says an event.
pub(super) fn tell<E>(
    event: &Event,
    now: &Circumstances,
    mut report: impl FnMut(&Report<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match event {
        Event::Text(Text { id, text, session, provenance, sent_at, resent }) => report(&Report::Plaintext {
            text: &String::from_utf8_lossy(text),
            encrypted: session.is_some(),
            id: id.to_string(),
            provenance: provenance_word(*provenance),
            sent_at: sent_at.and_then(rfc3339),
            resent: *resent,
        }),
        Event::Encrypted(encrypted) => {
            let secured = Secured {
                fingerprint: format!("{:x}", encrypted.session.fingerprint),
                version: encrypted.session.version.number(),
                ssid: hex::encode(encrypted.ssid),
                trust: trust_word(encrypted.trust),
                peer_keeps_keys: now.peer_keeps_keys,
            };
            report(&if encrypted.renewed { Report::StillEncrypted(secured) } else { Report::Encrypted(secured) })
        }
        Event::Finished { id, session: _ } => report(&Report::Finished { id: id.to_string() }),
        Event::NewFingerprint { id, fingerprint } => {
            report(&Report::NewFingerprint { id: id.to_string(), fingerprint: format!("{fingerprint:x}") })
        }
        Event::VersionLowered { highest, .. } => report(&Report::Error {
            code: "version_lowered",
            msg: &format!("with this key the peer spoke version {highest} before: somebody may have cut its offer"),
        }),
        Event::Recovered { session: _, age, messages_under_key } => {
            report(&Report::Recovered { messages_under_key: *messages_under_key, age_s: age.as_secs() })
        }
        Event::Refreshed { session: _, how } => report(&Report::Refreshed {
            how: match how {
                Refresh::Ratchet => "ratchet",
                Refresh::Ake => "ake",
            },
        }),
        Event::Paused { queued, reason } => report(&Report::Paused { queued: *queued, reason: hold_word(*reason) }),
        Event::Resumed => report(&Report::Resumed { queued: now.queued }),
        Event::Sent { id } => report(&Report::Sent { id }),
        Event::Acknowledged { id } => report(&Report::Acknowledged { id }),
        Event::Unconfirmed { id } => report(&Report::Unconfirmed { id }),
        Event::Smp { session: _, event } => {
            let (result, question) = smp_word(event);
            let question = question.map(String::from_utf8_lossy);
            report(&Report::Smp { id: None, result, question: question.as_deref() })
        }
        Event::SmpResult { id, session: _, equal } => report(&Report::Smp {
            id: Some(id.to_string()),
            result: if *equal { "ok" } else { "fail" },
            question: None,
        }),
        Event::ExtraKey { id, session: _, usage, data, key } => report(&Report::SymKey {
            id: Some(id.to_string()),
            usage: *usage,
            key: &Zeroizing::new(hex::encode(key.expose())),
            data: Some(hex::encode(data)),
            sent: false,
        }),
        Event::ExtraKeySent { session: _, usage, key } => report(&Report::SymKey {
            id: None,
            usage: *usage,
            key: &Zeroizing::new(hex::encode(key.expose())),
            data: None,
            sent: true,
        }),
        Event::PeerError { text } => report(&Report::Error { code: "peer", msg: &String::from_utf8_lossy(text) }),
        // An offer that was kept by the server is not taken up by itself.
        Event::LateOffer { sent_at: _ } => report(&Report::Rejected { reason: "policy" }),
        Event::Rejected(reason) => report(&Report::Rejected { reason: rejection_word(*reason) }),
        Event::Expired { session } => report(&Report::Expired { fingerprint: format!("{:x}", session.fingerprint) }),
        Event::Quarantined => report(&Report::Quarantined { reason: quarantine_word(now.quarantine) }),
        _ => Ok(()),
    }
}

/// Why a wish was refused, for programs.
pub(super) const fn refusal_code(refusal: &SendError) -> &'static str {
    match refusal {
        SendError::OutboxFull => "outbox_full",
        SendError::IdInUse(_) => "id_in_use",
        SendError::UnknownId(_) => "unknown_id",
        SendError::AlreadyLeft(_) => "already_left",
        SendError::Poisoned => "store",
        _ => "usage",
    }
}

/// Why the server did not take a line.
pub(super) const fn refusal_word(reason: Refusal) -> &'static str {
    match reason {
        Refusal::Offline => "offline",
        Refusal::Unconfirmed => "unconfirmed",
        Refusal::TooLong { .. } => "too_long",
        Refusal::Undeliverable => "undeliverable",
        Refusal::Busy => "busy",
        Refusal::Forbidden => "forbidden",
        Refusal::MailboxFull => "mailbox_full",
        Refusal::Unreachable => "unreachable",
        Refusal::Unsuitable => "unsuitable",
        _ => "refused",
    }
}

/// What the user thinks of a key.
pub(super) const fn trust_level(verified: bool) -> TrustLevel {
    if verified { TrustLevel::Verified } else { TrustLevel::Unverified }
}

/// The answer to `state`.
pub(super) fn state(view: &View, our_instance: InstanceTag) -> State<'static> {
    State {
        state: privacy_word(view.privacy),
        version: view.session.map_or(0, |session| session.version.number()),
        our_instance: our_instance.get(),
        their_instance: view.session.and_then(|session| session.instance).map_or(0, InstanceTag::get),
        our_keyid: view.keyids.0,
        their_keyid: view.keyids.1,
        uses_of_key: view.uses_of_key,
        threshold: view.threshold.unwrap_or(0),
        queued: view.queued,
        trust: trust_word(view.trust),
        generation: view.generation,
    }
}

/// A line of `outbox`.
pub(super) fn outbox_item(text: OutboxView) -> OutboxItem {
    let state = if text.in_flight { "in_flight" } else { "queued" };
    OutboxItem { id: text.id, state, reason: text.reason.map(hold_word) }
}

/// Whether a text that is typed now would leave in clear, encrypted, or wait.
pub(super) const fn privacy_word(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::Plaintext => "plaintext",
        Privacy::Encrypted => "encrypted",
        // Without a session that there was before, texts are held as after the peer's end.
        Privacy::Finished | Privacy::WasPrivate => "finished",
    }
}

/// Why the store is in doubt.
pub(super) const fn quarantine_word(quarantine: Option<Quarantine>) -> &'static str {
    match quarantine {
        Some(Quarantine::Copied) => "copied",
        Some(Quarantine::BehindAnchor) => "behind_anchor",
        Some(Quarantine::RolledBack) => "rolled_back",
        Some(_) | None => "mismatched",
    }
}

const fn trust_word(level: TrustLevel) -> &'static str {
    match level {
        TrustLevel::Unverified => "unverified",
        TrustLevel::Smp | TrustLevel::Verified => "verified",
    }
}

/// How a text was read.
pub(crate) const fn provenance_word(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Live => "live",
        Provenance::Offline => "offline",
        Provenance::Retained => "retained",
        Provenance::Unverified => "unverified",
        Provenance::Clear => "clear",
    }
}

const fn hold_word(hold: Hold) -> &'static str {
    match hold {
        Hold::Threshold => "threshold",
        Hold::NoSession => "no_session",
        Hold::PeerAway => "peer_away",
        Hold::Trust => "trust",
    }
}

const fn rejection_word(reason: Rejection) -> &'static str {
    match reason {
        Rejection::Duplicate => "duplicate",
        Rejection::Unreadable => "unreadable",
        Rejection::Forged => "forged",
        Rejection::OtherInstance => "other_instance",
        Rejection::Echo => "echo",
        Rejection::Policy => "policy",
        Rejection::OverLimit => "over_limit",
        Rejection::CloneSuspected => "clone_suspected",
        // A handshake message that fits nothing is one that was answered before, as far as anybody can tell.
        Rejection::Handshake => "replay",
        _ => "malformed",
    }
}

fn smp_word(event: &SmpEvent) -> (&'static str, Option<&[u8]>) {
    match event {
        SmpEvent::AskSecret => ("ask_secret", None),
        SmpEvent::AskAnswer { question } => ("ask_answer", Some(question)),
        SmpEvent::InProgress => ("in_progress", None),
        SmpEvent::Success => ("ok", None),
        SmpEvent::Failure => ("fail", None),
        SmpEvent::Aborted => ("abort", None),
        SmpEvent::Cheated(_) => ("cheated", None),
        SmpEvent::Error(_) => ("error", None),
    }
}

/// A time as programs read it; `None` beyond the year 9999.
pub(crate) fn rfc3339(moment: Timestamp) -> Option<String> {
    let moment = jiff::Timestamp::from_millisecond(i64::try_from(moment.as_millis()).ok()?).ok()?;
    Some(moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(Timestamp::from_secs(1_767_225_600)).as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(rfc3339(Timestamp::from_millis(u64::MAX)), None);
    }
}
