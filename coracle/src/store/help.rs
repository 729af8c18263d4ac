//! What `--help` says: how to begin, then every flag.

use std::fmt::Write as _;
use std::io::Write as _;

use super::flags::{self, Support};
use super::settings::Persona;

const COLUMN: usize = 2;
const HELP_INDENT: usize = 6;

/// Prints the help. A closed pipe under `| head` is no failure.
pub fn print(persona: Persona) {
    let _ = std::io::stdout().write_all(text(persona).as_bytes());
}

pub fn usage_hint(persona: Persona) -> String {
    format!("see `{} --help`", called(persona))
}

fn called(persona: Persona) -> &'static str {
    match persona {
        Persona::Coracle => "coracle store",
        Persona::Etcd => "etcd",
    }
}

fn text(persona: Persona) -> String {
    let program = called(persona);
    let home = match persona {
        Persona::Coracle => "/var/lib/coracle/store for root, else $XDG_DATA_HOME/coracle/store",
        Persona::Etcd => "${name}.etcd",
    };
    let mut text = format!(
        "Run one member of an etcd-compatible store, with etcd's flags.

Usage: {program} [--flag value | --flag=value]...

One member on this machine:
  {program} --data-dir /tmp/store

The first of three members, with TLS between them and towards clients:
  {program} --name a --data-dir /var/lib/store \\
    --listen-client-urls https://10.0.0.1:2379 --advertise-client-urls https://10.0.0.1:2379 \\
    --listen-peer-urls https://10.0.0.1:2380 --initial-advertise-peer-urls https://10.0.0.1:2380 \\
    --initial-cluster a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380 \\
    --cert-file a.crt --key-file a.key --trusted-ca-file ca.crt \\
    --peer-cert-file a.crt --peer-key-file a.key --peer-trusted-ca-file ca.crt
  Certificates are read again when their files change; no restart is needed.

A member that joins a running cluster, after `etcdctl member add`:
  {program} --name d --initial-cluster-state existing --initial-cluster … …

Each flag is also read from the environment (--data-dir as ETCD_DATA_DIR; a flag goes first), or all
of them from --config-file, and then from nowhere else.

The member logs `ready to serve client requests` when it is; SIGINT or SIGTERM stop it in good order.
"
    );
    for section in flags::SECTIONS {
        let _ = write!(text, "\n{}:\n", section.title);
        for flag in section.flags.iter().filter(|flag| flag.support == Support::Works) {
            let default = match (flag.name, persona) {
                ("data-dir", _) => home,
                ("log-format", Persona::Coracle) => "console",
                _ => flag.default,
            };
            let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
            let _ = writeln!(text, "{:COLUMN$}--{}{shown}", "", flag.name);
            let _ = writeln!(text, "{:HELP_INDENT$}{}", "", flag.help);
        }
    }
    text.push_str("\nTaken and without effect, for what they tune is not here:\n");
    push_names(&mut text, |support| matches!(support, Support::Idle(_)));
    text.push_str("\nKnown and refused unless they hold their default:\n");
    push_names(&mut text, |support| matches!(support, Support::Refused(_)));
    text
}

fn push_names(text: &mut String, which: impl Fn(Support) -> bool) {
    for flag in flags::all().filter(|flag| which(flag.support)) {
        let (Support::Idle(why) | Support::Refused(why)) = flag.support else { continue };
        let _ = writeln!(text, "{:COLUMN$}--{}: {why}", "", flag.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_there() {
        let text = text(Persona::Etcd);
        for flag in flags::all() {
            assert!(text.contains(&format!("--{}", flag.name)), "{}", flag.name);
        }
    }
}
