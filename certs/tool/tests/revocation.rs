//! Revocation from end to end, as openssl sees it.

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{Certificate, ExtendedKeyUsage, KeyAlgorithm};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use common::{Place, Server, texts};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A place whose database is a file.
fn place(algorithm: KeyAlgorithm) -> Place {
    let place = Place::new(algorithm);
    place.write("db.json", r#"{"driver": "file", "data_source": "certificates.jsonl"}"#);
    place
}

/// Puts a certificate into the database, through the server.
fn add(server: &Server, certificate: &Certificate) {
    server.result(
        "certadd",
        &json!({
            "serial_number": certificate.serial().to_string(),
            "authority_key_identifier": hex(certificate.authority_key_id().expect("it has one")),
            "status": "good",
            "expiry": certificate.not_after().format(&Rfc3339).expect("a time"),
            "pem": certificate.to_pem(),
        }),
    );
}

/// Decodes what `crl` and `gencrl` print.
fn keep_list(place: &Place, name: &str, printed: &str) {
    place.write(name, STANDARD.decode(printed.trim()).expect("base64"));
}

#[test]
fn lists_are_what_openssl_verifies() {
    for algorithm in [
        KeyAlgorithm::Rsa(2048),
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Ed25519,
    ] {
        let place = place(algorithm);
        let leaf = place.issue("leaf", &[ExtendedKeyUsage::ClientAuth]);
        place.write("serials", format!("{}\n17\n", leaf.serial()));
        keep_list(&place, "list.der", &place.ours("gencrl serials ca.pem ca-key.pem 3600"));
        let verify = "crl -inform DER -in list.der -CAfile ca.pem -noout -text";
        let text = place.run("openssl", verify);
        assert!(text.contains("Serial Number: 11\n"), "{algorithm:?}: {text}");
        assert!(text.contains("X509v3 CRL Number"), "{text}");
        place.run("openssl", "crl -inform DER -in list.der -out list.pem");
        let revoked =
            place.output("openssl", "verify -CAfile ca.pem -CRLfile list.pem -crl_check leaf.pem");
        let said = format!("{:?}", texts(&revoked));
        assert!(!revoked.status.success() && said.contains("certificate revoked"), "{said}");
        place.issue("other", &[ExtendedKeyUsage::ClientAuth]);
        place.run("openssl", "verify -CAfile ca.pem -CRLfile list.pem -crl_check other.pem");
    }
}

#[test]
fn gencrl_names_what_is_wrong() {
    let place = place(KeyAlgorithm::EcdsaP256);
    let other = Place::new(KeyAlgorithm::EcdsaP256);
    place.write("other-key.pem", other.read("ca-key.pem"));
    place.write("serials", "1\nzwei\n");
    place.write("good", "1\n");
    for (words, named) in [
        ("gencrl serials ca.pem ca-key.pem", "line 2"),
        ("gencrl missing ca.pem ca-key.pem", "missing"),
        ("gencrl good ca.pem other-key.pem", "other-key.pem"),
        ("gencrl good ca.pem ca-key.pem soon", "soon"),
        ("gencrl good ca.pem", "INPUTFILE"),
        ("gencrl - - ca-key.pem", "standard input"),
    ] {
        let said = place.refused(words);
        assert!(said.contains(named), "{words}: {said}");
    }
}

#[test]
fn a_revocation_outlives_the_server_and_shows_in_the_list() {
    let place = place(KeyAlgorithm::EcdsaP256);
    let certificates: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| place.issue(name, &[ExtendedKeyUsage::ServerAuth]))
        .collect();
    let words = "serve -db-config db.json -ca ca.pem -ca-key ca-key.pem";
    let server = place.serve(words);
    certificates.iter().for_each(|certificate| add(&server, certificate));
    let revoke = |certificate: &Certificate| {
        json!({
            "serial": certificate.serial().to_string(),
            "authority_key_id": hex(certificate.authority_key_id().expect("it has one")),
            "reason": "keyCompromise",
        })
    };
    server.result("revoke", &revoke(&certificates[0]));
    server.kill();

    // By the command too, while a server has the database open.
    let server = place.serve(words);
    place.ours("revoke -db-config db.json -cert b.pem -reason 4");
    let (status, answer) = server.ask("GET", "/api/v1/cfssl/crl?expiry=2h", b"");
    assert_eq!(status, 200);
    let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
    let lists = [
        answer["result"].as_str().expect("base64").to_owned(),
        place.ours("crl -db-config db.json -ca ca.pem -ca-key ca-key.pem -expiry 2h"),
    ];
    for printed in lists {
        keep_list(&place, "list.der", &printed);
        let text = place.run("openssl", "crl -inform DER -in list.der -CAfile ca.pem -noout -text");
        assert_eq!(text.matches("Serial Number:").count(), 2, "{text}");
        assert!(text.contains("Key Compromise") && text.contains("Superseded"), "{text}");
    }
    assert!(server.stop(), "SIGTERM ends it in order");
    let missing = place.refused("revoke -db-config db.json -serial 5 -aki 00");
    assert!(missing.contains("certificate not found"), "{missing}");
}

