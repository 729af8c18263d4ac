//! `get`, `put`, `del`.

use std::io::Read;
use std::time::Duration;

use anyhow::Context;

use super::{request, within};
use crate::arguments::{Del, Get, Put};
use crate::connect::{Target, kv};
use crate::output::Printer;

pub async fn get(
    target: &Target,
    get: &Get,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    let response = within(timeout, kv(target.any().await?).range(request::range(get))).await?;
    printer.get(&response, get)
}

pub async fn put(
    target: &Target,
    mut put: Put,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    let value = match put.value.take() {
        Some(value) => value.into_bytes(),
        None if put.ignore_value => Vec::new(),
        None => {
            let mut value = Vec::new();
            std::io::stdin().read_to_end(&mut value).context("cannot read standard input")?;
            value
        }
    };
    let response = within(timeout, kv(target.any().await?).put(request::put(&put, value))).await?;
    printer.put(&response)
}

pub async fn del(
    target: &Target,
    del: &Del,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    let request = request::delete(del);
    let response = within(timeout, kv(target.any().await?).delete_range(request)).await?;
    printer.del(&response)
}
