//! Settings become a server: every setting is given to the part that it is for.

use anyhow::Context as _;
use wigwag_net::Limits;
use wigwag_proto::{
    Config,
    connection::Compression,
    handshake::{HeadLimits, extensions::DeflatePolicy},
};
use wigwag_server::{
    Access, AddressLimits, BoundServer, HttpLimits, Server,
    tls::{ReloadableTls, TlsFiles},
};

use super::{Site, pages};
use crate::settings::{Scalar, Settings};

/// A server that listens on every address asked for.
pub(super) fn server<S: Site>(
    settings: &Settings,
    site: &S,
    tls: Option<&ReloadableTls>,
) -> anyhow::Result<BoundServer> {
    let mut builder = site
        .furnish(Server::builder())?
        .pages(pages::router())
        .version(env!("CARGO_PKG_VERSION"))
        .workers(settings.workers())
        .limits(limits(settings, S::SOCKETS_PER_CONNECTION))
        .config(config(settings))
        .deflate(deflate(settings))
        .access(access(settings))
        .address_limits(address_limits(settings))
        .http_limits(http_limits(settings))
        .drain_timeout(settings.timeouts.drain_timeout);
    if let Some(address) = settings.metrics.listen {
        builder = builder.metrics_listen(address);
    }
    if let Some(tls) = tls {
        builder = builder.tls(tls.source());
    }
    Ok(builder.bind(site.listen())?)
}

/// The certificate and key, if TLS is asked for.
pub(super) fn tls(settings: &Settings) -> anyhow::Result<Option<ReloadableTls>> {
    let (Some(cert), Some(key)) = (&settings.tls.cert, &settings.tls.key) else { return Ok(None) };
    let files = TlsFiles { cert: cert.clone(), key: key.clone() };
    Ok(Some(ReloadableTls::load(files).context("cannot speak TLS")?))
}

fn limits(settings: &Settings, sockets_per_connection: u64) -> Limits {
    let (limits, timeouts, queues) = (&settings.limits, &settings.timeouts, &settings.queues);
    Limits {
        head: HeadLimits { head_bytes_max: limits.head_bytes_max.get(), headers_max: limits.headers_max as usize },
        handshake_timeout: timeouts.handshake_timeout,
        ping_interval: timeouts.ping_interval,
        idle_timeout: timeouts.idle_timeout,
        write_timeout: timeouts.write_timeout,
        out_queue_high_water: queues.out_queue_bytes_high_water.get(),
        out_queue_low_water: queues.out_queue_bytes_low_water.get(),
        push_queue_bytes_max: queues.push_queue_bytes_max.get(),
        out_queue_bytes_max_total: queues.out_queue_bytes_max_total.get(),
        unfinished_bytes_max_total: limits.unfinished_bytes_max_total.get(),
        connections_max: limits.connections_max as usize * sockets_per_connection as usize,
        compression: Compression { level: settings.deflate.level as u8, ..Compression::default() },
        io_uring: settings.server.io_uring,
        ..Limits::default()
    }
}

/// Bounds of messages.
pub(crate) fn config(settings: &Settings) -> Config {
    Config {
        message_bytes_max: settings.limits.message_bytes_max.get(),
        frame_bytes_max: settings.frame_bytes_max(),
        fragments_max: settings.limits.fragments_max,
        close_timeout: settings.timeouts.close_timeout,
        deflate_bytes_min: settings.deflate.bytes_min.get(),
        ..Config::default()
    }
}

/// Compression with clients.
pub(crate) fn deflate(settings: &Settings) -> DeflatePolicy {
    let deflate = &settings.deflate;
    DeflatePolicy {
        enabled: deflate.enabled,
        server_no_context_takeover: !deflate.context_takeover,
        client_no_context_takeover: !deflate.context_takeover,
        server_max_window_bits: deflate.window_bits as u8,
        ..DeflatePolicy::default()
    }
}

fn access(settings: &Settings) -> Access {
    Access {
        allow_origins: settings.access.allow_origin.iter().map(Scalar::text).collect(),
        allow_hosts: settings.access.allow_host.iter().map(Scalar::text).collect(),
    }
}

fn address_limits(settings: &Settings) -> AddressLimits {
    let access = &settings.access;
    AddressLimits {
        connections_per_address_max: access.connections_per_address_max.map(|max| max as usize),
        connect_rate_per_address: access.connect_rate_per_address_max.map(f64::from),
        trusted_proxies: access.trusted_proxy.clone(),
    }
}

fn http_limits(settings: &Settings) -> HttpLimits {
    HttpLimits {
        head_timeout: settings.timeouts.handshake_timeout,
        write_timeout: settings.timeouts.write_timeout,
        body_bytes_max: settings.limits.http_body_bytes_max.get(),
        ..HttpLimits::default()
    }
}
