//! `get …`, `put …` and `del …` in a transaction, with the flags of the commands.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Parser, Subcommand};
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::request_op::Request;

use super::words;
use crate::arguments::kv::{Del, Get, Put};
use crate::arguments::like_go;
use crate::command::request;

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    operation: Operation,
}

#[derive(Subcommand)]
enum Operation {
    Get(Get),
    Put(Put),
    Del(Del),
}

pub fn parse(line: &str) -> Result<pb::RequestOp, String> {
    let words = words(line)?.into_iter().map(OsString::from_vec);
    let command = like_go(<Line as clap::CommandFactory>::command());
    let parsed = command
        .try_get_matches_from(words)
        .and_then(|matches| <Line as clap::FromArgMatches>::from_arg_matches(&matches));
    let operation = parsed.map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default().trim_start_matches("error: ");
        format!("invalid txn request: {line} ({reason})")
    })?;
    let text = |error: crate::Usage| error.to_string();
    let request = match operation.operation {
        Operation::Get(get) => Request::RequestRange(request::range(&get).map_err(text)?),
        Operation::Put(put) => {
            let value = match &put.value {
                Some(value) => value.as_bytes().to_vec(),
                None if put.ignore_value => Vec::new(),
                None => {
                    return Err(format!("invalid txn request: {line} (put needs a value here)"));
                }
            };
            Request::RequestPut(request::put(&put, value).map_err(text)?)
        }
        Operation::Del(del) => Request::RequestDeleteRange(request::delete(&del).map_err(text)?),
    };
    Ok(pb::RequestOp { request: Some(request) })
}
