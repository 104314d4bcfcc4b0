//! The head of an HTTP/1.x request, read strictly (RFC 9112 §2–§6): what is ambiguous is refused.

use httparse::Status;

use crate::handshake::{
    head::{self, HeadLimits, HeaderFields},
    syntax::{self, as_authority, parse_decimal},
};

/// The head of a request, borrowed from the bytes that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'b> {
    method: &'b str,
    target: &'b str,
    path: &'b str,
    query: Option<&'b str>,
    minor_version: u8,
    host: Option<&'b str>,
    body: BodyLength,
    headers: HeaderFields<'b>,
    head_bytes: usize,
}

/// How long the body is that follows a head (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyLength {
    None,
    Bytes(u64),
    Chunked,
}

impl<'b> Request<'b> {
    /// Reads a head from the front of `bytes`; `None` while it is unfinished.
    ///
    /// # Errors
    /// As soon as the bytes cannot become a head within the limits; [`RequestError::status`] is the answer.
    pub fn parse(bytes: &'b [u8], limits: &HeadLimits) -> Result<Option<Self>, RequestError> {
        let window = head::window(bytes, limits);
        // RFC 9112 §2.2: one empty line before the request line is passed over. httparse would pass over any number.
        let line = window.strip_prefix(b"\r\n").unwrap_or(window);
        if matches!(line.first(), Some(b'\r' | b'\n')) && line != b"\r" {
            return Err(RequestError::RequestLine);
        }
        let parsed = head::with_room(limits, |room| {
            let mut parsed = httparse::Request::new(&mut []);
            match parsed.parse_with_uninit_headers(line, room) {
                Ok(Status::Complete(head_bytes)) => Self::from_parsed(&parsed, line, head_bytes).map(Some),
                Ok(Status::Partial) => Ok(None),
                Err(httparse::Error::Version) => version_error(line).map_or(Ok(None), Err),
                Err(error) => Err(error.into()),
            }
        })?;
        match parsed {
            Some(mut request) => {
                request.head_bytes += window.len() - line.len();
                Ok(Some(request))
            }
            None if bytes.len() >= limits.head_bytes_max => Err(RequestError::HeadTooLarge),
            None => Ok(None),
        }
    }

    /// [`Self::parse`], when it is known that the first `seen_bytes` of `bytes` were an unfinished head: costs next to nothing
    /// while no further line ends, so that a head which drips in is not read again for each drop.
    pub fn parse_more(bytes: &'b [u8], seen_bytes: usize, limits: &HeadLimits) -> Result<Option<Self>, RequestError> {
        let fresh = bytes.get(seen_bytes..).unwrap_or_default();
        if !fresh.contains(&b'\n') && bytes.len() < limits.head_bytes_max {
            return Ok(None);
        }
        Self::parse(bytes, limits)
    }

    /// The method, as it was written.
    #[must_use]
    pub fn method(&self) -> &'b str {
        self.method
    }

    /// The request target, as it was written: visible ASCII.
    #[must_use]
    pub fn target(&self) -> &'b str {
        self.target
    }

    /// The target's path, still percent-encoded; it begins with `/`, or is `*` (`OPTIONS` alone).
    #[must_use]
    pub fn path(&self) -> &'b str {
        self.path
    }

    /// What follows the first `?` of the target, still percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        self.query
    }

    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    #[must_use]
    pub fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// The `Host`, checked to be `host[:port]`; `None` only in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&'b str> {
        self.host
    }

    /// `Content-Length`, if there is one.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        match self.body {
            BodyLength::Bytes(bytes) => Some(bytes),
            BodyLength::None | BodyLength::Chunked => None,
        }
    }

    /// Whether a body follows the head.
    #[must_use]
    pub fn has_body(&self) -> bool {
        !matches!(self.body, BodyLength::None | BodyLength::Bytes(0))
    }

    /// All header lines.
    #[must_use]
    pub fn headers(&self) -> &HeaderFields<'b> {
        &self.headers
    }

    /// The value of the first header line of this name (any case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.headers.first(name)
    }

    /// The values of all header lines of this name (any case).
    pub fn header_values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'b [u8]> + 's {
        self.headers.all(name)
    }

    /// Length of the head in bytes: what follows belongs to the body, to the next request, or to the connection.
    #[must_use]
    pub fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    /// Whether this asks for a WebSocket, rightly or wrongly: [`Upgrade::from_request`](super::Upgrade) tells.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        syntax::list_contains(self.header_values("Upgrade"), "websocket")
    }

    fn from_parsed(
        parsed: &httparse::Request<'_, 'b>,
        bytes: &'b [u8],
        head_bytes: usize,
    ) -> Result<Self, RequestError> {
        let (Some(method), Some(target), Some(minor_version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(RequestError::RequestLine);
        };
        if !head::lines_end_in_crlf(&bytes[..head_bytes]) {
            return Err(RequestError::LineEnd);
        }
        let headers = HeaderFields::new(parsed.headers);
        let host = parse_host(&headers, minor_version)?;
        let (path, query) = split_target(method, target, host)?;
        let body = parse_body_length(&headers, minor_version)?;
        Ok(Self { method, target, path, query, minor_version, host, body, headers, head_bytes })
    }
}

