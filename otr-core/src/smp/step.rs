//! The arithmetic of each step. Everything is checked before the first byte is drawn, and drawn in the
//! order of libotr, so that a run can be replayed from logged randomness.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::base::{Base, Generators};
use super::error::Unusable;
use super::proof::{CoordinateExponents, Coordinates, public};
use super::value::Purpose;
use super::{
    Asked, EqualLogs, Expect2, Expect3, Expect4, KnowsLog, Message1, Message2, Message3, Message4, SmpExponent,
    SmpFault,
};
use crate::SecretBytes;
use crate::group::{ELEMENT_LEN, GroupElement, Residue};

/// Alice starts.
pub(super) fn start(x: SecretBytes<32>, rng: &mut dyn CryptoRng) -> Result<(Expect2, Message1), Unusable> {
    let [a2, a3, r2, r3] = draw(rng);
    let message = Message1 {
        g2a: public(&Residue::power_of_g(a2.expose()))?,
        g2a_proof: KnowsLog::make(Purpose::G2a, &a2, &r2)?,
        g3a: public(&Residue::power_of_g(a3.expose()))?,
        g3a_proof: KnowsLog::make(Purpose::G3a, &a3, &r3)?,
    };
    Ok((Expect2 { x, a2, a3 }, message))
}

impl Asked {
    /// Bob receives message 1.
    pub(super) fn receive(
        message: &Message1,
        with_question: bool,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, Generators), SmpFault> {
        let Message1 { g2a, g2a_proof, g3a, g3a_proof } = message;
        let (g2a, g3a_base) = (Base::new(&g2a.to_residue()), Base::new(&g3a.to_residue()));
        check(g2a_proof.holds(Purpose::G2a, &g2a), "c2")?;
        check(g3a_proof.holds(Purpose::G3a, &g3a_base), "c3")?;
        let [b2, b3] = draw(rng);
        let generators = Generators { g2: g2a.raised(&b2), g3: g3a_base.raised(&b3) };
        let (g2, g3) = (secret(&generators.g2.value()), secret(&generators.g3.value()));
        Ok((Self { with_question, b2, b3, g2, g3, g3a: *g3a }, generators))
    }

    /// What [`Asked::receive`] gave, made again.
    pub(super) fn generators(&self) -> Generators {
        generators(&self.g2, &self.g3)
    }

    /// Bob's user answers.
    pub(super) fn answer(
        &self,
        generators: &Generators,
        y: SecretBytes<32>,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Expect3, Message2), Unusable> {
        let Self { with_question, b2, b3, g2, g3, g3a } = self;
        let [r2, r3, r4, r5, r6] = draw(rng);
        let Coordinates { p, q, proof } =
            Coordinates::make(Purpose::CoordinatesB, generators, &y, &CoordinateExponents { r4, r5, r6 })?;
        let message = Message2 {
            g2b: public(&Residue::power_of_g(b2.expose()))?,
            g2b_proof: KnowsLog::make(Purpose::G2b, b2, &r2)?,
            g3b: public(&Residue::power_of_g(b3.expose()))?,
            g3b_proof: KnowsLog::make(Purpose::G3b, b3, &r3)?,
            pb: p,
            qb: q,
            coordinates_proof: proof,
        };
        let run = Expect3 {
            with_question: *with_question,
            b3: b3.clone(),
            g2: g2.clone(),
            g3: g3.clone(),
            g3a: *g3a,
            pb: p,
            qb: q,
        };
        Ok((run, message))
    }
}

impl Expect2 {
    /// Alice receives message 2.
    pub(super) fn receive(
        &self,
        message: &Message2,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Expect4, Base, Message3), SmpFault> {
        let Self { x, a2, a3 } = self;
        let Message2 { g2b, g2b_proof, g3b, g3b_proof, pb, qb, coordinates_proof } = message;
        let (g2b, g3b_base) = (Base::new(&g2b.to_residue()), Base::new(&g3b.to_residue()));
        let (pb, qb) = (pb.to_residue(), qb.to_residue());
        check(g2b_proof.holds(Purpose::G2b, &g2b), "c2")?;
        check(g3b_proof.holds(Purpose::G3b, &g3b_base), "c3")?;
        let generators = Generators { g2: g2b.raised(a2), g3: g3b_base.raised(a3) };
        check(coordinates_proof.holds(Purpose::CoordinatesB, &generators, &pb, &qb), "cP")?;

        let [r4, r5, r6, r7] = draw(rng);
        let Coordinates { p, q, proof } =
            Coordinates::make(Purpose::CoordinatesA, &generators, x, &CoordinateExponents { r4, r5, r6 })?;
        let pa_over_pb = quotient(&p.to_residue(), &pb, "Pa/Pb")?;
        let qa_over_qb = quotient(&q.to_residue(), &qb, "Qa/Qb")?;
        let q_base = Base::new(&qa_over_qb.to_residue());
        let message = Message3 {
            pa: p,
            qa: q,
            coordinates_proof: proof,
            ra: public(&q_base.power(a3.expose()))?,
            ra_proof: EqualLogs::make(Purpose::Ra, &q_base, a3, &r7)?,
        };
        Ok((Expect4 { a3: a3.clone(), g3b: *g3b, pa_over_pb, qa_over_qb }, q_base, message))
    }
}

