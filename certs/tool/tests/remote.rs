//! CA servers and their clients, ours and the stock ones, in every pairing.

mod common;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use certs::x509::{ExtendedKeyUsage, KeyAlgorithm};
use serde_json::{Value, json};

use common::{Place, texts};

const CONFIG: &str = r#"{
    "signing": {
        "default": {"expiry": "1h", "usages": ["digital signature", "client auth"]},
        "profiles": {
            "server": {"expiry": "2h", "usages": ["digital signature", "server auth"]},
            "secret": {"expiry": "2h", "usages": ["client auth"], "auth_key": "shared"}
        }
    },
    "auth_keys": {"shared": {"type": "standard", "key": "0123456789ABCDEF0123456789ABCDEF"}}
}"#;

/// The stock program; on a host without one a test that needs it ends early, but never in CI.
fn stock() -> Option<&'static str> {
    let found = Command::new("cfssl").arg("version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "cfssl is missing: .ci/tools installs it");
    found.then_some("cfssl")
}

fn place() -> Place {
    let place = Place::new(KeyAlgorithm::EcdsaP256);
    place.write("config.json", CONFIG);
    place.write("db.json", r#"{"driver": "file", "data_source": "certificates.jsonl"}"#);
    place
        .write("csr.json", r#"{"CN": "a.example", "hosts": ["a.example"], "names": [{"O": "X"}]}"#);
    place.run("openssl", "req -new -newkey rsa:2048 -nodes -keyout k.pem -subj /CN=b -out b.csr");
    place
}

/// What a client of ours or a stock one printed: the certificate, verified by openssl.
fn verify(place: &Place, printed: &str) -> String {
    let printed: Value = serde_json::from_str(printed).expect("JSON");
    place.write("got.pem", printed["cert"].as_str().expect("a certificate"));
    place.run("openssl", "verify -CAfile ca.pem got.pem");
    place.run("openssl", "x509 -in got.pem -noout -text")
}

/// A client's configuration, which sends everything to `address`.
fn client_config(address: impl ToString) -> String {
    let mut config: Value = serde_json::from_str(CONFIG).expect("JSON");
    let profile = json!({
        "expiry": "2h",
        "usages": ["client auth"],
        "auth_remote": {"remote": "there", "auth_key": "shared"},
    });
    config["signing"] = json!({"default": profile, "profiles": {"secret": profile}});
    config["remotes"] = json!({"there": address.to_string()});
    config.to_string()
}

#[test]
fn the_stock_client_is_served() {
    let Some(cfssl) = stock() else { return };
    let place = place();
    let server =
        place.serve("serve -ca ca.pem -ca-key ca-key.pem -config config.json -db-config db.json");
    // With a scheme: Debian's cfssl cannot read an address without one.
    let remote = format!("http://{}", server.address);
    let told = place.run(cfssl, &format!("info -remote {remote} -profile server"));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["expiry"], json!("2h"));

    let signed = place.run(cfssl, &format!("sign -remote {remote} -profile server b.csr"));
    assert!(verify(&place, &signed).contains("TLS Web Server Authentication"));
    let made = place.run(cfssl, &format!("gencert -remote {remote} -profile server csr.json"));
    assert!(verify(&place, &made).contains("DNS:a.example"));

    let refused = place.output(cfssl, &format!("sign -remote {remote} -profile secret b.csr"));
    assert!(!refused.status.success() || !texts(&refused).0.contains("BEGIN"), "no key was shown");
    place.write("client.json", client_config(&remote));
    let made = place.run(cfssl, "gencert -config client.json -profile secret csr.json");
    assert!(verify(&place, &made).contains("TLS Web Client Authentication"));

    // All three that were signed are recorded, as is what the commands sign, and can be revoked.
    place.ours("gencert -ca ca.pem -ca-key ca-key.pem -db-config db.json csr.json");
    place.ours("sign -ca ca.pem -ca-key ca-key.pem -db-config db.json b.csr");
    assert_eq!(place.read("certificates.jsonl").lines().count(), 5);
    place.ours("revoke -db-config db.json -cert got.pem");
    assert!(server.stop());
}

/// A stock server, on a port that was free.
struct StockServer {
    child: Child,
    address: String,
}

impl StockServer {
    fn start(place: &Place, cfssl: &str, config: &str) -> Self {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            listener.local_addr().expect("a bound listener has an address").port()
        };
        let child = Command::new(cfssl)
            .args(["serve", "-address", "127.0.0.1", "-port", &port.to_string()])
            .args(["-ca", "ca.pem", "-ca-key", "ca-key.pem", "-config", config])
            .current_dir(place.directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the stock server starts");
        let server = Self { child, address: format!("127.0.0.1:{port}") };
        while std::net::TcpStream::connect(&server.address).is_err() {
            std::thread::yield_now();
        }
        server
    }
}

impl Drop for StockServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_stock_server_serves_us() {
    let Some(cfssl) = stock() else { return };
    let place = place();
    let server = StockServer::start(&place, cfssl, "config.json");
    let remote = &server.address;
    let told = place.ours(&format!("info -remote {remote} -profile server"));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["expiry"], json!("2h"));
    assert_eq!(told["usages"], json!(["digital signature", "server auth"]));
    place.write("told.pem", told["certificate"].as_str().expect("PEM"));
    place.run("openssl", "verify -CAfile ca.pem told.pem");

    let signed = place.ours(&format!("sign -remote {remote} -profile server b.csr"));
    assert!(verify(&place, &signed).contains("TLS Web Server Authentication"));
    let made = place.ours(&format!("gencert -remote {remote} -profile server csr.json"));
    assert!(verify(&place, &made).contains("DNS:a.example"));
    let said = place.refused(&format!("sign -remote {remote} -profile secret b.csr"));
    assert!(said.contains("refused"), "{said}");
    place.write("secret.json", client_config(remote));
    let made = place.ours("gencert -config secret.json -profile secret csr.json");
    assert!(verify(&place, &made).contains("TLS Web Client Authentication"));
    // The key of a profile is shown to whatever -remote names, too.
    let made = place
        .ours(&format!("gencert -config config.json -profile secret -remote {remote} csr.json"));
    assert!(verify(&place, &made).contains("TLS Web Client Authentication"));

    // A server of ours in front of the stock one: whom it does not sign for itself, it passes on.
    place.write("client.json", client_config(remote));
    let front = place.serve("serve -ca ca.pem -ca-key ca-key.pem -config client.json");
    let passed = json!({"certificate_request": place.read("b.csr"), "profile": "secret"});
    let passed = front.result("sign", &passed);
    assert!(verify(&place, &json!({"cert": passed["certificate"]}).to_string()).contains("Client"));
    let all = place.serve(&format!("serve -remote {remote} -config config.json"));
    let passed = json!({"certificate_request": place.read("b.csr"), "profile": "server"});
    let passed = all.result("sign", &passed);
    assert!(verify(&place, &json!({"cert": passed["certificate"]}).to_string()).contains("Server"));
}

