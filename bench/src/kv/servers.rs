//! Servers to compare: started the same way, with the same flags, certificates and disk.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use rustls::ClientConfig;
use store_proto::etcdserverpb as pb;

use super::workloads::RANGE;
use crate::wire::{Connection, Endpoint, client_tls};

/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A program that takes etcd's flags.
#[derive(Clone, Debug)]
pub struct Program {
    pub name: &'static str,
    pub binary: PathBuf,
    /// What comes before the flags.
    pub leading: Vec<&'static str>,
    /// Flags that the other does not know or need.
    pub own: Vec<String>,
}

/// Certificates of one authority for all servers and the driver.
pub struct Pki {
    dir: PathBuf,
    pub client: Arc<ClientConfig>,
}

impl Pki {
    pub fn create(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let authority = certs::Authority::generate("bench")?;
        let leaf = certs::Leaf {
            common_name: "bench".into(),
            organization: None,
            usage: certs::Usage::Both,
            dns_names: vec!["localhost".into()],
            ip_addresses: vec!["127.0.0.1".parse()?],
        };
        let pair = authority.issue(&leaf)?;
        std::fs::write(dir.join("ca.crt"), authority.certificate_pem())?;
        std::fs::write(dir.join("bench.crt"), &pair.certificate)?;
        std::fs::write(dir.join("bench.key"), &pair.key)?;
        let files = [dir.join("bench.crt"), dir.join("bench.key")];
        let client = client_tls(&dir.join("ca.crt"), Some((&files[0], &files[1])))?;
        Ok(Self { dir: dir.to_owned(), client })
    }

    fn flags(&self) -> Vec<String> {
        let file = |name| self.dir.join(name).display().to_string();
        let mut flags = Vec::new();
        for prefix in ["", "peer-"] {
            flags.push(format!("--{prefix}cert-file={}", file("bench.crt")));
            flags.push(format!("--{prefix}key-file={}", file("bench.key")));
            flags.push(format!("--{prefix}trusted-ca-file={}", file("ca.crt")));
            flags.push(format!("--{prefix}client-cert-auth=true"));
        }
        flags
    }
}

/// A running cluster. Dropping it kills it and removes its files.
pub struct Cluster {
    name: &'static str,
    commands: Vec<Command>,
    children: Vec<Child>,
    pub endpoints: Vec<Endpoint>,
    dir: PathBuf,
    /// From the start of the first process to the first linearizable answer of each member.
    pub ready_in: Duration,
}

impl Cluster {
    /// Starts `members` of a new cluster with their data below `dir`.
    pub async fn start(
        program: &Program,
        members: usize,
        pki: Option<&Pki>,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let dir = dir.join(program.name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir)?;
        let scheme = if pki.is_some() { "https" } else { "http" };
        let ports = free_ports(members * 3)?;
        let url = |port: u16| format!("{scheme}://127.0.0.1:{port}");
        let initial: Vec<_> =
            (0..members).map(|member| format!("m{member}={}", url(ports[member * 3]))).collect();
        let began = Instant::now();
        let mut cluster = Self {
            name: program.name,
            commands: Vec::new(),
            children: Vec::new(),
            endpoints: Vec::new(),
            dir: dir.clone(),
            ready_in: Duration::ZERO,
        };
        for member in 0..members {
            let (peer, client) = (url(ports[member * 3]), url(ports[member * 3 + 1]));
            let log = std::fs::File::create(dir.join(format!("m{member}.log")))?;
            let mut command = Command::new(&program.binary);
            command.args(&program.leading);
            command.arg(format!("--name=m{member}"));
            command.arg(format!("--data-dir={}", dir.join(format!("m{member}")).display()));
            command.arg(format!("--listen-client-urls={client}"));
            command.arg(format!("--advertise-client-urls={client}"));
            command.arg(format!("--listen-peer-urls={peer}"));
            command.arg(format!("--initial-advertise-peer-urls={peer}"));
            command.arg(format!("--initial-cluster={}", initial.join(",")));
            command.args(pki.map(Pki::flags).unwrap_or_default());
            command.args(&program.own);
            if program.name == "etcd" && pki.is_some() {
                // Under TLS, etcd's gRPC is quicker where HTTP has a port of its own.
                command.arg(format!("--listen-client-http-urls={}", url(ports[member * 3 + 2])));
            }
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            cluster.children.push(spawn(&mut command)?);
            cluster.commands.push(command);
            cluster.endpoints.push(Endpoint::parse(&client, pki.map(|pki| &pki.client))?);
        }
        for member in 0..members {
            cluster.answers(member).await?;
        }
        cluster.ready_in = began.elapsed();
        Ok(cluster)
    }

    /// Waits until a member answers.
    async fn answers(&mut self, member: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !answers(&self.endpoints[member]).await {
            if Instant::now() > deadline || self.children[member].try_wait()?.is_some() {
                let log = std::fs::read_to_string(self.dir.join(format!("m{member}.log")))?;
                let tail = log.lines().rev().take(5).collect::<Vec<_>>().join("\n");
                bail!("{} does not answer:\n{tail}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Sends a signal to a member's process.
    pub fn signal(&self, member: usize, signal: Signal) -> anyhow::Result<()> {
        let pid = nix::unistd::Pid::from_raw(self.children[member].id().cast_signed());
        Ok(nix::sys::signal::kill(pid, signal)?)
    }

    /// Starts a member again that was killed, and waits until it answers.
    pub async fn restart(&mut self, member: usize) -> anyhow::Result<()> {
        self.children[member].wait()?;
        self.children[member] = spawn(&mut self.commands[member])?;
        self.answers(member).await
    }

    pub fn pids(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }

    /// Bytes of its files.
    pub fn disk(&self) -> u64 {
        fn size(path: &Path) -> u64 {
            let Ok(entries) = std::fs::read_dir(path) else { return 0 };
            entries
                .flatten()
                .map(|entry| match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => size(&entry.path()),
                    Ok(metadata) => std::os::unix::fs::MetadataExt::blocks(&metadata) * 512,
                    Err(_) => 0,
                })
                .sum()
        }
        size(&self.dir)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in 0..self.children.len() {
            // It may have ended already.
            let _ = self.signal(member, Signal::SIGTERM);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for child in &mut self.children {
            while matches!(child.try_wait(), Ok(None)) {
                if Instant::now() > deadline {
                    let _ = child.kill();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    let binary = command.get_program().to_owned();
    command.spawn().with_context(|| format!("cannot start {}", binary.display()))
}

/// Whether a server answers a linearizable read.
async fn answers(endpoint: &Endpoint) -> bool {
    let ask = async {
        let mut connection = Connection::open(endpoint).await?;
        let get = pb::RangeRequest { key: "a".into(), ..Default::default() };
        connection.ask::<pb::RangeResponse>(RANGE, &get).await
    };
    let answer = tokio::time::timeout(Duration::from_secs(1), ask).await;
    matches!(answer, Ok(Ok(_)))
}

fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let bound: Vec<_> =
        (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    Ok(bound
        .iter()
        .map(|socket| socket.local_addr().map(|a| a.port()))
        .collect::<Result<_, _>>()?)
}
