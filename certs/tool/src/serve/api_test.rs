//! The API, request by request, against the router itself.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{
    AlternativeNames, AuthorityConstraint, Certificate, ExtendedKeyUsage, Issuer, KeyAlgorithm,
    PrivateKey, Responder, Subject, Template, self_sign,
};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tower::ServiceExt;

use super::app::App;
use super::dispatch::{PREFIX, router};
use crate::bundle::Pools;
use crate::config::SigningConfig;
use crate::database::{Database, FileDatabase};
use crate::json::Document;
use crate::ocsp::hex;
use crate::remote::AuthKey;
use crate::signer::Signer;

const KEY: &str = "0123456789abcdef";

/// Profiles: `server` for anyone, `secret` for who has the key, or the one before it.
fn config() -> SigningConfig {
    let text = json!({
        "signing": {
            "default": {"expiry": "1h", "usages": ["digital signature", "client auth"]},
            "profiles": {
                "server": {
                    "expiry": "2h",
                    "usages": ["digital signature", "server auth"],
                    "name_whitelist": "^[a-z.]+\\.example$",
                },
                "secret": {
                    "expiry": "2h",
                    "usages": ["client auth"],
                    "auth_key": "now",
                    "prev_auth_key": "before",
                },
                "numbered": {
                    "expiry": "2h",
                    "usages": ["client auth"],
                    "ClientProvidesSerialNumbers": true,
                },
            },
        },
        "auth_keys": {
            "now": {"type": "standard", "key": KEY},
            "before": {"type": "standard", "key": "ff"},
        },
    });
    let document = Document::parse("config.json", text.to_string()).expect("JSON");
    SigningConfig::read(&document).expect("a configuration")
}

/// A server without a listener.
pub(super) struct Api {
    pub router: Router,
    pub issuer: Arc<Issuer>,
    _directory: tempfile::TempDir,
}

pub(super) fn authority() -> Issuer {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key is made");
    let mut template = template("Test CA");
    template.authority = Some(AuthorityConstraint::default());
    let certificate = self_sign(&template, &key).expect("signed");
    Issuer::new(certificate, key).expect("the pair fits")
}

fn template(name: &str) -> Template {
    let now = OffsetDateTime::now_utc();
    Template::new(Subject::new(name, &[]), now - Duration::HOUR, now + Duration::DAY)
}

fn key_again(key: &PrivateKey) -> PrivateKey {
    PrivateKey::from_pem(&key.to_pem().expect("written")).expect("read")
}

pub(super) fn leaf(issuer: &Issuer, name: &str) -> Certificate {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key is made");
    issuer.sign(&template(name), key.public_key_der()).expect("signed")
}

impl Api {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With everything that an endpoint may need, after `change`.
    pub fn with(change: impl FnOnce(&mut App)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let issuer = Arc::new(authority());
        let database = FileDatabase::open(directory.path()).expect("a database opens");
        let database: Arc<dyn Database> = Arc::new(database);
        let certificate = issuer.certificate().clone();
        let responder = Responder::new(certificate.clone(), certificate, key_again(issuer.key()));
        let mut app = App {
            signer: Signer {
                config: config(),
                issuer: Some(Arc::clone(&issuer)),
                database: Some(Arc::clone(&database)),
                ..Signer::default()
            },
            database: Some(database),
            responder: Some((responder.expect("the authority may answer"), Duration::HOUR)),
            pools: Ok(Pools { roots: vec![issuer.certificate().clone()], intermediates: vec![] }),
            bundles_what_it_signs: true,
            ..App::default()
        };
        change(&mut app);
        Self { router: router(app, &[], None), issuer, _directory: directory }
    }

    pub async fn ask(&self, method: &str, endpoint: &str, body: impl ToString) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{endpoint}"))
            .body(Body::from(body.to_string()))
            .expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub async fn result(&self, endpoint: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", endpoint, &body).await;
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{endpoint}: {answer}");
        assert_eq!(answer["errors"], json!([]));
        assert!(answer["messages"].is_array());
        answer["result"].clone()
    }

