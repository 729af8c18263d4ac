//! TLS towards a server that wants client certificates.
//!
//! Skipped where there is no etcd.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{Outcome, Server, free_port, ours, run, server};

/// Writes an authority, and certificates of a server and a client.
fn certificates(directory: &Path) {
    let write = |name: &str, text: String| {
        std::fs::write(directory.join(name), text).expect("the directory is writable");
    };
    let key = KeyPair::generate().expect("a key can be made");
    let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("an authority signs itself");
    write("ca.crt", authority.pem());
    let issuer = Issuer::new(params, key);
    for name in ["server", "client"] {
        let key = KeyPair::generate().expect("a key can be made");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let params = CertificateParams::new(names).expect("these are names");
        let certificate = params.signed_by(&key, &issuer).expect("the authority signs");
        write(&format!("{name}.crt"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

#[test]
fn certificates_open_the_door_and_errors_say_which_is_missing() {
    let Some(program) = server() else {
        println!("SKIPPED TLS: etcd is not installed");
        return;
    };
    let files = tempfile::tempdir().expect("a temporary directory can be made");
    certificates(files.path());
    let server = Server::start_secured(&program, free_port(), files.path());
    let path = |name: &str| files.path().join(name).display().to_string();
    let (authority, certificate, key) = (path("ca.crt"), path("client.crt"), path("client.key"));
    let ask = |endpoint: &str, flags: &[&str]| -> Outcome {
        run(&ours(), &[&["--endpoints", endpoint], flags, &["get", "k"]].concat(), "")
    };
    let endpoint = server.endpoint.as_str();
    let bare = endpoint.trim_start_matches("https://");
    let client = ["--cert", &certificate, "--key", &key];
    let all = [&["--cacert", &authority][..], &client].concat();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ask(endpoint, &all).ok() {
        assert!(Instant::now() < deadline, "{:?}", ask(endpoint, &all));
        std::thread::sleep(Duration::from_millis(50));
    }
    let trusting = [&["--insecure-skip-tls-verify"][..], &client].concat();
    for (endpoint, flags) in [(bare, &all), (endpoint, &trusting), (bare, &trusting)] {
        let answer = ask(endpoint, flags);
        assert_eq!(answer.code, Some(0), "{endpoint} {flags:?}: {answer:?}");
    }
    let cases: [(&str, &[&str], &str); 6] = [
        (endpoint, &client, "UnknownIssuer"),
        (bare, &["--insecure-transport=false"], "UnknownIssuer"),
        (endpoint, &["--cacert", &authority], "client certificate"),
        (bare, &[], "TLS"),
        (endpoint, &["--cacert", &authority, "--cert", &certificate], "go together"),
        (endpoint, &["--cacert", "/no/such/file"], "/no/such/file"),
    ];
    for (endpoint, flags, expected) in cases {
        let answer = ask(endpoint, flags);
        assert_ne!(answer.code, Some(0), "{flags:?}");
        assert!(answer.err.contains(expected), "{flags:?}: {answer:?}");
    }
}
