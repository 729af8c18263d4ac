//! Ranges, one rule each.

use super::*;
use crate::error::Error;

/// a..e at revisions 2..6, then b again at 7. Values run against the keys: e is least.
async fn fill(store: &dyn Store) {
    for (key, value) in [("a", "5"), ("b", "4"), ("c", "3"), ("d", "2"), ("e", "1"), ("b", "4")] {
        put(store, key, value).await;
    }
}

fn everything() -> RangeRequest {
    RangeRequest { range: prefix(""), ..RangeRequest::default() }
}

async fn run(store: &dyn Store, request: RangeRequest) -> RangeResponse {
    store.range(request).await.expect("the range is answered")
}

/// Keys, count and more of the answer.
async fn told(store: &dyn Store, request: RangeRequest) -> (String, i64, bool) {
    let response = run(store, request).await;
    (keys_of(&response), response.count, response.more)
}

fn all_of(keys: &str, count: i64, more: bool) -> (String, i64, bool) {
    (keys.to_owned(), count, more)
}

pub async fn one_key_is_not_its_neighbours(store: &dyn Store) {
    for key in ["a", "a\0", "aa", "b"] {
        put(store, key, "").await;
    }
    assert_eq!(keys_of(&get(store, single("a")).await), "a");
    assert_eq!(keys_of(&get(store, single("ab")).await), "");
}

pub async fn a_range_is_half_open(store: &dyn Store) {
    fill(store).await;
    assert_eq!(keys_of(&get(store, span("b", "d")).await), "b,c");
    assert_eq!(keys_of(&get(store, span("b", "d\0")).await), "b,c,d");
}

pub async fn an_open_end_reaches_the_last_key(store: &dyn Store) {
    fill(store).await;
    assert_eq!(keys_of(&get(store, span("c", "\0")).await), "c,d,e");
    assert_eq!(keys_of(&get(store, span("\0", "\0")).await), "a,b,c,d,e");
}

pub async fn an_empty_or_reversed_range_holds_nothing(store: &dyn Store) {
    fill(store).await;
    assert_eq!(get(store, span("b", "b")).await.count, 0);
    assert_eq!(get(store, span("d", "b")).await.count, 0);
}

pub async fn a_prefix_at_the_end_of_the_key_space(store: &dyn Store) {
    let bytes = Bytes::from_static;
    for key in [bytes(b"\xfe"), bytes(b"\xff"), bytes(b"\xff\xff"), bytes(b"\xff\xff\x01")] {
        let request = PutRequest { key, ..PutRequest::default() };
        store.put(request).await.expect("a put is accepted");
    }
    assert_eq!(get(store, KeyRange::prefix(bytes(b"\xff"))).await.count, 3);
    assert_eq!(get(store, KeyRange::prefix(bytes(b"\xff\xff"))).await.count, 2);
}

pub async fn a_limit_cuts_and_says_so(store: &dyn Store) {
    fill(store).await;
    let limited = |limit| RangeRequest { limit, ..everything() };
    assert_eq!(told(store, limited(1)).await, all_of("a", 5, true));
    assert_eq!(told(store, limited(4)).await, all_of("a,b,c,d", 5, true));
    assert_eq!(told(store, limited(5)).await, all_of("a,b,c,d,e", 5, false));
    assert_eq!(told(store, limited(6)).await, all_of("a,b,c,d,e", 5, false));
}

pub async fn no_limit_is_zero_or_less(store: &dyn Store) {
    fill(store).await;
    for limit in [0, -1] {
        let request = RangeRequest { limit, ..everything() };
        assert_eq!(told(store, request).await, all_of("a,b,c,d,e", 5, false), "{limit}");
    }
}

pub async fn a_count_carries_no_keys(store: &dyn Store) {
    fill(store).await;
    let count = RangeRequest { count_only: true, ..everything() };
    assert_eq!(told(store, count.clone()).await, all_of("", 5, false));
    let old = RangeRequest { revision: 3, ..count.clone() };
    assert_eq!(told(store, old).await, all_of("", 2, false));
    let none = RangeRequest { range: prefix("x"), ..count };
    assert_eq!(told(store, none).await, all_of("", 0, false));
}

pub async fn keys_only_leaves_out_the_value_alone(store: &dyn Store) {
    fill(store).await;
    let request = RangeRequest { range: single("b"), keys_only: true, ..RangeRequest::default() };
    let kv = run(store, request).await.kvs.remove(0);
    let expected = KeyValue {
        key: "b".into(),
        create_revision: 3,
        mod_revision: 7,
        version: 2,
        ..KeyValue::default()
    };
    assert_eq!(kv, expected);
}

pub async fn bounds_on_the_mod_revision_are_inclusive(store: &dyn Store) {
    fill(store).await;
    let at_least = RangeRequest { min_mod_revision: 5, ..everything() };
    assert_eq!(told(store, at_least).await, all_of("b,d,e", 5, false));
    let at_most = RangeRequest { max_mod_revision: 5, ..everything() };
    assert_eq!(told(store, at_most).await, all_of("a,c,d", 5, false));
}

