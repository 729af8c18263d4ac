//! What a case is.

use std::pin::Pin;
use std::sync::Arc;

use crate::face::Store;

/// A running case.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A named case. It expects a store that nobody else uses.
pub struct Case {
    pub name: String,
    pub run: Box<dyn Fn(Arc<dyn Store>) -> Running + Send>,
}

impl Case {
    pub(super) fn new(
        name: impl Into<String>,
        run: impl Fn(Arc<dyn Store>) -> Running + Send + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Runs the case. Where the store differs, the panic's message tells how.
    pub async fn holds_for(&self, store: Arc<dyn Store>) -> bool {
        tokio::spawn((self.run)(store)).await.is_ok()
    }
}
