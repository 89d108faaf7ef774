//! A host and a port, as a user writes them.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

/// The longest host name (bytes, RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// A host, by name or number, and a TCP port: `example.org:5222`, `192.0.2.1:5222`, `[2001:db8::1]:5222`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// Joins a host, without brackets, and a port.
    ///
    /// # Errors
    /// The host is empty, too long or has characters that no host has, or the port is 0.
    pub fn new(host: &str, port: u16) -> Result<Self, BadHostPort> {
        if port == 0 {
            return Err(BadHostPort::Port);
        }
        let numeric = host.parse::<IpAddr>().is_ok();
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || host.len() > MAX_HOST || !(numeric || host.chars().all(allowed)) {
            return Err(BadHostPort::Host);
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// The host's name or number, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Reads `host:port`; a number of IPv6 stands in brackets.
impl FromStr for HostPort {
    type Err = BadHostPort;

    fn from_str(text: &str) -> Result<Self, BadHostPort> {
        let (host, port) = text.rsplit_once(':').ok_or(BadHostPort::Form)?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = if digits { port.parse().map_err(|_| BadHostPort::Port)? } else { return Err(BadHostPort::Port) };
        match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(number) if number.parse::<Ipv6Addr>().is_ok() => Self::new(number, port),
            Some(_) => Err(BadHostPort::Host),
            None if host.contains(':') => Err(BadHostPort::Form),
            None => Self::new(host, port),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is no host with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHostPort {
    /// There is no colon, or there are too many.
    #[error("a server is written host:port, and a number of IPv6 as [number]:port")]
    Form,
    /// No host has such a name.
    #[error("this is not the name or number of a host")]
    Host,
    /// Not a number from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["example.org:5222", "192.0.2.1:1", "[2001:db8::1]:65535", "xn--bcher-kva.example:5223", "a_b:7"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        let server: HostPort = "[::1]:5222".parse().unwrap();
        assert_eq!((server.host(), server.port()), ("::1", 5222));
    }

    #[test]
    fn refuses_what_is_none() {
        for (text, why) in [
            ("", BadHostPort::Form),
            ("example.org", BadHostPort::Form),
            ("::1:5222", BadHostPort::Form),
            (":5222", BadHostPort::Host),
            ("[example.org]:5222", BadHostPort::Host),
            ("[]:5222", BadHostPort::Host),
            ("exa mple.org:5222", BadHostPort::Host),
            ("user@example.org:5222", BadHostPort::Host),
            ("example.org:", BadHostPort::Port),
            ("example.org:0", BadHostPort::Port),
            ("example.org:+22", BadHostPort::Port),
            ("example.org:65536", BadHostPort::Port),
        ] {
            assert_eq!(text.parse::<HostPort>(), Err(why), "{text}");
        }
        assert_eq!(HostPort::new(&"a".repeat(254), 1), Err(BadHostPort::Host));
    }
}
