//! A public key of the peer, as the base of the powers that its pairs cost.

use std::sync::OnceLock;

use crate::dh::{DhKeyPair, SharedSecret};
use crate::group::{GroupElement, PowerTable};

/// A key of the peer. In a conversation each is the base of two powers: we send to it from our previous key, and the
/// answer comes from it to our newest.
#[derive(Clone, Debug)]
pub(super) struct TheirKey {
    public: GroupElement,
    powers: Powers,
}

#[derive(Clone, Debug)]
enum Powers {
    /// One is to be expected at most.
    Single,
    /// Two are: they share a table (6 KiB), made for the first and gone when the key becomes the previous one.
    Shared(OnceLock<Box<PowerTable>>),
}

impl TheirKey {
    /// The key of an AKE, which has cost one power already, or one from a store, which may have.
    pub(super) const fn known(public: GroupElement) -> Self {
        Self { public, powers: Powers::Single }
    }

    /// A key that the peer has just announced.
    pub(super) const fn announced(public: GroupElement) -> Self {
        Self { public, powers: Powers::Shared(OnceLock::new()) }
    }

    /// The same key without its table.
    pub(super) fn retired(self) -> Self {
        Self::known(self.public)
    }

    pub(super) const fn public(&self) -> &GroupElement {
        &self.public
    }

    /// The secret that this key shares with one of ours.
    pub(super) fn agree(&self, ours: &DhKeyPair) -> SharedSecret {
        match &self.powers {
            Powers::Single => ours.agree(&self.public),
            Powers::Shared(table) => {
                ours.agree_by(table.get_or_init(|| Box::new(PowerTable::for_dh(&self.public.to_residue()))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn with_and_without_a_table_the_secret_is_the_same() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let [ours, previous, theirs] = [(); 3].map(|()| DhKeyPair::generate(&mut rng));
        let (known, announced) = (TheirKey::known(*theirs.public()), TheirKey::announced(*theirs.public()));
        for ours in [&ours, &previous] {
            let secret = known.agree(ours).h2(0);
            assert_eq!(announced.agree(ours).h2(0).expose(), secret.expose());
            assert_eq!(announced.clone().retired().agree(ours).h2(0).expose(), secret.expose());
            assert_eq!(theirs.agree(ours.public()).h2(0).expose(), secret.expose());
        }
    }
}
