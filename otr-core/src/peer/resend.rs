//! Sending the last text again, after the peer has said that it could not read it (section "Resend").
//!
//! At most once, at most a minute old, and only to the key that it was sent to before.

use core::time::Duration;

use super::session::LastText;
use super::{Event, Peer};
use crate::Timestamp;
use crate::ratchet::SessionId;
use crate::secret::SecretVec;
use crate::wire::DataFlags;

/// How old a text may be to be sent again.
const MAX_AGE: Duration = Duration::from_secs(60);

impl Peer {
    /// An error message came: the last text of the current session may not have been read.
    pub(super) fn want_resend(&mut self) {
        let current = self.current();
        if let Some(session) = current.and_then(|id| self.session_mut(id))
            && let Some(last) = &mut session.last_text
        {
            last.wanted = !last.text.expose().is_empty();
        }
    }

    /// A new AKE is complete: the text is under the session's name, so under the same fingerprint.
    pub(super) fn resend_after(&mut self, id: SessionId, now: Timestamp) {
        let Some(prefix) = self.settings.resend.clone() else { return };
        let Some(session) = self.session_mut(id) else { return };
        let Some(LastText { text, wanted: true, sent }) = session.last_text.take() else { return };
        if now.since(sent) > MAX_AGE {
            return;
        }
        let marked = SecretVec::new([prefix.as_slice(), text.expose()].concat());
        if self.send_in(id, marked.expose(), &[], DataFlags::empty(), now).is_ok() {
            self.emit(Event::Resent { session: id });
        }
    }
}
