//! Beside the stock cfssl and openssl: the same inputs, the same certificates.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use certs::x509::{Certificate, KeyAlgorithm, Request};
use common::{OURS, Place, texts};
use serde_json::Value;

/// Whether a stock program is here; on CI it must be.
fn stock(program: &str, probe: &str) -> bool {
    let found = Command::new(program).arg(probe).output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is missing: run .ci/tools");
    if !found {
        eprintln!("no {program} here: skipped");
    }
    found
}

const CONFIG: &str = r#"{"signing": {
    "default": {"expiry": "43800h", "usages": ["signing", "any"]},
    "profiles": {
        "server": {"expiry": "8760h", "usages": ["signing", "key encipherment", "server auth"]},
        "client": {"expiry": "8760h", "usages": ["signing", "key encipherment", "client auth"]},
        "peer": {"expiry": "24h", "usages": ["digital signature", "server auth", "client auth"],
            "crl_url": "http://crl.example/ca.crl", "ocsp_url": "http://ocsp.example",
            "issuer_urls": ["http://ca.example/ca.pem"], "ocsp_no_check": true},
        "intermediate": {"expiry": "8760h", "usages": ["cert sign", "crl sign"],
            "ca_constraint": {"is_ca": true, "max_path_len": 1}}
    }}}"#;

const REQUEST: &str = r#"{"CN": "server.example", "hosts": ["server.example", "10.0.0.1", "a@b.c"],
    "key": {"algo": "ecdsa", "size": 256},
    "names": [{"C": "US", "L": "San Francisco", "O": "first", "OU": "unit", "ST": "CA"},
        {"O": "second"}]}"#;

const AUTHORITY: &str = r#"{"CN": "An authority", "key": {"algo": "rsa", "size": 2048},
    "names": [{"C": "DE", "O": "Tests"}], "ca": {"expiry": "87600h", "pathlen": 2}}"#;

fn place() -> Place {
    let place = Place::new(KeyAlgorithm::EcdsaP256);
    place.write("config.json", CONFIG);
    place.write("request.json", REQUEST);
    place.write("authority.json", AUTHORITY);
    place
}

/// The JSON that a program prints.
fn json(place: &Place, program: &str, words: &str) -> Value {
    let printed = place.run(program, words);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{words}: {error}: {printed}"))
}

fn certificate(printed: &Value) -> Certificate {
    Certificate::from_pem(printed["cert"].as_str().expect("a certificate")).expect("readable")
}

