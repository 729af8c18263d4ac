//! Members of stores as processes of their own, and what talks to them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use store::remote::{Options, Remote, Tls};

/// Longer than a member takes on the busiest machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(20);

pub const READY: &str = "ready to serve client requests";

/// Ports that were free a moment ago. Held together, so that they differ.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    held.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// A running member. Killed when it is dropped.
pub struct Member {
    child: Child,
    log: Arc<Mutex<String>>,
}

/// `coracle store`.
pub fn store() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coracle"));
    command.arg("store");
    clean(command)
}

/// The binary under the name `etcd`, by a link in `directory`.
pub fn etcd(directory: &Path) -> Command {
    let link = directory.join("etcd");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_coracle"), &link).expect("a link");
    }
    clean(Command::new(link))
}

/// Without the variables of whoever runs the tests.
fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD_") {
            command.env_remove(name);
        }
    }
    command
}

impl Member {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = lines.lock().expect("nobody panics with the log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log }
    }

    /// Starts and waits until it serves.
    pub fn ready(command: Command) -> Self {
        let mut member = Self::start(command);
        member.wait_ready();
        member
    }

    pub fn wait_ready(&mut self) {
        self.wait_for_log(READY);
    }

    pub fn wait_for_log(&mut self, text: &str) {
        until(text, || {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                panic!("ended with {status} before {text:?}:\n{}", self.log());
            }
            self.log().contains(text).then_some(())
        });
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the log").clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Asks it to end, and waits until it has.
    pub fn end(&mut self, signal: &str) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
        until("the end of a member", || self.child.try_wait().expect("a child can be asked"))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until there is something, within [`PATIENCE`].
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(LOOK);
    }
}

/// The answer to `GET path` over any connection.
pub fn get(mut connection: impl Read + Write, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("the answer is text");
    answer
}

pub async fn connect(endpoint: &str, tls: Option<Tls>) -> Result<Arc<Remote>, String> {
    let options = Options { endpoints: vec![endpoint.to_owned()], tls, connect_timeout: PATIENCE };
    Remote::connect(&options).await.map_err(|error| format!("{error:?}"))
}

/// An authority with files of what it signed, for tests of TLS.
pub struct Pki {
    pub directory: PathBuf,
    pub authority: certs::Authority,
}

impl Pki {
    /// The authority's certificate is `<name>.ca` in `directory`.
    pub fn new(directory: &Path, name: &str) -> Self {
        let authority = certs::Authority::generate(name).expect("an authority is made");
        let pki = Self { directory: directory.to_owned(), authority };
        std::fs::write(pki.ca(name), pki.authority.certificate_pem()).expect("written");
        pki
    }

    pub fn ca(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.ca"))
    }

    pub fn issue(&self, common_name: &str) -> certs::Pair {
        let leaf = certs::Leaf {
            common_name: common_name.to_owned(),
            organization: None,
            usage: certs::Usage::Both,
            dns_names: vec!["localhost".to_owned()],
            ip_addresses: vec!["127.0.0.1".parse().expect("an address")],
        };
        self.authority.issue(&leaf).expect("a certificate is issued")
    }

    /// Writes `<file>.crt` and `<file>.key`, over what is there.
    pub fn put(&self, file: &str, pair: &certs::Pair) -> (PathBuf, PathBuf) {
        let path = |extension: &str| self.directory.join(format!("{file}.{extension}"));
        certs::write_private(&path("key"), pair.key.as_bytes()).expect("written");
        certs::write_public(&path("crt"), pair.certificate.as_bytes()).expect("written");
        (path("crt"), path("key"))
    }

    /// What a client called `common_name` trusts and shows.
    pub fn client(&self, common_name: &str) -> Tls {
        let pair = self.issue(common_name);
        Tls {
            authorities: self.authority.certificate_pem().to_owned(),
            identity: Some((pair.certificate, pair.key)),
        }
    }
}
