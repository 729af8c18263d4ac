//! `watch`: prints changes, or runs a command for each, until interrupted or ended by the server.
//!
//! `--interactive` reads further watches from standard input; they run side by side.

use std::ffi::OsString;
use std::io::BufRead;
use std::os::unix::ffi::OsStringExt;

use clap::Parser;
use store_proto::mvccpb;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::request::{Range, range_of};
use super::watcher::{ProgressAsked, ProgressRequests, Watcher, Wish, progress_requests};
use super::{Context, refusal};
use crate::Usage;
use crate::arguments::kv::Watch;
use crate::arguments::like_go;
use crate::connect::Session;
use crate::failure::{Failure, Kind};
use crate::go::quote::quote;
use crate::output::{Answer, Printer, line};
use crate::txn::words;

/// Lines read ahead of what is done with them.
const LINES: usize = 16;

/// Key and range end of the environment, which stand for those of the command line.
struct Environment {
    key: Option<OsString>,
    range_end: Option<OsString>,
}

impl Environment {
    fn read() -> Result<Self, Usage> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let (key, range_end) = (variable("ETCDCTL_WATCH_KEY"), variable("ETCDCTL_WATCH_RANGE_END"));
        match (&key, &range_end) {
            (None, Some(end)) => Err(Usage(format!(
                "ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END={end:?}"
            ))),
            _ => Ok(Self { key, range_end }),
        }
    }

    /// What to watch. A key in both places is refused.
    fn range(&self, watch: &Watch) -> Result<Range, Usage> {
        let (key, end) = match (&watch.key, &self.key) {
            (Some(_), Some(_)) => {
                return Err(Usage(
                    "bad number of arguments (found conflicting environment key)".to_owned(),
                ));
            }
            (Some(key), None) => (key, &watch.range_end),
            (None, Some(key)) => (key, &self.range_end),
            (None, None) => {
                return Err(Usage(
                    "bad number of arguments: name a key, or set ETCDCTL_WATCH_KEY".to_owned(),
                ));
            }
        };
        if end.is_some() && watch.prefix {
            return Err(Usage("`range_end` and `--prefix` are mutually exclusive".to_owned()));
        }
        range_of(key, end.as_deref(), watch.prefix, false)
    }
}

pub async fn run(run: &Context, watch: Watch) -> anyhow::Result<()> {
    let environment = Environment::read()?;
    if watch.interactive {
        return interactive(run, &environment).await;
    }
    let wish = wish(&watch, &environment)?;
    let mut follower =
        Follower { session: run.session().await?, printer: run.printer.clone(), exec: watch.exec };
    let (_keep, asked) = progress_requests();
    follower.follow(wish, asked).await?;
    Err(Failure::new(Kind::Interrupted, "watch is canceled by the server").into())
}

fn wish(watch: &Watch, environment: &Environment) -> Result<Wish, Usage> {
    Ok(Wish {
        prev_kv: watch.prev_kv,
        progress_notify: watch.progress_notify,
        require_leader: true,
        ..Wish::new(environment.range(watch)?, watch.rev)
    })
}

/// Prints one watch, or runs a command for its events.
struct Follower {
    session: Session,
    printer: Printer,
    exec: Vec<OsString>,
}

impl Follower {
    /// Until the server ends the watch.
    async fn follow(&mut self, wish: Wish, mut asked: ProgressAsked) -> anyhow::Result<()> {
        let opened = Watcher::open(self.session.clone(), wish).await;
        let mut watcher = opened.map_err(|status| refusal(&status))?;
        loop {
            let answer = tokio::select! {
                answer = watcher.next() => answer?,
                Some(()) = asked.recv() => {
                    watcher.ask_progress().await;
                    continue;
                }
            };
            if answer.canceled {
                eprintln!("watch was canceled ({})", reason(&answer));
            } else if answer.events.is_empty() {
                let revision = answer.header.as_ref().map_or(0, |header| header.revision);
                line(format_args!("progress notify: {revision}"))?;
            }
            self.printer.print(&Answer::Watch(&answer))?;
            let revision = answer.header.as_ref().map_or(0, |header| header.revision);
            if !self.exec.is_empty() {
                for event in &answer.events {
                    self.execute(revision, event).await?;
                }
            }
            if answer.canceled {
                return Ok(());
            }
        }
    }

