//! The embedded pages as HTTP routes, for whichever command serves them: `Router` in, headers and bodies out. Which
//! bytes there are is `wigwag-web`'s part; what every answer says beside (nosniff, Referrer-Policy), the server's.

mod encoding;

use axum::{
    Router,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use wigwag_web::File;

use encoding::Encoding;

/// One route per file, and `/` for the page. GET and HEAD; what is not a file is the server's 404.
pub(crate) fn router() -> Router {
    let named = wigwag_web::files().iter().map(|file| (file.path, file));
    let root = wigwag_web::file("/").map(|page| ("/", page));
    named.chain(root).fold(Router::new(), |router, (path, file)| {
        router.route(path, get(move |headers: HeaderMap| async move { answer(file, &headers) }))
    })
}

/// The file, in the encoding that the request likes best; 304 if it has that already.
fn answer(file: &'static File, request: &HeaderMap) -> Response {
    let (encoding, bytes) = encoding::choose(file, request);
    let tag = tag(file, encoding);
    let has_it = request.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let mut response = if has_it { StatusCode::NOT_MODIFIED.into_response() } else { bytes.into_response() };
    let mut say = |name: HeaderName, value: &'static str| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    say(CONTENT_TYPE, file.content_type);
    say(CONTENT_SECURITY_POLICY, wigwag_web::CONTENT_SECURITY_POLICY);
    say(CACHE_CONTROL, if file.has_hashed_name { FOREVER } else { ASK_EACH_TIME });
    if file.brotli.is_some() || file.gzip.is_some() {
        say(VARY, "accept-encoding");
    }
    if let Some(name) = encoding.content_coding() {
        say(CONTENT_ENCODING, name);
    }
    response.headers_mut().insert(ETAG, tag);
    response
}

/// RFC 9110 §8.8.3: a strong tag, so each encoding has its own.
fn tag(file: &File, encoding: Encoding) -> HeaderValue {
    let suffix = encoding.content_coding().map(|name| format!("-{name}")).unwrap_or_default();
    HeaderValue::from_str(&format!("\"{}{suffix}\"", file.hash)).expect("hexadecimal digits and a name of ours")
}

/// Whether a line of `If-None-Match` names the tag (RFC 9110 §13.1.2: weakness does not count).
fn names(line: &HeaderValue, tag: &HeaderValue) -> bool {
    let mut known = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    known.any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag.as_bytes())
}

/// A year, which caches take for always.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// The page may be kept, and is never used without asking whether it is still the one.
const ASK_EACH_TIME: &str = "no-cache";

#[cfg(test)]
mod tests {
    use super::*;

    fn file(has_hashed_name: bool) -> &'static File {
        let page = wigwag_web::file("/").expect("a page is embedded");
        let mut file = *page;
        (file.hash, file.has_hashed_name) = ("0123", has_hashed_name);
        (file.plain, file.brotli, file.gzip) = (b"plain", Some(b"brotli".as_slice()), Some(b"gzip".as_slice()));
        Box::leak(Box::new(file))
    }

    fn ask(file: &'static File, request: &[(HeaderName, &'static str)]) -> Response {
        let pairs = request.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        answer(file, &pairs.collect())
    }

    #[track_caller]
    fn check(response: &Response, name: HeaderName, expected: Option<&str>) {
        let value = response.headers().get(&name).map(|value| value.to_str().expect("ASCII"));
        assert_eq!(value, expected, "{name}");
    }

    #[test]
    fn page_is_asked_for_each_time_and_hashed_names_never_again() {
        check(&ask(file(false), &[]), CACHE_CONTROL, Some("no-cache"));
        check(&ask(file(true), &[]), CACHE_CONTROL, Some("public, max-age=31536000, immutable"));
    }

    #[test]
    fn each_encoding_has_a_tag_of_its_own() {
        for (accepted, coding, tag) in [
            ("", None, "\"0123\""),
            ("gzip", Some("gzip"), "\"0123-gzip\""),
            ("gzip, deflate, br, zstd", Some("br"), "\"0123-br\""),
        ] {
            let response = ask(file(true), &[(axum::http::header::ACCEPT_ENCODING, accepted)]);
            assert_eq!(response.status(), StatusCode::OK);
            check(&response, CONTENT_ENCODING, coding);
            check(&response, ETAG, Some(tag));
            check(&response, VARY, Some("accept-encoding"));
        }
    }

    #[test]
    fn who_has_it_already_is_told_so() {
        for (known, status) in [
            ("\"0123\"", StatusCode::NOT_MODIFIED),
            ("W/\"0123\"", StatusCode::NOT_MODIFIED),
            ("\"other\", \"0123\"", StatusCode::NOT_MODIFIED),
            ("*", StatusCode::NOT_MODIFIED),
            ("\"0123-br\"", StatusCode::OK),
            ("0123", StatusCode::OK),
            ("", StatusCode::OK),
        ] {
            let response = ask(file(false), &[(IF_NONE_MATCH, known)]);
            assert_eq!(response.status(), status, "{known}");
            check(&response, ETAG, Some("\"0123\""));
            check(&response, CONTENT_SECURITY_POLICY, Some(wigwag_web::CONTENT_SECURITY_POLICY));
        }
    }
}
