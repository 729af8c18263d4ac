//! What the tests of the program share: a directory with an authority, our program, stock ones.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use certs::x509::{
    AuthorityConstraint, Certificate, ExtendedKeyUsage, Issuer, KeyAlgorithm, KeyUsage, PrivateKey,
    Subject, Template, self_sign,
};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// A directory with `ca.pem` and `ca-key.pem`.
pub struct Place {
    pub directory: tempfile::TempDir,
    pub issuer: Issuer,
}

impl Place {
    pub fn new(algorithm: KeyAlgorithm) -> Self {
        let key = PrivateKey::generate(algorithm).expect("a key is made");
        let mut template = template("Test CA");
        template.authority = Some(AuthorityConstraint::default());
        template.key_usages = [KeyUsage::CertSign, KeyUsage::CrlSign, KeyUsage::DigitalSignature]
            .into_iter()
            .collect();
        let certificate = self_sign(&template, &key).expect("signed");
        let directory = tempfile::tempdir().expect("a directory");
        let place =
            Self { directory, issuer: Issuer::new(certificate, key).expect("the pair fits") };
        place.write("ca.pem", place.issuer.certificate().to_pem());
        place.write("ca-key.pem", place.issuer.key().to_pem().expect("written"));
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).expect("written");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("read")
    }

    /// `NAME.pem` and `NAME-key.pem`, signed by the authority.
    pub fn issue(&self, name: &str, usages: &[ExtendedKeyUsage]) -> Certificate {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key is made");
        let mut template = template(name);
        template.extended_key_usages = usages.to_vec();
        template.key_usages = KeyUsage::DigitalSignature.into();
        template.alternative_names.addresses.push([127, 0, 0, 1].into());
        template.alternative_names.hosts.push("localhost".to_owned());
        let certificate = self.issuer.sign(&template, key.public_key_der()).expect("signed");
        self.write(&format!("{name}.pem"), certificate.to_pem());
        self.write(&format!("{name}-key.pem"), key.to_pem().expect("written"));
        certificate
    }

    /// Runs a program here, with words split at blanks.
    pub fn output(&self, program: impl AsRef<Path>, words: &str) -> Output {
        Command::new(program.as_ref())
            .args(words.split_whitespace())
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()))
    }

    /// As [`Self::output`], of a program that must succeed; what it prints.
    pub fn run(&self, program: impl AsRef<Path>, words: &str) -> String {
        let output = self.output(program.as_ref(), words);
        let (stdout, stderr) = texts(&output);
        let program = program.as_ref().display();
        assert!(output.status.success(), "{program} {words}: {stdout}{stderr}");
        stdout
    }

    /// Our program's output on success.
    pub fn ours(&self, words: &str) -> String {
        self.run(OURS, words)
    }

    /// What our program says when it must fail.
    pub fn refused(&self, words: &str) -> String {
        let output = self.output(OURS, words);
        assert!(!output.status.success(), "{words} succeeded");
        texts(&output).1
    }

    pub fn serve(&self, words: &str) -> Server {
        Server::start(self, words)
    }
}

pub const OURS: &str = env!("CARGO_BIN_EXE_cfssl-ours");

pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn template(name: &str) -> Template {
    let now = OffsetDateTime::now_utc();
    let subject = Subject::new(name, &["Tests"]);
    Template::new(subject, now - Duration::HOUR, now + Duration::DAY)
}

/// A running `serve` or `ocspserve` of ours, on a port of its own choice.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Server {
    fn start(place: &Place, words: &str) -> Self {
        let mut child = Command::new(OURS)
            .args(words.split_whitespace())
            .args(["-port", "0"])
            .current_dir(place.directory.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("our program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut so_far = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("{words} ended: {so_far}"));
            let line = line.expect("the log is text");
            so_far.push_str(&line);
            so_far.push('\n');
            if line.contains("Now listening") {
                let address = line.rsplit([' ', '/']).next().expect("split has at least one");
                break address.trim().parse().expect("an address");
            }
        };
        let log = Arc::new(Mutex::new(so_far));
        let kept = Arc::clone(&log);
        // Ends with the program.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Self { child, address, log }
    }

    /// All that it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Status and body of one request.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        try_ask(self.address, method, path, body).expect("the server answers")
    }

    /// Posts to an endpoint that must succeed; its result.
    pub fn result(&self, endpoint: &str, body: &Value) -> Value {
        let path = format!("/api/v1/cfssl/{endpoint}");
        let (status, answer) = self.ask("POST", &path, body.to_string().as_bytes());
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!((status, &answer["success"]), (200, &Value::Bool(true)), "{endpoint}: {answer}");
        answer["result"].clone()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// SIGTERM; whether it ended well.
    pub fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").arg(&pid).status().expect("kill runs");
        assert!(told.success());
        self.child.wait().expect("gone").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of one request; none when there is no whole answer.
pub fn try_ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok()?;
    let (_, length) = head.split_once("content-length: ")?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    let body = answer[end + 4..].to_vec();
    (body.len() == length).then_some((status, body))
}
