//! SCRAM (RFC 5802; RFC 7677 for SHA-256): both sides prove that they know the password, neither sends it.
//!
//! Pure: bytes in, bytes out. The caller moves the one slow step, [`Scram::answer`], to where it may block.

use core::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

/// Fewer rounds than RFC 5802, section 5.1 demands let whoever records the exchange guess passwords cheaply.
const MIN_ROUNDS: u32 = 4096;

/// More rounds than any server sets would only keep us busy; these take some seconds.
const MAX_ROUNDS: u32 = 10_000_000;

/// The longest challenge that is read (bytes).
const MAX_CHALLENGE: usize = 4096;

/// The longest output of a hash in use (bytes).
const MAX_HASH: usize = 32;

/// The hash under the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

/// What the client says about channel binding: the `gs2-header` and, if it binds, the data (RFC 5802, section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gs2 {
    /// `n`: this side cannot.
    Cannot,
    /// `y`: this side could, but the server offered nothing; a server that did offer it then notices the forgery.
    NotOffered,
    /// `p`: bound to the TLS connection below.
    Bound {
        /// The binding's registered name.
        kind: &'static str,
        /// What only the two ends of the same connection have in common.
        data: Vec<u8>,
    },
}

/// What was wrong with the server's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScramError {
    /// Not what RFC 5802 prescribes, or outside of what is accepted here.
    Malformed,
    /// The server knows neither the password nor anything derived from it.
    Unproven,
    /// The server says that our proof is wrong.
    Refused,
}

/// The client's side of one exchange.
#[derive(Debug)]
pub(super) struct Scram {
    hash: Hash,
    gs2: Gs2,
    nonce: String,
    first_bare: String,
}

impl Scram {
    /// Begins an exchange for a prepared user name. `nonce`: printable ASCII without commas, never used before.
    pub(super) fn new(hash: Hash, gs2: Gs2, user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={user},r={nonce}");
        Self { hash, gs2, nonce, first_bare }
    }

    /// The first message to the server.
    pub(super) fn first(&self) -> Vec<u8> {
        format!("{}{}", self.gs2_header(), self.first_bare).into_bytes()
    }

