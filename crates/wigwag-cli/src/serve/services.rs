//! What `wigwag serve` serves: the services that come with it.

use std::net::SocketAddr;

use wigwag_server::Builder;
use wigwag_services::{Echo, Letters, Random, Stream};

use super::Site;
use crate::settings::Settings;

/// The services, as they are set.
pub(super) struct Services<'s> {
    settings: &'s Settings,
}

impl<'s> Services<'s> {
    pub(super) fn new(settings: &'s Settings) -> Self {
        Self { settings }
    }

    fn default(&self) -> &'static str {
        self.settings.services.default_service.as_str()
    }
}

impl Site for Services<'_> {
    const VERB: &'static str = "serves";
    const SOCKETS_PER_CONNECTION: u64 = 1;

    fn listen(&self) -> &[SocketAddr] {
        &self.settings.server.listen
    }

    fn furnish(&self, builder: Builder) -> anyhow::Result<Builder> {
        Ok(builder
            .route("/echo", Echo)
            .route("/random", Random)
            .route("/stream", Stream::new(self.settings.services.stream_interval))
            .route("/letters", Letters::new(self.settings.services.letters_interval))
            .default_route(self.default()))
    }

    fn note(&self, route: &str, origin: &str) -> Option<String> {
        (route == self.default()).then(|| format!("   (also {origin})"))
    }

    async fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}
