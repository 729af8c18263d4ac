//! Waiting for something to become true.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(20);
/// Far beyond what anything here takes on a busy two-core machine; only a broken test gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `look` gives a value.
///
/// # Panics
/// With what the last look said, when patience ends.
pub fn until<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(last) if start.elapsed() > PATIENCE => {
                panic!("waited {PATIENCE:?} for {what}; last: {last:?}")
            }
            Err(_) => std::thread::sleep(INTERVAL),
        }
    }
}

/// Waits until `holds`.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()).ok_or("not yet"));
}
