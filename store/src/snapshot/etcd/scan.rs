//! What `etcdutl snapshot status` tells of etcd's file, by the same rules.

use std::collections::HashSet;

use prost::Message;
use store_proto::mvccpb;

use super::import::ImportError;
use super::record::ChangeId;
use crate::bolt::{Bucket, Cursor, Reader, Source, Value};

/// What a file holds, told without building a state of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::snapshot) struct Scan {
    /// CRC-32C over all names, keys and values.
    pub(in crate::snapshot) hash: u32,
    /// Of the last record.
    pub(in crate::snapshot) revision: i64,
    /// Keys whose last record is no tombstone.
    pub(in crate::snapshot) keys: u64,
    /// Bytes of all pages.
    pub(in crate::snapshot) size: u64,
    /// Empty before etcd 3.6.
    pub(in crate::snapshot) version: String,
}

/// Reads and checks the whole file.
pub(in crate::snapshot) fn scan(source: &dyn Source) -> Result<Scan, ImportError> {
    let reader = Reader::open(source)?;
    let mut found = Scan { size: reader.size(), ..Scan::default() };
    let mut live = HashSet::new();
    let mut root = reader.root()?;
    while let Some((name, value)) = root.next()? {
        let Value::Bucket(bucket) = value else {
            let reason = "an entry is not in a bucket";
            return Err(ImportError::Record { offset: root.offset(), reason });
        };
        let name = name.to_owned();
        found.add(&name);
        found.read(&reader, &name, &bucket, &mut live)?;
    }
    reader.check_complete()?;
    found.keys = live.len() as u64;
    Ok(found)
}

impl Scan {
    fn add(&mut self, bytes: &[u8]) {
        self.hash = crc32c::crc32c_append(self.hash, bytes);
    }

    fn read(
        &mut self,
        reader: &Reader<'_>,
        name: &[u8],
        bucket: &Bucket,
        live: &mut HashSet<Box<[u8]>>,
    ) -> Result<(), ImportError> {
        let mut cursor = Cursor::new(reader, bucket)?;
        while let Some((key, value)) = cursor.next()? {
            let value = match value {
                Value::Bytes(value) => value,
                // Its entries are no keys; etcd has no such buckets.
                Value::Bucket(_) => &[],
            };
            self.add(key);
            self.add(value);
            let outcome = match name {
                b"key" => self.record(key, value, live),
                b"meta" if key == b"storageVersion" => {
                    self.version = String::from_utf8_lossy(value).into_owned();
                    Ok(())
                }
                _ => Ok(()),
            };
            outcome.map_err(|reason| ImportError::Record { offset: cursor.offset(), reason })?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        key: &[u8],
        value: &[u8],
        live: &mut HashSet<Box<[u8]>>,
    ) -> Result<(), &'static str> {
        let id = ChangeId::read(key).ok_or("a revision is malformed")?;
        let kv = mvccpb::KeyValue::decode(value).map_err(|_| "a key is malformed")?;
        self.revision = id.revision;
        match id.tombstone {
            true => live.remove(kv.key.as_ref()),
            false => live.insert(kv.key.as_ref().into()),
        };
        Ok(())
    }
}
