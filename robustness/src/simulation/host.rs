//! Chance and time of the whole process, taken from the seed.
//!
//! The store, openraft, tokio and the standard library ask the system for random bytes (for ids,
//! election timeouts, hash keys, the order in which branches are tried) and for the time. All of
//! them do so through two functions of the C library, which this module stands in front of. Until
//! [`simulate`] is called both answer as the system does.
//!
//! Rejected: a runtime of our own in place of tokio's, which would run other code than the product
//! does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::libc;

static SIMULATED: AtomicBool = AtomicBool::new(false);
static NANOS: AtomicU64 = AtomicU64::new(0);
static CHANCE: AtomicU64 = AtomicU64::new(0);

/// The simulated clock begins here, so that nothing is measured from zero.
const EPOCH_SECONDS: i64 = 1_000_000;
/// The calendar shows 2026-01-01 then.
const CALENDAR_SECONDS: i64 = 1_767_225_600;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// From now on chance comes from `seed`, and time stands still but for [`set_time`].
pub fn simulate(seed: u64) {
    CHANCE.store(seed, Ordering::SeqCst);
    SIMULATED.store(true, Ordering::SeqCst);
}

/// Moves the simulated clock.
pub fn set_time(nanos: u64) {
    NANOS.store(nanos, Ordering::SeqCst);
}

/// The time that really passes.
pub fn real_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    system_time(libc::CLOCK_MONOTONIC, &mut now);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn system_time(clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    // SAFETY: the arguments are those of the C function that this call stands for.
    let failed = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    libc::c_int::try_from(failed).unwrap_or(-1)
}

/// splitmix64: the next number of the seed's.
fn next_chance() -> u64 {
    let state = CHANCE.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
    let mut mixed = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Stands in front of the C library's `getrandom`.
///
/// # Safety
/// As for that function: `buffer` must take `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(
    buffer: *mut libc::c_void,
    length: libc::size_t,
    flags: libc::c_uint,
) -> libc::ssize_t {
    if !SIMULATED.load(Ordering::SeqCst) {
        // SAFETY: the arguments are those of the C function that this call stands for.
        let filled = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
        return libc::ssize_t::try_from(filled).unwrap_or(-1);
    }
    if length == 0 {
        return 0;
    }
    // SAFETY: the caller vouches for `length` bytes at `buffer`.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&next_chance().to_le_bytes()[..chunk.len()]);
    }
    libc::ssize_t::try_from(length).unwrap_or(-1)
}

/// Stands in front of the C library's `clock_gettime`.
///
/// # Safety
/// As for that function: `time` must be valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(
    clock: libc::clockid_t,
    time: *mut libc::timespec,
) -> libc::c_int {
    if !SIMULATED.load(Ordering::SeqCst) {
        return system_time(clock, time);
    }
    let nanos = NANOS.load(Ordering::SeqCst);
    let start = if clock == libc::CLOCK_REALTIME { CALENDAR_SECONDS } else { EPOCH_SECONDS };
    let seconds = start.saturating_add(i64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(0));
    let rest = libc::c_long::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0);
    // SAFETY: the caller vouches for `time`.
    unsafe { time.write(libc::timespec { tv_sec: seconds, tv_nsec: rest }) };
    0
}
