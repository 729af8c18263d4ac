//! The store's way to its peers, over the simulated network.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use store::simulation::{Card, Network, Peer, Responses};
use store_proto::peer as pb;
use store_proto::peer::question::Question;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use super::network::{Arrival, Here, Job, Lane, Wires};
use super::votes::Votes;

/// The network as the member at `url` sees it.
pub struct Outlet {
    pub wires: Wires,
    pub url: String,
    pub votes: Votes,
}

impl Network for Outlet {
    fn peer(&self, urls: &[String]) -> Arc<dyn Peer> {
        Arc::new(Line {
            wires: self.wires.clone(),
            from: self.url.clone(),
            to: urls.first().cloned().unwrap_or_default(),
            votes: self.votes.clone(),
        })
    }
}

/// One member's way to another.
#[derive(Clone)]
struct Line {
    wires: Wires,
    from: String,
    to: String,
    votes: Votes,
}

/// What it takes to learn that nobody listens.
const ROUND_TRIP: Duration = Duration::from_millis(1);

fn nobody() -> Status {
    Status::unavailable("connection refused")
}

fn lost() -> Status {
    Status::unavailable("the connection was lost")
}

/// Carries an answer back to whoever asked, once.
struct Reply<T> {
    wires: Wires,
    from: String,
    to: String,
    answer: oneshot::Sender<Result<T, Status>>,
}

impl<T: Send + 'static> Reply<T> {
    fn give(self, answer: Result<T, Status>) {
        let Self { wires, from, to, answer: sender } = self;
        wires.send(&from, &to, move |arrival| {
            if arrival == Arrival::There {
                // Who does not wait any more needs no answer.
                let _ = sender.send(answer);
            }
        });
    }
}

impl Line {
    fn reply<T>(&self) -> (Reply<T>, oneshot::Receiver<Result<T, Status>>) {
        let (answer, answered) = oneshot::channel();
        let (wires, from, to) = (self.wires.clone(), self.to.clone(), self.from.clone());
        (Reply { wires, from, to, answer }, answered)
    }

    /// What came back. Where nothing will, whoever asked learns that after a while.
    async fn answered<T>(&self, answer: oneshot::Receiver<Result<T, Status>>) -> Result<T, Status> {
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                tokio::time::sleep(Duration::from_nanos(self.wires.limbo())).await;
                Err(lost())
            }
        }
    }

    fn ask_there(self, card: Card, question: pb::Question, reply: Option<Reply<pb::Answer>>) {
        let ballot = match &question.question {
            Some(Question::Vote(ballot)) => Some(*ballot),
            _ => None,
        };
        let Self { wires, to, votes, .. } = self;
        let voter = to.clone();
        let refusable = Arc::new(std::sync::Mutex::new(reply));
        let taken = Arc::clone(&refusable);
        let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
            Box::pin(async move {
                let answer = here.reception.ask(card, question).await;
                if let (Some(ballot), Ok(answer)) = (ballot, &answer) {
                    votes.note(&voter, &ballot, answer);
                }
                if let Some(reply) = take(&taken) {
                    reply.give(answer);
                }
            })
        });
        if wires.run_at(&to, job).is_err()
            && let Some(reply) = take(&refusable)
        {
            reply.give(Err(nobody()));
        }
    }
}

fn take<T>(slot: &std::sync::Mutex<Option<T>>) -> Option<T> {
    slot.lock().expect("no code panics while it holds the reply").take()
}

/// Questions that may arrive twice, because answering them changes nothing or the same.
fn may_be_repeated(question: &pb::Question) -> bool {
    matches!(
        question.question,
        Some(
            Question::Vote(_)
                | Question::PreVote(_)
                | Question::ReadIndex(_)
                | Question::LeaseRemaining(_)
                | Question::HashKv(_)
                | Question::Members(_)
        )
    )
}

/// Tells the other end of a stream, when dropped, that this end is gone.
struct End<T: Send + 'static> {
    wires: Wires,
    at: String,
    sender: mpsc::UnboundedSender<Result<T, Status>>,
}

impl<T: Send + 'static> Drop for End<T> {
    fn drop(&mut self) {
        let sender = self.sender.clone();
        self.wires.later(&self.at, move || drop(sender.send(Err(lost()))));
    }
}

