//! What HTTP requests are answered: probes, metrics, the caller's pages, and errors that say what to do.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use ::http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{self, HeaderName},
};
use axum::{Router, body::Body};
use http_body_util::Limited;
use hyper::body::{Body as _, Incoming};
use serde::Serialize;
use tower_service::Service as _;
use wigwag_net::Peer;
use wigwag_proto::handshake::server::RequestError;

use super::{Door, Http, gate::REFUSED_METHOD};
use crate::{access::AccessRules, front::foreign_host, health::HealthReport, metrics::Metrics, routes::Routes};

/// What there is to be asked for.
pub(crate) struct Site {
    pub(crate) access: Arc<AccessRules>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) pages: Router,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Option<HealthReport>,
    /// `/metrics` has not moved to an address of its own.
    pub(crate) metrics_here: bool,
}

/// Who asks, by which connection.
pub(super) struct Caller {
    http: Arc<Http>,
    pub(super) door: Door,
    pub(super) peer: Peer,
    on_loopback: bool,
    pub(super) refused: Arc<OnceLock<RequestError>>,
}

/// An answer other than a page.
struct Problem {
    status: StatusCode,
    /// For programs: one word.
    error: &'static str,
    /// For people.
    message: String,
}

/// An answer other than a page, as JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "HttpProblem"))]
struct ProblemBody {
    /// For programs: one word.
    error: &'static str,
    /// For people.
    message: String,
    /// That of the answer.
    status: u16,
}

impl Caller {
    pub(super) fn new(http: Arc<Http>, door: Door, peer: Peer, on_loopback: bool) -> Self {
        Self { http, door, peer, on_loopback, refused: Arc::default() }
    }
}

impl hyper::service::Service<Request<Incoming>> for Caller {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let http = self.http.clone();
        let (door, peer, on_loopback) = (self.door, self.peer, self.on_loopback);
        let refused = (request.method().as_str() == REFUSED_METHOD).then(|| self.refused.get().copied()).flatten();
        Box::pin(async move {
            let has_body = !request.body().is_end_stream();
            let (mut response, last) = match refused {
                Some(error) => (refusal(error), true),
                None => http.answer(request, door, peer, on_loopback).await,
            };
            add_security_headers(response.headers_mut());
            // The gate lets nothing through after a body.
            if last || has_body {
                close(response.headers_mut());
            }
            http.site.metrics.count_http(response.status().as_u16());
            Ok(response)
        })
    }
}

impl Http {
    /// The answer, and whether the connection ends with it.
    async fn answer(
        &self,
        request: Request<Incoming>,
        door: Door,
        peer: Peer,
        on_loopback: bool,
    ) -> (Response<Body>, bool) {
        let accept = request.headers().get(header::ACCEPT).cloned();
        let host = host(&request);
        if !self.site.access.admits_host(host.as_deref(), on_loopback) {
            let message = foreign_host(host.as_deref().unwrap_or_default());
            let problem = Problem { status: StatusCode::FORBIDDEN, error: "host", message };
            return (problem.into_response(accept.as_ref()), true);
        }
        let length =
            request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > self.limits.body_bytes_max as u64) {
            let message = format!("a request body may have {} bytes", self.limits.body_bytes_max);
            let problem = Problem { status: StatusCode::PAYLOAD_TOO_LARGE, error: "body_too_large", message };
            return (problem.into_response(accept.as_ref()), true);
        }
        let own = self.own_answer(request.uri().path(), request.method(), door, accept.as_ref()).await;
        match own {
            Some(response) => (response, false),
            None => (self.page(request, peer, accept.as_ref()).await, false),
        }
    }

    /// Probes and metrics.
    async fn own_answer(
        &self,
        path: &str,
        method: &Method,
        door: Door,
        accept: Option<&HeaderValue>,
    ) -> Option<Response<Body>> {
        let metrics_here = door == Door::Metrics || self.site.metrics_here;
        let text = match path {
            "/healthz" if self.site.health.is_some() => "application/json",
            "/healthz" | "/readyz" => PLAIN,
            "/metrics" if metrics_here => Metrics::CONTENT_TYPE,
            _ if door == Door::Metrics => {
                let message = "there are: /metrics, /healthz, /readyz".to_owned();
                return Some(Problem::not_found(message).into_response(accept));
            }
            _ => return None,
        };
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(Problem::method_not_allowed("GET, HEAD").into_response_allowing(accept, "GET, HEAD"));
        }
        let (status, body) = match path {
            "/healthz" => (StatusCode::OK, self.health().await),
            "/readyz" if self.is_draining() => (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned()),
            "/readyz" => (StatusCode::OK, "ready\n".to_owned()),
            _ => (StatusCode::OK, self.site.metrics.encode(self.net.get(), self.connections())),
        };
        let mut response = respond(status, text, body);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }

    async fn health(&self) -> String {
        match &self.site.health {
            Some(report) => format!("{}\n", report.ask().await),
            None => "ok\n".to_owned(),
        }
    }

    /// A page of the caller's, or an error.
    async fn page(&self, request: Request<Incoming>, peer: Peer, accept: Option<&HeaderValue>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let mut request = request.map(|body| Body::new(Limited::new(body, self.limits.body_bytes_max)));
        request.extensions_mut().insert(peer);
        let mut pages = self.site.pages.clone();
        let answer = tokio::time::timeout(self.limits.request_timeout, pages.call(request)).await;
        let Ok(Ok(response)) = answer else {
            let message = "the answer took too long".to_owned();
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Problem { status, error: "timeout", message }.into_response(accept);
        };
        // What a page says itself is left as it is.
        if !response.body().is_end_stream() || response.headers().contains_key(header::CONTENT_TYPE) {
            return response;
        }
        match response.status() {
            StatusCode::NOT_FOUND => self.no_page(&path, &method, accept),
            StatusCode::METHOD_NOT_ALLOWED => {
                let allowed = response.headers().get(header::ALLOW).cloned();
                let allowed = allowed.as_ref().and_then(|allowed| allowed.to_str().ok()).unwrap_or("GET, HEAD");
                Problem::method_not_allowed(allowed).into_response_allowing(accept, allowed)
            }
            _ => response,
        }
    }

    /// There is no page of this path, but perhaps a service.
    fn no_page(&self, path: &str, method: &Method, accept: Option<&HeaderValue>) -> Response<Body> {
        if self.site.routes.find(path).is_none() {
            let message = format!("no page and no service has this path; services: {}", self.site.routes.paths());
            return Problem::not_found(message).into_response(accept);
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Problem::method_not_allowed("GET").into_response_allowing(accept, "GET");
        }
        let message = format!("{path} is a WebSocket service: connect to it with ws:// or wss://");
        let problem = Problem { status: StatusCode::UPGRADE_REQUIRED, error: "upgrade_required", message };
        let mut response = problem.into_response(accept);
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        response
    }
}

