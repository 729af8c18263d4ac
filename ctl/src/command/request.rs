//! Requests from arguments: etcd's rules for ranges, prefixes and what excludes what.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::range_request::{SortOrder, SortTarget};

use crate::Usage;
use crate::arguments::kv::{Consistency, Del, Get, Order, Put, SortBy};

/// The range end that stands for "no end".
const OPEN: &[u8] = b"\0";

/// The first key after all keys with this prefix.
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end.into();
        }
    }
    Bytes::from_static(OPEN)
}

/// Key and range end of a request.
pub type Range = (Bytes, Bytes);

/// An empty key with a prefix or from a key on means all keys.
pub fn range_of(
    key: &OsStr,
    end: Option<&OsStr>,
    prefix: bool,
    from_key: bool,
) -> Result<Range, Usage> {
    let wrong = |text: &str| Err(Usage(text.to_owned()));
    if prefix && from_key {
        return wrong("`--prefix` and `--from-key` cannot be set at the same time, choose one");
    }
    if end.is_some() && (prefix || from_key) {
        return wrong(
            "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
        );
    }
    let key = Bytes::copy_from_slice(key.as_bytes());
    let end = end.map_or(Bytes::new(), |end| Bytes::copy_from_slice(end.as_bytes()));
    Ok(match (prefix, from_key) {
        (true, _) | (_, true) if key.is_empty() => {
            (Bytes::from_static(OPEN), Bytes::from_static(OPEN))
        }
        (true, _) => {
            let end = prefix_end(&key);
            (key, end)
        }
        (_, true) => (key, Bytes::from_static(OPEN)),
        (false, false) => (key, end),
    })
}

pub fn range(get: &Get) -> Result<pb::RangeRequest, Usage> {
    if get.keys_only && get.count_only {
        return Err(Usage(
            "`--keys-only` and `--count-only` cannot be set at the same time, choose one"
                .to_owned(),
        ));
    }
    for (least, greatest, what) in [
        (get.min_create_rev, get.max_create_rev, "create"),
        (get.min_mod_rev, get.max_mod_rev, "mod"),
    ] {
        if greatest > 0 && least > greatest {
            return Err(Usage(format!(
                "--min-{what}-rev {least} is above --max-{what}-rev {greatest}"
            )));
        }
    }
    let (key, range_end) = range_of(&get.key, get.range_end.as_deref(), get.prefix, get.from_key)?;
    let target = match get.sort_by {
        None | Some(SortBy::Key) => SortTarget::Key,
        Some(SortBy::Create) => SortTarget::Create,
        Some(SortBy::Modify) => SortTarget::Mod,
        Some(SortBy::Value) => SortTarget::Value,
        Some(SortBy::Version) => SortTarget::Version,
    };
    let order = match (target, get.order) {
        // The order of keys is the order anyhow; asking for it only costs the server a sort.
        (SortTarget::Key, Some(Order::Ascend)) | (_, None) => SortOrder::None,
        (_, Some(Order::Ascend)) => SortOrder::Ascend,
        (_, Some(Order::Descend)) => SortOrder::Descend,
    };
    Ok(pb::RangeRequest {
        key,
        range_end,
        limit: get.limit,
        revision: get.rev.max(0),
        sort_order: order.into(),
        sort_target: target.into(),
        serializable: get.consistency == Consistency::S,
        keys_only: get.keys_only,
        count_only: get.count_only,
        min_mod_revision: get.min_mod_rev.max(0),
        max_mod_revision: get.max_mod_rev.max(0),
        min_create_revision: get.min_create_rev.max(0),
        max_create_revision: get.max_create_rev.max(0),
    })
}

pub fn put(put: &Put, value: Vec<u8>) -> Result<pb::PutRequest, Usage> {
    if put.ignore_value && put.value.is_some() {
        return Err(Usage(
            "put command needs only 1 argument when 'ignore-value' is set".to_owned(),
        ));
    }
    Ok(pb::PutRequest {
        key: Bytes::copy_from_slice(put.key.as_bytes()),
        value: value.into(),
        lease: put.lease,
        prev_kv: put.prev_kv,
        ignore_value: put.ignore_value,
        ignore_lease: put.ignore_lease,
    })
}

pub fn delete(del: &Del) -> Result<pb::DeleteRangeRequest, Usage> {
    let (key, range_end) = range_of(&del.key, del.range_end.as_deref(), del.prefix, del.from_key)?;
    Ok(pb::DeleteRangeRequest { key, range_end, prev_kv: del.prev_kv })
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
            (("", None, false, true), (bytes(b"\0"), bytes(b"\0"))),
            (("a", None, false, true), (bytes(b"a"), bytes(b"\0"))),
        ];
        for ((key, end, prefix, from_key), expected) in cases {
            let range = range_of(OsStr::new(key), end.map(OsStr::new), prefix, from_key);
            assert_eq!(range.expect(key), expected, "{key:?}");
        }
        assert!(range_of(OsStr::new("a"), Some(OsStr::new("b")), true, false).is_err());
        assert!(range_of(OsStr::new("a"), None, true, true).is_err());
        assert_eq!(prefix_end(b"\xff\xff"), bytes(b"\0"));
        assert_eq!(prefix_end(b"a\xff"), bytes(b"b"));
    }
}
