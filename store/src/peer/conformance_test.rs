//! The conformance cases on clusters of three, each case on the leader or on one that follows.

use std::time::Duration;

use futures::StreamExt;

use super::testing::TestCluster;
use crate::Store;
use crate::conformance;

/// Clusters at once: they mostly wait for their first election.
const AT_ONCE: usize = 6;
/// A case that stands still counts as a difference.
const PATIENCE: Duration = Duration::from_secs(120);
/// Cases about what one member alone shows.
const FOR_ONE_MEMBER: [&str; 1] = ["members::a_store_of_one_member_leads_itself"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_three_conforms_on_every_member() {
    let wanted = std::env::var("CLUSTER_CASES").unwrap_or_default();
    let cases = conformance::cases().into_iter().enumerate();
    let cases = cases.filter(|(_, case)| {
        case.name.contains(&wanted) && !FOR_ONE_MEMBER.contains(&case.name.as_str())
    });
    let differ: Vec<String> = futures::stream::iter(cases)
        .map(|(number, case)| async move {
            let mut cluster = TestCluster::with_default_timing(3).await;
            let leader = cluster.leader().await;
            let member = (leader + number) % 3;
            let store: std::sync::Arc<dyn Store> = cluster.store(member).clone();
            let holds = tokio::time::timeout(PATIENCE, case.holds_for(store)).await;
            cluster.stop_all().await;
            (!matches!(holds, Ok(true))).then(|| format!("{} (leader+{})", case.name, number % 3))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(futures::future::ready)
        .collect()
        .await;
    assert!(differ.is_empty(), "the cluster differs in {differ:?}");
}
