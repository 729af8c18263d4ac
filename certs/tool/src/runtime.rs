//! Running what is asynchronous from commands, which are not.

use std::future::Future;

use anyhow::Context;

/// In this thread: for commands that wait for one thing.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    run(tokio::runtime::Builder::new_current_thread(), future)
}

/// On all processors: for servers.
pub(crate) fn block_on_all<T>(
    future: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    run(tokio::runtime::Builder::new_multi_thread(), future)
}

fn run<T>(
    mut builder: tokio::runtime::Builder,
    future: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    builder.enable_all().build().context("cannot start the runtime")?.block_on(future)
}
