//! `/healthz`, `/livez` and `/readyz`, whole and check by check.

mod checks;

pub use checks::serve;