/// Why a request cannot be read; the connection cannot go on after it, as the end of the request is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not `METHOD target HTTP/1.x`.
    #[error("invalid request line")]
    RequestLine,
    /// A target that is neither a path nor a URI of this host (RFC 9112 §3.2).
    #[error("invalid request target")]
    Target,
    /// An HTTP version other than 1.0 and 1.1.
    #[error("unsupported HTTP version")]
    Version,
    /// An invalid header name, white space before a colon, or a folded line.
    #[error("invalid header name")]
    HeaderName,
    /// A control character in a header value.
    #[error("invalid header value")]
    HeaderValue,
    /// A line that does not end in CRLF.
    #[error("a line does not end in CRLF")]
    LineEnd,
    /// `Host` is missing, repeated or invalid (RFC 9112 §3.2).
    #[error("missing, repeated or invalid Host header")]
    Host,
    /// `Content-Length` is invalid, or there are several that differ (RFC 9112 §6.3).
    #[error("invalid Content-Length header")]
    ContentLength,
    /// `Transfer-Encoding` is not `chunked` alone, or stands beside `Content-Length` or in HTTP/1.0 (RFC 9112 §6.1).
    #[error("invalid Transfer-Encoding header")]
    TransferEncoding,
    /// Longer than [`HeadLimits::head_bytes_max`].
    #[error("request head too large")]
    HeadTooLarge,
    /// More header lines than [`HeadLimits::headers_max`].
    #[error("too many request headers")]
    TooManyHeaders,
}

impl RequestError {
    /// The HTTP status that answers it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::Version => 505,
            Self::RequestLine | Self::Target | Self::HeaderName | Self::HeaderValue | Self::LineEnd => 400,
            Self::Host | Self::ContentLength | Self::TransferEncoding => 400,
        }
    }
}

impl From<httparse::Error> for RequestError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName => Self::HeaderName,
            httparse::Error::HeaderValue => Self::HeaderValue,
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
            httparse::Error::Version => Self::Version,
            httparse::Error::NewLine | httparse::Error::Status | httparse::Error::Token => Self::RequestLine,
        }
    }
}

/// What is wrong with the version in a request line that httparse refused for it; `None` if too little of it is there.
/// `HTTP/2.0` is a version we do not speak, `HTTQ/1.1` is no version.
fn version_error(line: &[u8]) -> Option<RequestError> {
    let version = line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default();
    for (index, expected) in b"HTTP/0.0".iter().enumerate() {
        let byte = version.get(index)?;
        let fits = if *expected == b'0' { byte.is_ascii_digit() } else { byte == expected };
        if !fits {
            return Some(RequestError::RequestLine);
        }
    }
    Some(RequestError::Version)
}

/// RFC 9112 §3.2: exactly one in HTTP/1.1.
fn parse_host<'b>(headers: &HeaderFields<'b>, minor_version: u8) -> Result<Option<&'b str>, RequestError> {
    match headers.single("Host") {
        Ok(Some(host)) => as_authority(host).ok_or(RequestError::Host).map(Some),
        Ok(None) if minor_version == 0 => Ok(None),
        Ok(None) | Err(head::Repeated) => Err(RequestError::Host),
    }
}

/// Path and query of a target (RFC 9112 §3.2). Nothing here is a proxy: `CONNECT` and foreign URIs have no meaning.
fn split_target<'b>(
    method: &str,
    target: &'b str,
    host: Option<&str>,
) -> Result<(&'b str, Option<&'b str>), RequestError> {
    if !syntax::is_visible_target(target.as_bytes()) {
        return Err(RequestError::Target);
    }
    if target == "*" && method == "OPTIONS" {
        return Ok((target, None));
    }
    if method == "CONNECT" {
        return Err(RequestError::Target);
    }
    let path_and_query = if target.starts_with('/') { target } else { strip_authority(target, host)? };
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    Ok((if path.is_empty() { "/" } else { path }, query))
}

/// What follows the authority of an absolute URI. RFC 9112 §3.2.2 lets the URI win over `Host`; that they be equal is asked
/// for here, so that no two readers can think of different hosts.
fn strip_authority<'b>(target: &'b str, host: Option<&str>) -> Result<&'b str, RequestError> {
    let (scheme, rest) = target.split_once("://").ok_or(RequestError::Target)?;
    if !syntax::is_one_of(scheme, &["http", "https", "ws", "wss"]) {
        return Err(RequestError::Target);
    }
    let (authority, path_and_query) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if as_authority(authority.as_bytes()).is_none() {
        return Err(RequestError::Target);
    }
    match host {
        Some(host) if !host.eq_ignore_ascii_case(authority) => Err(RequestError::Host),
        _ => Ok(path_and_query),
    }
}

/// RFC 9112 §6.3, without the ways out that it leaves: two lengths that could disagree are refused.
fn parse_body_length(headers: &HeaderFields<'_>, minor_version: u8) -> Result<BodyLength, RequestError> {
    let coding = headers.single("Transfer-Encoding").map_err(|head::Repeated| RequestError::TransferEncoding)?;
    let mut length = None;
    for value in headers.all("Content-Length") {
        let bytes = parse_decimal(value).ok_or(RequestError::ContentLength)?;
        if length.replace(bytes).is_some_and(|other| other != bytes) {
            return Err(RequestError::ContentLength);
        }
    }
    match (coding, length) {
        (None, None) => Ok(BodyLength::None),
        (None, Some(bytes)) => Ok(BodyLength::Bytes(bytes)),
        (Some(coding), None) if minor_version == 1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(BodyLength::Chunked)
        }
        (Some(_), _) => Err(RequestError::TransferEncoding),
    }
}
