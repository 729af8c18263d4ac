//! Watchers: each watches at one member, and goes on at another where it left off.

use std::time::Duration;

use futures::future::BoxFuture;
use store::{KeyRange, Progress, Store, WatchItem, WatchRequest};
use tokio::sync::mpsc;

use super::chance::Chance;
use super::clients::Desk;
use super::network::{Arrival, Here, Job, Lane};
use crate::history::{WatchAnswer, WatchStart};
use crate::traffic::{end_of, event};

/// How long a watcher hears nothing before it goes elsewhere.
const SHORTEST_SILENCE_MS: u64 = 400;
const LONGEST_SILENCE_MS: u64 = 4000;
/// A watcher that has heard so many answers may go elsewhere anyway.
const RESTLESS: f64 = 0.02;
/// Pause after a watch that was not to be had.
const PAUSE: Duration = Duration::from_millis(30);

/// A watch on which nothing happens is asked this often where it stands.
const PROGRESS_PAUSE: Duration = Duration::from_millis(200);

/// What a member tells a watcher.
enum News {
    Answer(WatchAnswer),
    Refused,
}

/// Where a watcher is.
struct Position {
    /// The next revision to hear of, 0 before the first.
    next: i64,
    continues: Option<u64>,
}

/// Watches `range` until the desk closes.
pub async fn watch_on(desk: Desk, client: u64, range: KeyRange, prev_kv: bool, mut chance: Chance) {
    // Those from the beginning miss nothing, whatever happens.
    let next = if chance.happens(0.5) { 1 } else { 0 };
    let mut position = Position { next, continues: None };
    while !desk.is_closing() {
        let (name, url) = desk.some_member(&mut chance);
        let start = WatchStart {
            key: String::from_utf8_lossy(&range.key).into_owned(),
            end: end_of(&range),
            start_revision: position.next,
            prev_kv,
            continues: position.continues,
        };
        let watch = desk.recorder.watch_opened(client, name, start);
        let request = WatchRequest { range: range.clone(), start_revision: position.next };
        let mut news = open(&desk, client, &url, request, prev_kv);
        let mut heard = false;
        let reason = loop {
            let patience = chance.within(SHORTEST_SILENCE_MS..LONGEST_SILENCE_MS);
            let next = tokio::time::timeout(Duration::from_millis(patience), news.recv()).await;
            let answer = match next {
                Err(_) => break "silent",
                Ok(None) => break "broken",
                Ok(Some(News::Refused)) => break "refused",
                Ok(Some(News::Answer(answer))) => answer,
            };
            desk.recorder.watch_answered(watch, answer.clone());
            heard = true;
            match answer {
                WatchAnswer::Created { revision } => {
                    if position.next == 0 {
                        position.next = revision + 1;
                    }
                }
                WatchAnswer::Events { revision, .. } | WatchAnswer::Progress { revision } => {
                    position.next = position.next.max(revision + 1);
                }
                WatchAnswer::Compacted { compact_revision } => {
                    // What was compacted will not come any more: a new watch, not a continued one.
                    position = Position { next: compact_revision, continues: None };
                    break "compacted";
                }
                WatchAnswer::Canceled { .. } => break "canceled",
            }
            if chance.happens(RESTLESS) {
                break "restless";
            }
        };
        desk.recorder.watch_closed(watch, reason);
        if heard && reason != "compacted" {
            position.continues = Some(watch);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Follows all events of `range` at one member from the first that is there to revision `last`.
pub async fn follow_to(
    desk: &Desk,
    client: u64,
    (name, url): (&str, &str),
    range: &KeyRange,
    last: i64,
) {
    let mut start_revision = 1;
    loop {
        let start = WatchStart {
            key: String::from_utf8_lossy(&range.key).into_owned(),
            end: end_of(range),
            start_revision,
            prev_kv: true,
            continues: None,
        };
        let watch = desk.recorder.watch_opened(client, name, start);
        let request = WatchRequest { range: range.clone(), start_revision };
        let mut news = open(desk, client, url, request, true);
        let patience = Duration::from_millis(LONGEST_SILENCE_MS);
        while let Ok(Some(News::Answer(answer))) = tokio::time::timeout(patience, news.recv()).await
        {
            desk.recorder.watch_answered(watch, answer.clone());
            match answer {
                WatchAnswer::Events { revision, .. } | WatchAnswer::Progress { revision }
                    if revision >= last =>
                {
                    return desk.recorder.watch_closed(watch, "the end");
                }
                WatchAnswer::Compacted { compact_revision } => {
                    start_revision = compact_revision;
                    break;
                }
                WatchAnswer::Created { .. }
                | WatchAnswer::Events { .. }
                | WatchAnswer::Progress { .. }
                | WatchAnswer::Canceled { .. } => {}
            }
        }
        desk.recorder.watch_closed(watch, "again");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Opens a watch at the member at `url`. What comes of it comes in order, until it breaks.
fn open(
    desk: &Desk,
    client: u64,
    url: &str,
    request: WatchRequest,
    prev_kv: bool,
) -> mpsc::UnboundedReceiver<News> {
    let (sender, news) = mpsc::unbounded_channel();
    let (back, from) = (Lane::default(), format!("watcher-{client}"));
    let (wires, member, caller) = (desk.wires.clone(), url.to_owned(), from.clone());
    let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let tell = |news: News| {
                let sender = sender.clone();
                wires.send_on(&back, &member, &caller, move |arrival| {
                    if arrival == Arrival::There {
                        // Who does not listen any more misses nothing.
                        let _ = sender.send(news);
                    }
                });
            };
            let Ok(mut watcher) = here.store.watch(request).await else {
                return tell(News::Refused);
            };
            drop(here);
            tell(News::Answer(WatchAnswer::Created { revision: watcher.created_revision }));
            loop {
                let next = tokio::time::timeout(PROGRESS_PAUSE, watcher.items.recv()).await;
                if sender.is_closed() {
                    return;
                }
                let item = match next {
                    Ok(Some(item)) => item,
                    Ok(None) => return,
                    Err(_) => {
                        watcher.progress().inspect(Progress::request);
                        continue;
                    }
                };
                let ends = matches!(item, WatchItem::Compacted { .. });
                tell(News::Answer(match item {
                    WatchItem::Events { revision, events } => WatchAnswer::Events {
                        revision,
                        events: events.iter().map(|one| event(one, prev_kv)).collect(),
                    },
                    WatchItem::Progress { revision } => WatchAnswer::Progress { revision },
                    WatchItem::Compacted { compact_revision } => {
                        WatchAnswer::Compacted { compact_revision }
                    }
                }));
                if ends {
                    return;
                }
            }
        })
    });
    let (there, to) = (desk.wires.clone(), url.to_owned());
    desk.wires.send(&from, url, move |arrival| {
        if arrival == Arrival::There {
            // A job that nobody takes is dropped, and the watch is broken.
            drop(there.run_at(&to, job));
        }
    });
    news
}
