//! In process: how near the store's puts come to what the write-ahead log alone can take.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use store::{PutRequest, Store};

use super::workloads::value;

#[derive(Args)]
pub struct Options {
    /// How many append, or put, at once
    #[arg(long, value_delimiter = ',', default_value = "1,16,256,1000")]
    appenders: Vec<usize>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[arg(long, default_value_t = 256)]
    size: usize,
    /// Where the files go: the disk that is measured
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    dir: PathBuf,
}

/// Operations per second of `appenders` tasks that each repeat `once`.
async fn rate<F, A>(appenders: usize, length: Duration, once: F) -> anyhow::Result<f64>
where
    F: Fn(usize, u64) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = anyhow::Result<()>> + Send,
{
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for appender in 0..appenders {
        let once = once.clone();
        tasks.spawn(async move {
            let mut count = 0u64;
            while began.elapsed() < length {
                once(appender, count).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut total = 0;
    while let Some(count) = tasks.join_next().await {
        total += count??;
    }
    Ok(total as f64 / began.elapsed().as_secs_f64())
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    std::fs::create_dir_all(&options.dir)?;
    let length = Duration::from_secs_f64(options.seconds);
    let value = value(options.size);
    println!("| appenders | log alone, per s | store, per s | store of the log |");
    println!("|---|---|---|---|");
    for appenders in options.appenders.iter().copied() {
        let dir = tempfile::Builder::new().prefix("wal-").tempdir_in(&options.dir)?;
        let alone = dir.path().join("wal");
        std::fs::create_dir(&alone)?;
        let wal = Arc::new(store::WalProbe::open(&alone)?);
        let entry = value.clone();
        let append = {
            let wal = wal.clone();
            move |_, _| {
                let (wal, entry) = (wal.clone(), entry.clone());
                async move { Ok(wal.append(entry).await?) }
            }
        };
        let alone = rate(appenders, length, append).await?;
        wal.stop().await;

        let data_dir = Some(dir.path().join("store"));
        let config = store::Config { data_dir, ..Default::default() };
        let member = store::Embedded::open(config).await?;
        let value = value.clone();
        let put = {
            let member = member.clone();
            move |appender: usize, count: u64| {
                let key = format!("/bench/put/{:08}", (appender as u64 * 7919 + count) % 50_000);
                let (member, value) = (member.clone(), value.clone());
                async move {
                    let put = PutRequest { key: key.into(), value, ..Default::default() };
                    member.put(put).await?;
                    Ok(())
                }
            }
        };
        let through = rate(appenders, length, put).await?;
        member.shutdown().await;
        println!(
            "| {appenders} | {alone:.0} | {through:.0} | **{:.0} %** |",
            through / alone * 100.0
        );
    }
    Ok(())
}
