//! What we tell about ourselves (XEP-0030, XEP-0115).

use xmpp_parsers::caps::{Caps, compute_disco, hash_caps};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};
use xmpp_parsers::hashes::Algo;
use xmpp_parsers::ns;

/// Names the program in XEP-0115's terms.
const NODE: &str = "urn:o2tr";

/// Identity and features.
pub(crate) fn about_us(node: Option<String>, receipts: bool) -> DiscoInfoResult {
    let mut features = vec![ns::DISCO_INFO, ns::CAPS, ns::PING, ns::EME, ns::CARBONS, ns::DELAY, ns::VERSION];
    if receipts {
        features.push(ns::RECEIPTS);
    }
    DiscoInfoResult {
        node,
        identities: vec![Identity {
            category: "client".to_owned(),
            type_: "pc".to_owned(),
            lang: None,
            name: Some("O2TR".to_owned()),
        }],
        features: features.into_iter().map(str::to_owned).collect(),
        extensions: Vec::new(),
    }
}

/// The hash of [`about_us`] for our presence.
pub(crate) fn capabilities(receipts: bool) -> Option<Caps> {
    let hash = hash_caps(&compute_disco(&about_us(None, receipts)), Algo::Sha_1).ok()?;
    Some(Caps::new(NODE, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_announced_only_when_given() {
        assert!(about_us(None, true).features.contains(ns::RECEIPTS));
        assert!(!about_us(None, false).features.contains(ns::RECEIPTS));
        let with = capabilities(true).unwrap();
        let without = capabilities(false).unwrap();
        assert_eq!((with.node.as_str(), with.ver.len()), (NODE, 20));
        assert_ne!(with.ver, without.ver);
    }
}