impl Problem {
    fn not_found(message: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: "not_found", message }
    }

    fn method_not_allowed(allowed: &str) -> Self {
        let message = format!("this path knows only {allowed}");
        Self { status: StatusCode::METHOD_NOT_ALLOWED, error: "method_not_allowed", message }
    }

    /// As HTML or JSON, whichever the client names first; JSON if it names neither.
    fn into_response(self, accept: Option<&HeaderValue>) -> Response<Body> {
        let Self { status, error, message } = self;
        let (content_type, body) = if wants_html(accept) {
            ("text/html; charset=utf-8", html(status, &message))
        } else {
            let body = ProblemBody { error, message, status: status.as_u16() };
            ("application/json", serde_json::to_string(&body).expect("strings and a number") + "\n")
        };
        let mut response = respond(status, content_type, body);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        response
    }

    fn into_response_allowing(self, accept: Option<&HeaderValue>, allowed: &str) -> Response<Body> {
        let mut response = self.into_response(accept);
        if let Ok(allowed) = HeaderValue::from_str(allowed) {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// The host that a request is for: the target's, which hyper puts before the header's as RFC 9112 §3.2.2 has it, or the
/// header's. The gate has checked that they agree.
fn host(request: &Request<Incoming>) -> Option<String> {
    let header = request.headers().get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    header.or_else(|| request.uri().authority().map(ToString::to_string))
}

fn refusal(error: RequestError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Problem { status, error: "bad_request", message: error.to_string() }.into_response(None)
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn close(headers: &mut HeaderMap) {
    let upgrades = headers.contains_key(header::UPGRADE);
    let value = if upgrades { "upgrade, close" } else { "close" };
    headers.insert(header::CONNECTION, HeaderValue::from_static(value));
}

/// What every answer says to browsers, unless the page says something else.
fn add_security_headers(headers: &mut HeaderMap) {
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

fn wants_html(accept: Option<&HeaderValue>) -> bool {
    let accept = accept.map(HeaderValue::as_bytes).unwrap_or_default().to_ascii_lowercase();
    let kinds = accept.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let mut known = kinds.filter(|kind| kind.starts_with(b"text/html") || kind.starts_with(b"application/json"));
    known.next().is_some_and(|kind| kind.starts_with(b"text/html"))
}

fn html(status: StatusCode, message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for character in message.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            other => text.push(other),
        }
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{status}</title>\n<h1>{status}</h1>\n\
         <p>{text}</p>\n</html>\n"
    )
}

const PLAIN: &str = "text/plain; charset=utf-8";

const SECURITY_HEADERS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_types_of_the_pages_are_fresh() {
        let mut module = crate::wire::Module::new("crates/wigwag-server/src/http/site.rs", "wigwag-server");
        module.add::<ProblemBody>();
        module.check("http.ts");
    }
}
