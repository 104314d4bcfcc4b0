//! What a request must have to open a WebSocket (RFC 6455 §4.2.1).

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};

use super::Request;
use crate::handshake::{
    extensions::{MalformedExtensions, Offers},
    head::Repeated,
    syntax::{as_token, list_contains, list_elements},
};

/// A request that asks for a WebSocket in every way it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade<'b> {
    key: &'b [u8],
    protocols: Vec<&'b str>,
    offers: Offers,
}

impl<'b> Upgrade<'b> {
    /// Most subprotocols in one request; more are refused.
    pub const PROTOCOLS_MAX: usize = 64;

    /// Judges a request. What is wrong with it is told in the order in which its sender would mend it.
    pub fn from_request(request: &Request<'b>) -> Result<Self, UpgradeError> {
        if request.method() != "GET" {
            return Err(UpgradeError::Method);
        }
        if request.minor_version() == 0 {
            return Err(UpgradeError::HttpVersion);
        }
        if !request.is_upgrade() {
            return Err(UpgradeError::NotWebSocket);
        }
        if !list_contains(request.header_values("Connection"), "upgrade") {
            return Err(UpgradeError::Connection);
        }
        match request.headers().single("Sec-WebSocket-Version") {
            Ok(Some(b"13")) => {}
            Ok(_) => return Err(UpgradeError::WebSocketVersion),
            Err(Repeated) => return Err(UpgradeError::RepeatedVersion),
        }
        if request.has_body() {
            return Err(UpgradeError::Body);
        }
        Ok(Self {
            key: parse_key(request)?,
            protocols: parse_protocols(request)?,
            offers: Offers::parse(request.header_values("Sec-WebSocket-Extensions"))?,
        })
    }

    /// The subprotocols that the client offers, most wanted first.
    #[must_use]
    pub fn protocols(&self) -> &[&'b str] {
        &self.protocols
    }

    /// The permessage-deflate offers.
    #[must_use]
    pub fn offers(&self) -> &Offers {
        &self.offers
    }

    /// The `Sec-WebSocket-Key`, as it stands in the header.
    #[must_use]
    pub fn key(&self) -> &'b [u8] {
        self.key
    }
}

/// Why a request does not open a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// Another method than GET.
    #[error("a WebSocket handshake needs the method GET")]
    Method,
    /// HTTP/1.0.
    #[error("a WebSocket handshake needs HTTP/1.1")]
    HttpVersion,
    /// No `Upgrade: websocket`.
    #[error("a WebSocket handshake needs the header Upgrade: websocket")]
    NotWebSocket,
    /// No `Connection: Upgrade`.
    #[error("a WebSocket handshake needs the header Connection: Upgrade")]
    Connection,
    /// No `Sec-WebSocket-Version`, or another than 13.
    #[error("only version 13 of the WebSocket protocol is spoken here")]
    WebSocketVersion,
    /// Several `Sec-WebSocket-Version` headers.
    #[error("repeated Sec-WebSocket-Version header")]
    RepeatedVersion,
    /// No `Sec-WebSocket-Key`, several, or one that is not 16 bytes of base64.
    #[error("missing, repeated or invalid Sec-WebSocket-Key header")]
    Key,
    /// `Sec-WebSocket-Protocol` is not a list of tokens, repeats one, or has more than [`Upgrade::PROTOCOLS_MAX`].
    #[error("invalid Sec-WebSocket-Protocol header")]
    Protocols,
    /// `Sec-WebSocket-Extensions` does not follow its grammar.
    #[error(transparent)]
    Extensions(#[from] MalformedExtensions),
    /// The request has a body, which would be taken for frames.
    #[error("a WebSocket handshake has no body")]
    Body,
}

impl UpgradeError {
    /// The HTTP status that answers it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Method => 405,
            Self::NotWebSocket | Self::WebSocketVersion => 426,
            Self::HttpVersion | Self::Connection | Self::RepeatedVersion | Self::Body => 400,
            Self::Key | Self::Protocols | Self::Extensions(_) => 400,
        }
    }

    /// The headers that the answer must have besides: what would be accepted instead.
    #[must_use]
    pub fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self.status() {
            405 => &[("Allow", "GET")],
            426 => &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
            _ => &[],
        }
    }
}

fn parse_key<'b>(request: &Request<'b>) -> Result<&'b [u8], UpgradeError> {
    let Ok(Some(key)) = request.headers().single("Sec-WebSocket-Key") else { return Err(UpgradeError::Key) };
    let mut decoded = [0; 18];
    match KEY_ENCODING.decode_slice(key, &mut decoded) {
        Ok(16) => Ok(key),
        _ => Err(UpgradeError::Key),
    }
}

fn parse_protocols<'b>(request: &Request<'b>) -> Result<Vec<&'b str>, UpgradeError> {
    let mut protocols = Vec::new();
    for value in request.header_values("Sec-WebSocket-Protocol") {
        let before = protocols.len();
        for element in list_elements(value) {
            let protocol = as_token(element).ok_or(UpgradeError::Protocols)?;
            if protocols.contains(&protocol) || protocols.len() == Upgrade::PROTOCOLS_MAX {
                return Err(UpgradeError::Protocols);
            }
            protocols.push(protocol);
        }
        // §11.3.4: 1#token, an empty list is none.
        if protocols.len() == before {
            return Err(UpgradeError::Protocols);
        }
    }
    Ok(protocols)
}

/// The last character of a key holds four bits that say nothing; clients which put random ones there are let in.
const KEY_ENCODING: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
