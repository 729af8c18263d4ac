//! What a row measures, from the end of its warm-up to its last answer.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::histogram::Histogram;
use super::row::Measured;
use crate::process;

/// Shared by the connections of a row, all of which run on one thread.
pub struct Recorder {
    /// Requests that may still be sent.
    left: Cell<u64>,
    warm: u64,
    done: Cell<u64>,
    total: u64,
    pids: Vec<u32>,
    window: RefCell<Window>,
}

struct Window {
    histogram: Histogram,
    began: Instant,
    ended: Instant,
    cpu: Duration,
    cpu_at_begin: Duration,
}

impl Recorder {
    /// For `count` operations; the first tenth warms the server up and is not measured.
    pub fn new(count: u64, pids: &[u32]) -> Self {
        let now = Instant::now();
        let histogram = Histogram::default();
        let (cpu, cpu_at_begin) = (Duration::ZERO, Duration::ZERO);
        let window = Window { histogram, began: now, ended: now, cpu, cpu_at_begin };
        let recorder = Self {
            left: Cell::new(count),
            warm: count / 10,
            done: Cell::new(0),
            total: count,
            pids: pids.to_vec(),
            window: RefCell::new(window),
        };
        for pid in pids {
            // Where the peak cannot be reset, the figure is the peak since the start.
            let _ = process::reset_peak(*pid);
        }
        recorder
    }

    /// Whether one more operation may begin.
    pub fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// An operation ended.
    pub fn done(&self, began: Instant, now: Instant) {
        let done = self.done.get() + 1;
        self.done.set(done);
        let mut window = self.window.borrow_mut();
        if done > self.warm {
            window.histogram.record(now - began);
        } else if done == self.warm {
            window.began = now;
            window.cpu_at_begin = self.cpu();
        }
        if done == self.total {
            window.ended = now;
            window.cpu = self.cpu() - window.cpu_at_begin;
        }
    }

    pub fn finished(&self) -> bool {
        self.done.get() >= self.total
    }

    fn cpu(&self) -> Duration {
        self.pids.iter().filter_map(|pid| process::cpu(*pid).ok()).sum()
    }

    pub fn measured(&self, name: &str) -> Measured {
        let window = self.window.borrow();
        let count = (self.total - self.warm) as f64;
        let known = !self.pids.is_empty();
        let peak: f64 = self.pids.iter().filter_map(|pid| process::peak(*pid).ok()).sum();
        Measured {
            row: name.to_owned(),
            per_second: count / (window.ended - window.began).as_secs_f64(),
            p50: window.histogram.at(0.5),
            p90: window.histogram.at(0.9),
            p99: window.histogram.at(0.99),
            max: window.histogram.max(),
            cpu_per_1000: known.then(|| window.cpu.as_secs_f64() * 1000.0 / count),
            peak_mib: known.then_some(peak),
        }
    }
}
