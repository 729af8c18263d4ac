//! Profiles against requests, a row each.

use certs::x509::{
    AlternativeNames, AuthorityConstraint, BasicConstraints, Certificate, ExtendedKeyUsage,
    Extension, Issuer, KeyAlgorithm, KeyUsage, PrivateKey, Request, Subject, Template, self_sign,
};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::{Refusal, SignRequest, SubjectOverride, check_issuer, sign, template};
use crate::config::SigningConfig;
use crate::json::Document;

const NOW: OffsetDateTime = datetime!(2030-01-01 12:00:31 UTC);

fn config(profile: &str) -> SigningConfig {
    let text = format!(
        r#"{{"signing": {{"default": {{"expiry": "24h", "usages": ["signing"],
              "crl_url": "http://crl", "ocsp_url": "http://ocsp"}},
            "profiles": {{"p": {profile}}}}}}}"#
    );
    let document = Document::parse("config.json", text).expect("valid JSON");
    SigningConfig::read(&document).expect("a configuration")
}

fn request(extensions: &[Extension]) -> SignRequest {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let subject = Subject::new("a.example", &["one", "two"]);
    let names = AlternativeNames::of_hosts(["a.example", "10.0.0.1", "a@b.c"]).expect("names");
    let request = Request::new(&key, &subject, &names, extensions).expect("requested");
    SignRequest { profile: "p".to_owned(), ..SignRequest::new(request) }
}

fn authority_request() -> SignRequest {
    let constraints = BasicConstraints { is_authority: true, path_len: Some(1) };
    request(&[Extension::basic_constraints(constraints)])
}

fn decided(profile: &str, ask: &SignRequest) -> Result<Template, Refusal> {
    template(ask, &config(profile), None, NOW)
}

fn authority(path_len: Option<u32>) -> Issuer {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let mut root =
        Template::new(Subject::new("CA", &[]), NOW - Duration::HOUR, NOW + Duration::days(9));
    root.authority = Some(AuthorityConstraint { path_len });
    root.key_usages = KeyUsage::CertSign.into();
    Issuer::new(self_sign(&root, &key).expect("signed"), key).expect("they fit")
}

#[test]
fn the_profile_decides_and_the_default_fills_in() {
    let made = decided(
        r#"{"expiry": "1h", "usages": ["key encipherment", "client auth"], "ocsp_url": "http://own"}"#,
        &request(&[]),
    )
    .expect("decided");
    assert_eq!(made.not_before, datetime!(2030-01-01 11:56 UTC));
    assert_eq!(made.not_after, datetime!(2030-01-01 12:56 UTC));
    assert_eq!(made.key_usages, KeyUsage::KeyEncipherment.into());
    assert_eq!(made.extended_key_usages, [ExtendedKeyUsage::ClientAuth]);
    assert_eq!(
        (&made.crl_urls[0], &made.ocsp_urls[0]),
        (&"http://crl".to_owned(), &"http://own".to_owned())
    );
    assert_eq!(made.subject.organizations(), ["one", "two"]);
    assert!(made.authority.is_none() && made.extra_extensions.is_empty());
}

#[test]
fn what_the_caller_gives_wins_over_the_request() {
    let ask = SignRequest {
        hosts: Some(vec!["b.example".to_owned()]),
        subject: Some(SubjectOverride { common_name: "b".to_owned(), ..Default::default() }),
        crl_url: Some("http://other".to_owned()),
        ..request(&[])
    };
    let copying = r#"{"expiry": "1h", "usages": ["any"], "copy_extensions": true}"#;
    let made = decided(copying, &ask).expect("decided");
    assert_eq!(made.alternative_names.hosts, ["b.example"]);
    assert!(made.alternative_names.addresses.is_empty());
    assert_eq!(made.subject.to_string(), "O=one, O=two, CN=b");
    assert_eq!(made.crl_urls, ["http://other"]);
    assert!(made.extra_extensions.is_empty(), "the request's names must not come back");
}

