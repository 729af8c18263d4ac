//! What the store takes in process, without gRPC: `inside puts|wal|memory|watch [N] [SECONDS]`.
//!
//! `$INSIDE_NO_HOME=1` keeps no write-behind home. The directory is `$INSIDE_DIR`, else a temporary one; `$INSIDE_MEMORY=1` keeps no files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::{Config, Embedded, KeyRange, PutRequest, Store, WalProbe, WatchItem, WatchRequest};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "puts".into());
    let number = arguments.next().map_or(Ok(256), |number| number.parse())?;
    let seconds = arguments.next().map_or(Ok(3.0), |seconds| seconds.parse())?;
    let length = Duration::from_secs_f64(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let dir = match std::env::var_os("INSIDE_DIR") {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        match what.as_str() {
            "puts" => puts(dir.path(), number, length).await,
            "wal" => wal(dir.path(), number, length).await,
            "memory" => memory(dir.path(), number).await,
            "watch" => watch(dir.path(), number, length).await,
            other => Err(format!("what is {other}?").into()),
        }
    })
}

fn config(dir: &std::path::Path) -> Config {
    let files = std::env::var_os("INSIDE_MEMORY").is_none();
    let mut config = Config { data_dir: files.then(|| dir.join("store")), ..Config::default() };
    if std::env::var_os("INSIDE_NO_HOME").is_some() {
        config.write_behind.open_delay = Duration::from_secs(3600);
    }
    config
}

/// Runs `once` in `tasks` tasks for `length`, and answers how often it ran.
async fn repeat<F, A>(tasks: usize, length: Duration, once: F) -> u64
where
    F: Fn(usize, u64) -> A + Clone + Send + 'static,
    A: Future<Output = ()> + Send,
{
    let over = Arc::new(AtomicBool::new(false));
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let (once, over) = (once.clone(), Arc::clone(&over));
        running.spawn(async move {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                once(task, count).await;
                count += 1;
            }
            count
        });
    }
    tokio::time::sleep(length).await;
    over.store(true, Ordering::Relaxed);
    running.join_all().await.into_iter().sum()
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> =
        after.split_whitespace().skip(1).map(|f| f.parse().unwrap_or(0)).collect();
    Duration::from_millis(fields.get(10..12).map_or(0, |times| times.iter().sum::<u64>()) * 10)
}

fn rss() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or("").to_owned();
    format!("{} {}", line("VmRSS"), line("VmHWM"))
}

async fn told<T>(what: &str, length: Duration, work: impl Future<Output = (u64, T)>) -> T {
    let (began, before) = (Instant::now(), cpu());
    let (count, rest) = work.await;
    let (took, used) = (began.elapsed().max(length), cpu() - before);
    let per_second = count as f64 / took.as_secs_f64();
    let micros = used.as_secs_f64() * 1e6 / count.max(1) as f64;
    println!("{what}: {per_second:.0}/s, {micros:.2} us of CPU each, {}", rss());
    rest
}

async fn puts(dir: &std::path::Path, tasks: usize, length: Duration) -> Outcome {
    let store = Embedded::open(config(dir)).await?;
    let value = bytes::Bytes::from(vec![b'v'; 256]);
    let once = {
        let store = Arc::clone(&store);
        move |task: usize, count: u64| {
            let (store, value) = (Arc::clone(&store), value.clone());
            async move {
                let key = format!("/bench/{:08}", (task as u64 * 7919 + count) % 50_000).into();
                store.put(PutRequest { key, value, ..PutRequest::default() }).await.expect("a put");
            }
        }
    };
    told(&format!("puts by {tasks}"), length, async { (repeat(tasks, length, once).await, ()) })
        .await;
    store.shutdown().await;
    Ok(())
}

async fn wal(dir: &std::path::Path, tasks: usize, length: Duration) -> Outcome {
    let dir = dir.join("wal");
    std::fs::create_dir(&dir)?;
    let wal = Arc::new(WalProbe::open(&dir)?);
    let entry = bytes::Bytes::from(vec![b'v'; 300]);
    let once = {
        let wal = Arc::clone(&wal);
        move |_: usize, _: u64| {
            let (wal, entry) = (Arc::clone(&wal), entry.clone());
            async move { wal.append(entry).await.expect("an append") }
        }
    };
    told(&format!("log alone by {tasks}"), length, async {
        (repeat(tasks, length, once).await, ())
    })
    .await;
    wal.stop().await;
    Ok(())
}

/// `number` thousand puts of 1 KiB, each to a key of its own.
async fn memory(dir: &std::path::Path, number: usize) -> Outcome {
    let store = Embedded::open(config(dir)).await?;
    let next = Arc::new(AtomicU64::new(0));
    let (total, started) = (number as u64 * 1000, rss());
    let distinct =
        std::env::var("INSIDE_KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(total);
    let work = async {
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (store, next) = (Arc::clone(&store), Arc::clone(&next));
            running.spawn(async move {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= total {
                        return;
                    }
                    let key = format!("/memory/{:08}", at % distinct).into();
                    let value = vec![b'v'; 1024].into();
                    store
                        .put(PutRequest { key, value, ..PutRequest::default() })
                        .await
                        .expect("a put");
                }
            });
        }
        running.join_all().await;
        (total, ())
    };
    println!("at first {started}");
    told(&format!("{total} puts of 1 KiB"), Duration::ZERO, work).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    println!("later {}", rss());
    store.shutdown().await;
    Ok(())
}

async fn watch(dir: &std::path::Path, watchers: usize, length: Duration) -> Outcome {
    let store = Embedded::open(config(dir)).await?;
    let events = Arc::new(AtomicU64::new(0));
    for _ in 0..watchers {
        let range = KeyRange::prefix("/watch/");
        let mut watcher = store.watch(WatchRequest { range, start_revision: 0 }).await?;
        let events = Arc::clone(&events);
        tokio::spawn(async move {
            while let Some(item) = watcher.items.recv().await {
                if let WatchItem::Events { events: some, .. } = item {
                    events.fetch_add(some.len() as u64, Ordering::Relaxed);
                }
            }
        });
    }
    let once = {
        let store = Arc::clone(&store);
        move |task: usize, _: u64| {
            let store = Arc::clone(&store);
            async move {
                let key = format!("/watch/{task}").into();
                store.put(PutRequest { key, ..PutRequest::default() }).await.expect("a put");
            }
        }
    };
    let counted = Arc::clone(&events);
    told(&format!("events to {watchers} watchers"), length, async {
        let puts = repeat(16, length, once).await;
        while counted.load(Ordering::Relaxed) < puts * watchers as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (counted.load(Ordering::Relaxed), ())
    })
    .await;
    store.shutdown().await;
    Ok(())
}