impl Expect3 {
    /// Bob receives message 3 and knows whether the secrets are equal.
    pub(super) fn receive(
        &self,
        generators: &Generators,
        message: &Message3,
        rng: &mut dyn CryptoRng,
    ) -> Result<(bool, Message4), SmpFault> {
        let Self { with_question: _, b3, g2: _, g3: _, g3a, pb, qb } = self;
        let Message3 { pa, qa, coordinates_proof, ra, ra_proof } = message;
        let (pa, qa, ra) = (pa.to_residue(), qa.to_residue(), ra.to_residue());
        let pa_over_pb = quotient(&pa, &pb.to_residue(), "Pa/Pb")?;
        let q_base = Base::new(&quotient(&qa, &qb.to_residue(), "Qa/Qb")?.to_residue());
        check(coordinates_proof.holds(Purpose::CoordinatesA, generators, &pa, &qa), "cP")?;
        check(ra_proof.holds(Purpose::Ra, &g3a.to_residue(), &q_base, &ra), "cR")?;

        let [r7] = draw(rng);
        let message = Message4 {
            rb: public(&q_base.power(b3.expose()))?,
            rb_proof: EqualLogs::make(Purpose::Rb, &q_base, b3, &r7)?,
        };
        Ok((equal(&ra.power(b3.expose()), &pa_over_pb), message))
    }

    /// What the step before had, made again.
    pub(super) fn generators(&self) -> Generators {
        generators(&self.g2, &self.g3)
    }
}

impl Expect4 {
    /// Alice receives message 4 and knows whether the secrets are equal.
    pub(super) fn receive(&self, q_base: &Base, message: &Message4) -> Result<bool, SmpFault> {
        let Self { a3, g3b, pa_over_pb, qa_over_qb: _ } = self;
        let Message4 { rb, rb_proof } = message;
        let rb = rb.to_residue();
        check(rb_proof.holds(Purpose::Rb, &g3b.to_residue(), q_base, &rb), "cR")?;
        Ok(equal(&rb.power(a3.expose()), pa_over_pb))
    }

    /// What the step before had, made again.
    pub(super) fn quotient(&self) -> Base {
        Base::new(&self.qa_over_qb.to_residue())
    }
}

fn draw<const N: usize>(rng: &mut dyn CryptoRng) -> [SmpExponent; N] {
    core::array::from_fn(|_| SecretBytes::random(rng))
}

fn check(holds: bool, proof: &'static str) -> Result<(), SmpFault> {
    if holds { Ok(()) } else { Err(SmpFault::Proof(proof)) }
}

fn secret(value: &Residue) -> SecretBytes<ELEMENT_LEN> {
    SecretBytes::new(*value.to_be_bytes())
}

fn generators(g2: &SecretBytes<ELEMENT_LEN>, g3: &SecretBytes<ELEMENT_LEN>) -> Generators {
    let base = |value: &SecretBytes<ELEMENT_LEN>| Base::new(&Residue::from_be_bytes(value.expose()));
    Generators { g2: base(g2), g3: base(g3) }
}

/// Neither 1 nor -1: equal values on both sides, or values that differ in the sign only, would give a result
/// that says nothing. The text checks neither; honest values never meet.
fn quotient(of: &Residue, by: &Residue, name: &'static str) -> Result<GroupElement, SmpFault> {
    let value = by.invert().map(|inverse| of.multiply(&inverse));
    value.and_then(|value| value.to_element(name).ok()).ok_or(SmpFault::Quotient(name))
}

fn equal(rab: &Residue, pa_over_pb: &GroupElement) -> bool {
    rab.to_be_bytes().ct_eq(pa_over_pb.as_padded()).into()
}