pub async fn bounds_on_the_create_revision_are_inclusive(store: &dyn Store) {
    fill(store).await;
    let at_least = RangeRequest { min_create_revision: 4, ..everything() };
    assert_eq!(told(store, at_least).await, all_of("c,d,e", 5, false));
    let at_most = RangeRequest { max_create_revision: 3, ..everything() };
    assert_eq!(told(store, at_most).await, all_of("a,b", 5, false));
}

pub async fn all_bounds_must_hold(store: &dyn Store) {
    fill(store).await;
    let request = RangeRequest {
        min_mod_revision: 4,
        max_mod_revision: 7,
        min_create_revision: 3,
        max_create_revision: 4,
        ..everything()
    };
    assert_eq!(told(store, request).await, all_of("b,c", 5, false));
    let none = RangeRequest { min_mod_revision: 5, max_mod_revision: 4, ..everything() };
    assert_eq!(told(store, none).await, all_of("", 5, false));
}

pub async fn a_limit_counts_what_passes_the_bounds(store: &dyn Store) {
    fill(store).await;
    let request = |limit| RangeRequest { min_mod_revision: 5, limit, ..everything() };
    assert_eq!(told(store, request(2)).await, all_of("b,d", 5, true));
    assert_eq!(told(store, request(3)).await, all_of("b,d,e", 5, false));
}

pub async fn a_descending_limit_takes_the_last(store: &dyn Store) {
    fill(store).await;
    let request = RangeRequest { limit: 2, sort_order: SortOrder::Descend, ..everything() };
    assert_eq!(told(store, request).await, all_of("e,d", 5, true));
}

pub async fn an_order_comes_before_the_limit(store: &dyn Store) {
    fill(store).await;
    let cases = [
        (SortTarget::Key, SortOrder::Ascend, "a,b"),
        (SortTarget::Version, SortOrder::Descend, "b,a"),
        (SortTarget::CreateRevision, SortOrder::Descend, "e,d"),
        (SortTarget::ModRevision, SortOrder::Descend, "b,e"),
        (SortTarget::ModRevision, SortOrder::Ascend, "a,c"),
        (SortTarget::Value, SortOrder::Ascend, "e,d"),
        (SortTarget::Value, SortOrder::Descend, "a,b"),
    ];
    for (sort_target, sort_order, expected) in cases {
        let request = RangeRequest { limit: 2, sort_target, sort_order, ..everything() };
        let expected = all_of(expected, 5, true);
        assert_eq!(told(store, request).await, expected, "{sort_target:?} {sort_order:?}");
    }
}

pub async fn a_target_without_order_sorts_the_first_keys(store: &dyn Store) {
    fill(store).await;
    let request = RangeRequest { limit: 2, sort_target: SortTarget::Value, ..everything() };
    // The first three by key, sorted by value, of which two.
    assert_eq!(told(store, request.clone()).await, all_of("c,b", 5, true));
    let bounded = RangeRequest { min_create_revision: 3, ..request };
    // Bounds have everything gathered first.
    assert_eq!(told(store, bounded).await, all_of("e,d", 5, true));
}

pub async fn an_old_revision_takes_every_option(store: &dyn Store) {
    fill(store).await;
    delete(store, prefix("")).await;
    let old = RangeRequest { revision: 6, ..everything() };
    assert_eq!(told(store, old.clone()).await, all_of("a,b,c,d,e", 5, false));
    let limited = RangeRequest { limit: 2, ..old.clone() };
    assert_eq!(told(store, limited).await, all_of("a,b", 5, true));
    let last = RangeRequest { limit: 2, sort_order: SortOrder::Descend, ..old.clone() };
    assert_eq!(told(store, last).await, all_of("e,d", 5, true));
    let bounded = RangeRequest { max_mod_revision: 3, ..old };
    assert_eq!(told(store, bounded).await, all_of("a,b", 5, false));
}

pub async fn the_current_revision_may_be_named(store: &dyn Store) {
    fill(store).await;
    assert_eq!(get_at(store, prefix(""), 7).await.count, 5);
    assert_eq!(get_at(store, prefix(""), -1).await.count, 5);
}

pub async fn a_future_revision_is_refused(store: &dyn Store) {
    fill(store).await;
    let request = RangeRequest { revision: 8, ..everything() };
    assert!(matches!(store.range(request).await, Err(Error::FutureRevision { .. })));
}

pub async fn a_serializable_read_answers_alike(store: &dyn Store) {
    fill(store).await;
    let expected = run(store, everything()).await;
    // The last write was answered by this very member.
    let request = RangeRequest { serializable: true, ..everything() };
    assert_eq!(run(store, request).await, expected);
}

pub async fn an_old_read_tells_the_current_revision(store: &dyn Store) {
    fill(store).await;
    assert_eq!(get_at(store, single("a"), 2).await.header.revision, 7);
    assert_eq!(get_at(store, single("a"), 1).await.count, 0);
}