#[test]
fn what_was_answered_before_a_kill_is_in_the_database() {
    const CLIENTS: usize = 4;
    const ENOUGH: usize = 40;
    let place = place(KeyAlgorithm::EcdsaP256);
    place.run("openssl", "req -new -newkey ed25519 -nodes -keyout k.pem -subj /CN=a -out a.csr");
    let body = json!({"certificate_request": place.read("a.csr")}).to_string();
    let server = place.serve("serve -ca ca.pem -ca-key ca-key.pem -db-config db.json");
    let address = server.address;
    let (answered, answers) = std::sync::mpsc::channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (body, answered) = (body.clone(), answered.clone());
            std::thread::spawn(move || {
                while let Some((200, answer)) =
                    common::try_ask(address, "POST", "/api/v1/cfssl/sign", body.as_bytes())
                {
                    answered.send(answer).expect("somebody listens");
                }
            })
        })
        .collect();
    drop(answered);
    let mut signed: Vec<Vec<u8>> = answers.iter().take(ENOUGH).collect();
    server.kill();
    clients.into_iter().for_each(|client| client.join().expect("a client ends"));
    signed.extend(answers.iter());
    let server = place.serve("serve -ca ca.pem -ca-key ca-key.pem -db-config db.json");
    for answer in &signed {
        let answer: serde_json::Value = serde_json::from_slice(answer).expect("JSON");
        let pem = answer["result"]["certificate"].as_str().expect("PEM");
        let certificate = Certificate::from_pem(pem).expect("a certificate");
        let asked = json!({
            "serial": certificate.serial().to_string(),
            "authority_key_id": hex(certificate.authority_key_id().expect("it has one")),
        });
        assert_eq!(server.result("certinfo", &asked)["pem"].as_str(), Some(pem));
    }
    assert!(signed.len() >= ENOUGH);
}

/// What openssl says of a certificate, when it believes the answer.
fn ocsp(place: &Place, server: &Server, certificate: &str, more: &str) -> String {
    let url = format!("http://{}", server.address);
    let words = format!("ocsp -issuer ca.pem {more} -cert {certificate} -url {url} -CAfile ca.pem");
    let output = place.output("openssl", &words);
    let (stdout, stderr) = texts(&output);
    assert!(stderr.contains("Response verify OK"), "{words}: {stdout}{stderr}");
    assert!(!stderr.contains("WARNING"), "{words}: {stderr}");
    let line = stdout.lines().find(|line| line.starts_with(certificate)).expect(&stdout);
    line.split_once(": ").expect("a status").1.to_owned()
}

#[test]
fn openssl_is_answered_as_it_asks() {
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa(2048), KeyAlgorithm::Ed25519] {
        let place = place(algorithm);
        let good = place.issue("good", &[ExtendedKeyUsage::ServerAuth]);
        let revoked = place.issue("revoked", &[ExtendedKeyUsage::ServerAuth]);
        place.issue("stranger", &[ExtendedKeyUsage::ServerAuth]);
        place.issue("responder", &[ExtendedKeyUsage::OcspSigning]);
        let server = place.serve("serve -db-config db.json -ca ca.pem -ca-key ca-key.pem");
        [&good, &revoked].iter().for_each(|certificate| add(&server, certificate));
        place.ours("revoke -db-config db.json -cert revoked.pem -reason keyCompromise");
        let responders = [
            "-responder ca.pem -responder-key ca-key.pem",
            "-responder responder.pem -key responder-key.pem",
        ];
        for responder in responders {
            let words = format!("ocspserve -db-config db.json -ca ca.pem {responder}");
            let responder = place.serve(&words);
            for digest in ["", "-sha256", "-sha512"] {
                let ask = |name: &str, more: &str| {
                    ocsp(&place, &responder, &format!("{name}.pem"), &format!("{digest} {more}"))
                };
                assert_eq!(ask("good", ""), "good");
                assert_eq!(ask("good", "-no_nonce"), "good");
                assert_eq!(ask("revoked", ""), "revoked");
                assert_eq!(ask("stranger", ""), "unknown");
            }
        }
    }
}

