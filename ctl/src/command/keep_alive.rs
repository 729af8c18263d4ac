//! A lease that is renewed, whatever becomes of the connection.

use std::time::Duration;

use store_proto::etcdserverpb as pb;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::watcher::is_passing;
use super::{refusal, within};
use crate::connect::Session;

/// Pause before a broken stream is opened again.
const PAUSE: Duration = Duration::from_millis(500);

type Opened = (mpsc::Sender<pb::LeaseKeepAliveRequest>, Streaming<pb::LeaseKeepAliveResponse>);

/// Renews one lease.
pub struct KeepAlive {
    session: Session,
    id: i64,
    stream: Option<Opened>,
    /// When the lease is gone unless it is renewed; unknown until the first answer.
    expires: Option<Instant>,
}

impl KeepAlive {
    pub fn new(session: Session, id: i64) -> Self {
        Self { session, id, stream: None, expires: None }
    }

    /// One renewal. The answer's TTL is 0 when the lease is gone, which a server that stays away
    /// for longer than the lease lasts means as well.
    pub async fn renew(&mut self) -> anyhow::Result<pb::LeaseKeepAliveResponse> {
        loop {
            match self.try_renew().await {
                Ok(answer) => {
                    let ttl = Duration::from_secs(u64::try_from(answer.ttl).unwrap_or(0));
                    self.expires = Some(Instant::now() + ttl);
                    return Ok(answer);
                }
                Err(status) if is_passing(&status) || is_old_token(&status) => {
                    self.stream = None;
                    if is_old_token(&status) {
                        self.session.forget_token().await;
                    }
                    match self.expires {
                        Some(expires) if Instant::now() < expires => sleep(PAUSE).await,
                        Some(_) => return Ok(pb::LeaseKeepAliveResponse::default()),
                        None => return Err(refusal(&status)),
                    }
                }
                Err(status) => return Err(refusal(&status)),
            }
        }
    }

    async fn try_renew(&mut self) -> Result<pb::LeaseKeepAliveResponse, Status> {
        let request = pb::LeaseKeepAliveRequest { id: self.id };
        let patience = self.patience();
        if self.stream.is_none() {
            let (requests, stream) = mpsc::channel(1);
            requests.send(request).await.map_err(|_| Status::unavailable("closed"))?;
            let mut client = self.session.lease();
            let opening = client.lease_keep_alive(ReceiverStream::new(stream));
            let answers = timeout(patience, opening).await.map_err(|_| too_late())??;
            self.stream = Some((requests, answers.into_inner()));
        } else if let Some((requests, _)) = &self.stream {
            requests.send(request).await.map_err(|_| Status::unavailable("closed"))?;
        }
        let Some((_, answers)) = &mut self.stream else { return Err(too_late()) };
        let answer = timeout(patience, answers.message()).await.map_err(|_| too_late())??;
        answer.ok_or_else(|| Status::unavailable("the server ended the stream"))
    }

    /// How long one answer is waited for: until the lease is gone, once that is known.
    fn patience(&self) -> Duration {
        const FIRST: Duration = Duration::from_secs(10);
        let left = self.expires.map(|expires| expires.saturating_duration_since(Instant::now()));
        left.map_or(FIRST, |left| left.max(PAUSE))
    }
}

fn too_late() -> Status {
    Status::unavailable("the renewal of the lease was not answered")
}

fn is_old_token(status: &Status) -> bool {
    status.message().contains("invalid auth token")
}

/// Time between renewals: a third of the lease's, as clientv3 does.
pub fn interval(ttl: i64) -> Duration {
    Duration::from_secs_f64(ttl.max(1) as f64 / 3.0)
}

/// A lease of one's own, renewed in the background until it is let go.
pub struct Held {
    pub id: i64,
    session: Session,
    lost: watch::Receiver<bool>,
    renewal: JoinHandle<()>,
}

impl Held {
    pub async fn grant(session: Session, ttl: i64, patience: Duration) -> anyhow::Result<Self> {
        let request = pb::LeaseGrantRequest { ttl, id: 0 };
        let granted = within(patience, session.lease().lease_grant(request)).await?;
        let (lose, lost) = watch::channel(false);
        let mut keeper = KeepAlive::new(session.clone(), granted.id);
        let renewal = tokio::spawn(async move {
            while let Ok(pb::LeaseKeepAliveResponse { ttl: 1.., .. }) = keeper.renew().await {
                sleep(interval(granted.ttl)).await;
            }
            lose.send_replace(true);
        });
        Ok(Self { id: granted.id, session, lost, renewal })
    }

    /// Returns when the lease is gone.
    pub async fn lost(&self) {
        // The sender says so before it goes; that it went otherwise is a loss all the same.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }

    /// Lets the lease go at once instead of when its time is up.
    pub async fn let_go(self, patience: Duration) {
        self.renewal.abort();
        let request = pb::LeaseRevokeRequest { id: self.id };
        // It ends by itself when this fails.
        let _ = within(patience, self.session.lease().lease_revoke(request)).await;
    }
}
