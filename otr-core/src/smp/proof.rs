//! The three proofs of zero knowledge.
//!
//! Each is a hash of commitments and responses that open them. To make one takes secret powers, in
//! constant time. To check one takes exponents that stand in the message: there the powers share their
//! squarings, in time that depends on them.

use subtle::ConstantTimeEq;

use super::SmpExponent;
use super::base::{Base, Generators};
use super::error::Unusable;
use super::value::{Challenge, Purpose, Response};
use crate::SecretBytes;
use crate::group::{GroupElement, Residue};
use crate::wire::{Codec, DecodeError, Reader, Writer};

/// Whoever made A = g1^a knows a. Wire: c, D.
///
/// c = H(purpose, g1^r), D = r - a c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnowsLog {
    /// c2 or c3.
    pub c: Challenge,
    /// D2 or D3.
    pub d: Response,
}

impl KnowsLog {
    pub(super) fn make(purpose: Purpose, a: &SmpExponent, r: &SmpExponent) -> Result<Self, Unusable> {
        let c = Challenge::hash(purpose, &[&Residue::power_of_g(r.expose())]);
        Ok(Self { c, d: Response::make(r, a, &c)? })
    }

    /// c == H(purpose, g1^D A^c).
    pub(super) fn holds(&self, purpose: Purpose, a: &Base) -> bool {
        let commitment = a.product_public(self.c.as_padded(), &[(&Residue::generator(), self.d.as_padded())]);
        Challenge::hash(purpose, &[&commitment]).ct_eq(&self.c).into()
    }
}

/// Whoever made P = g3^r and Q = g1^r g2^x knows r and x. Wire: cP, D5, D6.
///
/// cP = H(purpose, g3^r5, g1^r5 g2^r6), D5 = r5 - r cP, D6 = r6 - x cP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnowsCoordinates {
    /// cP.
    pub c: Challenge,
    /// D5.
    pub d5: Response,
    /// D6.
    pub d6: Response,
}

/// P, Q and the proof that they were made as they should.
pub(super) struct Coordinates {
    pub(super) p: GroupElement,
    pub(super) q: GroupElement,
    pub(super) proof: KnowsCoordinates,
}

/// r4, r5, r6.
pub(super) struct CoordinateExponents {
    pub(super) r4: SmpExponent,
    pub(super) r5: SmpExponent,
    pub(super) r6: SmpExponent,
}

impl Coordinates {
    pub(super) fn make(
        purpose: Purpose,
        Generators { g2, g3 }: &Generators,
        secret: &SecretBytes<32>,
        exponents: &CoordinateExponents,
    ) -> Result<Self, Unusable> {
        let CoordinateExponents { r4, r5, r6 } = exponents;
        let p = g3.power(r4.expose());
        let q = Residue::power_of_g(r4.expose()).multiply(&g2.power(secret.expose()));
        let commitment_p = g3.power(r5.expose());
        let commitment_q = Residue::power_of_g(r5.expose()).multiply(&g2.power(r6.expose()));
        let c = Challenge::hash(purpose, &[&commitment_p, &commitment_q]);
        Ok(Self {
            p: public(&p)?,
            q: public(&q)?,
            proof: KnowsCoordinates { c, d5: Response::make(r5, r4, &c)?, d6: Response::make(r6, secret, &c)? },
        })
    }
}

impl KnowsCoordinates {
    /// cP == H(purpose, g3^D5 P^cP, g1^D5 g2^D6 Q^cP). g2 and g3 are no secrets before the peer, but
    /// our exponents behind them are.
    pub(super) fn holds(&self, purpose: Purpose, Generators { g2, g3 }: &Generators, p: &Residue, q: &Residue) -> bool {
        let (c, d5, d6) = (self.c.as_padded(), self.d5.as_padded(), self.d6.as_padded());
        let commitment_p = g3.product_public(d5, &[(p, c)]);
        let commitment_q = g2.product_public(d6, &[(&Residue::generator(), d5), (q, c)]);
        Challenge::hash(purpose, &[&commitment_p, &commitment_q]).ct_eq(&self.c).into()
    }
}

/// Whoever made R = (Qa/Qb)^a used the a of A = g1^a. Wire: cR, D7.
///
/// cR = H(purpose, g1^r7, (Qa/Qb)^r7), D7 = r7 - a cR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EqualLogs {
    /// cR.
    pub c: Challenge,
    /// D7.
    pub d: Response,
}

impl EqualLogs {
    pub(super) fn make(
        purpose: Purpose,
        qa_over_qb: &Base,
        a: &SmpExponent,
        r7: &SmpExponent,
    ) -> Result<Self, Unusable> {
        let commitments = [Residue::power_of_g(r7.expose()), qa_over_qb.power(r7.expose())];
        let c = Challenge::hash(purpose, &[&commitments[0], &commitments[1]]);
        Ok(Self { c, d: Response::make(r7, a, &c)? })
    }

    /// cR == H(purpose, g1^D7 A^cR, (Qa/Qb)^D7 R^cR).
    pub(super) fn holds(&self, purpose: Purpose, a: &Residue, qa_over_qb: &Base, r: &Residue) -> bool {
        let (c, d) = (self.c.as_padded(), self.d.as_padded());
        let commitment_a = Residue::multi_power_public(&[(&Residue::generator(), d), (a, c)]);
        let commitment_r = qa_over_qb.product_public(d, &[(r, c)]);
        Challenge::hash(purpose, &[&commitment_a, &commitment_r]).ct_eq(&self.c).into()
    }
}

/// A value of ours as the peer will accept it.
pub(super) fn public(value: &Residue) -> Result<GroupElement, Unusable> {
    value.to_element("group element").map_err(|_| Unusable)
}

impl Codec for KnowsLog {
    fn encode(&self, writer: &mut Writer) {
        self.c.encode(writer);
        self.d.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { c: Codec::decode(reader)?, d: Codec::decode(reader)? })
    }
}

impl Codec for KnowsCoordinates {
    fn encode(&self, writer: &mut Writer) {
        self.c.encode(writer);
        self.d5.encode(writer);
        self.d6.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { c: Codec::decode(reader)?, d5: Codec::decode(reader)?, d6: Codec::decode(reader)? })
    }
}

impl Codec for EqualLogs {
    fn encode(&self, writer: &mut Writer) {
        self.c.encode(writer);
        self.d.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { c: Codec::decode(reader)?, d: Codec::decode(reader)? })
    }
}
