//! O2TR over XMPP.
