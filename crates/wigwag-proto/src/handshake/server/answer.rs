//! The answers to a handshake (RFC 6455 §4.2.2): 101, or a final status that ends the connection.

use std::io::Write;

use super::Upgrade;
use crate::handshake::{
    accept_key,
    extensions::Grant,
    syntax::{UnwritableHead, is_one_of, is_websocket_header, write_extra_headers, write_header, write_whole},
};

/// Appends the 101 that accepts `upgrade`. Allocates nothing but what `out` needs to grow.
///
/// `protocol` must be one of those offered; `deflate` comes from [`negotiate`](crate::handshake::extensions::negotiate) on the
/// same request; `extra_headers` may hold neither what this function writes nor the length of a body.
///
/// # Errors
/// If a header cannot be written as it is; nothing is appended then.
pub fn write_accept(
    out: &mut Vec<u8>,
    upgrade: &Upgrade<'_>,
    protocol: Option<&str>,
    deflate: Option<&Grant>,
    extra_headers: &[(&str, &str)],
) -> Result<(), UnwritableHead> {
    write_whole(out, |out| {
        out.extend_from_slice(SWITCHING_PROTOCOLS);
        out.extend_from_slice(&accept_key(upgrade.key()));
        out.extend_from_slice(b"\r\n");
        if let Some(protocol) = protocol {
            if !upgrade.protocols().contains(&protocol) {
                return Err(UnwritableHead::Protocol);
            }
            write_header(out, "Sec-WebSocket-Protocol", protocol)?;
        }
        if let Some(deflate) = deflate {
            out.extend_from_slice(b"Sec-WebSocket-Extensions: ");
            deflate.write(out);
            out.extend_from_slice(b"\r\n");
        }
        write_extra_headers(out, extra_headers, |name| is_websocket_header(name) || is_one_of(name, RESERVED))?;
        out.extend_from_slice(b"\r\n");
        Ok(())
    })
}

/// Appends a final answer with a short body, after which the connection is closed.
///
/// `extra_headers` may hold `Upgrade` and `Sec-WebSocket-Version`, which a 426 needs, but not what this function writes.
///
/// # Errors
/// If a header cannot be written as it is, or the status is not a final one; nothing is appended then.
pub fn write_refusal(
    out: &mut Vec<u8>,
    status: u16,
    extra_headers: &[(&str, &str)],
    content_type: &str,
    body: &str,
) -> Result<(), UnwritableHead> {
    if !(200..=599).contains(&status) {
        return Err(UnwritableHead::Status(status));
    }
    write_whole(out, |out| {
        write!(out, "HTTP/1.1 {status} {}\r\nContent-Length: {}\r\n", reason_phrase(status), body.len())
            .expect("writing to a Vec cannot fail");
        // RFC 9110 §7.8: who sends Upgrade names it in Connection.
        let upgrades = extra_headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Upgrade"));
        write_header(out, "Connection", if upgrades { "upgrade, close" } else { "close" })?;
        write_header(out, "Content-Type", content_type)?;
        let reserved = ["Connection", "Content-Length", "Content-Type", "Transfer-Encoding"];
        write_extra_headers(out, extra_headers, |name| is_one_of(name, &reserved))?;
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.as_bytes());
        Ok(())
    })
}

/// RFC 9110 §15 and RFC 6585; empty for a status without a name, which a status line allows.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        508 => "Loop Detected",
        _ => "",
    }
}

const SWITCHING_PROTOCOLS: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";

const RESERVED: &[&str] = &["Upgrade", "Connection", "Content-Length", "Transfer-Encoding"];
