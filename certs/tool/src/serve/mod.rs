//! `serve`: CFSSL's API over HTTP.
//!
//! ```text
//! listener ─▶ dispatch (path, method, body) ─▶ endpoints/* ─▶ answer (the envelope)
//!                                                  │
//!                        app: signer, database, responder, bundles
//! ```
//!
//! An endpoint is a function from a request to a result or a failure; the table in `endpoints`
//! says under which name and method it is served, and what it needs to be.

mod answer;
#[cfg(test)]
mod api_test;
mod app;
pub(crate) mod body;
mod command;
mod dispatch;
mod endpoints;
mod failures;
mod library_log;
pub(crate) mod listener;
mod tls;

pub(crate) use command::COMMAND;