#[test]
fn clients_prove_who_they_are_by_certificate() {
    let place = place();
    place.issue("server", &[ExtendedKeyUsage::ServerAuth]);
    place.issue("client-1", &[ExtendedKeyUsage::ClientAuth]);
    place.issue("guest", &[ExtendedKeyUsage::ClientAuth]);
    let stranger = Place::new(KeyAlgorithm::EcdsaP256);
    stranger.issue("client-1", &[ExtendedKeyUsage::ClientAuth]);
    place.write("stranger.pem", stranger.read("client-1.pem"));
    place.write("stranger-key.pem", stranger.read("client-1-key.pem"));
    let server = place.serve(
        "serve -ca ca.pem -ca-key ca-key.pem -tls-cert server.pem -tls-key server-key.pem \
         -mutual-tls-ca ca.pem -mutual-tls-cn ^client-[0-9]$",
    );
    let url = format!("https://{}", server.address);
    let info = |more: &str| format!("info -remote {url} -tls-remote-ca ca.pem {more}");
    let with = |name: &str| {
        info(&format!("-mutual-tls-client-cert {name}.pem -mutual-tls-client-key {name}-key.pem"))
    };
    assert!(place.ours(&with("client-1")).contains("BEGIN CERTIFICATE"));
    for words in [info(""), with("stranger")] {
        let said = place.refused(&words);
        assert!(said.contains("cannot ask"), "{words}: {said}");
    }
    let said = place.refused(&with("guest"));
    assert!(said.contains("403"), "{said}");
    let said = place.refused(&format!("info -remote {url}"));
    assert!(said.contains("cannot ask"), "the system does not know our authority: {said}");
    let said = place.refused(&info("-mutual-tls-client-cert client-1.pem"));
    assert!(said.contains("-mutual-tls-client-key"), "{said}");
    assert!(server.log().contains("Rejected client cert CN \"guest\""), "{}", server.log());
    // A request in the clear is no handshake.
    let mut plain = std::net::TcpStream::connect(server.address).expect("it listens");
    use std::io::{Read, Write};
    plain.write_all(b"GET /api/v1/cfssl/health HTTP/1.1\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(server.stop());
}

#[test]
fn the_first_server_that_answers_counts() {
    let place = place();
    let server = place.serve("serve -ca ca.pem -ca-key ca-key.pem -config config.json");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let closed = nobody.local_addr().expect("an address");
    drop(nobody);
    let both = format!("info -remote {closed},{} -profile server", server.address);
    assert!(place.ours(&both).contains("2h"));
    let said = place.refused(&format!("info -remote {closed}"));
    assert!(said.contains(&closed.to_string()), "{said}");
    let said = place.refused(&format!("info -remote {} -profile nobody", server.address));
    assert!(said.contains("nobody") && said.contains("5400"), "{said}");
    let said = place.refused("info -remote ftp://ca");
    assert!(said.contains("ftp://ca"), "{said}");
    let said = place.refused("info");
    assert!(said.contains("-remote"), "{said}");
}

#[test]
fn what_a_server_cannot_do_it_tells_in_its_log() {
    let place = place();
    let server = place.serve("serve -disable health,scan -ca-bundle ca.pem");
    let log = server.log();
    for line in [
        "endpoint 'sign' is disabled: signer not initialized",
        "endpoint 'authsign' is disabled",
        "endpoint 'revoke' is disabled: cert db not configured (missing -db-config)",
        "endpoint 'ocspsign' is disabled: no OCSP responder",
        "endpoint 'health' is explicitly disabled",
        "endpoint 'scan' is explicitly disabled",
        "endpoint 'newkey' is enabled",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert_eq!(server.ask("GET", "/api/v1/cfssl/health", b"").0, 404);
    for (words, named) in [
        ("serve more", "more"),
        ("serve -ca-key ca-key.pem", "-ca"),
        ("serve -tls-cert ca.pem", "-tls-key"),
        ("serve -mutual-tls-ca ca.pem", "-tls-cert"),
        ("serve -min-tls-version 2 -tls-cert ca.pem -tls-key ca-key.pem", "1.2"),
        ("serve -mutual-tls-cn ( -ca ca.pem", "-mutual-tls-cn"),
        ("serve -db-config csr.json", "csr.json"),
        ("serve -db-config missing.json", "missing.json"),
        ("serve -config csr.json", "csr.json"),
        ("serve -remote ftp://x", "ftp://x"),
        ("serve -address 192.0.2.1", "192.0.2.1"),
        ("serve -responder ca.pem -ca ca.pem", "-responder-key"),
    ] {
        let said = place.refused(words);
        assert!(said.contains(named), "{words}: {said}");
    }
}

#[test]
fn scans_see_what_a_listener_shows() {
    let place = place();
    place.issue("server", &[ExtendedKeyUsage::ServerAuth]);
    let server = place.serve("serve -tls-cert server.pem -tls-key server-key.pem");
    let scan = |words: &str| {
        let printed = place.ours(&format!("scan {words} {}", server.address));
        let json = printed.split_once("===\n").expect("a report").1.to_owned();
        serde_json::from_str::<Value>(&json).expect("JSON")
    };
    let report = scan("-ca-bundle ca.pem");
    assert_eq!(report["Connectivity"]["TLSDial"]["grade"], json!("Good"), "{report}");
    assert_eq!(report["PKI"]["ChainExpiration"]["grade"], json!("Warning"), "a day is left");
    assert_eq!(report["PKI"]["MultipleCerts"]["grade"], json!("Good"), "{report}");
    let report = scan("-scanner TLSDial");
    assert_eq!(report["Connectivity"]["TLSDial"]["grade"], json!("Warning"), "{report}");
    assert!(place.ours("scan -list").contains("ChainValidation"));
    assert!(place.refused("scan -family Broad a").contains("TLSHandshake"));
}
