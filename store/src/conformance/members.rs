//! Who answers.

use super::*;

pub async fn a_store_of_one_member_leads_itself(store: &dyn Store) {
    let members = store.members().await.expect("members are told");
    let status = store.status().await.expect("status is told");
    assert_eq!(members.len(), 1);
    assert!(!members[0].is_learner && members[0].id != 0);
    assert_eq!((status.leader, status.header.member_id), (members[0].id, members[0].id));
    assert!(!status.is_learner && !status.version.is_empty());
}

pub async fn every_answer_says_who_gave_it(store: &dyn Store) {
    let status = store.status().await.expect("status is told").header;
    assert!(status.cluster_id != 0 && status.raft_term != 0);
    let request = PutRequest { key: "a".into(), ..PutRequest::default() };
    let put = store.put(request).await.expect("a put is accepted").header;
    let range = get(store, single("a")).await.header;
    let delete = delete(store, single("a")).await.header;
    let txn = store.txn(Txn::default()).await.expect("a transaction is accepted").header;
    let compact = store.compact(2).await.expect("the compaction is accepted");
    let lease = store.lease_grant(1, 60).await.expect("a lease is granted").header;
    let revoke = store.lease_revoke(1).await.expect("the lease is revoked");
    for header in [put, range, delete, txn, compact, lease, revoke] {
        let who = (header.cluster_id, header.member_id, header.raft_term);
        assert_eq!(who, (status.cluster_id, status.member_id, status.raft_term));
    }
}

pub async fn the_index_grows_with_writes(store: &dyn Store) {
    let before = store.status().await.expect("status is told");
    put(store, "a", "").await;
    let after = store.status().await.expect("status is told");
    assert!(after.raft_applied_index > before.raft_applied_index);
    assert!(after.raft_index >= after.raft_applied_index);
    assert_eq!(after.header.revision, 2);
}