    async fn execute(&self, revision: i64, event: &mvccpb::Event) -> anyhow::Result<()> {
        let Some((program, arguments)) = self.exec.split_first() else { return Ok(()) };
        let kv = event.kv.clone().unwrap_or_default();
        let status = Command::new(program)
            .args(arguments)
            .env("ETCD_WATCH_REVISION", revision.to_string())
            .env("ETCD_WATCH_EVENT_TYPE", quote(event.r#type().as_str_name().as_bytes()))
            .env("ETCD_WATCH_KEY", quote(&kv.key))
            .env("ETCD_WATCH_VALUE", quote(&kv.value))
            .kill_on_drop(true)
            .status()
            .await;
        let reason = match status {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        anyhow::bail!("command {:?} error ({reason})", self.exec)
    }
}

/// Why the server ended a watch, in the words of its client library.
fn reason(answer: &store_proto::etcdserverpb::WatchResponse) -> String {
    match answer {
        answer if answer.compact_revision != 0 => format!(
            "etcdserver: mvcc: required revision has been compacted; the oldest that can be \
             watched is {}",
            answer.compact_revision
        ),
        answer if answer.cancel_reason.is_empty() => {
            "etcdserver: mvcc: required revision is a future revision".to_owned()
        }
        answer => answer.cancel_reason.clone(),
    }
}

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    watch: Watch,
}

/// Reads `watch …` and `progress` until standard input ends.
async fn interactive(run: &Context, environment: &Environment) -> anyhow::Result<()> {
    let session = run.session().await?;
    let mut lines = stdin_lines();
    let mut open: Vec<ProgressRequests> = Vec::new();
    let (failed, mut failures) = mpsc::channel::<anyhow::Error>(LINES);
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            Some(error) = failures.recv() => return Err(error),
        };
        let line = match line {
            Some(Ok(line)) => line,
            Some(Err(error)) => return Err(unreadable(&error.to_string())),
            None => return Err(unreadable("EOF")),
        };
        let words = words(&line).map_err(|reason| Failure::new(Kind::Input, reason))?;
        match words.split_first() {
            Some((first, rest)) if first == b"watch" => {
                if rest.is_empty() && environment.key.is_none() {
                    eprintln!("Invalid command {line} (command type or key is not provided)");
                    continue;
                }
                let watch = parse(rest)?;
                let wish = wish(&watch, environment)?;
                let mut follower = Follower {
                    session: session.clone(),
                    printer: run.printer.clone(),
                    exec: watch.exec,
                };
                let (requests, asked) = progress_requests();
                open.push(requests);
                let failed = failed.clone();
                tokio::spawn(async move {
                    if let Err(error) = follower.follow(wish, asked).await {
                        // Nobody listens only when the program is ending anyway.
                        let _ = failed.send(error).await;
                    }
                });
            }
            Some((first, _)) if first == b"progress" => {
                for requests in &open {
                    requests.ask().await;
                }
            }
            Some(_) => eprintln!("Invalid command {line} (only support watch)"),
            None => eprintln!("Invalid command: {line} (watch and progress supported)"),
        }
    }
}

fn unreadable(reason: &str) -> anyhow::Error {
    Failure::new(Kind::Input, format!("error reading watch request line: {reason}")).into()
}

fn parse(words: &[Vec<u8>]) -> Result<Watch, Usage> {
    let words = words.iter().map(|word| OsString::from_vec(word.clone()));
    let command = like_go(<Line as clap::CommandFactory>::command());
    let parsed = command
        .try_get_matches_from(words)
        .and_then(|matches| <Line as clap::FromArgMatches>::from_arg_matches(&matches));
    match parsed {
        Ok(line) if line.watch.interactive => {
            Err(Usage("--interactive is already in force".to_owned()))
        }
        Ok(line) => Ok(line.watch),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(Usage(first.trim_start_matches("error: ").to_owned()))
        }
    }
}

/// Lines of standard input. The thread that reads them is left behind when the program ends: a
/// read from a terminal cannot be called off.
fn stdin_lines() -> mpsc::Receiver<std::io::Result<String>> {
    let (sender, receiver) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(line: &str) -> Watch {
        parse(&words(line).expect("closed quotes")).expect("well formed")
    }

    #[test]
    fn lines_are_watches() {
        let parsed = watch("--rev 3 \"a b\" c -- echo --rev 1");
        assert_eq!((parsed.rev, parsed.exec.len()), (3, 3));
        let none = Environment { key: None, range_end: None };
        assert_eq!(none.range(&parsed).expect("a range"), ("a b".into(), "c".into()));
    }

    #[test]
    fn the_environment_names_the_key_or_the_line_does() {
        let environment = Environment { key: Some("k".into()), range_end: Some("z".into()) };
        assert_eq!(
            environment.range(&watch("-- echo")).expect("a range"),
            ("k".into(), "z".into())
        );
        assert!(environment.range(&watch("a")).is_err());
        assert!(environment.range(&watch("--prefix")).is_err());
        let none = Environment { key: None, range_end: None };
        assert!(none.range(&watch("-- echo")).is_err());
    }
}