#[test]
fn prepared_answers_are_served_from_database_and_file_over_get_and_post() {
    let place = place(KeyAlgorithm::EcdsaP256);
    let good = place.issue("good", &[ExtendedKeyUsage::ServerAuth]);
    let revoked = place.issue("revoked", &[ExtendedKeyUsage::ServerAuth]);
    place.issue("stranger", &[ExtendedKeyUsage::ServerAuth]);
    let server = place.serve("serve -db-config db.json -ca ca.pem -ca-key ca-key.pem");
    [&good, &revoked].iter().for_each(|certificate| add(&server, certificate));
    place.ours("revoke -db-config db.json -cert revoked.pem -reason keyCompromise");
    place.ours(
        "ocsprefresh -db-config db.json -ca ca.pem -responder ca.pem -responder-key ca-key.pem",
    );
    let dumped = place.ours("ocspdump -db-config db.json");
    assert_eq!(dumped.lines().count(), 2);
    place.write("responses", dumped);
    for words in ["ocspserve -db-config db.json", "ocspserve -responses responses"] {
        let responder = place.serve(words);
        assert_eq!(ocsp(&place, &responder, "good.pem", "-no_nonce"), "good");
        assert_eq!(ocsp(&place, &responder, "revoked.pem", "-no_nonce"), "revoked");
        let url = format!("http://{}", responder.address);
        let words = format!("ocsp -issuer ca.pem -cert stranger.pem -url {url} -CAfile ca.pem");
        let (stdout, stderr) = texts(&place.output("openssl", &words));
        assert!(format!("{stdout}{stderr}").contains("unauthorized"), "{stdout}{stderr}");

        // GET, with the request in the path.
        place.run("openssl", "ocsp -issuer ca.pem -cert good.pem -no_nonce -reqout request.der");
        let request = std::fs::read(place.path("request.der")).expect("read");
        let escaped = STANDARD.encode(&request).replace('+', "%2B").replace('/', "%2F");
        let (status, got) = responder.ask("GET", &format!("/{escaped}"), b"");
        let (_, posted) = responder.ask("POST", "/", &request);
        assert_eq!((status, &got), (200, &posted));
        place.write("response.der", got);
        let check = "ocsp -respin response.der -issuer ca.pem -cert good.pem -CAfile ca.pem";
        assert!(place.run("openssl", check).contains("good.pem: good"));

        for (method, body, expected) in
            [("POST", &b"nonsense"[..], 400), ("GET", b"", 400), ("PUT", &request, 405)]
        {
            assert_eq!(responder.ask(method, "/", body).0, expected, "{method}");
        }
        assert_eq!(responder.ask("POST", "/", &vec![b'x'; 100_000]).0, 413);
    }
}

#[test]
fn an_answer_signed_by_hand_is_believed() {
    let place = place(KeyAlgorithm::EcdsaP256);
    place.issue("leaf", &[ExtendedKeyUsage::ServerAuth]);
    place.issue("client", &[ExtendedKeyUsage::ClientAuth]);
    let sign = "ocspsign -ca ca.pem -responder ca.pem -responder-key ca-key.pem -cert leaf.pem";
    for (more, expected) in [
        ("", "good"),
        ("-status revoked -reason superseded -revoked-at 2025-01-02", "revoked"),
        ("-status unknown", "unknown"),
    ] {
        let printed = place.ours(&format!("{sign} {more}"));
        let printed: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let der = printed["ocspResponse"].as_str().expect("base64");
        place.write("response.der", STANDARD.decode(der).expect("base64"));
        let check = "ocsp -respin response.der -issuer ca.pem -cert leaf.pem -CAfile ca.pem";
        let told = place.run("openssl", check);
        assert!(told.contains(&format!("leaf.pem: {expected}")), "{told}");
    }
    let other = Place::new(KeyAlgorithm::EcdsaP256);
    place.write("other.pem", other.read("ca.pem"));
    for (words, named) in [
        (format!("{sign} -status lost"), "lost"),
        (format!("{sign} -status revoked -revoked-at today"), "today"),
        (format!("{sign} -status revoked -reason 99"), "99"),
        (format!("{sign} -cert other.pem"), "not issued by this issuer"),
        (format!("{sign} -responder client.pem -responder-key client-key.pem"), "ocsp signing"),
        (format!("{sign} -responder leaf.pem"), "does not fit"),
    ] {
        let said = place.refused(&words);
        assert!(said.contains(named), "{words}: {said}");
    }
}
