//! The flags that say how to connect.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use wigwag_load::{
    Plan,
    plan::{Resolve, Sources},
};
use wigwag_net::{tls::ClientTls, url::WsUrl};

use super::args::{CONNECTION, resolve, sources};
use crate::client::client_tls;

/// How to connect.
#[derive(Args)]
pub(super) struct TargetArgs {
    /// A further request header
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header, help_heading = CONNECTION)]
    headers: Vec<(String, String)>,
    /// Subprotocols, most wanted first
    #[arg(short, long, value_name = "NAME", value_delimiter = ',', help_heading = CONNECTION)]
    subprotocol: Vec<String>,
    /// User and password (HTTP Basic)
    #[arg(long, value_name = "USER:PASSWORD", conflicts_with = "bearer", help_heading = CONNECTION)]
    auth: Option<String>,
    /// A bearer token
    #[arg(long, value_name = "TOKEN", help_heading = CONNECTION)]
    bearer: Option<String>,
    /// The Origin header
    #[arg(short, long, value_name = "ORIGIN", help_heading = CONNECTION)]
    origin: Option<String>,
    /// For wss://, trust any certificate: encrypted, but nobody knows with whom
    #[arg(short = 'k', long, conflicts_with = "cacert", help_heading = CONNECTION)]
    insecure: bool,
    /// For wss://, trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    cacert: Option<PathBuf>,
    /// A client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = CONNECTION)]
    cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = CONNECTION)]
    key: Option<PathBuf>,
    /// Offer compression (permessage-deflate)
    #[arg(long, help_heading = CONNECTION)]
    compress: bool,
    /// Local addresses to connect from, used in turn [default: on loopback, 127.0.0.1 and on, as many as are needed]
    #[arg(long, value_name = "IP[,IP|CIDR]", value_delimiter = ',', value_parser = sources, help_heading = CONNECTION)]
    source_ip: Vec<Sources>,
    /// Connect to ADDRESS where the URL says HOST:PORT; repeat it for several servers, used in turn
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = resolve, help_heading = CONNECTION)]
    resolve: Vec<Resolve>,
}

impl TargetArgs {
    /// A plan for this server, everything but the connection by default.
    pub(super) fn plan(&self, url: &WsUrl) -> anyhow::Result<Plan> {
        let mut headers = self.headers.clone();
        if let Some(auth) = &self.auth {
            if !auth.contains(':') {
                bail!("--auth {auth}: use USER:PASSWORD");
            }
            headers.push(("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(auth))));
        }
        if let Some(token) = &self.bearer {
            headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        Ok(Plan {
            headers,
            protocols: self.subprotocol.clone(),
            origin: self.origin.clone(),
            compress: self.compress,
            tls: if url.tls { Some(self.tls().config().context("TLS")?) } else { None },
            sources: self.source_ip.clone(),
            resolve: self.resolve.clone(),
            ..Plan::to(url.clone())
        })
    }

    fn tls(&self) -> ClientTls {
        client_tls(self.insecure, self.cacert.as_deref(), self.cert.as_deref(), self.key.as_deref())
    }
}

/// A URL; `127.0.0.1:8765/echo` is one too.
pub(super) fn url(text: &str) -> Result<WsUrl, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("ws://{text}") };
    whole.parse().map_err(|error: wigwag_net::url::UrlError| error.to_string())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| "use NAME: VALUE".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
