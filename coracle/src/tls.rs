//! What listeners of the store are told of TLS that changes.

use std::sync::Arc;

use certs::LiveServer;

/// For a listener of the store.
pub fn of_store(live: LiveServer) -> store::ServerTls {
    let config = live.clone();
    let revoked = store::Revoked(Arc::new(move |chain| {
        let live = live.clone();
        Box::pin(async move { live.revoked(&chain).await })
    }));
    store::ServerTls { config: Arc::new(move || config.current()), revoked: Some(revoked) }
}
