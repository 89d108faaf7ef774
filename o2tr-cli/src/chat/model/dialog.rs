//! Questions that must be answered before anything else.

use o2tr::transport::PeerId;

use super::contact::KeyChange;
use crate::chat::editor::SecretInput;

/// A question. `choice` is the button that Enter presses.
#[derive(Clone, Debug)]
pub(in crate::chat) enum Dialog {
    /// The manual, scrolled down by so many rows.
    Help { scroll: usize },
    /// Another key than those known has answered.
    KeyChanged { peer: PeerId, change: KeyChange, choice: usize },
    /// Both keys, to be compared.
    Fingerprints { peer: PeerId, choice: usize },
    /// The user starts SMP.
    SmpStart { peer: PeerId, question: Option<String>, secret: SecretInput },
    /// The peer has started SMP.
    SmpAnswer { peer: PeerId, question: Option<String>, secret: SecretInput },
    /// SMP has come to its end. `verifies`: whether success makes their key verified, if that is known.
    SmpResult { peer: PeerId, equal: bool, verifies: Option<bool> },
    /// This text in clear?
    Clear { peer: PeerId, text: Quiet, choice: usize },
    /// So much at once?
    Paste { text: Quiet, choice: usize },
    /// Forget the conversation?
    Forget { peer: PeerId, choice: usize },
}

/// A text that `Debug` does not show.
#[derive(Clone)]
pub(in crate::chat) struct Quiet(pub(in crate::chat) String);

impl core::fmt::Debug for Quiet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The buttons of a key change; the first one is safe.
const KEY_CHANGE: &[&str] = &["Hold my texts", "Compare the keys", "Use the new key"];
/// The buttons of a question whose first answer is safe.
const YES_NO: &[&str] = &["No", "Yes"];
const COMPARED: &[&str] = &["Close", "They are equal: verified", "Not verified"];
const CLOSE: &[&str] = &["Close"];

impl Dialog {
    /// Whose conversation it is about.
    pub(in crate::chat) const fn peer(&self) -> Option<&PeerId> {
        match self {
            Self::Help { .. } | Self::Paste { .. } => None,
            Self::KeyChanged { peer, .. }
            | Self::Fingerprints { peer, .. }
            | Self::SmpStart { peer, .. }
            | Self::SmpAnswer { peer, .. }
            | Self::SmpResult { peer, .. }
            | Self::Clear { peer, .. }
            | Self::Forget { peer, .. } => Some(peer),
        }
    }

    pub(in crate::chat) const fn buttons(&self) -> &'static [&'static str] {
        match self {
            Self::Help { .. } | Self::SmpStart { .. } | Self::SmpAnswer { .. } => &[],
            Self::KeyChanged { .. } => KEY_CHANGE,
            Self::Fingerprints { .. } => COMPARED,
            Self::SmpResult { .. } => CLOSE,
            Self::Clear { .. } | Self::Paste { .. } | Self::Forget { .. } => YES_NO,
        }
    }

    pub(in crate::chat) const fn choice(&self) -> usize {
        match self {
            Self::KeyChanged { choice, .. }
            | Self::Fingerprints { choice, .. }
            | Self::Clear { choice, .. }
            | Self::Paste { choice, .. }
            | Self::Forget { choice, .. } => *choice,
            Self::Help { .. } | Self::SmpStart { .. } | Self::SmpAnswer { .. } | Self::SmpResult { .. } => 0,
        }
    }

    pub(in crate::chat) const fn choice_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::KeyChanged { choice, .. }
            | Self::Fingerprints { choice, .. }
            | Self::Clear { choice, .. }
            | Self::Paste { choice, .. }
            | Self::Forget { choice, .. } => Some(choice),
            Self::Help { .. } | Self::SmpStart { .. } | Self::SmpAnswer { .. } | Self::SmpResult { .. } => None,
        }
    }

    pub(in crate::chat) const fn secret_mut(&mut self) -> Option<&mut SecretInput> {
        match self {
            Self::SmpStart { secret, .. } | Self::SmpAnswer { secret, .. } => Some(secret),
            _ => None,
        }
    }
}
