//! What an account's file says, in TOML.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::password::SecretSource;

/// The file of an account. Every field but the address may be left out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountFile {
    /// The address, bare.
    pub(crate) jid: String,
    /// The name of this device; without it, one that is made of its instance tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<String>,
    /// `host:port` instead of what the domain announces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// How TLS begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) security: Option<SecurityWord>,
    /// Certificates to trust instead of the system's: a PEM file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// `socks5://[user:password@]host:port`. May hold a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proxy: Option<String>,
    /// Whether senders are told that their message was read (XEP-0184).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipts: Option<bool>,
    /// Whether messages that another device took are fetched from the archive (XEP-0313).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<bool>,
    /// Whether copies of other devices' messages are asked for (XEP-0280).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) carbons: Option<bool>,
    /// Whether the server is asked to keep encrypted messages out of its archive (XEP-0334).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) no_permanent_store: Option<bool>,
    /// Seconds of silence after which the connection is tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ping_s: Option<u32>,
    /// The state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<PathBuf>,
    /// How many messages one key may encrypt; 0: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<u32>,
    /// What OTR may do, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    /// Where the password comes from.
    #[serde(default)]
    pub(crate) password: SecretSource,
    /// Where the passphrase of the state directory comes from; without it, a key file opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) passphrase: Option<SecretSource>,
}

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecurityWord {
    /// As the domain announces; StartTLS where a server is named
    Any,
    /// In the stream that has begun (RFC 6120)
    StartTls,
    /// From the first byte (XEP-0368)
    DirectTls,
}

/// All fields, for hints.
const FIELDS: [&str; 16] = [
    "jid",
    "resource",
    "server",
    "security",
    "ca",
    "proxy",
    "receipts",
    "archive",
    "carbons",
    "no_permanent_store",
    "ping_s",
    "state",
    "threshold",
    "policy",
    "password",
    "passphrase",
];

impl AccountFile {
    /// An account of which only the address is known.
    pub(crate) fn new(jid: &str) -> Self {
        Self {
            jid: jid.to_owned(),
            resource: None,
            server: None,
            security: None,
            ca: None,
            proxy: None,
            receipts: None,
            archive: None,
            carbons: None,
            no_permanent_store: None,
            ping_s: None,
            state: None,
            threshold: None,
            policy: None,
            password: SecretSource::default(),
            passphrase: None,
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong, in one sentence, with a hint if a field is misspelt; no values are repeated.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| explain(text, &error))
    }

    /// The file's text.
    ///
    /// # Errors
    /// A path is no text.
    pub(crate) fn render(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }
}

/// Shows no proxy: its address may hold a password.
impl fmt::Debug for AccountFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountFile").field("jid", &self.jid).field("server", &self.server).finish_non_exhaustive()
    }
}

fn explain(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let message = error.message();
    let Some(rest) = message.strip_prefix("unknown field `") else { return format!("{place}{message}") };
    let unknown = rest.split('`').next().unwrap_or_default();
    match FIELDS.iter().map(|field| (distance(unknown, field), field)).min() {
        Some((far, field)) if far <= 3 && far < unknown.len() => {
            format!("{place}there is no field `{unknown}`; is `{field}` meant?")
        }
        _ => format!("{place}there is no field `{unknown}`; the fields are {}", FIELDS.join(", ")),
    }
}

/// How many letters have to be added, removed or changed.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (above, x) in a.chars().enumerate() {
        let mut next = vec![above + 1];
        for (y, pair) in b.chars().zip(row.windows(2)) {
            let [corner, over] = pair else { continue };
            let left = next.last().copied().unwrap_or(0);
            next.push((corner + usize::from(x != y)).min(over + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let mut file = AccountFile::new("alice@example.org");
        assert_eq!(file.render().unwrap(), "jid = \"alice@example.org\"\npassword = \"keyring\"\n");
        assert_eq!(AccountFile::parse(&file.render().unwrap()).unwrap(), file);
        file.resource = Some("desk".to_owned());
        file.server = Some("[::1]:5222".to_owned());
        file.security = Some(SecurityWord::DirectTls);
        file.proxy = Some("socks5://127.0.0.1:9050".to_owned());
        file.ping_s = Some(30);
        file.receipts = Some(false);
        file.password = SecretSource::Command("pass show xmpp".to_owned());
        file.passphrase = Some(SecretSource::File("/secret".into()));
        file.policy = Some("v3,require".to_owned());
        assert_eq!(AccountFile::parse(&file.render().unwrap()).unwrap(), file);
        assert_eq!(AccountFile::parse("jid = 'a@b'").unwrap().password, SecretSource::Keyring);
    }

    #[test]
    fn what_is_wrong_is_said_with_a_hint() {
        for (text, wanted) in [
            ("jid = 'a@b'\nsevrer = 'x:1'", "line 2: there is no field `sevrer`; is `server` meant?"),
            ("jid = 'a@b'\nnonsense_here = 1", "there is no field `nonsense_here`; the fields are jid, resource,"),
            ("server = 'x:1'", "missing field `jid`"),
            ("jid = 'a@b'\nsecurity = 'none'", "unknown variant `none`"),
            ("jid = ", "line 1"),
        ] {
            let fault = AccountFile::parse(text).unwrap_err();
            assert!(fault.contains(wanted), "{text}: {fault}");
        }
    }

    #[test]
    fn every_field_has_its_place_among_the_hints() {
        let mut file = AccountFile::new("a@b");
        file.passphrase = Some(SecretSource::Prompt);
        for field in FIELDS {
            let text = format!("jid = 'a@b'\n{field} = []");
            let fault = AccountFile::parse(&text).unwrap_err();
            assert!(!fault.contains("no field"), "{field}: {fault}");
        }
    }

    #[test]
    fn a_proxy_is_not_shown() {
        let mut file = AccountFile::new("a@b");
        file.proxy = Some("socks5://me:swordfish@host:1".to_owned());
        assert!(!format!("{file:?}").contains("swordfish"));
    }

    #[test]
    fn distances() {
        assert_eq!((distance("jid", "jid"), distance("", "abc"), distance("sevrer", "server")), (0, 3, 2));
    }
}
