//! The channel binding `tls-server-end-point`: a hash of the server's certificate (RFC 5929, section 4.1).

use ring::digest;

/// SEQUENCE and OBJECT IDENTIFIER in DER.
const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;

/// The contents of the identifiers of signature algorithms whose one hash is MD5, SHA-1 or SHA-256: all count as SHA-256.
const SHA256_ALGORITHMS: [&[u8]; 5] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04], // md5WithRSAEncryption
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], // sha1WithRSAEncryption
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b], // sha256WithRSAEncryption
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01],             // ecdsa-with-SHA1
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],       // ecdsa-with-SHA256
];
const SHA384_ALGORITHMS: [&[u8]; 2] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], // sha384WithRSAEncryption
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],       // ecdsa-with-SHA384
];
const SHA512_ALGORITHMS: [&[u8]; 2] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], // sha512WithRSAEncryption
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04],       // ecdsa-with-SHA512
];

/// The hash of a certificate in DER; `None` where its signature uses no hash, or none that is named by the algorithm.
pub(super) fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_algorithm(certificate)?;
    let digest = if SHA256_ALGORITHMS.contains(&algorithm) {
        &digest::SHA256
    } else if SHA384_ALGORITHMS.contains(&algorithm) {
        &digest::SHA384
    } else if SHA512_ALGORITHMS.contains(&algorithm) {
        &digest::SHA512
    } else {
        return None;
    };
    Some(digest::digest(digest, certificate).as_ref().to_vec())
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, .. }, .. }`
/// (RFC 5280, section 4.1).
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (_, after_tbs) = element(certificate, SEQUENCE)?;
    let (algorithm, _) = element(after_tbs, SEQUENCE)?;
    element(algorithm, OBJECT_ID).map(|(id, _)| id)
}

/// Splits the first element, which must have this tag, into its content and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = input.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        // More than three bytes of length: no certificate is that long.
        let (bytes, rest) = rest.split_at_checked(usize::from(*first & 0x7f)).filter(|(bytes, _)| bytes.len() <= 3)?;
        (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
    };
    if *found == tag { rest.split_at_checked(len) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let len = content.len();
        let len = if len < 0x80 { vec![len as u8] } else { vec![0x82, (len >> 8) as u8, len as u8] };
        [&[tag][..], &len, content].concat()
    }

    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let algorithm = der(SEQUENCE, &[der(OBJECT_ID, algorithm), vec![5, 0]].concat());
        der(SEQUENCE, &[der(SEQUENCE, &[7; 300]), algorithm, der(3, &[0; 70])].concat())
    }

    #[test]
    fn the_hash_follows_the_signature() {
        for (algorithms, digest) in [
            (&SHA256_ALGORITHMS[..], &digest::SHA256),
            (&SHA384_ALGORITHMS, &digest::SHA384),
            (&SHA512_ALGORITHMS, &digest::SHA512),
        ] {
            for algorithm in algorithms {
                let certificate = certificate(algorithm);
                assert_eq!(hash(&certificate).unwrap(), digest::digest(digest, &certificate).as_ref());
            }
        }
        let (ed25519, rsa_pss) = (&[0x2b, 0x65, 0x70][..], [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a]);
        assert_eq!(hash(&certificate(ed25519)), None);
        assert_eq!(hash(&certificate(&rsa_pss)), None);
    }

    #[test]
    fn broken_encodings_have_no_hash() {
        let whole = certificate(SHA256_ALGORITHMS[2]);
        for len in 0..whole.len() {
            assert_eq!(hash(&whole[..len]), None);
        }
        assert_eq!(hash(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(hash(&[SEQUENCE, 0x80]), None);
    }
}
