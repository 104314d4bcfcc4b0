//! How a command opens connections as client: the flags, the URL, and what to do when it fails.
//!
//! Shared by the commands that talk to any server. Absent on purpose: what is said once the connection is open.

use std::{io, net::IpAddr, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use wigwag_load::plan::TlsNames;
use wigwag_net::{
    Connect, OpenError, OpenErrorKind,
    tls::{ClientTls, TlsFiles, Trust},
    url::{UrlError, WsUrl},
};
use wigwag_proto::handshake::extensions::DeflatePolicy;

use crate::UsageError;

/// How to connect.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ClientArgs {
    /// Send a further request header; repeatable
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = parse_header)]
    header: Vec<(String, String)>,
    /// Offer a subprotocol, the most wanted first; repeatable
    #[arg(short = 's', long, value_name = "NAME", value_delimiter = ',', value_parser = parse_token)]
    subprotocol: Vec<String>,
    /// Authenticate with a user name and a password (Authorization: Basic)
    #[arg(long, value_name = "USER:PASSWORD", conflicts_with = "bearer", value_parser = parse_credentials)]
    auth: Option<String>,
    /// Authenticate with a token (Authorization: Bearer)
    #[arg(long, value_name = "TOKEN", value_parser = parse_bearer)]
    bearer: Option<String>,
    /// The origin to connect as, as a page of it would
    #[arg(short = 'o', long, value_name = "ORIGIN", value_parser = parse_origin)]
    origin: Option<String>,
    /// For wss://, trust any certificate: encrypted, but nobody knows with whom
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    insecure: bool,
    /// For wss://, trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// For wss://, the certificate to show where the server asks for one (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Offer compression (permessage-deflate)
    #[arg(long)]
    compress: bool,
    /// How long TCP, TLS and the opening handshake may take together
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,
}

impl ClientArgs {
    /// How to open `url`, everything checked that can be without a network. Reads the TLS files.
    ///
    /// # Errors
    /// Where a TLS file cannot be used; [`UsageError`] where one was given that nothing would look at.
    pub(crate) fn connect(&self, url: &WsUrl) -> anyhow::Result<Connect> {
        if let Some(flag) = self.tls_file().filter(|_| !url.tls) {
            return Err(UsageError(format!("{flag} is for wss://, and {url} is not encrypted")).into());
        }
        let tls = if url.tls { Some(self.tls().config()?) } else { None };
        let authorization = match (&self.auth, &self.bearer) {
            (Some(credentials), _) => Some(format!("Basic {}", STANDARD.encode(credentials))),
            (None, Some(token)) => Some(format!("Bearer {token}")),
            (None, None) => None,
        };
        let authorization = authorization.map(|value| ("Authorization".to_owned(), value));
        Ok(Connect {
            tls,
            headers: self.header.iter().cloned().chain(authorization).collect(),
            protocols: self.subprotocol.clone(),
            origin: self.origin.clone(),
            deflate: if self.compress { DeflatePolicy::default() } else { DeflatePolicy::DISABLED },
            timeout: self.connect_timeout,
            ..url.connect_plain()
        })
    }

    /// How TLS was asked for, to be told in reports.
    pub(crate) fn tls_names(&self) -> TlsNames {
        let name = |file: &Option<PathBuf>| file.as_ref().map(|file| file.display().to_string());
        let (cacert, cert, key) = (name(&self.cacert), name(&self.cert), name(&self.key));
        TlsNames { insecure: self.insecure, cacert, cert, key }
    }

    /// A flag that was given and names a file for TLS.
    fn tls_file(&self) -> Option<&'static str> {
        let files = [(&self.cacert, "--cacert"), (&self.cert, "--cert"), (&self.key, "--key")];
        files.into_iter().find_map(|(file, flag)| file.as_ref().map(|_| flag))
    }

    fn tls(&self) -> ClientTls {
        let trust = match &self.cacert {
            _ if self.insecure => Trust::DangerouslyAnyone,
            Some(file) => Trust::File(file.clone()),
            None => Trust::System,
        };
        let identity = self.cert.clone().zip(self.key.clone()).map(|(cert, key)| TlsFiles { cert, key });
        ClientTls { trust, identity }
    }
}

/// A URL whose scheme may be left out: `ws://`, or `wss://` where the port is 443. `:8765` is this machine's.
pub(crate) fn parse_url(text: &str) -> Result<WsUrl, String> {
    WsUrl::from_typed(text).map_err(|error| match error {
        UrlError::Credentials => "the URL has a user name or password: give them with --auth USER:PASSWORD".to_owned(),
        error => error.to_string(),
    })
}

/// What to do about it, on a line of its own.
pub(crate) fn hint(url: &WsUrl, error: &OpenError) -> &'static str {
    hint_for(url, error.kind, &error.why)
}

