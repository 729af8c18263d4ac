//! Requests and answers, there and back. Whether openssl agrees is for other tests to say.

use time::OffsetDateTime;

use super::*;
use crate::x509::{KeyAlgorithm, PrivateKey, Serial, test_issuer};

fn id(serial: &str, hash: Hash) -> (CertificateId, crate::x509::Issuer) {
    let issuer = test_issuer(KeyAlgorithm::EcdsaP256);
    let serial: Serial = serial.parse().expect("a number");
    (CertificateId::new(hash, issuer.certificate(), serial), issuer)
}

#[test]
fn requests_come_back() {
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        for nonce in [None, Some(vec![7; 32])] {
            let (id, issuer) = id("65535", hash);
            assert!(id.is_issued_by(issuer.certificate()));
            let other = test_issuer(KeyAlgorithm::EcdsaP256);
            assert!(!id.is_issued_by(other.certificate()));
            let request = OcspRequest { ids: vec![id.clone(), id], nonce };
            assert_eq!(OcspRequest::from_der(&request.to_der()), Ok(request));
        }
    }
}

#[test]
fn requests_that_are_refused() {
    let (id, _) = id("1", Hash::Sha1);
    let with = |ids, nonce| OcspRequest { ids, nonce }.to_der();
    let refusal = |der: &[u8]| OcspRequest::from_der(der).expect_err("refused");
    assert_eq!(refusal(&with(vec![], None)), OcspError::Empty);
    assert_eq!(
        refusal(&with(vec![id.clone(); 33], None)),
        OcspError::TooMany { found: 33, limit: 32 }
    );
    assert_eq!(refusal(&with(vec![id.clone()], Some(vec![0; 129]))), OcspError::Nonce(129));
    assert_eq!(refusal(&with(vec![id.clone()], Some(vec![]))), OcspError::Nonce(0));
    let whole = with(vec![id], Some(vec![1; 8]));
    for cut in 0..whole.len() {
        assert!(OcspRequest::from_der(&whole[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn answers_tell_of_whom_and_until_when() {
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
    let (id, issuer) = id("77", Hash::Sha1);
    let key = PrivateKey::from_pem(&issuer.key().to_pem().expect("written")).expect("read");
    let certificate = issuer.certificate();
    let responder = Responder::new(certificate.clone(), certificate.clone(), key)
        .expect("the issuer may answer");
    for status in [
        CertificateStatus::Good,
        CertificateStatus::Unknown,
        CertificateStatus::Revoked { at: at(5), reason: crate::x509::Reason::KeyCompromise },
    ] {
        let answer = Answer { id: id.clone(), status, this_update: at(10), next_update: at(20) };
        let der = responder.sign(&[answer], Some(b"nonce"), at(10)).expect("signed");
        let read = OcspResponse::from_der(&der).expect("read");
        assert_eq!(read, OcspResponse { id: id.clone(), next_update: Some(at(20)) });
    }
    let refusal = Refusal::Unauthorized.to_der();
    assert_eq!(refusal, [0x30, 0x03, 0x0a, 0x01, 0x06]);
    assert_eq!(OcspResponse::from_der(&refusal), Err(OcspError::NoAnswer));
}

#[test]
fn damaged_messages_are_refused_or_read_but_never_more() {
    let at = OffsetDateTime::from_unix_timestamp(10).expect("a time");
    let (id, issuer) = id("77", Hash::Sha256);
    let request = OcspRequest { ids: vec![id.clone()], nonce: Some(vec![1; 16]) }.to_der();
    let key = PrivateKey::from_pem(&issuer.key().to_pem().expect("written")).expect("read");
    let certificate = issuer.certificate();
    let responder = Responder::new(certificate.clone(), certificate.clone(), key);
    let status = CertificateStatus::Good;
    let answer = Answer { id, status, this_update: at, next_update: at };
    let response = responder.expect("the issuer").sign(&[answer], None, at).expect("signed");
    for whole in [request, response] {
        for position in 0..whole.len() {
            for value in [0, 1, 0x1f, 0x30, 0x7f, 0x80, 0x84, 0xa0, 0xff] {
                let mut damaged = whole.clone();
                damaged[position] = value;
                let _ = OcspRequest::from_der(&damaged);
                let _ = OcspResponse::from_der(&damaged);
            }
        }
    }
}

#[test]
fn a_serial_number_has_a_bound() {
    let issuer = test_issuer(KeyAlgorithm::EcdsaP256);
    let asked = |octets| {
        let serial = Serial::from_bytes(&vec![1; octets]);
        let id = CertificateId::new(Hash::Sha1, issuer.certificate(), serial);
        OcspRequest::from_der(&OcspRequest { ids: vec![id], nonce: None }.to_der())
    };
    assert!(asked(64).is_ok());
    assert!(matches!(asked(65), Err(OcspError::Malformed(_))));
}
