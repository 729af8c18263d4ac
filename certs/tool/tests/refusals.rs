//! What goes wrong is told with the file, the place in it and the field, and nothing is made.

mod common;

use std::os::unix::fs::PermissionsExt;

use certs::x509::{AuthorityConstraint, KeyAlgorithm, PrivateKey, Subject, Template, self_sign};
use common::{OURS, Place, texts};
use time::{Duration, OffsetDateTime};

fn place() -> Place {
    let place = Place::new(KeyAlgorithm::EcdsaP256);
    place.write("request.json", r#"{"CN": "a", "hosts": ["a.example"]}"#);
    place.write(
        "config.json",
        r#"{"signing": {"profiles": {
            "server": {"expiry": "1h", "usages": ["server auth"], "name_whitelist": "example$"},
            "past": {"expiry": "1h", "usages": ["any"], "not_after": "2001-01-01T00:00:00Z"}}}}"#,
    );
    place
}

const GENCERT: &str = "gencert -ca ca.pem -ca-key ca-key.pem -config config.json";

#[test]
fn json_that_is_wrong_names_file_line_and_field() {
    let place = place();
    let requests = [
        ("{\"CN\": \"a\",\n \"hosts\": [\"a\",]}", "bad.json:2:16: not valid JSON: trailing comma"),
        ("{\"CN\": \"a\"", "bad.json:1:10: not valid JSON"),
        ("", "bad.json:1:0: it is empty"),
        ("{\"CN\": 5}", "bad.json:1:8: CN: a string is expected, not the number 5"),
        ("{\"key\":\n {\"algo\": \"dsa\", \"size\": 1024}}", "bad.json:2:2: key: "),
        ("{\"key\": {\"algo\": \"rsa\", \"size\": 1024}}", "too weak"),
        ("{\"hosts\": [\"a\", {}]}", "bad.json:1:17: hosts[1]: a string is expected"),
        ("{\"names\": [{\"C\": [\"US\"]}]}", "names[0].C: a string is expected, not a list"),
        ("{\"CN\": \"a\", \"ca\": {\"expiry\": \"1h\"}}", "bad.json: ca: such a section belongs"),
    ];
    for (text, expected) in requests {
        place.write("bad.json", text);
        let refused = place.refused(&format!("{GENCERT} bad.json"));
        assert!(refused.contains(expected), "{text}: {refused}");
    }
    let configs = [
        ("{\"signing\": {\"default\": {}}}", "bad.json:1:25: signing.default: expiry is missing"),
        (
            "{\"signing\": {\"profiles\": {\"x\": {\"expiry\": \"1h\", \"usages\": [\"sever\"]}}}}",
            "signing.profiles.x.usages[0]: \"sever\" is no usage",
        ),
        ("{}", "bad.json:1:1: signing is missing"),
    ];
    for (text, expected) in configs {
        place.write("bad.json", text);
        let words = "gencert -ca ca.pem -ca-key ca-key.pem -config bad.json request.json";
        let refused = place.refused(words);
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}

#[test]
fn authorities_that_cannot_sign_are_named() {
    let place = place();
    let now = OffsetDateTime::now_utc();
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("generated");
    let mut old =
        Template::new(Subject::new("old", &[]), now - Duration::WEEK, now - Duration::DAY);
    old.authority = Some(AuthorityConstraint::default());
    place.write("old.pem", self_sign(&old, &key).expect("signed").to_pem());
    place.write("other-key.pem", key.to_pem().expect("written"));
    place.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    place.write("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n");
    let rows = [
        ("-ca old.pem -ca-key other-key.pem", "old.pem: the authority's certificate expired at"),
        (
            "-ca ca.pem -ca-key other-key.pem",
            "ca.pem and other-key.pem: the private key does not belong",
        ),
        ("-ca missing.pem -ca-key ca-key.pem", "cannot read missing.pem"),
        ("-ca garbage.pem -ca-key ca-key.pem", "garbage.pem: not a readable certificate"),
        ("-ca request.json -ca-key ca-key.pem", "request.json: no PEM block of a certificate"),
        ("-ca ca.pem -ca-key ca.pem", "ca.pem: no PEM block of a private key"),
        ("-ca ca.pem -ca-key locked.pem", "locked.pem: the private key is encrypted"),
        ("-ca env:NO_SUCH_VARIABLE -ca-key ca-key.pem", "NO_SUCH_VARIABLE is not set"),
        ("-ca ca.pem", "need a CA key (provide one with -ca-key)"),
        ("-ca-key ca-key.pem", "-ca-key needs -ca beside it"),
        ("-config config.json", "need a CA certificate (provide one with -ca)"),
    ];
    for (flags, expected) in rows {
        let refused = place.refused(&format!("gencert {flags} request.json"));
        assert!(refused.contains(expected), "{flags}: {refused}");
        assert!(!refused.contains("generating key"), "{flags}: a key was made in vain");
    }
    let renewed = place.refused("gencert -renewca -ca old.pem -ca-key ca-key.pem");
    assert!(renewed.contains("-ca old.pem, -ca-key ca-key.pem: "), "{renewed}");
}

#[test]
fn profiles_refuse_by_name() {
    let place = place();
    place.write("other.json", r#"{"CN": "a", "hosts": ["other.test"]}"#);
    let rows = [
        ("-profile sever request.json", "no profile \"sever\": the profiles are past, server"),
        (
            "-profile server other.json",
            "does not match the name_whitelist of the profile \"server\"",
        ),
        ("-profile past request.json", "which is past"),
        ("-profile server request.json extra", "only one argument is accepted, and \"extra\""),
        ("-profile server", "CSRJSON is missing"),
        ("-profil server request.json", "there is no flag -profil"),
    ];
    for (words, expected) in rows {
        let refused = place.refused(&format!("{GENCERT} {words}"));
        assert!(refused.contains(expected), "{words}: {refused}");
    }
    // The request asks to be an authority, the profile makes none.
    let made = place.ours("genkey -initca request.json");
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    place.write("key.pem", made["key"].as_str().expect("a key"));
    place.write("ca.json", r#"{"CN": "example", "hosts": [], "ca": {"pathlen": 1}}"#);
    let made = place.ours("gencsr -key key.pem ca.json");
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    place.write("ca.csr", made["csr"].as_str().expect("a request"));
    let words = "sign -ca ca.pem -ca-key ca-key.pem -config config.json -profile server ca.csr";
    let refused = place.refused(words);
    assert!(refused.contains("\"server\" forbids authorities"), "{refused}");
}

#[test]
fn a_request_whose_signature_is_wrong_is_not_signed() {
    let place = place();
    let made = place.ours("genkey request.json");
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let request = made["csr"].as_str().expect("a request");
    // Another letter in the middle of the base64 is another key.
    let middle = request.len() / 2;
    let other = if &request[middle..=middle] == "A" { "B" } else { "A" };
    place.write("bad.csr", format!("{}{other}{}", &request[..middle], &request[middle + 1..]));
    let refused = place.refused("sign -ca ca.pem -ca-key ca-key.pem bad.csr");
    assert!(refused.contains("bad.csr: "), "{refused}");
}

#[test]
fn warnings_name_what_to_do() {
    let place = place();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(place.path("ca-key.pem"), open).expect("changed");
    place.write("nameless.json", r#"{"CN": "a", "host": ["a"]}"#);
    let words = "gencert -ca ca.pem -ca-key ca-key.pem -domain x nameless.json";
    let output = place.output(OURS, words);
    let (printed, log) = texts(&output);
    assert!(output.status.success() && printed.contains("\"cert\""), "{log}");
    for expected in [
        "[WARNING] ca-key.pem is a private key that everyone can read: chmod 600 ca-key.pem",
        "[WARNING] This certificate lacks a \"hosts\" field",
        "[WARNING] nameless.json:1:21: host: there is no such field",
        "[WARNING] -domain does nothing for gencert",
    ] {
        assert!(log.contains(expected), "{expected} is not in {log}");
    }
}

#[test]
fn what_a_command_of_cfssl_has_and_ours_has_not_is_refused() {
    let place = place();
    for words in ["scan -csv hosts.csv", "scan -num-workers 4 127.0.0.1:1"] {
        let refused = place.refused(words);
        assert!(refused.contains("is not here"), "{words}: {refused}");
    }
}

#[test]
fn a_pipe_that_broke_leaves_no_file() {
    let place = place();
    place.write("empty.json", "");
    place.write("key.json", r#"{"key": "k"}"#);
    let refused = place.refused("json -bare -f empty.json server");
    assert!(refused.contains("empty.json is empty"), "{refused}");
    let refused = place.refused("json -f key.json server");
    assert!(refused.contains("-bare"), "{refused}");
    let refused = place.refused("json -bare -f key.json no/server");
    assert!(refused.contains("cannot write no/server-key.pem"), "{refused}");
    assert!(!place.path("server-key.pem").exists() && !place.path("cert-key.pem").exists());
}
