//! `make-mirror`: copies keys, then their changes, to another cluster until interrupted.
//!
//! Changes of one revision arrive in one transaction, unless they are more than --max-txn-ops.
//! What was there before is copied in transactions as well: order does not matter there, and one
//! round trip a key would.

use std::io::IsTerminal;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::request_op::Request;
use store_proto::mvccpb;
use store_proto::mvccpb::event::EventType;
use tokio::time::interval;

use super::request::{Range, prefix_end};
use super::watcher::{Watcher, Wish};
use super::{Context, refusal, within};
use crate::Usage;
use crate::arguments::mirror::MakeMirror;
use crate::connect::{Login, Session, Tls};
use crate::output::line;

/// Keys of one read.
const PAGE: i64 = 1000;
/// Bytes of values after which a transaction is sent; a server takes 1.5 MiB.
const TXN_BYTES: usize = 1 << 20;
/// How often the number of keys is told where no progress is shown.
const TELL: Duration = Duration::from_secs(30);

pub async fn run(run: &Context, arguments: MakeMirror) -> anyhow::Result<()> {
    if arguments.no_dest_prefix && !arguments.dest_prefix.is_empty() {
        return Err(Usage(
            "`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one"
                .to_owned(),
        )
        .into());
    }
    let destination = destination(run, &arguments)?.any().await?;
    let source = run.session().await?;
    let mut mirror = Mirror {
        rename: Rename::new(&arguments),
        source,
        destination,
        ops: Vec::new(),
        bytes: 0,
        max_ops: arguments.max_txn_ops.max(1),
        progress: Progress::new(),
    };
    let told = mirror.progress.clone();
    tokio::select! {
        outcome = mirror.run(run.timeout, arguments.rev) => outcome,
        () = told.tell() => Ok(()),
    }
}

/// The other cluster, with its own certificates and user.
fn destination(run: &Context, arguments: &MakeMirror) -> anyhow::Result<crate::connect::Target> {
    let tls = Tls {
        authority: arguments.dest_cacert.clone(),
        certificate: arguments.dest_cert.clone(),
        key: arguments.dest_key.clone(),
        believe_anyone: false,
    };
    let with_tls =
        tls.authority.is_some() || tls.certificate.is_some() || !arguments.dest_insecure_transport;
    let login = Login::from_flags(
        arguments.dest_user.as_deref(),
        arguments.dest_password.as_deref(),
        None,
        "Destination Password: ",
    )?;
    run.target.elsewhere(&arguments.destination, tls, with_tls, login)
}

/// What keys are called at the destination.
struct Rename {
    prefix: Bytes,
    instead: Bytes,
}

impl Rename {
    fn new(arguments: &MakeMirror) -> Self {
        let instead = match (arguments.no_dest_prefix, arguments.dest_prefix.is_empty()) {
            (true, _) => "",
            (false, true) => &arguments.prefix,
            (false, false) => &arguments.dest_prefix,
        };
        Self {
            prefix: Bytes::copy_from_slice(arguments.prefix.as_bytes()),
            instead: Bytes::copy_from_slice(instead.as_bytes()),
        }
    }

    fn key(&self, key: &[u8]) -> Bytes {
        let rest = key.strip_prefix(&self.prefix[..]).unwrap_or(key);
        [&self.instead[..], rest].concat().into()
    }

    fn range(&self) -> Range {
        if self.prefix.is_empty() {
            return (Bytes::from_static(b"\0"), Bytes::from_static(b"\0"));
        }
        (self.prefix.clone(), prefix_end(&self.prefix))
    }
}

struct Mirror {
    source: Session,
    destination: Session,
    rename: Rename,
    /// The transaction that is being put together.
    ops: Vec<pb::RequestOp>,
    bytes: usize,
    max_ops: usize,
    progress: Progress,
}

