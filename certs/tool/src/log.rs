//! Log lines on standard error, as CFSSL writes them. Times are UTC.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;
use time::macros::format_description;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// The lowest level that is written, by CFSSL's numbers.
static THRESHOLD: AtomicI64 = AtomicI64::new(Level::Info as i64);

/// Sets the lowest level that is written. One process runs one command.
pub(crate) fn set_threshold(level: i64) {
    THRESHOLD.store(level, Ordering::Relaxed);
}

pub(crate) fn write(level: Level, message: fmt::Arguments<'_>) {
    if (level as i64) < THRESHOLD.load(Ordering::Relaxed) {
        return;
    }
    let format = format_description!("[year]/[month]/[day] [hour]:[minute]:[second]");
    let time = OffsetDateTime::now_utc().format(format).unwrap_or_default();
    let level = match level {
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warning => "WARNING",
        Level::Error => "ERROR",
    };
    eprintln!("{time} [{level}] {message}");
}

macro_rules! debug {
    ($($message:tt)*) => {
        $crate::log::write($crate::log::Level::Debug, format_args!($($message)*))
    };
}
macro_rules! info {
    ($($message:tt)*) => {
        $crate::log::write($crate::log::Level::Info, format_args!($($message)*))
    };
}
macro_rules! warning {
    ($($message:tt)*) => {
        $crate::log::write($crate::log::Level::Warning, format_args!($($message)*))
    };
}
macro_rules! error {
    ($($message:tt)*) => {
        $crate::log::write($crate::log::Level::Error, format_args!($($message)*))
    };
}

#[allow(unused_imports, reason = "not every build has a use for every level")]
pub(crate) use {debug, error, info, warning};
