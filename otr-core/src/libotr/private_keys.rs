//! The private-key file: one DSA key per account.

use core::fmt;

use zeroize::Zeroizing;

use super::sexp::{Node, error_at, parse, write_atom, write_hex};
use super::{ParseError, ParseErrorKind};
use crate::dsa::PrivateKey;

/// A private-key file: accounts in their order. Secret; the file belongs to mode 0600.
#[derive(Clone, Debug, Default)]
pub struct PrivateKeys {
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// An account and its key.
#[derive(Clone)]
pub struct Account {
    /// The name of the account, for XMPP a bare address; clients differ.
    pub name: String,
    /// The protocol in the client's words, for example `prpl-jabber`.
    pub protocol: String,
    /// The key.
    pub key: PrivateKey,
}

impl PrivateKeys {
    /// Reads `(privkeys (account (name N) (protocol P) (private-key (dsa ...))) ...)`. The lists in an account may
    /// stand in any order, and unknown ones are passed over.
    ///
    /// # Errors
    /// [`ParseError`] for the first fault; one bad account refuses the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let file = parse(bytes)?;
        let located = |node: &Node, kind| error_at(bytes, node.offset, kind);
        let items = file.list("privkeys").ok_or_else(|| located(&file, ParseErrorKind::Missing("privkeys")))?;
        let accounts = items.iter().map(|item| {
            let fields = item.list("account").ok_or_else(|| located(item, ParseErrorKind::Missing("account")))?;
            account(fields).map_err(|kind| located(item, kind))
        });
        Ok(Self { accounts: accounts.collect::<Result<_, _>>()? })
    }

    /// Writes the file as libotr does, byte for byte.
    #[must_use]
    pub fn write(&self) -> Zeroizing<Vec<u8>> {
        // Room for everything, so that growing leaves no copies behind.
        let capacity: usize = self.accounts.iter().map(Account::written_len).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(64 + capacity));
        out.extend_from_slice(b"(privkeys\n");
        for account in &self.accounts {
            account.write(&mut out);
        }
        out.extend_from_slice(b")\n");
        out
    }

    /// The key of an account.
    #[must_use]
    pub fn find(&self, name: &str, protocol: &str) -> Option<&PrivateKey> {
        let matching = |account: &&Account| account.name == name && account.protocol == protocol;
        self.accounts.iter().find(matching).map(|account| &account.key)
    }
}

impl Account {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { name, protocol, key } = self;
        out.extend_from_slice(b" (account\n(name ");
        write_atom(out, name.as_bytes());
        out.extend_from_slice(b")\n(protocol ");
        write_atom(out, protocol.as_bytes());
        out.extend_from_slice(b")\n(private-key \n (dsa \n");
        let [p, q, g, y] = key.public_key().components();
        for (letter, number) in [(b'p', p), (b'q', q), (b'g', g), (b'y', y), (b'x', key.secret().expose())] {
            out.extend_from_slice(&[b' ', b' ', b'(', letter, b' ']);
            write_number(out, number);
            out.extend_from_slice(b")\n");
        }
        out.extend_from_slice(b"  )\n )\n )\n");
    }

    /// An upper bound.
    fn written_len(&self) -> usize {
        let numbers: usize = self.key.public_key().components().iter().map(|number| 2 * number.len()).sum();
        2 * (self.name.len() + self.protocol.len()) + numbers + 256
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, protocol, key } = self;
        f.debug_struct("Account").field("name", name).field("protocol", protocol).field("key", key).finish()
    }
}

fn account(fields: &[Node]) -> Result<Account, ParseErrorKind> {
    let name = text(fields, "name")?;
    let protocol = text(fields, "protocol")?;
    let key = find(fields, "private-key")?;
    let dsa = find(key, "dsa")?;
    let key = PrivateKey::from_components(
        value(dsa, "p")?,
        value(dsa, "q")?,
        value(dsa, "g")?,
        value(dsa, "y")?,
        value(dsa, "x")?,
    )?;
    Ok(Account { name, protocol, key })
}

fn find<'a>(fields: &'a [Node], name: &'static str) -> Result<&'a [Node], ParseErrorKind> {
    fields.iter().find_map(|field| field.list(name)).ok_or(ParseErrorKind::Missing(name))
}

/// The one atom of the list `name`.
fn value<'a>(fields: &'a [Node], name: &'static str) -> Result<&'a [u8], ParseErrorKind> {
    match find(fields, name)? {
        [node] => node.atom().ok_or(ParseErrorKind::Missing(name)),
        _ => Err(ParseErrorKind::Missing(name)),
    }
}

fn text(fields: &[Node], name: &'static str) -> Result<String, ParseErrorKind> {
    String::from_utf8(value(fields, name)?.to_vec()).map_err(|_| ParseErrorKind::Utf8(name))
}

/// A number in signed form: a zero byte stands before a set top bit.
fn write_number(out: &mut Vec<u8>, number: &[u8]) {
    let number = crate::wire::minimal(number);
    if number.first().is_some_and(|&byte| byte >= 0x80) {
        let mut signed = Zeroizing::new(Vec::with_capacity(number.len() + 1));
        signed.push(0);
        signed.extend_from_slice(number);
        write_hex(out, &signed);
    } else {
        write_hex(out, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_never_outgrows_its_buffer() {
        let file = PrivateKeys::parse(include_bytes!("../../tests/vectors/keys/bob.private_key")).unwrap();
        let account = file.accounts.first().unwrap();
        for name in ["\u{1}".repeat(300), "\"".repeat(300), "a".repeat(300)] {
            let account = Account { name, ..account.clone() };
            let mut out = Vec::new();
            account.write(&mut out);
            assert!(out.len() <= account.written_len(), "{}", out.len());
        }
    }

    #[test]
    fn debug_hides_the_numbers() {
        let file = PrivateKeys::parse(include_bytes!("../../tests/vectors/keys/alice.private_key")).unwrap();
        assert_eq!(
            format!("{file:?}"),
            "PrivateKeys { accounts: [Account { name: \"alice@example.org\", protocol: \"prpl-test\", \
             key: PrivateKey(a4b9209d4cb70d4f7a6d1682134ee0aee82351d0, ..) }] }"
        );
    }
}