impl Mirror {
    /// With a revision, begins with its changes; without, copies what there is first.
    async fn run(&mut self, patience: Duration, revision: i64) -> anyhow::Result<()> {
        let seen = match revision - 1 {
            before @ 1.. => before,
            _ => self.copy(patience).await?,
        };
        let wish = Wish::new(self.rename.range(), seen + 1);
        let opened = Watcher::open(self.source.clone(), wish).await;
        let mut watcher = opened.map_err(|status| refusal(&status))?;
        loop {
            let answer = watcher.next().await?;
            anyhow::ensure!(
                answer.compact_revision == 0,
                "etcdserver: mvcc: required revision has been compacted"
            );
            anyhow::ensure!(!answer.canceled, "the watch ended: {}", answer.cancel_reason);
            let mut last = 0;
            for event in answer.events {
                let kind = event.r#type();
                let kv = event.kv.unwrap_or_default();
                if kv.mod_revision != last {
                    self.send(patience).await?;
                    last = kv.mod_revision;
                }
                let request = match kind {
                    EventType::Put => self.put(&kv),
                    EventType::Delete => Request::RequestDeleteRange(pb::DeleteRangeRequest {
                        key: self.rename.key(&kv.key),
                        ..Default::default()
                    }),
                };
                self.push(request, kv.value.len(), patience).await?;
            }
            self.send(patience).await?;
            self.progress.at(last);
        }
    }

    /// Copies all keys as they are at one revision, which it gives.
    async fn copy(&mut self, patience: Duration) -> anyhow::Result<i64> {
        let (mut key, range_end) = self.rename.range();
        let mut revision = 0;
        loop {
            let request = pb::RangeRequest {
                key: key.clone(),
                range_end: range_end.clone(),
                limit: PAGE,
                revision,
                ..Default::default()
            };
            let page = within(patience, self.source.kv().range(request)).await?;
            if revision == 0 {
                revision = page.header.unwrap_or_default().revision;
            }
            for kv in &page.kvs {
                let request = self.put(kv);
                self.push(request, kv.value.len(), patience).await?;
            }
            let Some(last) = page.kvs.last().filter(|_| page.more) else { break };
            key = [&last.key[..], b"\0"].concat().into();
        }
        self.send(patience).await?;
        self.progress.at(revision);
        Ok(revision)
    }

    fn put(&self, kv: &mvccpb::KeyValue) -> Request {
        Request::RequestPut(pb::PutRequest {
            key: self.rename.key(&kv.key),
            value: kv.value.clone(),
            ..Default::default()
        })
    }

    async fn push(&mut self, op: Request, bytes: usize, patience: Duration) -> anyhow::Result<()> {
        if self.ops.len() == self.max_ops || (self.bytes > 0 && self.bytes + bytes > TXN_BYTES) {
            self.send(patience).await?;
        }
        self.ops.push(pb::RequestOp { request: Some(op) });
        self.bytes += bytes;
        Ok(())
    }

    async fn send(&mut self, patience: Duration) -> anyhow::Result<()> {
        if self.ops.is_empty() {
            return Ok(());
        }
        let success = std::mem::take(&mut self.ops);
        self.bytes = 0;
        let count = success.len();
        let txn = pb::TxnRequest { success, ..Default::default() };
        within(patience, self.destination.kv().txn(txn)).await?;
        self.progress.add(count);
        Ok(())
    }
}

/// How much was copied: a line on standard error for people, and for logs the number on standard
/// output every half minute, as etcdctl prints it.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {human_pos} changes mirrored {msg}");
        let bar = ProgressBar::new_spinner();
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())) }
    }

    fn add(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    fn at(&self, revision: i64) {
        self.bar.set_message(format!("up to revision {revision}"));
    }

    /// Never returns.
    async fn tell(self) {
        let mut ticks = interval(TELL);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            if !std::io::stderr().is_terminal() {
                // Nobody reads: the mirror goes on.
                let _ = line(self.bar.position());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_renamed() {
        let rename = |prefix: &str, instead: &str| Rename {
            prefix: Bytes::copy_from_slice(prefix.as_bytes()),
            instead: Bytes::copy_from_slice(instead.as_bytes()),
        };
        assert_eq!(rename("a/", "b/").key(b"a/a/k"), "b/a/k");
        assert_eq!(rename("a/", "").key(b"a/k"), "k");
        assert_eq!(rename("", "b/").key(b"k"), "b/k");
        assert_eq!(rename("", "").range(), ("\0".into(), "\0".into()));
        assert_eq!(rename("a/", "").range(), ("a/".into(), "a0".into()));
    }
}
