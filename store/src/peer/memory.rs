//! Members in one process, reached without sockets. Links can be cut, as a network is.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use store_proto::peer as pb;
use tokio::sync::watch;
use tonic::Status;

use super::card::Card;
use super::network::{Network, Peer, Responses};
use super::reception::Reception;
use crate::Embedded;

/// A network in memory. Members have URLs in it; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Switchboard>>);

#[derive(Default)]
struct Switchboard {
    members: HashMap<String, Reception>,
    /// URLs of members that reach nobody and are reached by nobody.
    cut: BTreeSet<String>,
    /// Told at each cut, so that what is open breaks.
    cuts: watch::Sender<u64>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Switchboard> {
        self.0.lock().expect("no code panics while it holds the switchboard")
    }

    /// From now on `store` is at `url`.
    pub fn plug(&self, url: &str, store: &Arc<Embedded>) {
        self.lock().members.insert(url.to_owned(), Reception::new(store));
    }

    /// Nobody is at `url`.
    pub fn unplug(&self, url: &str) {
        let mut switchboard = self.lock();
        switchboard.members.remove(url);
        switchboard.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts the member at `url` off.
    pub fn cut(&self, url: &str) {
        let mut switchboard = self.lock();
        switchboard.cut.insert(url.to_owned());
        switchboard.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends a cut.
    pub fn mend(&self, url: &str) {
        self.lock().cut.remove(url);
    }

    /// The network as the member at `url` sees it.
    pub fn from(&self, url: &str) -> Arc<dyn Network> {
        Arc::new(Outlet { memory: self.clone(), url: url.to_owned() })
    }
}

struct Outlet {
    memory: Memory,
    url: String,
}

impl Network for Outlet {
    fn peer(&self, urls: &[String]) -> Arc<dyn Peer> {
        Arc::new(Line { memory: self.memory.clone(), from: self.url.clone(), to: urls.to_vec() })
    }
}

struct Line {
    memory: Memory,
    from: String,
    to: Vec<String>,
}

impl Line {
    fn reach(&self) -> Result<Reception, Status> {
        let switchboard = self.memory.lock();
        let reached = self.to.iter().find(|url| switchboard.members.contains_key(*url));
        match reached {
            Some(url) if !self.is_cut(&switchboard, url) => Ok(switchboard.members[url].clone()),
            _ => Err(Status::unavailable("nobody is there")),
        }
    }

    fn is_cut(&self, switchboard: &Switchboard, url: &str) -> bool {
        switchboard.cut.contains(&self.from) || switchboard.cut.contains(url)
    }

    /// Resolves when this line no longer holds.
    fn broken(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut cuts = self.memory.lock().cuts.subscribe();
        let line =
            Self { memory: self.memory.clone(), from: self.from.clone(), to: self.to.clone() };
        async move {
            while line.reach().is_ok() {
                if cuts.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl Peer for Line {
    async fn append(
        &self,
        card: Card,
        requests: BoxStream<'static, pb::AppendRequest>,
    ) -> Result<Responses, Status> {
        let requests = requests.take_until(self.broken()).map(Ok).boxed();
        let responses = self.reach()?.append(card, requests)?;
        let end = futures::stream::once(async { Err(Status::unavailable("the line broke")) });
        Ok(responses.take_until(self.broken()).chain(end).boxed())
    }

    async fn snapshot(
        &self,
        card: Card,
        pieces: BoxStream<'static, pb::SnapshotPiece>,
    ) -> Result<pb::SnapshotAnswer, Status> {
        let answering = self.reach()?;
        let answering = answering.snapshot(card, pieces.map(Ok).boxed());
        tokio::select! {
            answer = answering => answer,
            () = self.broken() => Err(Status::unavailable("the line broke")),
        }
    }

    async fn ask(&self, card: Card, question: pb::Question) -> Result<pb::Answer, Status> {
        let answering = self.reach()?;
        tokio::select! {
            answer = answering.ask(card, question) => answer,
            () = self.broken() => Err(Status::unavailable("the line broke")),
        }
    }

    async fn refuses(&self) -> bool {
        let switchboard = self.memory.lock();
        self.to
            .iter()
            .all(|url| !self.is_cut(&switchboard, url) && !switchboard.members.contains_key(url))
    }
}
