//! JWTs of every method, and what is not believed.

use std::time::{Duration, SystemTime};

use ::base64::Engine as _;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair,
};

use super::keys::{KeyError, Method};
use super::*;

const TTL: Duration = Duration::from_secs(300);

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n").into_bytes()
}

/// A private key in each form that it is written in, and its public one likewise.
struct Files {
    private: Vec<Vec<u8>>,
    public: Vec<Vec<u8>>,
}

fn spki<K: AsDer<PublicKeyX509Der<'static>>>(key: &K) -> Vec<u8> {
    pem("PUBLIC KEY", key.as_der().expect("a public key is written").as_ref())
}

fn rsa() -> Files {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key is made");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key is written");
    // What PKCS#8 wraps is PKCS#1, at its end.
    let pkcs1 = &der.as_ref()[26..];
    Files {
        private: vec![pem("PRIVATE KEY", der.as_ref()), pem("RSA PRIVATE KEY", pkcs1)],
        public: vec![spki(pair.public_key()), pem("RSA PUBLIC KEY", pair.public_key().as_ref())],
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Files {
    let pair = EcdsaKeyPair::generate(algorithm).expect("a key is made");
    let pkcs8 = pair.to_pkcs8v1().expect("a key is written");
    let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().expect("a key is written");
    Files {
        private: vec![pem("PRIVATE KEY", pkcs8.as_ref()), pem("EC PRIVATE KEY", sec1.as_ref())],
        public: vec![spki(pair.public_key())],
    }
}

fn ed25519() -> Files {
    let pair = Ed25519KeyPair::generate().expect("a key is made");
    let pkcs8 = pair.to_pkcs8v1().expect("a key is written");
    Files {
        private: vec![pem("PRIVATE KEY", pkcs8.as_ref())],
        public: vec![spki(pair.public_key())],
    }
}

fn jwt(method: &str, private: Option<&[u8]>, public: Option<&[u8]>) -> Result<Jwt, KeyError> {
    let method = Method::named(method).expect("the method is known");
    Ok(Jwt::new(method, method.keys(private, public)?, TTL))
}

fn ann() -> Subject {
    Subject { user: "ann".into(), revision: 12 }
}

/// Signed by each form of the private key, verified by each form of the public one.
fn agrees(method: &str, files: &Files) {
    let now = SystemTime::now();
    for private in &files.private {
        let signer = jwt(method, Some(private), None).expect(method);
        let token = signer.sign(&ann(), now).expect(method);
        assert_eq!(signer.verify(&token, now), Some(ann()), "{method}");
        for public in &files.public {
            let verifier = jwt(method, None, Some(public)).expect(method);
            assert_eq!(verifier.verify(&token, now), Some(ann()), "{method}");
            assert_eq!(verifier.sign(&ann(), now), Err(Refusal::VerifyOnly), "{method}");
            jwt(method, Some(private), Some(public)).expect("the keys belong together");
        }
    }
}

#[test]
fn every_method_signs_what_it_verifies() {
    let rsa = rsa();
    for method in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        agrees(method, &rsa);
    }
    agrees("ES256", &ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING));
    agrees("ES384", &ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING));
    agrees("ES512", &ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING));
    agrees("EdDSA", &ed25519());
    for method in ["HS256", "HS384", "HS512"] {
        agrees(method, &Files { private: vec![b"a secret".to_vec()], public: vec![] });
    }
}

#[test]
fn a_certificate_holds_a_public_key() {
    let pair = certs::Authority::generate("test")
        .and_then(|authority| authority.issue(&certs::Leaf::client("signer", None)))
        .expect("a certificate is issued");
    let (private, public) = (pair.key.as_bytes(), pair.certificate.as_bytes());
    let signer = jwt("ES256", Some(private), Some(public)).expect("the keys belong together");
    let verifier = jwt("ES256", None, Some(public)).expect("a certificate verifies");
    let now = SystemTime::now();
    let token = signer.sign(&ann(), now).expect("a private key signs");
    assert_eq!(verifier.verify(&token, now), Some(ann()));
}