    /// The answer to the server's challenge, and what the server must show in return. Takes up to seconds.
    ///
    /// # Errors
    /// [`ScramError::Malformed`].
    pub(super) fn answer(self, challenge: &[u8], password: &str) -> Result<(Vec<u8>, Expected), ScramError> {
        let parsed = Challenge::parse(challenge, &self.nonce).ok_or(ScramError::Malformed)?;
        let (mac, digest, kdf) = self.hash.algorithms();
        let mut bytes = Zeroizing::new([0; MAX_HASH]);
        let salted = bytes.get_mut(..digest.output_len()).ok_or(ScramError::Malformed)?;
        pbkdf2::derive(kdf, parsed.rounds, &parsed.salt, password.as_bytes(), salted);
        let salted = hmac::Key::new(mac, salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let server_key = hmac::sign(&salted, b"Server Key");
        let stored_key = digest::digest(digest, client_key.as_ref());

        let mut binding = self.gs2_header().into_bytes();
        if let Gs2::Bound { data, .. } = &self.gs2 {
            binding.extend_from_slice(data);
        }
        let without_proof = format!("c={},r={}", BASE64.encode(binding), parsed.nonce);
        let exchange = format!("{},{},{without_proof}", self.first_bare, parsed.text);
        let signature = hmac::sign(&hmac::Key::new(mac, stored_key.as_ref()), exchange.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let answer = format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes();
        Ok((answer, Expected { key: hmac::Key::new(mac, server_key.as_ref()), exchange }))
    }

    fn gs2_header(&self) -> String {
        match &self.gs2 {
            Gs2::Cannot => "n,,".to_owned(),
            Gs2::NotOffered => "y,,".to_owned(),
            Gs2::Bound { kind, .. } => format!("p={kind},,"),
        }
    }
}

impl Hash {
    const fn algorithms(self) -> (hmac::Algorithm, &'static digest::Algorithm, pbkdf2::Algorithm) {
        match self {
            Self::Sha1 => {
                (hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA1_FOR_LEGACY_USE_ONLY, pbkdf2::PBKDF2_HMAC_SHA1)
            }
            Self::Sha256 => (hmac::HMAC_SHA256, &digest::SHA256, pbkdf2::PBKDF2_HMAC_SHA256),
        }
    }
}

/// What the server must show: that it knows the password, or what is derived from it.
#[derive(Debug)]
pub(super) struct Expected {
    key: hmac::Key,
    exchange: String,
}

impl Expected {
    /// Checks the server's last message, in constant time.
    ///
    /// # Errors
    /// [`ScramError::Unproven`], [`ScramError::Refused`].
    pub(super) fn check(&self, last: &[u8]) -> Result<(), ScramError> {
        let last = core::str::from_utf8(last).map_err(|_| ScramError::Unproven)?;
        let mut fields = last.split(',');
        let signature = match fields.next().and_then(|field| field.split_once('=')) {
            Some(("v", signature)) => BASE64.decode(signature).map_err(|_| ScramError::Unproven)?,
            Some(("e", _)) => return Err(ScramError::Refused),
            _ => return Err(ScramError::Unproven),
        };
        hmac::verify(&self.key, self.exchange.as_bytes(), &signature).map_err(|_| ScramError::Unproven)
    }
}

/// The server's first message: `r=nonce,s=salt,i=rounds`, perhaps with extensions that may be ignored.
struct Challenge<'a> {
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    rounds: NonZeroU32,
}

impl<'a> Challenge<'a> {
    fn parse(challenge: &'a [u8], ours: &str) -> Option<Self> {
        if challenge.len() > MAX_CHALLENGE {
            return None;
        }
        let text = core::str::from_utf8(challenge).ok()?;
        let mut fields = text.split(',');
        let nonce = fields.next()?.strip_prefix("r=")?;
        let salt = BASE64.decode(fields.next()?.strip_prefix("s=")?).ok()?;
        let rounds: u32 = fields.next()?.strip_prefix("i=")?.parse().ok()?;
        // The server's part makes a recorded exchange useless; without it this one could be a repetition.
        let theirs = nonce.strip_prefix(ours)?;
        let printable = theirs.bytes().all(|byte| byte.is_ascii_graphic());
        let in_bounds = (MIN_ROUNDS..=MAX_ROUNDS).contains(&rounds);
        if theirs.is_empty() || !printable || salt.is_empty() || !in_bounds {
            return None;
        }
        Some(Self { text, nonce, salt, rounds: NonZeroU32::new(rounds)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 5802, section 5, and RFC 7677, section 3.
    const SHA1: [&str; 5] = [
        "fyko+d2lbbFgONRv9qkxdawL",
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ];
    const SHA256: [&str; 5] = [
        "rOprNGfwEbeRWgbNEkqO",
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ];

    fn answer(challenge: &str) -> Result<(Vec<u8>, Expected), ScramError> {
        Scram::new(Hash::Sha256, Gs2::Cannot, "user", SHA256[0].to_owned()).answer(challenge.as_bytes(), "pencil")
    }

    #[test]
    fn the_examples_of_the_standards() {
        for (hash, [nonce, first, challenge, last, proof]) in [(Hash::Sha1, SHA1), (Hash::Sha256, SHA256)] {
            let scram = Scram::new(hash, Gs2::Cannot, "user", nonce.to_owned());
            assert_eq!(scram.first(), first.as_bytes());
            let (answer, expected) = scram.answer(challenge.as_bytes(), "pencil").unwrap();
            assert_eq!(answer, last.as_bytes());
            assert_eq!(expected.check(proof.as_bytes()), Ok(()));
        }
    }

    #[test]
    fn a_server_without_the_password_is_noticed() {
        let (_, expected) = answer(SHA256[2]).unwrap();
        for forged in ["v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "", "x=1", "v=6rriTRBi", "v=%"] {
            assert_eq!(expected.check(forged.as_bytes()), Err(ScramError::Unproven), "{forged}");
        }
        assert_eq!(expected.check(b"\xff"), Err(ScramError::Unproven));
        assert_eq!(expected.check(b"e=invalid-proof"), Err(ScramError::Refused));
    }

    #[test]
    fn a_challenge_that_breaks_a_rule_is_refused() {
        let nonce = "rOprNGfwEbeRWgbNEkqOabc";
        assert!(answer(&format!("r={nonce},s=W22Z,i=4096,x=ignored")).is_ok());
        for bad in [
            "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096".to_owned(),
            "r=xOprNGfwEbeRWgbNEkqOabc,s=W22Z,i=4096".to_owned(),
            format!("r={nonce},s=W22Z,i=4095"),
            format!("r={nonce},s=W22Z,i=10000001"),
            format!("r={nonce},s=W22Z,i=0"),
            format!("r={nonce},s=W22Z,i=-1"),
            format!("r={nonce},s=W22Z"),
            format!("r={nonce},s=,i=4096"),
            format!("r={nonce},s=W2%,i=4096"),
            format!("r={nonce}\u{7f},s=W22Z,i=4096"),
            format!("m=must,r={nonce},s=W22Z,i=4096"),
            format!("r={nonce}{},s=W22Z,i=4096", "a".repeat(MAX_CHALLENGE)),
            String::new(),
        ] {
            assert_eq!(answer(&bad).err(), Some(ScramError::Malformed), "{bad}");
        }
    }

    #[test]
    fn the_binding_is_part_of_the_answer() {
        let with = |gs2| {
            let scram = Scram::new(Hash::Sha256, gs2, "a=b,c", SHA256[0].to_owned());
            let first = String::from_utf8(scram.first()).unwrap();
            (first, String::from_utf8(scram.answer(SHA256[2].as_bytes(), "x").unwrap().0).unwrap())
        };
        let (first, last) = with(Gs2::Bound { kind: "tls-exporter", data: vec![1, 2, 3] });
        assert!(first.starts_with("p=tls-exporter,,n=a=3Db=2Cc,r="), "{first}");
        let bound = [&b"p=tls-exporter,,"[..], &[1, 2, 3]].concat();
        assert!(last.starts_with(&format!("c={},r=", BASE64.encode(bound))), "{last}");
        let (first, last) = with(Gs2::NotOffered);
        assert!(first.starts_with("y,,n=") && last.starts_with(&format!("c={},r=", BASE64.encode("y,,"))));
    }
}
