//! Comparing a line of ours with libotr's.

use otr_core::group::GroupElement;
use otr_core::text::{Kind, Line, classify};
use otr_core::toolkit::{exchange_keys, open_proof, public_value, signed_value};
use otr_core::wire::{Codec, EncryptedSignature, Header, Reader, RevealSignature};
use otr_core::{ExchangeKeys, ExchangeSnapshot, HalfKeys, PeerSnapshot, PhaseSnapshot};

use crate::json::minimal;
use crate::report::Report;

/// All lines of a step. `after`: our state after it.
pub(crate) fn compare(report: &mut Report, place: &str, ours: &[Vec<u8>], theirs: &[Vec<u8>], after: &PeerSnapshot) {
    if ours.len() != theirs.len() {
        return report.same("lines", place, &shown(ours), &shown(theirs));
    }
    for (ours, theirs) in ours.iter().zip(theirs) {
        let verdict = line(ours, theirs, after);
        report.holds("lines", place, verdict.is_ok(), || verdict.err().unwrap_or_default());
    }
}

/// The beginnings of lines, for a message about a fault.
pub(crate) fn shown(lines: &[Vec<u8>]) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8_lossy(&line[..line.len().min(24)]).into_owned()).collect()
}

/// Byte for byte, except for the human text of queries and errors, and for what depends on the random number
/// inside a DSA signature: there everything else is compared, and both signatures are checked.
fn line(ours: &[u8], theirs: &[u8], after: &PeerSnapshot) -> Result<(), String> {
    let agree = match (classify(ours), classify(theirs)) {
        (Line::Query { .. }, Line::Query { .. }) => minimal_query(ours) == minimal_query(theirs),
        (Line::Error { .. }, Line::Error { .. }) => true,
        (Line::Encoded(ours), Line::Encoded(theirs)) if theirs.kind() == Kind::RevealSignature => {
            return signed(&ours.dearmour().unwrap(), &theirs.dearmour().unwrap(), true, after);
        }
        (Line::Encoded(ours), Line::Encoded(theirs)) if theirs.kind() == Kind::Signature => {
            return signed(&ours.dearmour().unwrap(), &theirs.dearmour().unwrap(), false, after);
        }
        _ => ours == theirs,
    };
    if agree { Ok(()) } else { Err(first_difference(ours, theirs)) }
}

fn minimal_query(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

fn first_difference(ours: &[u8], theirs: &[u8]) -> String {
    let at = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    format!("lengths {} and {}, different from byte {at} on: {:?}", ours.len(), theirs.len(), shown(&[ours.to_vec()]))
}

fn signed(ours: &[u8], theirs: &[u8], reveals: bool, after: &PeerSnapshot) -> Result<(), String> {
    let (our_header, our_r, our_part) = parts(ours, reveals)?;
    let (their_header, their_r, their_part) = parts(theirs, reveals)?;
    if (our_header, &our_r) != (their_header, &their_r) {
        return Err("header or revealed key differ".to_owned());
    }
    let candidates = if reveals { revealing(after) } else { signing(after) };
    for (keys, own, peer) in candidates {
        let half: &HalfKeys = if reveals { &keys.reveal } else { &keys.signature };
        let (Ok(our_proof), Ok(their_proof)) = (open_proof(half, &our_part), open_proof(half, &their_part)) else {
            continue;
        };
        if (&our_proof.key, our_proof.keyid) != (&their_proof.key, their_proof.keyid) {
            return Err("signed keys differ".to_owned());
        }
        let digest = signed_value(half, &own, &peer, &our_proof.key, our_proof.keyid);
        return [our_proof, their_proof]
            .iter()
            .try_for_each(|proof| proof.key.verify(&digest, &proof.signature))
            .map_err(|error| error.to_string());
    }
    Err("no key of ours opens both encrypted signatures".to_owned())
}

fn parts(message: &[u8], reveals: bool) -> Result<(Header, Vec<u8>, EncryptedSignature), String> {
    let mut reader = Reader::new(message);
    let header = Header::decode(&mut reader).map_err(|error| error.to_string())?;
    if reveals {
        let message = RevealSignature::from_bytes(reader.rest()).map_err(|error| error.to_string())?;
        return Ok((header, message.r.expose().to_vec(), message.signature));
    }
    let part = EncryptedSignature::from_bytes(reader.rest()).map_err(|error| error.to_string())?;
    Ok((header, Vec::new(), part))
}

/// Keys, own and peer's D-H value of every exchange in which we sent a Reveal Signature.
fn revealing(after: &PeerSnapshot) -> Vec<(ExchangeKeys, GroupElement, GroupElement)> {
    let exchanges = after.contacts.iter().filter_map(|contact| match &contact.exchange {
        ExchangeSnapshot::AwaitingSignature { secret, gy, .. } => Some((secret, *gy)),
        _ => None,
    });
    exchanges.map(|(secret, gy)| (exchange_keys(secret, &gy), public_value(secret).unwrap(), gy)).collect()
}

/// The same of every session: after an AKE its D-H values are the previous key of ours and the newest of the peer.
fn signing(after: &PeerSnapshot) -> Vec<(ExchangeKeys, GroupElement, GroupElement)> {
    let rings = after.sessions.iter().filter_map(|session| match &session.phase {
        PhaseSnapshot::Encrypted { ring, .. } => Some((&ring.our_previous.secret, ring.their_newest)),
        PhaseSnapshot::Finished => None,
    });
    rings.map(|(secret, theirs)| (exchange_keys(secret, &theirs), public_value(secret).unwrap(), theirs)).collect()
}

/// Whether two numbers are equal, whatever their leading zeros.
pub(crate) fn same_number(ours: &[u8], theirs: &[u8]) -> bool {
    minimal(ours) == minimal(theirs)
}
