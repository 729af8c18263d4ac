//! Damaged input is refused, never a panic, and never believed.

use time::{Duration, OffsetDateTime};

use super::*;

fn material() -> (PrivateKey, Request, Certificate) {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let subject = Subject::new("a.example", &["one", "two"]);
    let names = AlternativeNames::of_hosts(["a.example", "10.0.0.1", "a@b.c", "urn:a"]);
    let constraints = BasicConstraints { is_authority: true, path_len: Some(1) };
    let asked = [Extension::basic_constraints(constraints)];
    let request = Request::new(&key, &subject, &names.expect("names"), &asked).expect("requested");
    let now = OffsetDateTime::now_utc();
    let mut template = Template::new(subject, now, now + Duration::DAY);
    template.alternative_names = request.alternative_names().clone();
    template.key_usages = KeyUsage::DigitalSignature.into();
    template.extended_key_usages = vec![ExtendedKeyUsage::ServerAuth];
    template.crl_urls = vec!["http://crl".to_owned()];
    template.ocsp_urls = vec!["http://ocsp".to_owned()];
    let certificate = self_sign(&template, &key).expect("signed");
    (key, request, certificate)
}

/// Every byte changed in three ways, and every end cut off.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let changed = (0..bytes.len()).flat_map(move |position| {
        [0x01, 0x80, 0xff].into_iter().map(move |bits| {
            let mut changed = bytes.to_vec();
            changed[position] ^= bits;
            changed
        })
    });
    changed.chain((0..bytes.len()).map(|end| bytes[..end].to_vec()))
}

#[test]
fn no_damaged_certificate_panics() {
    let (_, _, certificate) = material();
    for bytes in damaged(certificate.der()) {
        if let Ok(read) = Certificate::from_der(&bytes) {
            // Whatever it says can be told.
            let _ = (read.subject().to_string(), read.key_algorithm(), read.to_pem());
            let _ = read.serial().to_string();
            if read.verify_issued_by(&certificate).is_ok() {
                assert_eq!(read.subject(), certificate.subject());
                assert_eq!(read.serial(), certificate.serial());
                assert_eq!(read.not_after(), certificate.not_after());
                assert_eq!(read.public_key_der(), certificate.public_key_der());
                assert_eq!(read.extensions(), certificate.extensions());
            }
        }
    }
}

#[test]
fn no_damaged_request_says_anything_else() {
    let (_, request, _) = material();
    for bytes in damaged(request.der()) {
        if let Ok(read) = Request::from_der(&bytes) {
            // Only what stands around the signed part, which no signature covers, was changed.
            assert_eq!(read.signed_part(), request.signed_part());
            assert_eq!(read.subject(), request.subject());
            assert_eq!(read.extensions(), request.extensions());
        }
    }
}

#[test]
fn no_damaged_key_panics() {
    let (key, _, _) = material();
    let pem = key.to_pem().expect("written");
    let der = decode_pem(&pem).expect("read").remove(0).contents;
    for bytes in damaged(&der) {
        let _ = PrivateKey::from_der(&bytes);
    }
    for text in damaged(pem.as_bytes()) {
        let _ = PrivateKey::from_pem(&String::from_utf8_lossy(&text));
    }
}
