//! What openssl makes is read here, and what is made here openssl takes.

use std::path::Path;
use std::process::Command;

use time::{Duration, OffsetDateTime};

use super::*;

/// The output of openssl in `directory`; none when there is no openssl, which only a developer's
/// machine may lack.
fn openssl(directory: &Path, arguments: &[&str]) -> Option<String> {
    let run = Command::new("openssl").args(arguments).current_dir(directory).output();
    let Ok(output) = run else {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing: run .ci/tools");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    Some(text + &errors)
}

fn read(directory: &Path, name: &str) -> String {
    std::fs::read_to_string(directory.join(name)).expect(name)
}

fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).expect(name);
}

fn authority(algorithm: KeyAlgorithm) -> Issuer {
    let key = PrivateKey::generate(algorithm).expect("generated");
    let now = OffsetDateTime::now_utc();
    let mut template = Template::new(
        Subject::new("Test CA", &["one", "two"]),
        now - Duration::minutes(5),
        now + Duration::days(365 * 40),
    );
    template.authority = Some(AuthorityConstraint { path_len: Some(0) });
    template.key_usages = [KeyUsage::CertSign, KeyUsage::CrlSign].into_iter().collect();
    Issuer::new(self_sign(&template, &key).expect("signed"), key).expect("they fit")
}

fn leaf(request: &Request) -> Template {
    let now = OffsetDateTime::now_utc();
    let mut template =
        Template::new(request.subject().clone(), now - Duration::minutes(5), now + Duration::HOUR);
    template.alternative_names = request.alternative_names().clone();
    template.key_usages = KeyUsage::DigitalSignature.into();
    template.extended_key_usages = vec![ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth];
    template
}

#[test]
fn keys_of_openssl_are_read_in_all_their_formats() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let directory = directory.path();
    let rows: [(&[&str], &str, KeyAlgorithm); 7] = [
        (&["genrsa", "-traditional"], "RSA PRIVATE KEY", KeyAlgorithm::Rsa(2048)),
        (&["genrsa"], "PRIVATE KEY", KeyAlgorithm::Rsa(2048)),
        (&["ecparam", "-name", "prime256v1", "-genkey"], "EC PRIVATE KEY", KeyAlgorithm::EcdsaP256),
        (
            &["ecparam", "-name", "secp384r1", "-genkey", "-noout"],
            "EC PRIVATE KEY",
            KeyAlgorithm::EcdsaP384,
        ),
        (
            &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            "PRIVATE KEY",
            KeyAlgorithm::EcdsaP521,
        ),
        (&["genpkey", "-algorithm", "ed25519"], "PRIVATE KEY", KeyAlgorithm::Ed25519),
        (
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2560"],
            "PRIVATE KEY",
            KeyAlgorithm::Rsa(2560),
        ),
    ];
    for (arguments, label, algorithm) in rows {
        let arguments = [arguments, &["-out", "key.pem"]].concat();
        if openssl(directory, &arguments).is_none() {
            return;
        }
        let text = read(directory, "key.pem");
        assert!(text.contains(&format!("-----BEGIN {label}-----")), "{arguments:?}");
        let key = PrivateKey::from_pem(&text).expect("read");
        assert_eq!(key.algorithm(), algorithm);
        for text in [key.to_pem(), key.to_pkcs8_pem()] {
            write(directory, "again.pem", &text.expect("written"));
            let public =
                openssl(directory, &["pkey", "-in", "again.pem", "-pubout"]).expect("present");
            assert!(public.starts_with(&key.public_key_pem()), "{arguments:?}");
        }
    }
}

const PSS: [&str; 5] =
    ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"];

#[test]
fn a_request_with_an_unusual_salt_is_refused_for_that() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut arguments = vec!["req", "-new", "-nodes", "-newkey", "rsa:2048", "-keyout", "key.pem"];
    arguments.extend(["-out", "x.csr", "-subj", "/CN=a"].iter().chain(&PSS[..3]));
    if openssl(directory.path(), &arguments).is_none() {
        return;
    }
    let refused = Request::from_pem(&read(directory.path(), "x.csr")).expect_err("refused");
    assert!(refused.to_string().contains("salt"), "{refused}");
}

