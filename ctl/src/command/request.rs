//! Requests from arguments.

use bytes::Bytes;
use store_proto::etcdserverpb as pb;

use crate::arguments::{Consistency, Del, Get, Order, Put, SortBy};

/// Key and range end of `KEY [RANGE_END]`, `--prefix` and `--from-key`.
pub fn range_of(
    key: &str,
    range_end: Option<&str>,
    prefix: bool,
    from_key: bool,
) -> (Bytes, Bytes) {
    let everything = Bytes::from_static(b"\0");
    let key_bytes = Bytes::copy_from_slice(key.as_bytes());
    if prefix {
        if key.is_empty() {
            return (everything.clone(), everything);
        }
        return (key_bytes, prefix_end(key.as_bytes()));
    }
    if from_key {
        let start = if key.is_empty() { everything.clone() } else { key_bytes };
        return (start, everything);
    }
    (key_bytes, range_end.map(|end| Bytes::copy_from_slice(end.as_bytes())).unwrap_or_default())
}

/// The first key after all keys that start with `prefix`.
fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end.into();
        }
    }
    Bytes::from_static(b"\0")
}

pub fn range(get: &Get) -> pb::RangeRequest {
    use pb::range_request::{SortOrder, SortTarget};
    let (key, range_end) = range_of(&get.key, get.range_end.as_deref(), get.prefix, get.from_key);
    let sort_order = match get.order {
        Some(Order::Ascend) => SortOrder::Ascend,
        Some(Order::Descend) => SortOrder::Descend,
        None => SortOrder::None,
    };
    let sort_target = match get.sort_by {
        Some(SortBy::Create) => SortTarget::Create,
        Some(SortBy::Modify) => SortTarget::Mod,
        Some(SortBy::Value) => SortTarget::Value,
        Some(SortBy::Version) => SortTarget::Version,
        Some(SortBy::Key) | None => SortTarget::Key,
    };
    pb::RangeRequest {
        key,
        range_end,
        limit: get.limit,
        revision: get.rev,
        sort_order: sort_order.into(),
        sort_target: sort_target.into(),
        serializable: get.consistency == Consistency::S,
        keys_only: get.keys_only,
        count_only: get.count_only,
        min_mod_revision: get.min_mod_rev,
        max_mod_revision: get.max_mod_rev,
        min_create_revision: get.min_create_rev,
        max_create_revision: get.max_create_rev,
    }
}

pub fn put(put: &Put, value: Vec<u8>) -> pb::PutRequest {
    pb::PutRequest {
        key: Bytes::copy_from_slice(put.key.as_bytes()),
        value: value.into(),
        lease: put.lease,
        prev_kv: put.prev_kv,
        ignore_value: put.ignore_value,
        ignore_lease: put.ignore_lease,
    }
}

pub fn delete(del: &Del) -> pb::DeleteRangeRequest {
    let (key, range_end) = range_of(&del.key, del.range_end.as_deref(), del.prefix, del.from_key);
    pb::DeleteRangeRequest { key, range_end, prev_kv: del.prev_kv }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_etcds_conventions() {
        let bytes = Bytes::from_static;
        let cases = [
            (("a", None, false, false), (bytes(b"a"), bytes(b""))),
            (("a", Some("c"), false, false), (bytes(b"a"), bytes(b"c"))),
            (("a/", None, true, false), (bytes(b"a/"), bytes(b"a0"))),
            (("", None, true, false), (bytes(b"\0"), bytes(b"\0"))),
            (("a", None, false, true), (bytes(b"a"), bytes(b"\0"))),
        ];
        for ((key, end, prefix, from_key), expected) in cases {
            assert_eq!(range_of(key, end, prefix, from_key), expected, "{key:?}");
        }
        assert_eq!(prefix_end(b"\xff\xff"), bytes(b"\0"));
    }
}
