//! `v3electionpb.Election` on the wire.

use super::*;
use store_proto::v3electionpb::{
    CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest,
};

async fn campaign(wire: &Wire, name: &str, lease: i64, value: &str) -> LeaderKey {
    let request =
        CampaignRequest { name: name.to_owned().into(), lease, value: value.to_owned().into() };
    accepted(wire.election().campaign(request).await).leader.expect("the leader's key is told")
}

fn who(name: &str) -> LeaderRequest {
    LeaderRequest { name: name.to_owned().into() }
}

async fn leader(wire: &Wire, name: &str) -> mvccpb::KeyValue {
    accepted(wire.election().leader(who(name)).await).kv.expect("the leader's value is told")
}

pub async fn a_candidate_leads(wire: &Wire) {
    let lease = grant(wire, 0xabc, 60).await;
    let key = campaign(wire, "name", lease, "me").await;
    assert_eq!((key.name.as_ref(), key.key.as_ref()), (&b"name"[..], &b"name/abc"[..]));
    assert_eq!((key.lease, key.rev), (lease, 2));
    let kv = leader(wire, "name").await;
    assert_eq!((kv.key.as_ref(), kv.value.as_ref()), (&b"name/abc"[..], &b"me"[..]));
}

pub async fn nobody_leads_at_first(wire: &Wire) {
    let (code, text) = refused(wire.election().leader(who("name")).await);
    assert_eq!((code, text.as_str()), (Code::Unknown, "election: no leader"));
}

pub async fn a_leader_proclaims(wire: &Wire) {
    let lease = grant(wire, 1, 60).await;
    let key = campaign(wire, "name", lease, "first").await;
    let request = ProclaimRequest { leader: Some(key), value: "second".to_owned().into() };
    accepted(wire.election().proclaim(request).await);
    assert_eq!(leader(wire, "name").await.value.as_ref(), b"second");
}

pub async fn who_does_not_lead_does_not_proclaim(wire: &Wire) {
    let lease = grant(wire, 1, 60).await;
    let key = campaign(wire, "name", lease, "me").await;
    let wrong = LeaderKey { rev: key.rev + 7, ..key };
    let request = ProclaimRequest { leader: Some(wrong), value: "mine".to_owned().into() };
    let (_, text) = refused(wire.election().proclaim(request).await);
    assert_eq!(text, "election: not leader");
    assert_eq!(leader(wire, "name").await.value.as_ref(), b"me");
}

pub async fn resigning_makes_way(wire: &Wire) {
    let (first, second) = (grant(wire, 1, 60).await, grant(wire, 2, 60).await);
    let key = campaign(wire, "name", first, "first").await;
    let waiting = {
        let wire = wire.clone();
        tokio::spawn(async move { campaign(&wire, "name", second, "second").await })
    };
    while get(wire, "name/2").await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(leader(wire, "name").await.value.as_ref(), b"first");
    accepted(wire.election().resign(ResignRequest { leader: Some(key) }).await);
    waiting.await.expect("the second leads");
    assert_eq!(leader(wire, "name").await.value.as_ref(), b"second");
}

pub async fn leaders_are_observed(wire: &Wire) {
    let lease = grant(wire, 1, 60).await;
    let key = campaign(wire, "name", lease, "one").await;
    let mut told = accepted(wire.election().observe(who("name")).await);
    let mut next = async || {
        let answer = told.message().await.expect("the stream goes on").expect("there is more");
        answer.kv.expect("the leader's value is told").value
    };
    assert_eq!(next().await.as_ref(), b"one");
    let request = ProclaimRequest { leader: Some(key), value: "two".to_owned().into() };
    accepted(wire.election().proclaim(request).await);
    assert_eq!(next().await.as_ref(), b"two");
}