#[async_trait::async_trait]
impl Peer for Line {
    async fn append(
        &self,
        card: Card,
        mut requests: BoxStream<'static, pb::AppendRequest>,
    ) -> Result<Responses, Status> {
        let (there, back) = (Lane::default(), Lane::default());
        let (incoming, taken) = mpsc::unbounded_channel::<Result<pb::AppendRequest, Status>>();
        let (answers, answered) = mpsc::unbounded_channel();
        let (wires, from, to) = (self.wires.clone(), self.from.clone(), self.to.clone());
        let end = End { wires: wires.clone(), at: from.clone(), sender: answers.clone() };
        let job: Job = {
            let (wires, from, to) = (wires.clone(), from.clone(), to.clone());
            Box::new(move |here: Here| -> BoxFuture<'static, ()> {
                Box::pin(async move {
                    let _end = end;
                    let requests = UnboundedReceiverStream::new(taken).boxed();
                    let mut responses = match here.reception.append(card, requests) {
                        Ok(responses) => responses,
                        Err(status) => futures::stream::once(async move { Err(status) }).boxed(),
                    };
                    while let Some(response) = responses.next().await {
                        let answers = answers.clone();
                        wires.send_on(&back, &to, &from, move |arrival| {
                            if arrival == Arrival::There {
                                let _ = answers.send(response);
                            }
                        });
                    }
                })
            })
        };
        let opening = wires.clone();
        let at = to.clone();
        wires.send_on(&there, &from, &to, move |arrival| {
            if arrival == Arrival::There {
                // A job that nobody takes is dropped, and so tells its end.
                drop(opening.run_at(&at, job));
            }
        });
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let (again, again_at, copy) = (wires.clone(), to.clone(), request.clone());
                wires.echo(&from, &to, move || repeat_append(&again, &again_at, card, copy));
                let incoming = incoming.clone();
                wires.send_on(&there, &from, &to, move |arrival| {
                    if arrival == Arrival::There {
                        let _ = incoming.send(Ok(request));
                    }
                });
            }
            wires.send_on(&there, &from, &to, move |_| drop(incoming));
        });
        Ok(UnboundedReceiverStream::new(answered).boxed())
    }

    async fn snapshot(
        &self,
        card: Card,
        mut pieces: BoxStream<'static, pb::SnapshotPiece>,
    ) -> Result<pb::SnapshotAnswer, Status> {
        let there = Lane::default();
        let (incoming, taken) = mpsc::unbounded_channel();
        let (reply, answered) = self.reply();
        let (wires, from, to) = (&self.wires, &self.from, &self.to);
        let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
            Box::pin(async move {
                let pieces = UnboundedReceiverStream::new(taken).boxed();
                reply.give(here.reception.snapshot(card, pieces).await);
            })
        });
        let (opening, at) = (wires.clone(), to.clone());
        wires.send_on(&there, from, to, move |arrival| {
            if arrival == Arrival::There {
                drop(opening.run_at(&at, job));
            }
        });
        while let Some(piece) = pieces.next().await {
            let incoming = incoming.clone();
            wires.send_on(&there, from, to, move |arrival| {
                let _ = incoming.send(match arrival {
                    Arrival::There => Ok(piece),
                    Arrival::Lost => Err(lost()),
                });
            });
        }
        wires.send_on(&there, from, to, move |arrival| {
            if arrival == Arrival::Lost {
                let _ = incoming.send(Err(lost()));
            }
        });
        self.answered(answered).await
    }

    async fn refuses(&self) -> bool {
        tokio::time::sleep(ROUND_TRIP).await;
        self.wires.refuses(&self.from, &self.to)
    }

    async fn ask(&self, card: Card, question: pb::Question) -> Result<pb::Answer, Status> {
        let (reply, answered) = self.reply();
        if may_be_repeated(&question) {
            let (line, copy) = (self.clone(), question.clone());
            let again = move || line.ask_there(card, copy, None);
            self.wires.echo(&self.from, &self.to, again);
        }
        let line = self.clone();
        self.wires.send(&self.from, &self.to, move |arrival| {
            if arrival == Arrival::There {
                line.ask_there(card, question, Some(reply));
            }
        });
        self.answered(answered).await
    }
}

/// An append of long ago arrives once more, on a connection that nobody listens at any more.
fn repeat_append(wires: &Wires, to: &str, card: Card, request: pb::AppendRequest) {
    let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let requests = futures::stream::iter([Ok(request)]).boxed();
            if let Ok(mut responses) = here.reception.append(card, requests) {
                while responses.next().await.is_some() {}
            }
        })
    });
    drop(wires.run_at(to, job));
}
