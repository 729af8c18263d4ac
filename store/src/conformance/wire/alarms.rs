//! Alarms, and what they stop.

use super::*;
use pb::alarm_request::AlarmAction;

async fn alarm(wire: &Wire, action: AlarmAction, kind: pb::AlarmType) -> pb::AlarmResponse {
    let header = accepted(wire.kv().range(get_of("none")).await);
    let member_id = header.header.expect("a header").member_id;
    let request = pb::AlarmRequest { action: action.into(), member_id, alarm: kind.into() };
    accepted(wire.maintenance().alarm(request).await)
}

fn put_txn(key: &str) -> pb::TxnRequest {
    let put = pb::request_op::Request::RequestPut(put_of(key, "1"));
    pb::TxnRequest { success: vec![pb::RequestOp { request: Some(put) }], ..Default::default() }
}

pub async fn no_space_stops_what_takes_space(wire: &Wire) {
    alarm(wire, AlarmAction::Activate, pb::AlarmType::Nospace).await;
    let text = told(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
    assert_eq!(refused(wire.kv().put(put_of("a", "1")).await), text);
    assert_eq!(refused(wire.kv().txn(put_txn("a")).await), text);
    let lease = pb::LeaseGrantRequest { id: 5, ttl: 60 };
    assert_eq!(refused(wire.lease().lease_grant(lease).await), text);
    assert_eq!(revision(wire).await, 1);
}

pub async fn no_space_lets_the_rest_through(wire: &Wire) {
    put(wire, "a", "1").await; // 2
    put(wire, "a", "2").await; // 3
    alarm(wire, AlarmAction::Activate, pb::AlarmType::Nospace).await;
    assert_eq!(get(wire, "a").await.len(), 1);
    let compaction = pb::CompactionRequest { revision: 3, physical: false };
    accepted(wire.kv().compact(compaction).await);
    assert_eq!(delete(wire, "a").await, 1);
    accepted(wire.maintenance().defragment(pb::DefragmentRequest {}).await);
}

pub async fn an_alarm_is_listed_and_disarmed(wire: &Wire) {
    let raised = alarm(wire, AlarmAction::Activate, pb::AlarmType::Nospace).await;
    assert_eq!(raised.alarms.len(), 1);
    let listed = alarm(wire, AlarmAction::Get, pb::AlarmType::None).await.alarms;
    assert_eq!((listed.len(), listed[0].alarm()), (1, pb::AlarmType::Nospace));
    let disarmed = alarm(wire, AlarmAction::Deactivate, pb::AlarmType::Nospace).await.alarms;
    assert_eq!(disarmed, listed);
    assert!(alarm(wire, AlarmAction::Get, pb::AlarmType::None).await.alarms.is_empty());
    put(wire, "a", "1").await;
}

pub async fn an_alarm_may_be_raised_twice(wire: &Wire) {
    alarm(wire, AlarmAction::Activate, pb::AlarmType::Nospace).await;
    alarm(wire, AlarmAction::Activate, pb::AlarmType::Nospace).await;
    assert_eq!(alarm(wire, AlarmAction::Get, pb::AlarmType::None).await.alarms.len(), 1);
}

pub async fn corruption_stops_everything(wire: &Wire) {
    put(wire, "a", "1").await;
    alarm(wire, AlarmAction::Activate, pb::AlarmType::Corrupt).await;
    let text = told(Code::DataLoss, "etcdserver: corrupt cluster");
    assert_eq!(refused(wire.kv().put(put_of("a", "1")).await), text);
    assert_eq!(refused(wire.kv().txn(put_txn("a")).await), text);
    let compaction = pb::CompactionRequest { revision: 2, physical: false };
    assert_eq!(refused(wire.kv().compact(compaction).await), text);
}
