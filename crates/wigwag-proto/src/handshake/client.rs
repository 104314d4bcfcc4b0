//! The client's side of the opening handshake (RFC 6455 §4.1): write a [`Request`], judge the [`Response`].
//!
//! Absent on purpose: URLs, name resolution, and following redirects, which are reported like any other refusal.

use base64::{Engine, engine::general_purpose::STANDARD};
use httparse::Status;

use super::{
    accept_key,
    extensions::{self, DeflatePolicy, UnacceptableExtensions},
    head::{self, HeadLimits, HeaderFields},
    syntax::{self, UnwritableHead},
};
use crate::deflate::Negotiated;

/// The request that opens a connection.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `host[:port]`, the port left out if it is the scheme's own.
    pub host: &'a str,
    /// Path and query, percent-encoded, beginning with `/`.
    pub target: &'a str,
    /// Sixteen random bytes, new for each connection (§4.1).
    pub key: [u8; 16],
    /// Subprotocols, most wanted first.
    pub protocols: &'a [&'a str],
    /// What is offered of permessage-deflate.
    pub deflate: DeflatePolicy,
    /// The origin of the script that connects; programs other than browsers need none.
    pub origin: Option<&'a str>,
    /// Further headers, such as `Authorization` and `Cookie`.
    pub headers: &'a [(&'a str, &'a str)],
}

impl Request<'_> {
    /// Appends the request.
    ///
    /// # Errors
    /// If a part cannot be written as it is; nothing is appended then.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), UnwritableHead> {
        self.check()?;
        syntax::write_whole(out, |out| {
            for part in ["GET ", self.target, " HTTP/1.1\r\nHost: ", self.host, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
            out.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
            out.extend_from_slice(b"Sec-WebSocket-Key: ");
            out.extend_from_slice(&self.encoded_key());
            out.extend_from_slice(b"\r\n");
            if !self.protocols.is_empty() {
                syntax::write_header(out, "Sec-WebSocket-Protocol", &self.protocols.join(", "))?;
            }
            if let Some(offer) = extensions::offer(&self.deflate) {
                out.extend_from_slice(b"Sec-WebSocket-Extensions: ");
                offer.write(out);
                out.extend_from_slice(b"\r\n");
            }
            if let Some(origin) = self.origin {
                syntax::write_header(out, "Origin", origin)?;
            }
            let is_reserved = |name: &str| syntax::is_websocket_header(name) || syntax::is_one_of(name, RESERVED);
            syntax::write_extra_headers(out, self.headers, is_reserved)?;
            out.extend_from_slice(b"\r\n");
            Ok(())
        })
    }

    /// What the response to this request must have.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected {
            accept: accept_key(&self.encoded_key()),
            protocols: self.protocols.iter().map(|protocol| (*protocol).into()).collect(),
            deflate: self.deflate,
        }
    }

    fn check(&self) -> Result<(), UnwritableHead> {
        if syntax::as_authority(self.host.as_bytes()).is_none() {
            return Err(UnwritableHead::Host);
        }
        if !self.target.starts_with('/') || !syntax::is_visible_target(self.target.as_bytes()) {
            return Err(UnwritableHead::Target);
        }
        for (index, protocol) in self.protocols.iter().enumerate() {
            let repeated = self.protocols[..index].contains(protocol);
            if repeated || syntax::as_token(protocol.as_bytes()).is_none() {
                return Err(UnwritableHead::Protocol);
            }
        }
        Ok(())
    }

    fn encoded_key(&self) -> [u8; 24] {
        let mut encoded = [0; 24];
        STANDARD.encode_slice(self.key, &mut encoded).expect("16 bytes make 24 of base64");
        encoded
    }
}

/// What a client keeps of its request until the response is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    accept: [u8; 28],
    protocols: Box<[Box<str>]>,
    deflate: DeflatePolicy,
}

/// The head of a response that accepts the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'b> {
    head_bytes: usize,
    protocol: Option<&'b str>,
    deflate: Option<Negotiated>,
    headers: HeaderFields<'b>,
}

impl<'b> Response<'b> {
    /// Reads the head of a response from the front of `bytes`; `None` while it is unfinished.
    ///
    /// # Errors
    /// If the server refuses ([`ResponseError::Refused`]) or answers in a way over which §4.1 has the client fail the
    /// connection.
    pub fn parse(bytes: &'b [u8], limits: &HeadLimits, expected: &Expected) -> Result<Option<Self>, ResponseError> {
        let window = head::window(bytes, limits);
        // httparse passes over empty lines, which nothing allows before a status line.
        if matches!(window.first(), Some(b'\r' | b'\n')) {
            return Err(ResponseError::StatusLine);
        }
        let accepted = head::with_room(limits, |room| {
            let mut parsed = httparse::Response::new(&mut []);
            let config = httparse::ParserConfig::default();
            match config.parse_response_with_uninit_headers(&mut parsed, window, room)? {
                Status::Complete(head_bytes) => Self::judge(&parsed, bytes, head_bytes, expected).map(Some),
                Status::Partial => Ok(None),
            }
        })?;
        if accepted.is_none() && bytes.len() >= limits.head_bytes_max {
            return Err(ResponseError::HeadTooLarge);
        }
        Ok(accepted)
    }

