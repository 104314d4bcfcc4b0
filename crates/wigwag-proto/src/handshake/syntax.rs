//! Words of HTTP: tokens, lists, authorities, and header lines that cannot be made to say more than one thing.

/// Why a head was not written: the output is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnwritableHead {
    /// A header name that is not a token.
    #[error("invalid header name")]
    HeaderName,
    /// A header value with a control character (a line end, for example) in it.
    #[error("header value with a control character")]
    HeaderValue,
    /// A header which the handshake writes itself.
    #[error("the handshake itself writes this header")]
    ReservedHeader,
    /// A status that is not a final one (200–599).
    #[error("not a final status: {0}")]
    Status(u16),
    /// A `Host` that is not `host[:port]`.
    #[error("invalid host")]
    Host,
    /// A target that is not an absolute path with an optional query.
    #[error("invalid request target")]
    Target,
    /// A subprotocol that is not a token, that was not offered, or that is offered twice.
    #[error("invalid subprotocol")]
    Protocol,
}

/// A character of a token (RFC 9110 §5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The token that these bytes are, if they are one.
pub(super) fn as_token(bytes: &[u8]) -> Option<&str> {
    let valid = !bytes.is_empty() && bytes.iter().copied().all(is_token_byte);
    valid.then(|| str::from_utf8(bytes).ok()).flatten()
}

/// The elements of a comma-separated list in one header value; empty ones are skipped (RFC 9110 §5.6.1.2).
pub(super) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Whether a list that may be spread over several header lines has this token, in any case.
pub(super) fn list_contains<'v>(mut values: impl Iterator<Item = &'v [u8]>, token: &str) -> bool {
    values.any(|value| list_elements(value).any(|element| element.eq_ignore_ascii_case(token.as_bytes())))
}

/// The `uri-host [":" port]` that these bytes are (RFC 9110 §7.2). User information is refused, and so is an empty host,
/// which RFC 9110 §4.2.1 forbids for HTTP.
pub(super) fn as_authority(bytes: &[u8]) -> Option<&str> {
    let (host, port) = match bytes.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !bytes.ends_with(b"]") => (&bytes[..colon], &bytes[colon + 1..]),
        _ => (bytes, &b""[..]),
    };
    let valid = is_host(host) && is_port(port);
    valid.then(|| str::from_utf8(bytes).ok()).flatten()
}

fn is_host(host: &[u8]) -> bool {
    if let Some(literal) = host.strip_prefix(b"[") {
        let Some(literal) = literal.strip_suffix(b"]").and_then(|literal| str::from_utf8(literal).ok()) else {
            return false;
        };
        return literal.parse::<std::net::Ipv6Addr>().is_ok();
    }
    // RFC 3986 lets a name hold more, a comma for example, which is also how two Host headers look when they are joined.
    let is_host_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    !host.is_empty() && host.iter().all(is_host_byte)
}

fn is_port(port: &[u8]) -> bool {
    port.is_empty() || (port.iter().all(u8::is_ascii_digit) && parse_decimal(port).is_some_and(|port| port <= 65_535))
}

/// A number in decimal digits alone: no sign, no white space, no overflow.
pub(super) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether these bytes can be a path or a path with a query in a request line: visible ASCII without a fragment.
pub(super) fn is_visible_target(target: &[u8]) -> bool {
    target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#')
}

/// Appends `name: value` as one line, or fails before it wrote anything.
pub(super) fn write_header(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), UnwritableHead> {
    if as_token(name.as_bytes()).is_none() {
        return Err(UnwritableHead::HeaderName);
    }
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(UnwritableHead::HeaderValue);
    }
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// Appends the caller's own headers, none of which may be one that the handshake answers for.
pub(super) fn write_extra_headers(
    out: &mut Vec<u8>,
    headers: &[(&str, &str)],
    is_reserved: impl Fn(&str) -> bool,
) -> Result<(), UnwritableHead> {
    for (name, value) in headers {
        if is_reserved(name) {
            return Err(UnwritableHead::ReservedHeader);
        }
        write_header(out, name, value)?;
    }
    Ok(())
}

/// Whether a name is one of `names`, in any case.
pub(super) fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// Whether a header belongs to the opening handshake of WebSocket (`Sec-WebSocket-…`).
pub(super) fn is_websocket_header(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Runs `write`; if it fails, `out` is cut back to what it was.
pub(super) fn write_whole(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), UnwritableHead>,
) -> Result<(), UnwritableHead> {
    let before_bytes = out.len();
    write(out).inspect_err(|_| out.truncate(before_bytes))
}

const PREFIX: &str = "Sec-WebSocket-";
