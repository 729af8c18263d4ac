//! How long the disk has been at the write that is under way, for whoever watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A handle to the watch. Clones share it.
#[derive(Clone, Debug)]
pub struct DiskWatch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    /// Microseconds after `start` at which the write began, and one; 0 while none is under way.
    began: AtomicU64,
}

impl Default for DiskWatch {
    fn default() -> Self {
        Self(Arc::new(Inner { start: Instant::now(), began: AtomicU64::new(0) }))
    }
}

impl DiskWatch {
    fn micros(&self) -> u64 {
        u64::try_from(self.0.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A write is under way until the guard is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.began.store(self.micros().saturating_add(1), Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// How long the write has taken that is under way, `None` while there is none.
    pub fn busy_for(&self) -> Option<Duration> {
        let began = self.0.began.load(Ordering::Relaxed);
        (began > 0).then(|| Duration::from_micros((self.micros() + 1).saturating_sub(began)))
    }
}

#[derive(Debug)]
pub(super) struct UnderWay(DiskWatch);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.began.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_write_under_way_takes_time() {
        let watch = DiskWatch::default();
        assert_eq!(watch.busy_for(), None);
        let write = watch.begin();
        assert!(watch.clone().busy_for().is_some());
        drop(write);
        assert_eq!(watch.busy_for(), None);
    }
}
