//! Clusters under cuts, crashes and handovers, and what must hold whatever happens: nothing
//! acknowledged is lost, nothing is done twice, reads are never stale, members end alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::memory::Memory;
use super::testing::{TestCluster, Wires, eventually};
use crate::types::*;
use crate::{Embedded, Store};

const MEMBERS: usize = 3;
/// Disturbances of one run.
const ROUNDS: usize = 8;
/// How long each lasts at most, and how long the cluster has between two.
const LONGEST: Duration = Duration::from_millis(1500);

/// A list that grows: each entry is a key of its own, put only if it is not there, so that a put
/// that is done twice fails the second time, and is seen to.
struct Writer {
    name: usize,
    /// Entries that were acknowledged.
    acknowledged: Vec<u64>,
    /// Entries that may or may not be there.
    unknown: Vec<u64>,
}

fn key(writer: usize, number: u64) -> String {
    format!("w{writer}/{number:08}")
}

fn create(key: String) -> Txn {
    let compare = Compare {
        range: KeyRange::single(key.clone()),
        result: CompareResult::Equal,
        target: CompareTarget::CreateRevision(0),
    };
    let put = PutRequest { key: key.into(), value: "v".into(), ..PutRequest::default() };
    Txn { compare: vec![compare], success: vec![RequestOp::Put(put)], ..Txn::default() }
}

/// The members as their clients find them: those that are down are not there.
type Stores = Arc<std::sync::Mutex<Vec<Option<Arc<Embedded>>>>>;

fn some_store(stores: &Stores, number: usize) -> Option<Arc<Embedded>> {
    stores.lock().expect("nobody panics with it")[number].clone()
}

async fn write(mut writer: Writer, stores: Stores, stop: Arc<AtomicBool>, seed: u64) -> Writer {
    let mut random = StdRng::seed_from_u64(seed);
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let Some(store) = some_store(&stores, random.random_range(0..MEMBERS)) else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        number += 1;
        match store.txn(create(key(writer.name, number))).await {
            Ok(answer) => {
                assert!(answer.succeeded, "{} was done twice", key(writer.name, number));
                writer.acknowledged.push(number);
            }
            Err(_) => writer.unknown.push(number),
        }
    }
    writer
}

/// Reads a counter that one task only increases; no read may fall behind what was known before it
/// began.
async fn count_and_read(stores: Stores, stop: Arc<AtomicBool>, seed: u64) {
    let known = Arc::new(AtomicU64::new(0));
    let counter = {
        let (stores, stop, known) = (stores.clone(), stop.clone(), known.clone());
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            let mut value = 0u64;
            while !stop.load(Ordering::Relaxed) {
                let Some(store) = some_store(&stores, random.random_range(0..MEMBERS)) else {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                value += 1;
                let put = PutRequest {
                    key: "counter".into(),
                    value: value.to_string().into(),
                    ..PutRequest::default()
                };
                if store.put(put).await.is_ok() {
                    known.store(value, Ordering::SeqCst);
                }
            }
        })
    };
    let mut random = StdRng::seed_from_u64(seed + 1);
    while !stop.load(Ordering::Relaxed) {
        let Some(store) = some_store(&stores, random.random_range(0..MEMBERS)) else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let before = known.load(Ordering::SeqCst);
        let range = KeyRange::single("counter");
        let Ok(read) = store.range(RangeRequest { range, ..RangeRequest::default() }).await else {
            continue;
        };
        let read = read.kvs.first().map_or(0, |kv| {
            String::from_utf8_lossy(&kv.value).parse::<u64>().expect("a number was written")
        });
        assert!(read >= before, "read {read} after {before} was acknowledged");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    counter.await.expect("the counter counts");
}

async fn disturb(cluster: &mut TestCluster, stores: &Stores, random: &mut StdRng) {
    let victim = random.random_range(0..MEMBERS);
    let pause = LONGEST.mul_f64(random.random_range(0.1..1.0));
    let Wires::Memory(memory) = cluster.wires.clone() else { unreachable!("in memory") };
    match random.random_range(0..4) {
        0 => {
            memory.cut(&cluster.members[victim].url);
            tokio::time::sleep(pause).await;
            memory.mend(&cluster.members[victim].url);
        }
        1 => {
            stores.lock().expect("nobody panics with it")[victim] = None;
            cluster.kill(victim).await;
            tokio::time::sleep(pause).await;
            cluster.open(victim).await.expect("the member opens");
            let store = cluster.store(victim).clone();
            stores.lock().expect("nobody panics with it")[victim] = Some(store);
        }
        2 => {
            let to = cluster.id(victim);
            let leader = cluster.leader().await;
            let _ = tokio::time::timeout(pause, cluster.store(leader).move_leader(to)).await;
        }
        _ => {
            // Whoever leads, so that leaders go often.
            let leader = cluster.leader().await;
            memory.cut(&cluster.members[leader].url);
            tokio::time::sleep(pause).await;
            memory.mend(&cluster.members[leader].url);
        }
    }
    tokio::time::sleep(pause).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_what_was_acknowledged_holds() {
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random::<u32>).into();
    println!("CHAOS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let wires = Wires::Memory(Memory::default());
    let mut cluster = TestCluster::start(MEMBERS, wires, true).await;
    let all = (0..MEMBERS).map(|number| Some(cluster.store(number).clone())).collect();
    let stores: Stores = Arc::new(std::sync::Mutex::new(all));
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..6)
        .map(|name| {
            let writer = Writer { name, acknowledged: Vec::new(), unknown: Vec::new() };
            tokio::spawn(write(writer, stores.clone(), stop.clone(), seed + name as u64))
        })
        .collect();
    let reader = tokio::spawn(count_and_read(stores.clone(), stop.clone(), seed));
    for _ in 0..ROUNDS {
        disturb(&mut cluster, &stores, &mut random).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = 0;
    let mut unknown = 0;
    reader.await.expect("no read is stale");
    for writer in writers {
        let writer = writer.await.expect("nothing is done twice");
        acknowledged += writer.acknowledged.len();
        unknown += writer.unknown.len();
        let prefix = KeyRange::prefix(format!("w{}/", writer.name));
        let request = RangeRequest { range: prefix, keys_only: true, ..RangeRequest::default() };
        for number in 0..MEMBERS {
            let found = cluster.store(number).range(request.clone()).await.expect("it is read");
            for entry in &writer.acknowledged {
                let key = key(writer.name, *entry);
                assert!(found.kvs.iter().any(|kv| kv.key == key), "{key} is lost");
            }
        }
    }
    println!("{acknowledged} acknowledged, {unknown} unknown");
    assert!(acknowledged > 100, "the cluster made progress");
    let mut hashes = Vec::new();
    for number in 0..MEMBERS {
        let store = cluster.store(number).clone();
        let applied = cluster.store(cluster.leader().await).published.applied_index();
        eventually("the member catches up", || {
            (store.published.applied_index() >= applied).then_some(())
        })
        .await;
        hashes.push(store.hash_kv(0).await.expect("it is hashed").hash);
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "members differ: {hashes:?}");
    cluster.stop_all().await;
}