/// As [`hint`], for an error that is known by its kind and its words.
pub(crate) fn hint_for(url: &WsUrl, kind: OpenErrorKind, why: &str) -> &'static str {
    match kind {
        OpenErrorKind::Unreachable(io::ErrorKind::ConnectionRefused) if is_here(&url.host) => {
            "\nstart it with: wigwag serve"
        }
        OpenErrorKind::Unreachable(io::ErrorKind::ConnectionRefused) => {
            "\nis it served there? wigwag serve listens on 127.0.0.1 alone unless --listen says otherwise"
        }
        OpenErrorKind::Untrusted => {
            "\ntrust a certificate of your own with --cacert FILE, or any with --insecure (for tests)"
        }
        // One side speaks TLS, and the other takes it for a broken request or answer.
        OpenErrorKind::Handshake if !url.tls && why.ends_with("is not HTTP") => {
            "\ndoes the server speak TLS? then the URL begins with wss://"
        }
        OpenErrorKind::Handshake if url.tls && why.contains("corrupt message") => {
            "\ndoes the server speak TLS? if not, the URL begins with ws://"
        }
        _ => "",
    }
}

/// Whether the value of a header or query parameter of this name is not for other people's eyes.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE, such as 'X-Room: 7'")?;
    let (name, value) = (parse_token(name.trim())?, parse_value(value.trim())?);
    match OWN_FLAG.iter().find(|(own, _)| own.eq_ignore_ascii_case(&name)) {
        Some((_, advice)) => Err((*advice).to_owned()),
        None => Ok((name, value)),
    }
}

/// What a header can carry.
fn parse_value(text: &str) -> Result<String, String> {
    if text.chars().any(|character| character.is_control() && character != '\t') {
        return Err("the value has a control character, which no header can carry".to_owned());
    }
    Ok(text.to_owned())
}

/// A token of any form that a header can carry.
fn parse_bearer(text: &str) -> Result<String, String> {
    let token = parse_value(text)?;
    if token.trim().is_empty() { Err("a token is missing".to_owned()) } else { Ok(token) }
}

fn parse_origin(text: &str) -> Result<String, String> {
    let origin = parse_value(text)?;
    if origin.contains(char::is_whitespace) || origin.is_empty() {
        return Err("expected an origin, such as https://example.org".to_owned());
    }
    Ok(origin)
}

/// A token as HTTP has it (RFC 9110 §5.6.2): header names, subprotocols.
fn parse_token(text: &str) -> Result<String, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match text.bytes().find(|byte| !is_token(*byte)) {
        _ if text.is_empty() => Err("a name is missing".to_owned()),
        Some(_) => Err(format!("{text:?} is no name: use letters, digits and hyphens")),
        None => Ok(text.to_owned()),
    }
}

fn parse_credentials(text: &str) -> Result<String, String> {
    if text.contains(':') { Ok(text.to_owned()) } else { Err("expected USER:PASSWORD".to_owned()) }
}

const SECRET: &[&str] =
    &["auth", "cookie", "token", "secret", "password", "passwd", "api-key", "apikey", "jwt", "signature"];

/// Headers that the handshake writes itself, and what to do instead.
const OWN_FLAG: &[(&str, &str)] = &[
    ("Origin", "give the origin with --origin"),
    ("Sec-WebSocket-Protocol", "offer subprotocols with --subprotocol"),
    ("Sec-WebSocket-Extensions", "offer compression with --compress"),
    ("Sec-WebSocket-Key", "the handshake makes its own key"),
    ("Sec-WebSocket-Version", "the version is 13"),
    ("Host", "the host is the URL's"),
    ("Connection", "the handshake writes this header itself"),
    ("Upgrade", "the handshake writes this header itself"),
    ("Content-Length", "the request has no body"),
    ("Transfer-Encoding", "the request has no body"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_may_be_left_out() {
        for (text, expected) in [
            ("localhost:8765/random", "ws://localhost:8765/random"),
            ("localhost", "ws://localhost/"),
            ("example.org:443/x", "wss://example.org/x"),
            ("ws://example.org:443/x", "ws://example.org:443/x"),
            ("wss://example.org:8443", "wss://example.org:8443/"),
            (":8765/echo", "ws://localhost:8765/echo"),
            ("[::1]:8765", "ws://[::1]:8765/"),
            ("127.0.0.1:8765?a=b", "ws://127.0.0.1:8765/?a=b"),
        ] {
            assert_eq!(parse_url(text).expect(text).to_string(), expected);
        }
    }

    #[test]
    fn urls_that_cannot_be_used_say_what_to_write() {
        for (text, expected) in
            [("http://a", "use ws://"), ("me:secret@a", "--auth"), ("", "no host"), ("a:99999", "is no port")]
        {
            let error = parse_url(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn headers_are_names_and_values() {
        assert_eq!(parse_header("X-Room:  7 "), Ok(("X-Room".to_owned(), "7".to_owned())));
        assert_eq!(parse_header("X-Time: 12:30"), Ok(("X-Time".to_owned(), "12:30".to_owned())));
        for (text, expected) in [
            ("X-Room", "NAME: VALUE"),
            (": 7", "missing"),
            ("X Room: 7", "is no name"),
            ("X: a\r\nY: b", "control character"),
            ("origin: a", "--origin"),
            ("sec-websocket-protocol: a", "--subprotocol"),
        ] {
            let error = parse_header(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in ["Authorization", "Proxy-Authorization", "Cookie", "set-cookie", "X-Api-Key", "access_token"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Host", "Origin", "room", "Sec-WebSocket-Protocol"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