    /// Posts what must be refused with `code`, and a message that has `word`.
    pub async fn refused(&self, endpoint: &str, body: impl ToString, code: i64, word: &str) {
        let body = body.to_string();
        let (status, answer) = self.ask("POST", endpoint, &body).await;
        assert_eq!(status, 400, "{endpoint} {body}: {answer}");
        assert_eq!((&answer["success"], &answer["result"]), (&json!(false), &Value::Null));
        assert_eq!(answer["errors"][0]["code"], json!(code), "{endpoint} {body}: {answer}");
        let message = answer["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(word), "{endpoint} {body}: {message}");
    }
}

fn addition(certificate: &Certificate) -> Value {
    json!({
        "serial_number": certificate.serial().to_string(),
        "authority_key_identifier": hex(certificate.authority_key_id().expect("it has one")),
        "status": "good",
        "expiry": certificate.not_after().format(&Rfc3339).expect("a time"),
        "pem": certificate.to_pem(),
    })
}

fn changed(value: &Value, field: &str, to: Value) -> Value {
    let mut value = value.clone();
    value[field] = to;
    value
}

#[tokio::test]
async fn only_the_method_of_an_endpoint_is_taken() {
    let api = Api::new();
    for endpoint in super::endpoints::ALL {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let (status, answer) = api.ask(method, endpoint.name, "").await;
            if method == endpoint.method.as_str() {
                assert!([200, 400].contains(&status), "{method} {}: {answer}", endpoint.name);
                continue;
            }
            assert_eq!(status, 405, "{method} {}", endpoint.name);
            assert_eq!(answer["errors"][0]["code"], json!(405));
        }
    }
    assert_eq!(api.ask("POST", "nothing", "{}").await.0, 404);
    assert_eq!(api.ask("GET", "health", "").await.1["result"], json!({"healthy": true}));
}

#[tokio::test]
async fn what_is_no_json_is_refused_everywhere() {
    let api = Api::new();
    let posts = super::endpoints::ALL.iter().filter(|endpoint| endpoint.method == "POST");
    for endpoint in posts {
        for body in ["", "{", "[]", "nonsense", "{\"a\": 1} more"] {
            let (status, answer) = api.ask("POST", endpoint.name, body).await;
            assert_eq!(status, 400, "{} {body}: {answer}", endpoint.name);
            assert_eq!(answer["success"], json!(false));
        }
    }
    let large = "x".repeat(1024 * 1024 + 1);
    assert_eq!(api.ask("POST", "revoke", large).await.0, 413);
}

