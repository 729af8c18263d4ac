//! `etcdserverpb.Lease` on the wire.

use super::*;

pub async fn refusals_of_grants(wire: &Wire) {
    grant(wire, 5, 60).await;
    let again = wire.lease().lease_grant(pb::LeaseGrantRequest { id: 5, ttl: 60 }).await;
    assert_eq!(refused(again), told(Code::FailedPrecondition, "etcdserver: lease already exists"));
    let long = pb::LeaseGrantRequest { id: 6, ttl: 9_000_000_001 };
    let text = told(Code::OutOfRange, "etcdserver: too large lease TTL");
    assert_eq!(refused(wire.lease().lease_grant(long).await), text);
}

async fn keep_alive(wire: &Wire, ids: Vec<i64>) -> Vec<pb::LeaseKeepAliveResponse> {
    let requests = ids.into_iter().map(|id| pb::LeaseKeepAliveRequest { id });
    let stream = futures::stream::iter(requests.collect::<Vec<_>>());
    let mut answers = accepted(wire.lease().lease_keep_alive(stream).await);
    let mut told = Vec::new();
    while let Some(answer) = answers.message().await.expect("the stream goes on") {
        told.push(answer);
    }
    told
}

pub async fn an_unknown_lease_is_no_error_to_keep_alive(wire: &Wire) {
    let answers = keep_alive(wire, vec![77]).await;
    assert_eq!((answers[0].id, answers[0].ttl), (77, 0));
}

pub async fn keeping_alive_tells_the_ttl(wire: &Wire) {
    grant(wire, 5, 60).await;
    let answers = keep_alive(wire, vec![5]).await;
    assert_eq!((answers[0].id, answers[0].ttl), (5, 60));
}

pub async fn keep_alives_answer_in_order(wire: &Wire) {
    for id in 1..=5 {
        grant(wire, id, 60 + id).await;
    }
    let answers = keep_alive(wire, vec![3, 1, 9, 2, 3]).await;
    let told: Vec<_> = answers.iter().map(|answer| (answer.id, answer.ttl)).collect();
    assert_eq!(told, [(3, 63), (1, 61), (9, 0), (2, 62), (3, 63)]);
}

pub async fn an_unknown_lease_has_minus_one_second(wire: &Wire) {
    let request = pb::LeaseTimeToLiveRequest { id: 77, keys: true };
    let answer = accepted(wire.lease().lease_time_to_live(request).await);
    assert_eq!((answer.id, answer.ttl, answer.granted_ttl, answer.keys.len()), (77, -1, 0, 0));
    assert!(answer.header.is_some());
}

pub async fn revoking_an_unknown_lease(wire: &Wire) {
    let answer = wire.lease().lease_revoke(pb::LeaseRevokeRequest { id: 77 }).await;
    let text = told(Code::NotFound, "etcdserver: requested lease not found");
    assert_eq!(refused(answer), text);
}

pub async fn a_chosen_id_is_positive(wire: &Wire) {
    assert!(grant(wire, 0, 60).await > 0);
}

pub async fn leases_are_listed(wire: &Wire) {
    for id in [7, 3, 5] {
        grant(wire, id, 60).await;
    }
    let answer = accepted(wire.lease().lease_leases(pb::LeaseLeasesRequest {}).await);
    let mut ids: Vec<i64> = answer.leases.iter().map(|lease| lease.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [3, 5, 7]);
}

pub async fn every_lease_answer_has_a_revision(wire: &Wire) {
    put(wire, "a", "1").await; // 2
    let request = pb::LeaseGrantRequest { id: 5, ttl: 60 };
    let granted = accepted(wire.lease().lease_grant(request).await).header;
    let listed = accepted(wire.lease().lease_leases(pb::LeaseLeasesRequest {}).await).header;
    let kept = keep_alive(wire, vec![5]).await.remove(0).header;
    let revoked =
        accepted(wire.lease().lease_revoke(pb::LeaseRevokeRequest { id: 5 }).await).header;
    for header in [granted, listed, kept, revoked] {
        assert_eq!(header.expect("a header").revision, 2);
    }
}
