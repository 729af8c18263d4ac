//! Any line, for property tests.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-c/]{0,4}", 1 => any::<String>(), 1 => Just("\0".to_owned())]
}

fn range() -> impl Strategy<Value = Range> {
    (text(), option::of(text()), any::<i64>(), any::<i64>(), any::<bool>()).prop_map(
        |(key, end, revision, limit, serializable)| Range {
            key,
            end,
            revision,
            limit,
            serializable,
        },
    )
}

fn put() -> impl Strategy<Value = Put> {
    (text(), text(), any::<i64>(), any::<bool>()).prop_map(|(key, value, lease, prev_kv)| Put {
        key,
        value,
        lease,
        prev_kv,
    })
}

fn delete() -> impl Strategy<Value = Delete> {
    (text(), option::of(text()), any::<bool>()).prop_map(|(key, end, prev_kv)| Delete {
        key,
        end,
        prev_kv,
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![range().prop_map(Op::Range), put().prop_map(Op::Put), delete().prop_map(Op::Delete)]
}

fn compare() -> impl Strategy<Value = Compare> {
    let result = prop_oneof![
        Just(CompareResult::Equal),
        Just(CompareResult::NotEqual),
        Just(CompareResult::Greater),
        Just(CompareResult::Less)
    ];
    let target = prop_oneof![
        text().prop_map(Target::Value),
        any::<i64>().prop_map(Target::Version),
        any::<i64>().prop_map(Target::CreateRevision),
        any::<i64>().prop_map(Target::ModRevision),
        any::<i64>().prop_map(Target::Lease)
    ];
    (text(), result, target).prop_map(|(key, result, target)| Compare { key, result, target })
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        range().prop_map(Request::Range),
        put().prop_map(Request::Put),
        delete().prop_map(Request::Delete),
        (vec(compare(), 0..3), vec(op(), 0..3), vec(op(), 0..3)).prop_map(
            |(compares, success, failure)| Request::Txn(Txn { compares, success, failure })
        ),
        any::<i64>().prop_map(|revision| Request::Compact { revision }),
        (any::<i64>(), any::<i64>()).prop_map(|(id, ttl)| Request::LeaseGrant { id, ttl }),
        any::<i64>().prop_map(|id| Request::LeaseRevoke { id }),
        any::<i64>().prop_map(|id| Request::LeaseKeepAlive { id }),
    ]
}

fn key_value() -> impl Strategy<Value = KeyValue> {
    (text(), text(), any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>()).prop_map(
        |(key, value, create_revision, mod_revision, version, lease)| KeyValue {
            key,
            value,
            create_revision,
            mod_revision,
            version,
            lease,
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let leaf = prop_oneof![
        (vec(key_value(), 0..3), any::<i64>(), any::<bool>())
            .prop_map(|(kvs, count, more)| Body::Range { kvs, count, more }),
        option::of(key_value()).prop_map(|prev_kv| Body::Put { prev_kv }),
        (any::<i64>(), vec(key_value(), 0..3))
            .prop_map(|(deleted, prev_kvs)| Body::Delete { deleted, prev_kvs }),
        Just(Body::Compact),
        (any::<i64>(), any::<i64>()).prop_map(|(id, ttl)| Body::LeaseGrant { id, ttl }),
        Just(Body::LeaseRevoke),
        (any::<i64>(), any::<i64>()).prop_map(|(id, ttl)| Body::LeaseKeepAlive { id, ttl }),
    ];
    leaf.prop_recursive(1, 4, 3, |inner| {
        (any::<bool>(), vec(inner, 0..3))
            .prop_map(|(succeeded, responses)| Body::Txn { succeeded, responses })
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let refusal = prop_oneof![
        Just(Refusal::Compacted),
        Just(Refusal::FutureRevision),
        Just(Refusal::LeaseNotFound),
        Just(Refusal::LeaseExists),
        text().prop_map(|reason| Refusal::NotServed { reason }),
    ];
    prop_oneof![
        (any::<i64>(), body())
            .prop_map(|(revision, body)| Outcome::Done(Response { revision, body })),
        refusal.prop_map(Outcome::Refused),
        text().prop_map(Outcome::Unknown),
    ]
}

fn answer() -> impl Strategy<Value = WatchAnswer> {
    let event = (any::<bool>(), key_value(), option::of(key_value()))
        .prop_map(|(delete, kv, prev_kv)| Event { delete, kv, prev_kv });
    prop_oneof![
        any::<i64>().prop_map(|revision| WatchAnswer::Created { revision }),
        (any::<i64>(), vec(event, 0..3))
            .prop_map(|(revision, events)| WatchAnswer::Events { revision, events }),
        any::<i64>().prop_map(|revision| WatchAnswer::Progress { revision }),
        any::<i64>().prop_map(|compact_revision| WatchAnswer::Compacted { compact_revision }),
        text().prop_map(|reason| WatchAnswer::Canceled { reason }),
    ]
}

pub(crate) fn any_line() -> impl Strategy<Value = Line> {
    let opened = (
        (any::<u64>(), any::<u64>(), text(), text()),
        (option::of(text()), any::<i64>(), any::<bool>(), option::of(any::<u64>())),
    )
        .prop_map(
            |((watch, client, member, key), (end, start_revision, prev_kv, continues))| {
                What::WatchOpened {
                    watch,
                    client,
                    member,
                    key,
                    end,
                    start_revision,
                    prev_kv,
                    continues,
                }
            },
        );
    let what = prop_oneof![
        (any::<u64>(), any::<u64>(), text(), request())
            .prop_map(|(op, client, member, request)| What::Invoke { op, client, member, request }),
        (any::<u64>(), outcome()).prop_map(|(op, outcome)| What::Return { op, outcome }),
        opened,
        (any::<u64>(), answer()).prop_map(|(watch, answer)| What::WatchAnswered { watch, answer }),
        (any::<u64>(), text()).prop_map(|(watch, reason)| What::WatchClosed { watch, reason }),
        text().prop_map(|text| What::Fault { text }),
    ];
    (any::<u64>(), what).prop_map(|(at, what)| Line { at, what })
}