#[tokio::test]
async fn endpoints_without_what_they_need_are_not_there() {
    let api = Api::with(|app| *app = App::default());
    for endpoint in super::endpoints::ALL {
        let needs_nothing = (endpoint.needs)(&App::default()).is_ok();
        let (status, _) = api.ask(endpoint.method.as_str(), endpoint.name, "").await;
        assert_eq!(status != 404, needs_nothing, "{}", endpoint.name);
    }
    let disabled = router(App::default(), &["health".to_owned()], None);
    let request = Request::get(format!("{PREFIX}health")).body(Body::empty()).expect("a request");
    assert_eq!(disabled.oneshot(request).await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn certificates_are_added_and_revoked() {
    let api = Api::new();
    let certificate = leaf(&api.issuer, "leaf");
    let good = addition(&certificate);
    let other = leaf(&api.issuer, "other");
    for (field, to, word) in [
        ("serial_number", json!(""), "Serial number is required"),
        ("serial_number", json!("x"), "Unable to parse serial"),
        ("serial_number", json!("12"), "do not match"),
        ("authority_key_identifier", json!(""), "Authority key identifier is required"),
        ("authority_key_identifier", json!("00ff"), "do not match"),
        ("status", json!("lost"), "Invalid certificate status"),
        ("status", json!("revoked"), "when it was revoked"),
        ("expiry", Value::Null, "Expiry is required"),
        ("expiry", json!("soon"), "expiry"),
        ("expiry", json!("2031-01-01T00:00:00Z"), "Expiry of request"),
        ("pem", json!(""), "empty"),
        ("pem", json!("x"), "Unable to parse PEM"),
        ("pem", json!(other.to_pem()), "do not match"),
    ] {
        api.refused("certadd", changed(&good, field, to), 400, word).await;
    }
    assert_eq!(api.result("certadd", good.clone()).await, json!({}));
    api.refused("certadd", good.clone(), 11100, "already").await;

    let revocation = json!({
        "serial": good["serial_number"],
        "authority_key_id": good["authority_key_identifier"],
        "reason": "superseded",
    });
    for (field, to, code, word) in [
        ("serial", json!(""), 400, "serial number is required"),
        ("serial", json!("0x1"), 400, "decimal"),
        ("reason", json!("7"), 400, "Invalid reason code"),
        ("serial", json!("1"), 11200, "certificate not found"),
        ("authority_key_id", json!("00"), 11200, "certificate not found"),
    ] {
        api.refused("revoke", changed(&revocation, field, to), code, word).await;
    }
    assert_eq!(api.result("revoke", revocation).await, json!({}));

    let (status, list) = api.ask("GET", "crl?expiry=1h", "").await;
    assert_eq!((status, list["success"].clone()), (200, json!(true)));
    assert_eq!(api.ask("GET", "crl?expiry=someday", "").await.0, 400);
}

#[tokio::test]
async fn lists_and_answers_are_signed_or_refused() {
    let api = Api::new();
    let list = json!({
        "certificate": api.issuer.certificate().to_pem(),
        "issuingKey": api.issuer.key().to_pem().expect("written"),
        "serialNumber": ["1", "2"],
        "expireTime": "3600",
    });
    assert!(api.result("gencrl", list.clone()).await.is_string());
    for (field, to, word) in [
        ("certificate", json!("x"), "malformed certificate"),
        ("issuingKey", json!("x"), "malformed Private Key"),
        ("issuingKey", json!(authority().key().to_pem().expect("written")), "does not belong"),
        ("serialNumber", json!(["one"]), "serialNumber"),
        ("expireTime", json!("-1"), "expireTime"),
    ] {
        api.refused("gencrl", changed(&list, field, to), 400, word).await;
    }

    let answer = json!({"certificate": leaf(&api.issuer, "leaf").to_pem(), "status": "good"});
    assert!(api.result("ocspsign", answer.clone()).await["ocspResponse"].is_string());
    let revoked = json!({
        "certificate": answer["certificate"],
        "status": "revoked",
        "reason": 1,
        "revoked_at": "2026-01-01",
        "issuer_hash": "SHA256",
    });
    assert!(api.result("ocspsign", revoked.clone()).await["ocspResponse"].is_string());
    let stranger = leaf(&authority(), "stranger").to_pem();
    for (field, to, code, word) in [
        ("certificate", json!("x"), 400, "Malformed certificate"),
        ("certificate", json!(stranger), 8100, "not issued by this issuer"),
        ("status", json!("lost"), 8200, "Invalid revocation status"),
        ("reason", json!(7), 400, "Invalid reason code"),
        ("revoked_at", json!("then"), 400, "Malformed revocation time"),
        ("issuer_hash", json!("MD5"), 400, "Unsupported hash"),
    ] {
        api.refused("ocspsign", changed(&revoked, field, to), code, word).await;
    }
}

#[tokio::test]
async fn scans_are_told_and_bounded() {
    let api = Api::new();
    let (_, told) = api.ask("GET", "scaninfo", "").await;
    assert!(told["result"]["PKI"]["scanners"]["ChainExpiration"]["description"].is_string());
    for query in ["", "?host=", "?host=a&timeout=1h", "?host=a&family=Broad", "?host=a&ip=there"] {
        assert_eq!(api.ask("GET", &format!("scan{query}"), "").await.0, 400, "{query}");
    }
    // Nobody listens on the port of the discard service.
    let (status, report) = api.ask("GET", "scan?host=127.0.0.1:9&scanner=Dial", "").await;
    assert_eq!(status, 200);
    assert_eq!(report["result"]["Connectivity"]["TCPDial"]["grade"], json!("Bad"));
}

/// A request for `a.example`.
fn request() -> String {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key is made");
    let names = AlternativeNames::of_hosts(["a.example"]).expect("a name");
    let request = certs::x509::Request::new(&key, &Subject::new("a.example", &[]), &names, &[]);
    request.expect("a request").to_pem()
}

fn certificate(result: &Value) -> Certificate {
    Certificate::from_pem(result["certificate"].as_str().expect("PEM")).expect("a certificate")
}

#[tokio::test]
async fn requests_are_signed_by_profiles_and_recorded() {
    let api = Api::new();
    let asked = json!({"certificate_request": request(), "profile": "server"});
    let signed = certificate(&api.result("sign", asked.clone()).await);
    signed.verify_issued_by(api.issuer.certificate()).expect("signed by the authority");
    assert_eq!(signed.alternative_names().hosts, ["a.example"]);
    assert_eq!(signed.extended_key_usages(), [ExtendedKeyUsage::ServerAuth]);
    let revocation = json!({
        "serial": signed.serial().to_string(),
        "authority_key_id": hex(signed.authority_key_id().expect("it has one")),
        "reason": "",
    });
    api.result("revoke", revocation).await;

    let hosts = changed(&asked, "hosts", json!(["b.example", "10.0.0.1"]));
    let names = certificate(&api.result("sign", hosts).await).alternative_names().clone();
    assert_eq!((names.hosts.len(), names.addresses.len()), (1, 1));
    let hostname = changed(&asked, "hostname", json!("c.example,d.example"));
    assert_eq!(certificate(&api.result("sign", hostname).await).alternative_names().hosts.len(), 2);
    let renamed = changed(&asked, "subject", json!({"CN": "e.example", "names": [{"O": "Org"}]}));
    let subject = certificate(&api.result("sign", renamed).await).subject().clone();
    assert_eq!(subject.common_name(), Some("e.example"));

    let numbered = json!({"certificate_request": request(), "profile": "numbered", "serial": 77});
    let numbered = certificate(&api.result("sign", numbered).await);
    assert_eq!(numbered.serial().to_string(), "77");

    for (field, to, code, word) in [
        ("certificate_request", json!(""), 400, "certificate_request"),
        ("certificate_request", json!("x"), 400, "certificate_request"),
        ("certificate_request", Value::Null, 400, "certificate_request"),
        ("certificate_request", json!(1), 400, "certificate_request"),
        ("profile", json!("nobody"), 5400, "nobody"),
        ("profile", json!("secret"), 400, "authentication required"),
        ("profile", json!("numbered"), 1400, "serial"),
        ("hosts", json!(["evil.test"]), 5500, "evil.test"),
        ("hosts", json!("a.example"), 400, "hosts"),
    ] {
        api.refused("sign", changed(&asked, field, to), code, word).await;
    }
    let bundled = changed(&asked, "bundle", json!(true));
    assert!(api.result("sign", bundled.clone()).await["bundle"]["root"].is_string());
    let none = Api::with(|app| app.bundles_what_it_signs = false);
    let (_, answer) = none.ask("POST", "sign", bundled).await;
    assert_eq!(answer["messages"][0]["code"], json!(5300));
}

#[tokio::test]
async fn certificates_are_bundled_and_told() {
    let api = Api::new();
    let signed = api.result("sign", json!({"certificate_request": request()})).await;
    let pem = signed["certificate"].clone();
    let made = api.result("bundle", json!({"certificate": pem, "domain": "a.example"})).await;
    assert_eq!(made["hostnames"], json!(["a.example"]));
    assert!(made["root"].as_str().expect("PEM").contains("BEGIN"));
    let told = api.result("certinfo", json!({"certificate": pem})).await;
    assert_eq!(told["sans"], json!(["a.example"]));
    let by_serial = json!({
        "serial": told["serial_number"],
        "authority_key_id": told["authority_key_id"],
    });
    assert_eq!(api.result("certinfo", by_serial.clone()).await, told);

    let stranger = leaf(&authority(), "stranger").to_pem();
    let key = authority().key().to_pem().expect("written");
    for (endpoint, body, code, word) in [
        ("bundle", json!({}), 400, "no valid parameter sets"),
        ("bundle", json!({"certificate": "x"}), 1200, "no certificate"),
        ("bundle", json!({"certificate": stranger}), 1200, "no chain"),
        ("bundle", json!({"certificate": pem, "domain": "b.example"}), 1200, "b.example"),
        ("bundle", json!({"certificate": pem, "ip": "10.0.0.1"}), 1200, "10.0.0.1"),
        ("bundle", json!({"certificate": pem, "flavor": "sweet"}), 400, "flavor"),
        ("bundle", json!({"certificate": pem, "private_key": "x"}), 2003, "PEM"),
        ("bundle", json!({"certificate": pem, "private_key": key}), 1200, "does not belong"),
        ("bundle", json!({"domain": "127.0.0.1:9"}), 6000, "127.0.0.1"),
        ("certinfo", json!({}), 400, "no valid parameter sets"),
        ("certinfo", json!({"certificate": "x"}), 1003, "PEM"),
        ("certinfo", json!({"certificate": 1}), 400, "certificate"),
        ("certinfo", json!({"domain": "127.0.0.1:9"}), 6000, "127.0.0.1"),
        ("certinfo", changed(&by_serial, "serial", json!("1")), 11200, "no such certificate"),
        ("certinfo", changed(&by_serial, "serial", json!("x")), 400, "serial"),
    ] {
        api.refused(endpoint, body, code, word).await;
    }
    let none = Api::with(|app| app.database = None);
    none.refused("certinfo", by_serial, 400, "-db-config").await;
}

#[tokio::test]
async fn a_token_proves_who_may_ask() {
    let api = Api::new();
    let asked = json!({"certificate_request": request(), "profile": "secret"}).to_string();
    let wrapped = |key: &str, request: &str| {
        let token = AuthKey::new("standard", key).expect("a key").token(request.as_bytes());
        json!({"token": STANDARD.encode(token), "request": STANDARD.encode(request)})
    };
    for key in [KEY, "ff"] {
        let result = api.result("authsign", wrapped(key, &asked)).await;
        assert_eq!(certificate(&result).extended_key_usages(), [ExtendedKeyUsage::ClientAuth]);
    }
    let good = wrapped(KEY, &asked);
    let other = asked.replace("secret", "server");
    let mut token = STANDARD.decode(good["token"].as_str().expect("text")).expect("base64");
    token[0] ^= 1;
    let token = STANDARD.encode(token);
    for (body, word) in [
        (wrapped("fe", &asked), "invalid token"),
        (changed(&good, "token", json!("")), "invalid token"),
        (changed(&good, "token", json!(token)), "invalid token"),
        (changed(&good, "token", Value::Null), "invalid token"),
        (changed(&good, "token", json!("%")), "authenticated"),
        (changed(&good, "request", json!(STANDARD.encode(asked.replace("secret", "secret ")))), ""),
        (changed(&good, "request", json!("")), "request"),
        (wrapped(KEY, &other), "no authentication provider"),
        (wrapped(KEY, "{\"profile\": \"secret\"}"), "certificate_request"),
        (json!({}), "request"),
    ] {
        let (status, answer) = api.ask("POST", "authsign", &body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        let message = answer["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(word), "{body}: {message}");
    }
    // Whoever tampers with what was signed for is found out.
    let tampered = asked.replace("\"secret\"", "\"secret\",\"hosts\":[\"x.example\"]");
    let mut tampered_body = good.clone();
    tampered_body["request"] = json!(STANDARD.encode(tampered));
    api.refused("authsign", tampered_body, 400, "invalid token").await;

    let open = Api::with(|app| app.signer.config = SigningConfig::built_in());
    assert_eq!(open.ask("POST", "authsign", "{}").await.0, 404, "no profile has a key");
}

#[tokio::test]
async fn keys_requests_certificates_and_authorities_are_made() {
    let api = Api::new();
    let spec =
        json!({"CN": "a.example", "hosts": ["a.example"], "key": {"algo": "ecdsa", "size": 384}});
    let made = api.result("newkey", spec.clone()).await;
    let key = PrivateKey::from_pem(made["private_key"].as_str().expect("PEM")).expect("a key");
    assert_eq!(key.algorithm(), KeyAlgorithm::EcdsaP384);
    let request = made["certificate_request"].as_str().expect("PEM");
    certs::x509::Request::from_pem(request).expect("a request");
    assert!(made["sums"]["certificate_request"]["sha-256"].is_string());

    let made = api.result("newcert", json!({"request": spec, "profile": "server"})).await;
    let key = PrivateKey::from_pem(made["private_key"].as_str().expect("PEM")).expect("a key");
    assert!(key.fits(&certificate(&made)));
    assert!(made["sums"]["certificate"]["sha-1"].is_string());
    let bare = json!({"request": {"CN": "b.example"}});
    let (_, answer) = api.ask("POST", "newcert", bare).await;
    assert_eq!(answer["messages"][0]["code"], json!(5300), "no hosts: {answer}");

    let authority = api.result("init_ca", json!({"CN": "Root", "ca": {"expiry": "1h"}})).await;
    assert!(certificate(&authority).is_authority() && authority["private_key"].is_string());

    for (endpoint, body, code, word) in [
        ("newkey", json!({"CN": "a", "ca": {}}), 400, "ca section"),
        ("newkey", json!({"CN": "a", "key": {"algo": "rsa", "size": 512}}), 400, "key"),
        ("newcert", json!({"profile": "server"}), 400, "missing request section"),
        ("newcert", json!({"request": {"CN": "a", "ca": {}}}), 400, "ca section"),
        ("newcert", json!({"request": {"CN": "a"}, "profile": "secret"}), 400, "authentication"),
        ("newcert", json!({"request": {"CN": "a"}, "profile": "nobody"}), 5400, "nobody"),
        ("newcert", json!({"request": {"CN": "evil.test"}, "profile": "server"}), 5500, "evil"),
        ("init_ca", json!({"hosts": ["a"]}), 400, "subject"),
    ] {
        api.refused(endpoint, body, code, word).await;
    }
}

#[tokio::test]
async fn profiles_that_only_a_server_elsewhere_has_are_not_passed_on() {
    let api = Api::with(|app| app.signer.remote = Some("127.0.0.1:9".to_owned()));
    let asked = json!({"certificate_request": request(), "profile": "nobody"});
    api.refused("sign", asked.clone(), 5400, "nobody").await;
    api.refused("newcert", json!({"request": {"CN": "a"}, "profile": "nobody"}), 5400, "nobody")
        .await;
    api.refused("info", json!({"profile": "nobody"}), 5400, "nobody").await;
    // Nobody listens there.
    api.refused("sign", changed(&asked, "profile", json!("server")), 7400, "127.0.0.1:9").await;
}

#[tokio::test]
async fn profiles_are_told() {
    let api = Api::new();
    let told = api.result("info", json!({"label": "", "profile": "server"})).await;
    assert_eq!(told["expiry"], json!("2h"));
    assert_eq!(told["usages"], json!(["digital signature", "server auth"]));
    assert_eq!(certificate(&told), *api.issuer.certificate());
    api.refused("info", json!({"profile": "nobody"}), 5400, "nobody").await;
    api.refused("info", json!({"profile": 1}), 400, "profile").await;
}