/// Runs a program with `input` on standard input.
fn fed(place: &Place, program: &str, name: &str, words: &str, input: &str) -> Output {
    use std::os::unix::process::CommandExt;
    let mut child = Command::new(program)
        .arg0(name)
        .args(words.split_whitespace())
        .current_dir(place.directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(program);
    let written = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect(program);
    // One that refuses its command line never reads.
    assert!(written.is_ok() || !output.status.success());
    output
}

/// What two programs must agree on: everything but serial number, times and signature.
fn facts(certificate: &Certificate) -> impl PartialEq + std::fmt::Debug {
    let extensions = certificate.extensions().iter().map(|extension| {
        (extension.identifier.to_string(), extension.critical, extension.value.clone())
    });
    let mut extensions: Vec<_> = extensions.collect();
    extensions.sort();
    (
        certificate.subject().to_der(),
        certificate.issuer().to_der(),
        certificate.public_key_der().to_vec(),
        certificate.signature_algorithm().name(),
        (certificate.not_after() - certificate.not_before()).whole_minutes(),
        extensions,
    )
}

#[test]
fn both_sign_a_request_into_the_same_certificate() {
    if !stock("cfssl", "version") {
        return;
    }
    let place = place();
    for maker in [OURS, "cfssl"] {
        let made = json(&place, maker, "genkey request.json");
        place.write("a.csr", made["csr"].as_str().expect("a request"));
        for profile in ["", "server", "client", "peer", "intermediate"] {
            for more in ["", "-hostname=b.example,10.0.0.2"] {
                let words = format!(
                    "sign -ca ca.pem -ca-key ca-key.pem -config config.json -profile={profile} \
                     {more} a.csr"
                );
                let [ours, stock] = [OURS, "cfssl"].map(|program| json(&place, program, &words));
                assert_eq!(ours["csr"], stock["csr"]);
                let [ours, stock] = [ours, stock].map(|printed| certificate(&printed));
                assert_eq!(facts(&ours), facts(&stock), "{maker}: {words}");
            }
        }
    }
}

#[test]
fn both_make_the_same_of_a_request_file() {
    if !stock("cfssl", "version") {
        return;
    }
    let place = place();
    let [ours, stock] = [OURS, "cfssl"].map(|program| json(&place, program, "genkey request.json"));
    let [ours, stock] = [ours, stock].map(|printed| {
        Request::from_pem(printed["csr"].as_str().expect("a request")).expect("readable")
    });
    assert_eq!(ours.subject(), stock.subject());
    assert_eq!(ours.extensions(), stock.extensions());

    let made = json(&place, OURS, "gencert -initca authority.json");
    place.write("key.pem", made["key"].as_str().expect("a key"));
    let words = "gencert -initca -ca-key key.pem authority.json";
    let [ours, stock] = [OURS, "cfssl"].map(|program| certificate(&json(&place, program, words)));
    assert_eq!(facts(&ours), facts(&stock));
    let [ours, stock] = [OURS, "cfssl"].map(|program| {
        place.write("old.pem", ours.to_pem());
        certificate(&json(&place, program, "gencert -renewca -ca old.pem -ca-key key.pem"))
    });
    assert_eq!(facts(&ours), facts(&stock));
}

#[test]
fn both_tell_the_same_of_a_certificate() {
    if !stock("cfssl", "version") {
        return;
    }
    let place = place();
    let words = "gencert -ca ca.pem -ca-key ca-key.pem -config config.json -profile peer \
                 -hostname a.example,::1 request.json";
    for maker in [OURS, "cfssl"] {
        let made = json(&place, maker, words);
        place.write("a.pem", made["cert"].as_str().expect("a certificate"));
        for file in ["a.pem", "ca.pem"] {
            let words = format!("certinfo -cert {file}");
            let [ours, mut stock] = [OURS, "cfssl"].map(|program| json(&place, program, &words));
            pad_key_ids(&mut stock);
            assert_eq!(ours, stock, "{maker}");
        }
    }
}

/// Old versions leave out leading zeros.
fn pad_key_ids(told: &mut Value) {
    for field in ["authority_key_id", "subject_key_id"] {
        let bytes = told[field].as_str().unwrap_or_default().split(':');
        let bytes = bytes.filter(|byte| !byte.is_empty());
        told[field] = bytes.map(|byte| format!("{byte:0>2}")).collect::<Vec<_>>().join(":").into();
    }
}

#[test]
fn a_script_of_pipes_makes_a_pki_that_openssl_verifies() {
    if !stock("openssl", "version") {
        return;
    }
    let place = place();
    let made = texts(&place.output(OURS, "gencert -initca authority.json")).0;
    let written = fed(&place, OURS, "cfssljson", "-bare root -", &made);
    assert!(written.status.success(), "{:?}", texts(&written));
    let cases = [
        ("rsa", 2048, "server", "sslserver"),
        ("ecdsa", 256, "client", "sslclient"),
        ("ecdsa", 384, "peer", "sslserver"),
        ("ecdsa", 521, "peer", "sslclient"),
        ("ed25519", 0, "server", "sslserver"),
    ];
    for (algorithm, size, profile, purpose) in cases {
        let request = REQUEST.replace(
            r#""algo": "ecdsa", "size": 256"#,
            &format!(r#""algo": "{algorithm}", "size": {size}"#),
        );
        let words = format!(
            "gencert -ca=root.pem -ca-key=root-key.pem -config=config.json -profile={profile} -"
        );
        let made = fed(&place, OURS, "cfssl", &words, &request);
        let (printed, log) = texts(&made);
        assert!(made.status.success(), "{log}");
        assert!(log.contains("[INFO] generate received request"), "{log}");
        let written = fed(&place, OURS, "cfssljson", "-bare -force leaf", &printed);
        assert!(written.status.success(), "{:?}", texts(&written));
        let verify = format!("verify -purpose {purpose} -CAfile root.pem leaf.pem");
        assert!(place.run("openssl", &verify).contains("leaf.pem: OK"));
        let public = place.run("openssl", "pkey -in leaf-key.pem -pubout");
        assert_eq!(place.run("openssl", "x509 -in leaf.pem -noout -pubkey"), public);
        place.run("openssl", "req -in leaf.csr -verify -noout");
    }
    assert_private(&place.path("leaf-key.pem"));
    // Without -force nothing is replaced.
    let before = place.read("root.pem");
    let again = fed(&place, OURS, "cfssljson", "-bare root", &made);
    let refused = texts(&again).1;
    assert!(!again.status.success() && refused.contains("root.pem exists already"), "{refused}");
    assert_eq!(place.read("root.pem"), before);
}

fn assert_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn both_bundle_the_same_chain() {
    if !stock("cfssl", "version") {
        return;
    }
    let place = place();
    let intermediate = "gencert -ca ca.pem -ca-key ca-key.pem -config config.json \
                        -profile intermediate request.json";
    let made = json(&place, OURS, intermediate);
    place.write("int.pem", made["cert"].as_str().expect("a certificate"));
    place.write("int-key.pem", made["key"].as_str().expect("a key"));
    let leaf = "gencert -ca int.pem -ca-key int-key.pem -config config.json -profile server \
                request.json";
    let made = json(&place, OURS, leaf);
    place.write("leaf.pem", made["cert"].as_str().expect("a certificate"));
    place.write("leaf-key.pem", made["key"].as_str().expect("a key"));
    for flavor in ["ubiquitous", "optimal", "force"] {
        let words = format!(
            "bundle -cert leaf.pem -key leaf-key.pem -ca-bundle ca.pem -int-bundle int.pem \
             -flavor {flavor}"
        );
        let [mut ours, mut stock] = [OURS, "cfssl"].map(|program| json(&place, program, &words));
        for told in [&mut ours, &mut stock] {
            // The stock one warns of systems of twenty years ago, lists names in any order, and in
            // old versions counts the root's end.
            told["status"] = Value::Null;
            told["expires"] = Value::Null;
            let mut hosts: Vec<String> =
                serde_json::from_value(told["hostnames"].take()).expect("a list");
            hosts.sort();
            told["hostnames"] = hosts.into();
        }
        for (field, value) in stock.as_object().expect("an object") {
            assert_eq!(&ours[field], value, "{flavor}: {field}");
        }
    }
}

#[test]
fn a_live_listener_is_told_as_its_file_is() {
    let place = place();
    place.issue("server", &[certs::x509::ExtendedKeyUsage::ServerAuth]);
    // It wants a certificate from its clients: what it shows itself is seen all the same.
    let server = place.serve(
        "serve -ca ca.pem -ca-key ca-key.pem -tls-cert server.pem -tls-key server-key.pem \
         -mutual-tls-ca ca.pem",
    );
    let words = format!("certinfo -domain {}", server.address);
    assert_eq!(json(&place, OURS, &words), json(&place, OURS, "certinfo -cert server.pem"));
    let words = format!("bundle -domain {} -ca-bundle ca.pem", server.address);
    assert_eq!(json(&place, OURS, &words)["hostnames"][0], "server");
}
