//! One change of one object, with the frames that watchers send of it.

use std::sync::{Arc, OnceLock};

use api::object::Spliced;
use bytes::Bytes;

use super::Entry;

/// What a watcher is told. The same change may be an addition to one watcher (it enters the
/// selector) and a modification to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeType {
    Added,
    Modified,
    Deleted,
}

impl ChangeType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

#[derive(Debug)]
pub struct Change {
    pub revision: i64,
    /// The key behind the resource's prefix: `namespace/name` or `name`.
    pub key: Bytes,
    /// State after the change; absent when it was a deletion.
    pub current: Option<Arc<Entry>>,
    /// State before it; absent when it was a creation.
    pub previous: Option<Arc<Entry>>,
    frames: [OnceLock<Bytes>; 3],
}

impl Change {
    pub fn new(
        revision: i64,
        key: Bytes,
        current: Option<Arc<Entry>>,
        previous: Option<Arc<Entry>>,
    ) -> Self {
        Self { revision, key, current, previous, frames: Default::default() }
    }

    /// What a watcher whose selector is `matches` sees. Entering is an addition, leaving a deletion.
    pub fn seen_by(&self, matches: impl Fn(&Entry) -> bool) -> Option<ChangeType> {
        let before = self.previous.as_deref().is_some_and(&matches);
        let after = self.current.as_deref().is_some_and(&matches);
        match (before, after) {
            (false, true) => Some(ChangeType::Added),
            (true, true) => Some(ChangeType::Modified),
            (true, false) => Some(ChangeType::Deleted),
            (false, false) => None,
        }
    }

    /// The entry that an event of this type shows. A deletion shows the last state (and, as
    /// upstream, carries the version of the deletion).
    pub fn shown(&self, seen_as: ChangeType) -> Option<&Arc<Entry>> {
        match seen_as {
            ChangeType::Added | ChangeType::Modified => self.current.as_ref(),
            ChangeType::Deleted => self.previous.as_ref(),
        }
    }

    /// The JSON line of a plain watch, encoded once and shared by all watchers.
    pub fn frame(&self, seen_as: ChangeType) -> Bytes {
        self.frames[seen_as as usize]
            .get_or_init(|| match self.shown(seen_as) {
                Some(entry) => frame(seen_as, &entry.value, self.revision),
                None => Bytes::new(),
            })
            .clone()
    }

    /// Bytes that keeping this change holds beyond the cache itself.
    pub(super) fn weight(&self) -> usize {
        let value = |entry: &Option<Arc<Entry>>| entry.as_ref().map_or(0, |e| e.value.len());
        self.key.len() + value(&self.previous) + value(&self.current)
    }
}

/// `{"type":"…","object":{…}}` and a newline.
pub fn frame(event_type: ChangeType, value: &Bytes, revision: i64) -> Bytes {
    let spliced = Spliced::new(value, revision);
    let mut out = Vec::with_capacity(spliced.len() + 40);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(event_type.as_str().as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(&spliced.head);
    out.extend_from_slice(spliced.version.as_bytes());
    out.extend_from_slice(&spliced.tail);
    out.extend_from_slice(b"}\n");
    out.into()
}