#[test]
fn keys_of_another_kind_are_refused() {
    let (ec, ed) = (ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING), ed25519());
    let other = ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let (private, public) = (&*ec.private[0], &*ec.public[0]);
    let refused = |method: &str, private: Option<&[u8]>, public: Option<&[u8]>| {
        jwt(method, private, public).expect_err("the keys do not fit")
    };
    assert_eq!(refused("ES256", None, None), KeyError::Missing);
    assert_eq!(refused("ES256", Some(b""), Some(b"")), KeyError::Missing);
    assert_eq!(refused("HS256", None, Some(public)), KeyError::Missing);
    assert_eq!(refused("ES256", Some(private), Some(&other.public[0])), KeyError::Mismatch);
    for method in ["RS256", "ES384", "EdDSA"] {
        assert!(matches!(refused(method, Some(private), None), KeyError::Private { .. }));
        assert!(matches!(refused(method, None, Some(public)), KeyError::Public { .. }));
    }
    let ed_public = Some(&*ed.public[0]);
    assert!(matches!(refused("ES256", None, ed_public), KeyError::Public { .. }));
    assert!(matches!(refused("ES256", Some(b"no PEM"), None), KeyError::Private { .. }));
}

/// A token of `header` and `claims`, signed as they should be.
fn forged(method: Method, secret: &[u8], header: &str, claims: &str) -> String {
    let keys = method.keys(Some(secret), None).expect("a secret is a key");
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = keys.sign(message.as_bytes()).expect("a secret signs");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_token_is_believed_for_its_time_and_method_alone() {
    let secret = b"a secret";
    let believer = jwt("HS256", Some(secret), None).expect("a secret is a key");
    let method = Method::named("HS256").expect("the method is known");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let good = r#"{"alg":"HS256","typ":"JWT"}"#;
    let cases = [
        (good, r#"{"exp":1001,"revision":12,"username":"ann"}"#, true),
        (good, r#"{"exp":1000.5,"revision":12.0,"username":"ann","sub":"x"}"#, true),
        (good, r#"{"revision":12,"username":"ann"}"#, true),
        (r#"{"alg":"HS256"}"#, r#"{"revision":12,"username":"ann"}"#, true),
        (good, r#"{"exp":1000,"revision":12,"username":"ann"}"#, false),
        (good, r#"{"nbf":1001,"revision":12,"username":"ann"}"#, false),
        (good, r#"{"exp":"1001","revision":12,"username":"ann"}"#, false),
        (good, r#"{"exp":1001,"username":"ann"}"#, false),
        (good, r#"{"exp":1001,"revision":12}"#, false),
        (good, r#"{"exp":1001,"revision":12,"username":7}"#, false),
        (r#"{"alg":"none"}"#, r#"{"revision":12,"username":"ann"}"#, false),
        (r#"{"alg":"HS384"}"#, r#"{"revision":12,"username":"ann"}"#, false),
        (r#"{}"#, r#"{"revision":12,"username":"ann"}"#, false),
    ];
    for (header, claims, believed) in cases {
        let token = forged(method, secret, header, claims);
        let expected = believed.then(ann);
        assert_eq!(believer.verify(&token, now), expected, "{header} {claims}");
        let other = forged(method, b"another secret", header, claims);
        assert_eq!(believer.verify(&other, now), None, "{header} {claims}");
    }
}

#[test]
fn a_touched_token_is_not_believed() {
    let signer = jwt("HS256", Some(b"a secret"), None).expect("a secret is a key");
    let now = SystemTime::now();
    let token = signer.sign(&ann(), now).expect("a secret signs");
    assert_eq!(signer.verify(&token, now + TTL + Duration::from_secs(1)), None);
    for at in 0..token.len() {
        let mut touched = token.clone().into_bytes();
        touched[at] = if touched[at] == b'A' { b'B' } else { b'A' };
        let touched = String::from_utf8(touched).expect("still ASCII");
        assert_eq!(signer.verify(&touched, now), None, "{at}");
    }
    for cut in ["", ".", "..", "a.b", "a.b.c.d"] {
        assert_eq!(signer.verify(cut, now), None, "{cut:?}");
    }
}
