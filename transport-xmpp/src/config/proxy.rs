//! A SOCKS5 proxy, as a user writes it.

use core::fmt;
use core::str::FromStr;

use zeroize::Zeroizing;

use super::{BadHostPort, HostPort, Password};

/// The longest name and the longest password (bytes, RFC 1929, section 2).
const MAX_FIELD: usize = 255;

/// A SOCKS5 proxy (RFC 1928): `socks5://host:port` or `socks5://user:password@host:port`.
///
/// The proxy resolves the names. Name and password may hold `%` and two hexadecimal digits for a byte.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proxy {
    /// Where it is.
    pub server: HostPort,
    /// How to log in, where it asks (RFC 1929). Tor keeps connections with different logins apart.
    pub login: Option<ProxyLogin>,
}

impl Proxy {
    /// A proxy that asks for no login.
    #[must_use]
    pub const fn new(server: HostPort) -> Self {
        Self { server, login: None }
    }
}

/// A name and password for a proxy.
#[derive(Clone, Debug)]
pub struct ProxyLogin {
    /// The name; 1 to 255 bytes.
    pub user: String,
    /// The password; 1 to 255 bytes.
    pub password: Password,
}

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        let rest = ["socks5://", "socks5h://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or(BadProxy::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, server) = match rest.rsplit_once('@') {
            Some((login, server)) => (Some(login), server),
            None => (None, rest),
        };
        let login = login.map(|login| -> Result<_, BadProxy> {
            let (user, password) = login.split_once(':').ok_or(BadProxy::Login)?;
            let (user, mut password) = (field(user)?, field(password)?);
            Ok(ProxyLogin { user: user.to_string(), password: Password::new(core::mem::take(&mut *password)) })
        });
        Ok(Self { server: server.parse()?, login: login.transpose()? })
    }
}

/// Without the login.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socks5://{}", self.server)
    }
}

/// Why a text is no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadProxy {
    /// Not `socks5://`.
    #[error("a proxy is written socks5://host:port or socks5://user:password@host:port")]
    Scheme,
    /// The name or the password is missing, too long or wrongly escaped.
    #[error("the proxy's user and password have 1 to 255 bytes each, and % stands before two hexadecimal digits")]
    Login,
    /// The place of the proxy.
    #[error(transparent)]
    Server(#[from] BadHostPort),
}

/// Replaces `%xx` by its byte.
fn field(text: &str) -> Result<Zeroizing<String>, BadProxy> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).ok_or(BadProxy::Login);
                let value = digit()? * 16 + digit()?;
                u8::try_from(value).map_err(|_| BadProxy::Login)?
            }
            other => other,
        });
    }
    let text = core::str::from_utf8(&bytes).map_err(|_| BadProxy::Login)?;
    if text.is_empty() || text.len() > MAX_FIELD { Err(BadProxy::Login) } else { Ok(Zeroizing::new(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_login_with_escapes() {
        let proxy: Proxy = "socks5://a%40b:p%3a:w@[::1]:9050/".parse().unwrap();
        assert_eq!(proxy.to_string(), "socks5://[::1]:9050");
        let login = proxy.login.unwrap();
        assert_eq!((login.user.as_str(), login.password.reveal()), ("a@b", "p::w"));
        assert!("socks5h://127.0.0.1:9050".parse::<Proxy>().unwrap().login.is_none());
    }

    #[test]
    fn refuses_what_is_none() {
        for (text, why) in [
            ("127.0.0.1:9050", BadProxy::Scheme),
            ("http://127.0.0.1:8080", BadProxy::Scheme),
            ("socks5://127.0.0.1", BadProxy::Server(BadHostPort::Form)),
            ("socks5://user@127.0.0.1:9050", BadProxy::Login),
            ("socks5://:x@127.0.0.1:9050", BadProxy::Login),
            ("socks5://a:%zz@127.0.0.1:9050", BadProxy::Login),
            ("socks5://a:%4@127.0.0.1:9050", BadProxy::Login),
            ("socks5://a:%ff@127.0.0.1:9050", BadProxy::Login),
        ] {
            assert_eq!(text.parse::<Proxy>().err(), Some(why), "{text}");
        }
    }
}