    /// Length of the head in bytes: what follows belongs to the connection.
    #[must_use]
    pub fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    /// The subprotocol that the server chose.
    #[must_use]
    pub fn protocol(&self) -> Option<&'b str> {
        self.protocol
    }

    /// What was agreed on for permessage-deflate.
    #[must_use]
    pub fn deflate(&self) -> Option<Negotiated> {
        self.deflate
    }

    /// All header lines.
    #[must_use]
    pub fn headers(&self) -> &HeaderFields<'b> {
        &self.headers
    }

    fn judge(
        parsed: &httparse::Response<'_, 'b>,
        bytes: &'b [u8],
        head_bytes: usize,
        expected: &Expected,
    ) -> Result<Self, ResponseError> {
        let headers = HeaderFields::new(parsed.headers);
        if !head::lines_end_in_crlf(&bytes[..head_bytes]) {
            return Err(ResponseError::LineEnd);
        }
        let status = parsed.code.ok_or(ResponseError::StatusLine)?;
        if status != 101 {
            let refusal = Refusal::new(status, parsed.reason.unwrap_or_default(), &headers, &bytes[head_bytes..]);
            return Err(ResponseError::Refused(Box::new(refusal)));
        }
        if parsed.version != Some(1) {
            return Err(ResponseError::HttpVersion);
        }
        if !syntax::list_contains(headers.all("Upgrade"), "websocket") {
            return Err(ResponseError::Upgrade);
        }
        if !syntax::list_contains(headers.all("Connection"), "upgrade") {
            return Err(ResponseError::Connection);
        }
        match headers.single("Sec-WebSocket-Accept") {
            Ok(Some(accept)) if accept == expected.accept => {}
            _ => return Err(ResponseError::Accept),
        }
        let protocol = judge_protocol(&headers, expected)?;
        let deflate = extensions::accept_response(headers.all("Sec-WebSocket-Extensions"), &expected.deflate)?;
        Ok(Self { head_bytes, protocol, deflate, headers })
    }
}

/// A response that is not 101: everything that a person may want to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status, such as 403. For 3xx, the header `Location` says where the server would send the client.
    pub status: u16,
    /// The words beside the status; may be empty.
    pub reason: String,
    /// All header lines; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// What was there of the body, undecoded, at most [`Self::BODY_BYTES_MAX`].
    pub body: Vec<u8>,
    /// How long the body is to be; with more bytes, [`Response::parse`] tells more of it.
    pub content_length: Option<u64>,
}

impl Refusal {
    /// How much of a body is kept.
    pub const BODY_BYTES_MAX: usize = 4096;

    /// The value of the first header of this name (any case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn new(status: u16, reason: &str, headers: &HeaderFields<'_>, body: &[u8]) -> Self {
        let content_length = headers.first("Content-Length").and_then(syntax::parse_decimal);
        let body_bytes = content_length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        let kept = body.len().min(body_bytes).min(Self::BODY_BYTES_MAX);
        let owned = |(name, value): (&str, &[u8])| (name.to_owned(), String::from_utf8_lossy(value).into_owned());
        Self {
            status,
            reason: reason.to_owned(),
            headers: headers.iter().map(owned).collect(),
            body: body[..kept].to_vec(),
            content_length,
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// Another status than 101.
    #[error("the server refused the connection: {} {}", .0.status, .0.reason)]
    Refused(Box<Refusal>),
    /// Not an HTTP/1.x status line.
    #[error("the server's answer is not HTTP")]
    StatusLine,
    /// 101 in another version than HTTP/1.1.
    #[error("the server's answer is not HTTP/1.1")]
    HttpVersion,
    /// A malformed header line.
    #[error("the server's answer has an invalid header")]
    Header,
    /// A line that does not end in CRLF.
    #[error("a line of the server's answer does not end in CRLF")]
    LineEnd,
    /// Longer than [`HeadLimits::head_bytes_max`].
    #[error("the head of the server's answer is too large")]
    HeadTooLarge,
    /// More header lines than [`HeadLimits::headers_max`].
    #[error("the server's answer has too many headers")]
    TooManyHeaders,
    /// No `Upgrade: websocket`.
    #[error("the server's answer has no header Upgrade: websocket")]
    Upgrade,
    /// No `Connection: Upgrade`.
    #[error("the server's answer has no header Connection: Upgrade")]
    Connection,
    /// `Sec-WebSocket-Accept` is missing, repeated, or does not fit the key.
    #[error("the server's Sec-WebSocket-Accept does not fit the request")]
    Accept,
    /// A subprotocol that was not offered, or several.
    #[error("the server chose a subprotocol that was not offered")]
    Protocol,
    /// Extensions that do not fit the offer.
    #[error(transparent)]
    Extensions(#[from] UnacceptableExtensions),
}

impl From<httparse::Error> for ResponseError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName | httparse::Error::HeaderValue | httparse::Error::NewLine => Self::Header,
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
            httparse::Error::Version | httparse::Error::Status | httparse::Error::Token => Self::StatusLine,
        }
    }
}

/// §4.1: the header may stand once, and only with a subprotocol that was offered.
fn judge_protocol<'b>(headers: &HeaderFields<'b>, expected: &Expected) -> Result<Option<&'b str>, ResponseError> {
    let Ok(value) = headers.single("Sec-WebSocket-Protocol") else { return Err(ResponseError::Protocol) };
    let Some(value) = value else { return Ok(None) };
    let protocol = syntax::as_token(value).ok_or(ResponseError::Protocol)?;
    let offered = expected.protocols.iter().any(|offered| **offered == *protocol);
    if offered { Ok(Some(protocol)) } else { Err(ResponseError::Protocol) }
}

const RESERVED: &[&str] = &["Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Origin"];