#[test]
fn requests_of_openssl_are_verified_and_lose_nothing() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let directory = directory.path();
    let rsa: &[&str] = &["-newkey", "rsa:2048"];
    let p256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let rows: [(&[&str], &[&str], &str); 6] = [
        (rsa, &["-sha256"], "SHA256WithRSA"),
        (rsa, &["-sha384"], "SHA384WithRSA"),
        (rsa, &PSS, "Unknown Signature"),
        (p256, &["-sha384"], "ECDSAWithSHA384"),
        (p256, &["-sha512"], "ECDSAWithSHA512"),
        (&["-newkey", "ed25519"], &[], "Ed25519"),
    ];
    let issuer = authority(KeyAlgorithm::EcdsaP256);
    for (key, signed, name) in rows {
        let mut arguments = vec!["req", "-new", "-nodes", "-keyout", "key.pem", "-out", "x.csr"];
        arguments.extend(["-subj", "/O=system:masters/O=second/CN=a.example"]);
        arguments.extend(["-addext", "subjectAltName=DNS:a.example,IP:10.0.0.1,email:a@b.c"]);
        arguments.extend(["-addext", "1.2.3.4.5=ASN1:UTF8String:unknown"]);
        arguments.extend(key.iter().chain(signed));
        if openssl(directory, &arguments).is_none() {
            return;
        }
        let request = Request::from_pem(&read(directory, "x.csr")).expect(name);
        assert_eq!(request.signature_algorithm().name(), name);
        assert_eq!(request.subject().organizations(), ["system:masters", "second"]);
        assert_eq!(request.extensions().len(), 2, "{name}");
        let certificate = issuer.sign(&leaf(&request), request.public_key_der()).expect("signed");
        assert_eq!(certificate.subject(), request.subject());
        assert_eq!(certificate.alternative_names().emails, ["a@b.c"]);
        certificate.verify_issued_by(issuer.certificate()).expect("verified");
    }
}

#[test]
fn a_request_that_was_tampered_with_is_refused() {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let subject = Subject::new("honest", &[]);
    let request =
        Request::new(&key, &subject, &AlternativeNames::default(), &[]).expect("requested");
    let mut der = request.der().to_vec();
    let position = der.windows(6).position(|bytes| bytes == b"honest").expect("the name");
    der[position] = b'H';
    assert_eq!(
        Request::from_der(&der).err(),
        Some(Error::BadSignature { what: "certificate request" })
    );
}

#[test]
fn openssl_verifies_chains_of_every_algorithm() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let directory = directory.path();
    let kinds = [
        KeyAlgorithm::Rsa(2048),
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Ed25519,
    ];
    for kind in kinds {
        let issuer = authority(kind);
        let key = PrivateKey::generate(kind).expect("generated");
        let names = AlternativeNames::of_hosts(["b.example", "::1", "spiffe://x/y"]);
        let subject = Subject::new("b.example", &["system:nodes", "extra"]);
        let unknown = Extension {
            identifier: "1.2.3.4.5".parse().expect("an identifier"),
            critical: false,
            value: vec![5, 0],
        };
        let request = Request::new(&key, &subject, &names.expect("names"), &[unknown]);
        let request = request.expect("requested");
        let mut template = leaf(&request);
        template.crl_urls = vec!["http://crl.example/a".to_owned()];
        template.ocsp_urls = vec!["http://ocsp.example".to_owned()];
        template.issuer_urls = vec!["http://ca.example/ca.pem".to_owned()];
        template.policies = vec![Policy {
            identifier: "1.2.3.4".parse().expect("an identifier"),
            qualifiers: vec![
                Qualifier::PracticeStatement("http://cps.example".to_owned()),
                Qualifier::UserNotice("be careful".to_owned()),
            ],
        }];
        let certificate = issuer.sign(&template, key.public_key_der()).expect("signed");
        assert_eq!(certificate.crl_urls(), template.crl_urls);
        assert_eq!(certificate.ocsp_urls(), template.ocsp_urls);
        assert_eq!(certificate.issuer_urls(), template.issuer_urls);
        assert_eq!(certificate.extended_key_usages(), template.extended_key_usages);
        assert_eq!(certificate.key_usages(), template.key_usages);
        assert_eq!(certificate.authority_key_id(), issuer.certificate().subject_key_id());
        assert!(!certificate.is_authority() && issuer.certificate().is_self_signed());

        write(directory, "x.csr", &request.to_pem());
        write(directory, "ca.pem", &issuer.certificate().to_pem());
        write(directory, "x.pem", &certificate.to_pem());
        let Some(verified) = openssl(directory, &["req", "-in", "x.csr", "-verify", "-noout"])
        else {
            return;
        };
        assert!(verified.contains("OK"), "{verified}");
        let verified = openssl(
            directory,
            &["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem", "x.pem"],
        );
        assert!(verified.expect("present").contains("x.pem: OK"));
        let text = openssl(directory, &["x509", "-in", "x.pem", "-noout", "-text"]);
        let text = text.expect("present");
        for expected in [
            "O = extra + O = system:nodes, CN = b.example",
            "DNS:b.example, IP Address:0:0:0:0:0:0:0:1, URI:spiffe://x/y",
            "OCSP - URI:http://ocsp.example",
            "CA Issuers - URI:http://ca.example/ca.pem",
            "URI:http://crl.example/a",
            "CPS: http://cps.example",
            "Explicit Text: be careful",
            "TLS Web Server Authentication, TLS Web Client Authentication",
            "CA:FALSE",
        ] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
    }
}

#[test]
fn a_key_that_does_not_fit_makes_no_issuer() {
    let issuer = authority(KeyAlgorithm::EcdsaP256);
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let refused = Issuer::new(issuer.certificate().clone(), key);
    assert_eq!(refused.err(), Some(Error::KeyMismatch));
}
