//! The password of the account, or of the proxy.

use core::fmt;

use zeroize::Zeroizing;

/// A password: wiped when dropped, never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over a password as the user typed it. A `String` is taken without a copy.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use o2tr::transport::PeerId;

    use crate::config::{Config, Password};

    #[test]
    fn is_never_shown() {
        let mut config = Config::new(PeerId::new("alice@example.org"), Password::from("hunter2"));
        config.proxy = Some("socks5://alice:hunter2@127.0.0.1:9050".parse().unwrap());
        assert_eq!(format!("{:?}", config.password), "Password(..)");
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!config.proxy.unwrap().to_string().contains("hunter2"));
    }
}
