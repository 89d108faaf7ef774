//! Chat programs that people use, driven by tests: real processes, each with a folder of its own.
//!
//! A driver is made with an account of a [`crate::servers::Server`] and logs in. What it does from then on is
//! [`ChatClient`]; peers are bare JIDs.

mod bitlbee;
mod mcabber;
mod pidgin;
mod profanity;
mod terminal;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

pub use self::bitlbee::Bitlbee;
pub use self::mcabber::Mcabber;
pub use self::pidgin::Pidgin;
pub use self::profanity::Profanity;
pub use self::terminal::{Inside, Terminal};

use crate::process::wait_until;

/// How far a private conversation is, as the program shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtrState {
    /// Nothing is encrypted.
    Plain,
    /// Encrypted; the user has not checked with whom.
    Unverified,
    /// Encrypted, with a fingerprint that the user has accepted.
    Verified,
    /// The peer has ended it; the program sends nothing until the user has decided.
    Finished,
}

/// What a program shows of the comparison of secrets (SMP) with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Smp {
    /// None has begun.
    None,
    /// The peer asks; its question, if the program shows it.
    Asked(Option<String>),
    /// It is under way, asked by us or answered.
    Running,
    /// The secrets are the same.
    Succeeded,
    /// They are not, or somebody gave up.
    Failed,
}

/// A chat program with one account.
pub trait ChatClient {
    /// The name of the program.
    fn program(&self) -> &'static str;

    /// The bare JID of the account.
    fn jid(&self) -> &str;

    /// Asks the peer for a private conversation; does not wait for it.
    ///
    /// # Errors
    ///
    /// The program cannot be reached.
    fn start_otr(&mut self, peer: &str) -> Result<()>;

    /// Ends the private conversation.
    ///
    /// # Errors
    ///
    /// The program cannot be reached.
    fn end_otr(&mut self, peer: &str) -> Result<()>;

    /// Types a text of one line and sends it.
    ///
    /// # Errors
    ///
    /// The program cannot be reached. Whether the text left is another question.
    fn send(&mut self, peer: &str, text: &str) -> Result<()>;

    /// The texts of the peer that the program has shown since its last start, in order.
    ///
    /// # Errors
    ///
    /// The program cannot be reached.
    fn received(&mut self, peer: &str) -> Result<Vec<String>>;

    /// How far the private conversation is.
    ///
    /// # Errors
    ///
    /// The program cannot be reached.
    fn otr_state(&mut self, peer: &str) -> Result<OtrState>;

    /// The fingerprint of the account's key: 40 hexadecimal digits in upper case, as every answer about fingerprints.
    ///
    /// # Errors
    ///
    /// The program cannot be reached, or has no key.
    fn fingerprint(&mut self) -> Result<String>;

    /// The fingerprint with which the peer is in a private conversation.
    ///
    /// # Errors
    ///
    /// The program cannot be reached.
    fn peer_fingerprint(&mut self, peer: &str) -> Result<Option<String>>;

    /// Marks the present fingerprint of the peer as checked.
    ///
    /// # Errors
    ///
    /// The program cannot be reached, or there is no private conversation.
    fn trust(&mut self, peer: &str) -> Result<()>;

    /// Begins a comparison of secrets.
    ///
    /// # Errors
    ///
    /// The program cannot be reached, or cannot do this.
    fn ask_smp(&mut self, peer: &str, question: Option<&str>, secret: &str) -> Result<()>;

    /// Answers the peer's comparison of secrets.
    ///
    /// # Errors
    ///
    /// The program cannot be reached, or cannot do this.
    fn answer_smp(&mut self, peer: &str, secret: &str) -> Result<()>;

    /// How far the last comparison of secrets is.
    ///
    /// # Errors
    ///
    /// The program cannot be reached, or cannot do this.
    fn smp(&mut self, peer: &str) -> Result<Smp>;

    /// Everything that the program shows at present, for the words of a failed test.
    fn screen(&mut self) -> String;

    /// Ends it as a crash would (SIGKILL).
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn kill(&mut self) -> Result<()>;

    /// Starts it again in the same folder, with the same keys, and logs in; a running one is killed first.
    ///
    /// # Errors
    ///
    /// It does not come up.
    fn restart(&mut self) -> Result<()>;

    /// Waits until the program has shown a text of the peer that contains the given one, and returns it.
    ///
    /// # Errors
    ///
    /// It has not in time; the error has the screen.
    fn wait_for_text(&mut self, peer: &str, text: &str, patience: Duration) -> Result<String> {
        let what = format!("{} to show {text:?} of {peer}", self.program());
        let shown = wait_until(&what, patience, || {
            Ok(self.received(peer)?.into_iter().find(|received| received.contains(text)))
        });
        shown.with_context(|| self.screen())
    }

    /// Waits until the private conversation is as wanted.
    ///
    /// # Errors
    ///
    /// It is not in time; the error has the screen.
    fn wait_for_state(&mut self, peer: &str, wanted: OtrState, patience: Duration) -> Result<()> {
        let what = format!("{} to be {wanted:?} with {peer}", self.program());
        let reached = wait_until(&what, patience, || Ok((self.otr_state(peer)? == wanted).then_some(())));
        reached.with_context(|| self.screen())
    }

    /// Waits until the comparison of secrets is as wanted.
    ///
    /// # Errors
    ///
    /// It is not in time; the error has the screen.
    fn wait_for_smp(&mut self, peer: &str, wanted: &dyn Fn(&Smp) -> bool, patience: Duration) -> Result<Smp> {
        let what = format!("{} to go on with SMP with {peer}", self.program());
        let reached = wait_until(&what, patience, || Ok(Some(self.smp(peer)?).filter(wanted)));
        reached.with_context(|| self.screen())
    }
}

/// A fingerprint without what programs put between its digits.
fn bare_fingerprint(shown: &str) -> Result<String> {
    let digits: String = shown.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
    if digits.len() != 40 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        bail!("{shown:?} is no fingerprint");
    }
    Ok(digits)
}
