//! What a program says on `/healthz`.

use std::{fmt, pin::Pin, sync::Arc};

use serde::Serialize;

/// A program's own word on its health, as JSON. It never changes the status: a server that answers is alive, and to
/// restart it does not help what it depends on.
#[derive(Clone)]
pub struct HealthReport {
    ask: Arc<dyn Fn() -> Answer + Send + Sync>,
}

type Answer = Pin<Box<dyn Future<Output = String> + Send>>;

impl HealthReport {
    /// Asks `report` at each request, on the HTTP side's runtime.
    pub fn new<F, R, T>(report: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = T> + Send + 'static,
        T: Serialize,
    {
        let ask = move || {
            let report = report();
            Box::pin(async move { serde_json::to_string(&report.await).unwrap_or_else(|_| "{}".to_owned()) }) as Answer
        };
        Self { ask: Arc::new(ask) }
    }

    pub(crate) async fn ask(&self) -> String {
        (self.ask)().await
    }
}

impl fmt::Debug for HealthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthReport").finish_non_exhaustive()
    }
}
