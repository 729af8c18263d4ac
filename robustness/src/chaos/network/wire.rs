//! Builds the network, cuts it and mends it, with `ip` and `tc`.

use std::io;
use std::net::Ipv4Addr;
use std::process::Command;

use super::Namespace;

/// Where clients are.
const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 1);
/// The last number of the first member's address.
const FIRST_MEMBER: u8 = 10;
/// Rules before all others; the kernel's own first rule, which delivers, is moved behind them.
const CUT_PREFERENCE: &str = "100";
const LOCAL_PREFERENCE: &str = "1000";
/// A slow link: a few requests at once fill it, and what waits longer than this is dropped.
const SLOW: [&str; 6] = ["rate", "1mbit", "burst", "8kb", "latency", "300ms"];

#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("cannot make a network namespace: {0}")]
    Namespace(#[source] io::Error),
    #[error("cannot run {program} ({source}); install iproute2")]
    Missing { program: &'static str, source: io::Error },
    #[error("{command}: {reason}")]
    Failed { command: String, reason: String },
}

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    Clients,
    /// The member in this slot.
    Member(usize),
}

/// The run's network. It goes with the process.
#[derive(Debug)]
pub struct Network {
    namespaces: Vec<Namespace>,
    /// What is cut: packets from the first do not reach the second.
    cuts: Vec<(Node, usize)>,
    slow: Vec<usize>,
}

impl Network {
    /// Joins namespaces for `members` members.
    pub fn build(members: usize) -> Result<Self, NetworkError> {
        ip(None, "link set lo up")?;
        ip(None, "link add chaos0 type bridge")?;
        ip(None, &format!("addr add {CLIENTS}/24 dev chaos0"))?;
        ip(None, "link set chaos0 up")?;
        let mut namespaces = Vec::new();
        for slot in 0..members {
            let namespace = Namespace::new().map_err(NetworkError::Namespace)?;
            let path = namespace.path();
            let path = path.display();
            ip(None, &format!("link add member{slot} type veth peer name eth0 netns {path}"))?;
            ip(None, &format!("link set member{slot} master chaos0 up"))?;
            let inside = Some(&namespace);
            ip(inside, "link set lo up")?;
            ip(inside, &format!("addr add {}/24 dev eth0", Self::address(Node::Member(slot))))?;
            ip(inside, "link set eth0 up")?;
            ip(inside, &format!("rule add preference {LOCAL_PREFERENCE} lookup local"))?;
            ip(inside, "rule del preference 0")?;
            namespaces.push(namespace);
        }
        Ok(Self { namespaces, cuts: Vec::new(), slow: Vec::new() })
    }

    pub fn address(node: Node) -> Ipv4Addr {
        match node {
            Node::Clients => CLIENTS,
            Node::Member(slot) => {
                let [a, b, c, _] = CLIENTS.octets();
                let slot = u8::try_from(slot).expect("members are few");
                Ipv4Addr::new(a, b, c, FIRST_MEMBER + slot)
            }
        }
    }

    pub fn namespace(&self, slot: usize) -> &Namespace {
        &self.namespaces[slot]
    }

    /// From now on what `from` sends does not reach the member in slot `to`.
    pub fn cut(&mut self, from: Node, to: usize) -> Result<(), NetworkError> {
        if from == Node::Member(to) || self.cuts.contains(&(from, to)) {
            return Ok(());
        }
        self.rule("add", from, to)?;
        self.cuts.push((from, to));
        Ok(())
    }

    /// Slows everything that the member sends.
    pub fn slow(&mut self, slot: usize) -> Result<(), NetworkError> {
        if !self.slow.contains(&slot) {
            let inside = Some(&self.namespaces[slot]);
            run(
                inside,
                "tc",
                &[&["qdisc", "add", "dev", "eth0", "root", "tbf"], &SLOW[..]].concat(),
            )?;
            self.slow.push(slot);
        }
        Ok(())
    }

    /// Everything reaches everyone again.
    pub fn heal(&mut self) -> Result<(), NetworkError> {
        while let Some((from, to)) = self.cuts.last().copied() {
            self.rule("del", from, to)?;
            self.cuts.pop();
        }
        while let Some(slot) = self.slow.last().copied() {
            let inside = Some(&self.namespaces[slot]);
            run(inside, "tc", &["qdisc", "del", "dev", "eth0", "root"])?;
            self.slow.pop();
        }
        Ok(())
    }

    fn rule(&self, verb: &str, from: Node, to: usize) -> Result<(), NetworkError> {
        let from = Self::address(from);
        let inside = Some(&self.namespaces[to]);
        ip(inside, &format!("rule {verb} preference {CUT_PREFERENCE} from {from} blackhole"))
    }
}

fn ip(inside: Option<&Namespace>, arguments: &str) -> Result<(), NetworkError> {
    run(inside, "ip", &arguments.split_whitespace().collect::<Vec<_>>())
}

fn run(
    inside: Option<&Namespace>,
    program: &'static str,
    arguments: &[&str],
) -> Result<(), NetworkError> {
    let mut command = Command::new(program);
    command.args(arguments);
    // Where distributions put it and ordinary users do not look.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    if let Some(inside) = inside {
        inside.enter(&mut command).map_err(NetworkError::Namespace)?;
    }
    let output = command.output().map_err(|source| NetworkError::Missing { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(NetworkError::Failed {
        command: format!("{program} {}", arguments.join(" ")),
        reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