#[test]
fn extensions_are_copied_only_where_the_profile_says_so() {
    let unknown = Extension {
        identifier: "1.2.3.4".parse().expect("an identifier"),
        critical: false,
        value: vec![5, 0],
    };
    let ask = request(&[unknown.clone(), Extension::delegation_usage()]);
    let plain = decided(r#"{"expiry": "1h", "usages": ["any"]}"#, &ask).expect("decided");
    assert_eq!(plain.extra_extensions, [Extension::delegation_usage()]);
    let copying = r#"{"expiry": "1h", "usages": ["any"], "copy_extensions": true}"#;
    assert_eq!(decided(copying, &ask).expect("decided").extra_extensions.len(), 3);
    let given = SignRequest { extensions: vec![unknown], ..request(&[]) };
    let allowed = r#"{"expiry": "1h", "usages": ["any"], "allowed_extensions": ["1.2.3.4"]}"#;
    assert_eq!(decided(allowed, &given).expect("decided").extra_extensions.len(), 1);
    let refused = decided(r#"{"expiry": "1h", "usages": ["any"]}"#, &given).expect_err("refused");
    assert!(refused.to_string().contains("1.2.3.4"));
}

#[test]
fn a_whitelist_leaves_the_rest_out() {
    let listed = r#"{"expiry": "1h", "usages": ["any"],
        "CSRWhitelist": {"PublicKey": true, "IPAddresses": true}}"#;
    let made = decided(listed, &authority_request()).expect("decided");
    assert!(made.subject.is_empty() && made.authority.is_none());
    assert_eq!(made.alternative_names.addresses.len(), 1);
    assert!(made.alternative_names.hosts.is_empty() && made.alternative_names.emails.is_empty());
}

#[test]
fn refusals_name_the_profile_and_what_it_forbids() {
    let rows = [
        (r#"{"expiry": "1h", "usages": ["any"]}"#, authority_request(), "forbids authorities"),
        (
            r#"{"expiry": "1h", "usages": ["any"], "name_whitelist": "\\.example$"}"#,
            request(&[]),
            "\"a@b.c\" does not match",
        ),
        (
            r#"{"expiry": "1h", "usages": ["any"], "not_after": "2029-12-31T00:00:00Z"}"#,
            request(&[]),
            "which is past",
        ),
        (
            r#"{"expiry": "1h", "usages": ["any"], "client_provides_serial_numbers": true}"#,
            request(&[]),
            "none was given",
        ),
    ];
    for (profile, ask, expected) in rows {
        let refused = decided(profile, &ask).expect_err(profile).to_string();
        assert!(refused.contains(expected) && refused.contains("\"p\""), "{refused}");
    }
}

#[test]
fn authorities_stay_within_their_path_length() {
    let profile = |max: u32| {
        format!(
            r#"{{"expiry": "1h", "usages": ["cert sign"], "ca_constraint":
                {{"is_ca": true, "max_path_len": {max}, "max_path_len_zero": {}}}}}"#,
            max == 0
        )
    };
    let ask = request(&[]);
    let rows = [(None, 0, true), (Some(2), 1, true), (Some(1), 1, false), (Some(0), 0, false)];
    for (issuer, own, allowed) in rows {
        let issuer = authority(issuer);
        let made = sign(&ask, &config(&profile(own)), &issuer, NOW);
        assert_eq!(made.is_ok(), allowed, "{own} under {issuer:?}");
        if let Ok(made) = made {
            assert_eq!(made.path_len(), Some(own));
            assert!(made.alternative_names().hosts.is_empty(), "authorities have no DNS names");
        }
    }
}

#[test]
fn an_issuer_that_nobody_would_trust_signs_nothing() {
    let issuer = authority(None);
    let certificate: &Certificate = issuer.certificate();
    assert_eq!(check_issuer(certificate, NOW), Ok(()));
    let late = check_issuer(certificate, NOW + Duration::days(10)).expect_err("expired");
    assert!(late.to_string().contains("-renewca"));
    assert!(check_issuer(certificate, NOW - Duration::days(1)).is_err());
    let leaf = sign(&request(&[]), &config(r#"{"expiry": "1h", "usages": ["any"]}"#), &issuer, NOW)
        .expect("signed");
    assert_eq!(check_issuer(&leaf, NOW), Err(Refusal::NotAnAuthority));
}
