//! The passing of time: an AKE that stands still is repeated, then restarted; an unanswered commit ends.

use core::time::Duration;

use rand_core::CryptoRng;

use super::contact::{MAX_ATTEMPTS, Retry};
use super::{Event, Peer};
use crate::Timestamp;
use crate::ake::Exchange;

impl Peer {
    /// When [`Peer::handle_timeout`] is due; `None` while nothing waits for time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let retries = self.contacts.iter().filter_map(|contact| contact.retry.map(|retry| retry.at));
        let lifetime = self.settings.commit_lifetime.saturating_add(Duration::from_millis(1));
        let open = self.open_commit.as_ref().map(|commit| commit.sent.after(lifetime));
        retries.chain(open).min()
    }

    /// Does what is due at `now`. Calling it early or late does no harm.
    pub fn handle_timeout(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.open_commit.as_ref().is_some_and(|commit| self.is_stale(commit, now)) {
            self.open_commit = None;
        }
        let due: Vec<_> = self
            .contacts
            .iter()
            .filter_map(|contact| Some((contact.instance, contact.retry.filter(|retry| retry.at <= now)?)))
            .collect();
        for (instance, retry) in due {
            let restart = retry.attempt % 2 == 0;
            self.emit(Event::AkeRetried { attempt: retry.attempt });
            if restart {
                self.commit_to(instance, now, rng);
            } else {
                self.repeat_exchange(instance);
            }
            let exchange = self.contact(instance).map_or(Exchange::None, |contact| contact.exchange.clone());
            let next = self.next_retry(&exchange, retry.attempt.saturating_add(1), now, rng);
            if let Some(contact) = self.contact_mut(instance, now) {
                contact.retry = next;
            }
        }
    }

    /// The deadline of an exchange that the peer has answered. Jitter keeps two sides from restarting in step; each
    /// deadline is twice as far away as the one before, so that an exchange over a slow network comes to its end.
    pub(super) fn next_retry(
        &self,
        exchange: &Exchange,
        attempt: u32,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Option<Retry> {
        let base = self.settings.ake_retry?;
        match exchange {
            Exchange::None => None,
            Exchange::AwaitingDhKey(_) | Exchange::AwaitingRevealSignature(_) | Exchange::AwaitingSignature(_) => {
                if attempt > MAX_ATTEMPTS {
                    return None;
                }
                let share = f64::from(rng.next_u32()) / f64::from(u32::MAX);
                let patience = base.saturating_mul(1 << attempt.saturating_sub(1).min(MAX_ATTEMPTS));
                let jitter = Duration::try_from_secs_f64(patience.as_secs_f64() * share).unwrap_or(patience);
                Some(Retry { at: now.after(patience.saturating_add(jitter)), attempt })
            }
        }
    }

    /// The same bytes as before.
    fn repeat_exchange(&mut self, instance: Option<crate::InstanceTag>) {
        let Some(contact) = self.contact(instance) else { return };
        let Some(reply) = contact.exchange.repeat() else { return };
        let receiver = match &contact.exchange {
            Exchange::AwaitingDhKey(_) => contact.commit_to,
            Exchange::None | Exchange::AwaitingRevealSignature(_) | Exchange::AwaitingSignature(_) => instance,
        };
        let line = self.ake_line(contact.version(), receiver, &reply);
        self.transmit(line);
    }
}
